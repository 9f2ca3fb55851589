# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A fresh Debian to install things in. It lies in a tmpfs, in a mount, pid and
# ipc namespace of its own: however the script ends, the kernel kills what
# runs in there and takes all mounts and files back. A script sources this
# file, then calls debian_root_enter first of all and debian_root_make next.
#
#   ROOT     the root's directory
set -eu
export LC_ALL=C TZ=UTC

debian_root_here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source=scripts/apt.sh
. "$debian_root_here/../../scripts/apt.sh"

# In the script outside: what is inside ends with its first process.
debian_root_leave()
{
	kill -KILL "$debian_root_inside" 2>/dev/null || :
	wait "$debian_root_inside" 2>/dev/null || :
	# The control group of debian_boot.sh, if there is one.
	# shellcheck disable=SC2016 # it has a shell of its own
	unshare --mount --propagation private sh -c '
		mount -t cgroup2 cgroup2 "$1" &&
		find "$1/${1##*/}" -depth -type d -exec rmdir {} +
	' sh "$DEBIAN_ROOT" 2>/dev/null || :
	rm "$DEBIAN_ROOT/in-use"
	rmdir "$DEBIAN_ROOT"
}

# Starts the script anew, with its arguments, in the namespaces. Root only.
debian_root_enter()
{
	local others

	if [ -z "${DEBIAN_ROOT-}" ]; then
		DEBIAN_ROOT=$(mktemp -d /tmp/shmfs-test.XXXXXX)
		export DEBIAN_ROOT
		# An empty directory can be removed by who does not see the
		# mount, and the mount with it.
		: >"$DEBIAN_ROOT/in-use"
		unshare --mount --ipc --pid --fork --kill-child --mount-proc \
			"$BASH" "$0" "$@" </dev/null &
		debian_root_inside=$!
		trap debian_root_leave EXIT
		trap 'exit 143' TERM INT HUP
		wait "$debian_root_inside"
		exit
	fi
	ROOT=$DEBIAN_ROOT
	unset DEBIAN_ROOT
	# Our copies of other tests' mounts would keep them alive.
	others=$(awk '$5 ~ "^/tmp/shmfs-test" { print $5 }' \
		/proc/self/mountinfo)
	for others in $others; do
		umount -l "$others" 2>/dev/null || : # gone by itself
	done
	mount -t tmpfs -o mode=755 tmpfs "$ROOT"
}

# The devices that a container has, FUSE's, and what else there is of use.
debian_root_devices()
{
	local name

	mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
	for name in null zero full random urandom tty fuse autofs \
		cpu_dma_latency; do
		[ -e "/dev/$name" ] || continue
		: >"$ROOT/dev/$name"
		mount --bind "/dev/$name" "$ROOT/dev/$name"
	done
	ln -s /proc/self/fd "$ROOT/dev/fd"
	ln -s /proc/self/fd/0 "$ROOT/dev/stdin"
	ln -s /proc/self/fd/1 "$ROOT/dev/stdout"
	ln -s /proc/self/fd/2 "$ROOT/dev/stderr"
	mkdir -m 755 "$ROOT/dev/pts"
	mount -t devpts -o newinstance,mode=620,ptmxmode=666 devpts \
		"$ROOT/dev/pts"
	ln -s pts/ptmx "$ROOT/dev/ptmx"
	mkdir -m 1777 "$ROOT/dev/shm"
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$ROOT/dev/shm"
}

# shellcheck disable=SC2120 # the arguments are for the tests
# debian_root_make [PACKAGE...]: this machine's release from its own mirror,
# with no more than apt needs, and the packages.
debian_root_make()
{
	local release mirror made=
	local IFS=,

	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	while read -r mirror; do
		find "$ROOT" -mindepth 1 -delete
		if mmdebstrap --quiet --mode=root --variant=minbase \
			${1:+--include="$*"} "$release" "$ROOT" "$mirror" \
			</dev/null; then
			made=1
			break
		fi
	done < <(mirrors)
	[ -n "$made" ] || { echo "no Debian could be made here"; return 1; }
	mount -t proc proc "$ROOT/proc"
	mount -t sysfs -o ro sysfs "$ROOT/sys"
	debian_root_devices
}

# in_root COMMAND...: what it would find after logging in as root.
in_root()
{
	local path=/usr/sbin:/usr/bin:/sbin:/bin

	env -i PATH="/usr/local/sbin:/usr/local/bin:$path" HOME=/root \
		TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		chroot "$ROOT" "$@"
}
