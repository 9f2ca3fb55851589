# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# systemd as the first process of the root of debian_root.sh, which must have
# the package systemd: in namespaces and a control group of its own, as in a
# container, but with all capabilities, and with the kernel's parameters
# (/proc/sys, /sys) out of its reach.
#
#   INIT     its pid

# A control group below that of nobody, in the hierarchy that systemd sorts
# its processes in; debian_root_leave removes it.
debian_boot_cgroup()
{
	mkdir -p "$ROOT/.cgroup"
	mount -t cgroup2 cgroup2 "$ROOT/.cgroup"
	mkdir "$ROOT/.cgroup/${ROOT##*/}"
	echo "$BASHPID" >"$ROOT/.cgroup/${ROOT##*/}/cgroup.procs"
	umount "$ROOT/.cgroup"
}

# What becomes the first process.
# shellcheck disable=SC2016 # it has a shell of its own
debian_boot_first='
	set -e
	cd "$1"
	mount -t proc proc proc
	mount --bind proc/sys proc/sys
	mount -o remount,bind,ro proc/sys
	mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	pivot_root . mnt
	umount -l /mnt
	exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/lib/systemd/systemd --log-target=journal
'

debian_boot_is_up()
{
	INIT=$(pgrep -f '^/lib/systemd/systemd --log-target') &&
		in_boot systemctl is-active -q multi-user.target
}

# Starts it; returns when it has reached multi-user.target.
debian_boot()
{
	local end=$((SECONDS + 60))

	(
		debian_boot_cgroup
		exec unshare --mount --ipc --uts --cgroup --pid --fork \
			--kill-child sh -c "$debian_boot_first" sh "$ROOT"
	) </dev/null &
	until debian_boot_is_up >"$ROOT/.wait" 2>&1; do
		if [ "$SECONDS" -gt "$end" ]; then
			echo "systemd does not start:"
			cat "$ROOT/.wait"
			return 1
		fi
		sleep 0.2
	done
}

# in_boot COMMAND...: among the processes of systemd
in_boot()
{
	nsenter --target "$INIT" --mount --ipc --uts --pid --cgroup --root \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
		TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		SYSTEMD_PAGER='' "$@"
}
