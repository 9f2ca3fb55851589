# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What every mount test written in bash needs: the mount, the comparison of
# the mount with plain tmpfs, and cleaning up however the script ends. A test
# sources this file, calls shmfs_start (or shmfs_start_private first of all),
# then check, same and refused as often as it likes, and ends with finish.
#
# SHMFS is the daemon; SHMFS_OPTIONS is appended to the -o of every mount.
#
#   MNT      the mountpoint            PREFIX   for this test's object names
#   DAEMON   pid of the daemon         SIDE     scratch directory, not shm
#   REF      a plain tmpfs to compare with (shmfs_reference makes it)
set -eu
export LC_ALL=C TZ=UTC
umask 022

MNT='' DAEMON='' REF=''
SIDE=$(mktemp -d /tmp/shmfs-test.XXXXXX)
PREFIX=shmfs-test.$$.
export SIDE PREFIX
shmfs_dirs=("$SIDE")
: "${SHMFS:?is the daemon to test}" "${SHMFS_SUPPORT:?is this directory}"
# shellcheck source=tests/support/checks.sh
. "$SHMFS_SUPPORT/checks.sh"

# shmfs_needs PACKAGE COMMAND...: a test that cannot run where the command
# fails, for want of this package of Debian's; to be called at its start.
shmfs_needs()
{
	local package=$1

	shift
	if ! "$@" >"$SIDE/.out" 2>&1; then
		echo "not installed: $package"
		exit 77
	fi
}

gone()
{
	! kill -0 "$1"
}

is_mounted()
{
	grep -qF " $1 " /proc/self/mountinfo
}

# A new empty directory in the variable named $1, removed at the end.
new_dir()
{
	local d

	d=$(mktemp -d /tmp/shmfs-test.XXXXXX)
	shmfs_dirs+=("$d")
	printf -v "$1" %s "$d"
}

# All -o options: the test's and the suite's.
shmfs_options()
{
	local all=${1-}

	if [ -n "${SHMFS_OPTIONS-}" ]; then
		all=${all:+$all,}$SHMFS_OPTIONS
	fi
	printf %s "$all"
}

# shmfs_launch DIR [OPTIONS] [WRAPPER...]: a foreground daemon for DIR, under
# WRAPPER if given; it ends with this script. Sets DAEMON; does not wait. (A
# shell's background processes ignore SIGINT unless told otherwise.)
shmfs_launch()
{
	local dir=$1 o
	local -a args

	o=$(shmfs_options "${2-}")
	shift "$(($# > 1 ? 2 : 1))"
	args=(-f)
	[ -z "$o" ] || args+=(-o "$o")
	env --default-signal=INT setpriv --pdeathsig TERM \
		"$@" "$SHMFS" "${args[@]}" "${SHMFS_KIND:-posix}" "$dir" \
		</dev/null &
	DAEMON=$!
}

up_or_gone()
{
	is_mounted "$1" || gone "$DAEMON"
}

# shmfs_start [OPTIONS [WRAPPER...]]: mounts in a new directory, MNT.
shmfs_start()
{
	new_dir MNT
	export MNT
	shmfs_launch "$MNT" "$@"
	if ! wait_for 60 up_or_gone "$MNT" || ! is_mounted "$MNT" ||
		! stat "$MNT" >"$SIDE/.wait"; then
		echo "the daemon does not mount" >&2
		exit 1
	fi
}

# shellcheck disable=SC2120 # the arguments are for the tests
# shmfs_private [TMPFS_OPTIONS]: a private mount namespace with a /dev/shm of
# its own. To be called before anything else: it starts the script anew. For an
# ordinary user support/as_user.sh has done this.
shmfs_private()
{
	local here others

	[ -z "${SHMFS_REFERENCE-}" ] || return 0
	here=$(readlink /proc/self/ns/mnt)
	if [ "${SHMFS_OUTSIDE:-$here}" = "$here" ]; then
		rm -rf "$SIDE"
		SHMFS_OUTSIDE=$here exec unshare --mount \
			--propagation private "$BASH" ${SHMFS_TRACE:+-x} "$0"
	fi
	# Our copies of other tests' mounts would keep them alive.
	others=$(awk '$5 ~ "^/tmp/shmfs-test" { print $5 }' \
		/proc/self/mountinfo)
	for others in $others; do
		umount -l "$others" 2>/dev/null || : # gone by itself
	done
	mount -t tmpfs -o "nosuid,nodev,mode=1777${1:+,$1}" tmpfs /dev/shm
}

# A private IPC namespace, and the kind sysv for the mounts that follow. To be
# called before anything else: it starts the script anew.
shmfs_private_ipc()
{
	local here

	here=$(readlink /proc/self/ns/ipc)
	if [ "${SHMFS_OUTSIDE_IPC:-$here}" = "$here" ]; then
		rm -rf "$SIDE"
		SHMFS_OUTSIDE_IPC=$here exec unshare --ipc \
			"$BASH" ${SHMFS_TRACE:+-x} "$0"
	fi
	SHMFS_KIND=sysv
}

# For tests of every kind: a namespace of SHMFS_KIND for this test alone. To be
# called before anything else.
shmfs_private_kind()
{
	case ${SHMFS_KIND:-posix} in
	posix) shmfs_private '' ;;
	sysv)
		shmfs_private_ipc
		shmfs_private ''
		;;
	esac
}

# The name in the mount of this test's object $1: a segment has a key, which
# is made from it.
file_name()
{
	local sum

	if [ "${SHMFS_KIND:-posix}" = posix ]; then
		printf %s "$PREFIX$1"
	else
		sum=$(cksum <<<"$1")
		printf '0x%08x' "${sum%% *}"
	fi
}

# Without the mount: whether the object $1 begins with the line $2; its end.
object_says()
{
	case ${SHMFS_KIND:-posix} in
	posix) [ "$(head -n 1 "/dev/shm/$PREFIX$1")" = "$2" ] ;;
	sysv)
		/usr/bin/python3 "$SHMFS_SUPPORT/../clients/segment_line.py" \
			"$(file_name "$1")" "$2"
		;;
	esac
}

object_remove()
{
	case ${SHMFS_KIND:-posix} in
	posix) rm "/dev/shm/$PREFIX$1" ;;
	sysv) ipcrm -M "$(file_name "$1")" ;;
	esac
}

# shellcheck disable=SC2120 # the arguments are for the tests
# The same, and the mount. shmfs_start_private [TMPFS_OPTIONS [OPTIONS]]
shmfs_start_private()
{
	shmfs_private "${1-}"
	shmfs_start "${2-}"
}

# A place that ordinary users reach, in PUB: in it shmfs, which they may run,
# and /dev/fuse is theirs to open, as udev has it. Needs shmfs_private.
shmfs_for_users()
{
	new_dir PUB
	chmod 755 "$PUB"
	mount -t tmpfs -o mode=755 tmpfs "$PUB"
	install -m 755 "$SHMFS" "$PUB/shmfs"
	mknod -m 666 "$PUB/fuse" c 10 229
	mount --bind "$PUB/fuse" /dev/fuse
}

# A plain tmpfs as /dev/shm is one, in REF. Needs shmfs_private.
shmfs_reference()
{
	REF=${SHMFS_REFERENCE-}
	[ -z "$REF" ] || return 0
	new_dir REF
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$REF"
}

# Ends the daemon, which must exit 0 and leave no mount. shmfs_stop [SIGNAL]
# shellcheck disable=SC2120 # the argument is for the tests
shmfs_stop()
{
	local status=0

	kill -"${1:-TERM}" "$DAEMON"
	if ! wait_for 60 gone "$DAEMON"; then
		not_ok "the daemon ends on SIG${1:-TERM}"
		kill -KILL "$DAEMON"
	fi
	wait "$DAEMON" || status=$?
	DAEMON=
	[ "$status" = 0 ] || not_ok "the daemon's exit status is $status"
	if is_mounted "$MNT"; then
		not_ok "the daemon leaves no mount"
	fi
}

# pids of processes with the string $1 in their command line (zombies have
# none)
processes_of()
{
	local -a all=(/proc/[0-9]*/cmdline)
	local f

	for f in $(grep -laF -- "$1" "${all[@]}" 2>/dev/null || :); do
		f=${f#/proc/}
		[ "${f%/*}" = "$$" ] || echo "${f%/*}"
	done
}

unmount_one()
{
	if [ "$(id -u)" = 0 ]; then
		umount -l "$1"
	else
		fusermount3 -u -z "$1"
	fi
}

shmfs_cleanup()
{
	local status=$? d p

	trap - EXIT
	set +e
	cd /
	[ -z "$DAEMON" ] || kill -KILL "$DAEMON"
	for d in "${shmfs_dirs[@]}"; do
		for p in $(processes_of "$d"); do
			kill -KILL "$p"
		done
		while unmount_one "$d"; do :; done
		rm -rf --one-file-system "$d"
	done 2>/dev/null
	rm -rf "/dev/shm/$PREFIX"* /dev/shm/sem."$PREFIX"*
	exit "$status"
}
trap shmfs_cleanup EXIT
trap 'exit 143' TERM INT HUP

# The test's last line.
finish()
{
	[ -z "$DAEMON" ] || shmfs_stop TERM
	exit $((shmfs_failed != 0))
}

# What is in directory $1, all that a user can see of it
shmfs_state()
{
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/state.py" "$1"
}

# The script $2 run in directory $1: its output, status and what it leaves.
shmfs_outcome()
{
	local status=0

	find "$SIDE" -mindepth 1 -maxdepth 1 ! -name '.[a-z]*' \
		-exec rm -rf {} +
	(cd "$1" && DIR=$1 "$BASH" -c "$2") </dev/null 2>&1 || status=$?
	echo "exit status $status"
	shmfs_state "$1"
	find "$1" -mindepth 1 -delete
}

# same NAME SCRIPT: run in the mount and in REF, both empty before and after,
# the bash script gives the same output, the same exit status and the same
# files. In it DIR is the directory (also the current one), SIDE elsewhere.
same()
{
	shmfs_outcome "$REF" "$2" | sed "s|$REF|DIR|g" >"$SIDE/.tmpfs"
	shmfs_outcome "$MNT" "$2" | sed "s|$MNT|DIR|g" >"$SIDE/.mount"
	if diff -U100 --label tmpfs "$SIDE/.tmpfs" \
		--label mount "$SIDE/.mount" >"$SIDE/.diff"; then
		ok "$1"
		[ -z "${SHMFS_VERBOSE-}" ] || sed 's/^/# /' "$SIDE/.tmpfs"
	else
		not_ok "$1"
		sed 's/^/# /' "$SIDE/.diff"
	fi
}

# refused NAME TEXT COMMAND...: in the mount the command fails with TEXT in
# its output, and the mount stays as it was.
refused()
{
	local name=$1 text=$2 status=0 before

	shift 2
	before=$(shmfs_state "$MNT")
	(cd "$MNT" && "$@") >"$SIDE/.out" 2>&1 || status=$?
	if [ "$status" != 0 ] && grep -qF -- "$text" "$SIDE/.out" &&
		[ "$before" = "$(shmfs_state "$MNT")" ]; then
		ok "$name"
	else
		not_ok "$name: exit status $status"
		sed 's/^/# /' "$SIDE/.out"
	fi
}
