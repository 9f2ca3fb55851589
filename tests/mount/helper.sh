#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What others start the daemon by: mount(8)'s interface for helpers, under the
# names that are installed, and the readiness protocol of service managers.
# tests/package has mount(8) and systemd themselves.
# shellcheck disable=SC2016,SC2317 # see the callers
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
new_dir DIR
ln -s "$SHMFS" "$SIDE/mount.shmfs"
ln -s "$SHMFS" "$SIDE/mount.fuse.shmfs"
touch "/dev/shm/${PREFIX}o"

not_mounted()
{
	! is_mounted "$1"
}

# helper STATUS ARGUMENT...: as mount(8) calls it, the status it is to give
helper()
{
	local expected=$1 status=0

	shift
	"$SIDE/mount.shmfs" "$@" >"$SIDE/out" 2>&1 || status=$?
	[ "$status" = "$expected" ] || {
		cat "$SIDE/out"
		echo "exit status $status, not $expected"
		return 1
	}
}

# mounts ARGUMENT...: and shows the objects, with the options that are wanted
mounts()
{
	"$@"
	[ -e "$DIR/${PREFIX}o" ]
	umount "$DIR"
}

check 'mount.shmfs posix DIR' mounts helper 0 posix "$DIR"
check 'mount.fuse.shmfs' mounts \
	"$SIDE/mount.fuse.shmfs" posix "$DIR" -o rw -t fuse.shmfs
check 'with all that mount(8) may add' mounts helper 0 \
	posix "$DIR" -n -v -t fuse.shmfs -o rw,noexec,nosuid,nodev
check 'options first, and clustered' mounts helper 0 -nvo rw posix "$DIR"
check 'options last, whatever getopt(3) is told' mounts \
	env POSIXLY_CORRECT=1 "$SIDE/mount.shmfs" posix "$DIR" -o rw
check '-f mounts nothing' helper 0 posix "$DIR" -f -o ro
check 'indeed' not_mounted "$DIR"
check '-f finds wrong options' helper 1 posix "$DIR" -f -o nonsense
check 'an unknown option' helper 1 posix "$DIR" -o nonsense
check 'says so' grep -q "unknown option 'nonsense'" "$SIDE/out"
check '-s passes over it' mounts helper 0 posix "$DIR" -s -o nonsense,ro
check '-s is not for wrong values' helper 1 posix "$DIR" -s -o io=nonsense
check 'an unknown kind' helper 1 none "$DIR"
check 'says what there is' grep -q "posix" "$SIDE/out"
check 'an unknown letter' helper 1 -x posix "$DIR"
check 'no such directory' helper 32 posix "$DIR/none"
check 'nothing is mounted by all that' not_mounted "$DIR"
check 'no such namespace' helper 1 posix "$DIR" -N /none

# The kernel does it, without the helper.
remounts()
{
	mount -i -o remount,ro "$DIR"
	if touch "$DIR/${PREFIX}o"; then
		return 1
	fi
	mount -i -o remount,rw "$DIR"
	touch "$DIR/${PREFIX}o"
}
helper 0 posix "$DIR"
check 'mount -i -o remount: read-only, and writable again' remounts
check 'the helper remounts nothing' helper 1 posix "$DIR" -o remount,ro
umount "$DIR"

# In another namespace, as mount -N has it: by a descriptor of that.
in_another()
{
	local other

	unshare --mount --propagation private \
		setpriv --pdeathsig KILL sleep 100 >"$SIDE/out" 2>&1 &
	other=$!
	differs()
	{
		! [ "/proc/$other/ns/mnt" -ef /proc/self/ns/mnt ]
	}
	wait_for 10 differs
	exec 5<"/proc/$other/ns/mnt"
	check '-N mounts there' helper 0 posix "$DIR" -N "/proc/$$/fd/5"
	exec 5<&-
	check 'and not here' not_mounted "$DIR"
	check 'it answers there' nsenter --mount="/proc/$other/ns/mnt" \
		test -e "$DIR/${PREFIX}o"
	nsenter --mount="/proc/$other/ns/mnt" umount "$DIR"
	kill "$other"
}

# Who enters a namespace leaves a chroot, where paths lead elsewhere.
if nsenter --mount=/proc/self/ns/mnt test -d "$SIDE"; then
	in_another
else
	echo "# in a chroot: -N is not tried"
fi

# What a mount says to the socket $1; the program that follows is started.
said()
{
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/notified.py" "$@"
}

ready()
{
	said "$@" >"$SIDE/said"
	[ "$(sed -n 1p "$SIDE/said")" = READY=1 ]
	grep -qxE 'STATUS=data path is (native|direct)' "$SIDE/said"
	[ "$(wc -l <"$SIDE/said")" = 2 ]
}

check 'READY=1 when the mount answers' \
	ready "$SIDE/socket" "$DIR" "$SHMFS" -f posix "$DIR"
check 'to an abstract socket' \
	ready "@shmfs-test.$$" "$DIR" "$SHMFS" -f posix "$DIR"
check 'nothing from a mount that fails' \
	test "$(said "$SIDE/socket2" "$DIR" "$SHMFS" -f none "$DIR" \
		2>"$SIDE/err")" = 'nothing, exit status 1'
check 'nothing from a background daemon' \
	test "$(said "$SIDE/socket3" "$DIR" "$SHMFS" posix "$DIR")" = \
	'nothing, exit status 0'
umount "$DIR"
check 'a socket that is full does not hold up the end' \
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/unheard.py" \
	"$SIDE/full" "$SHMFS" -f posix "$DIR"
check 'a socket that cannot be is logged' bash -c '
	NOTIFY_SOCKET=nonsense "$1" -f posix "$2" 2>"$3" &
	until grep -q "NOTIFY_SOCKET=nonsense: " "$3"; do sleep 0.02; done
	umount "$2"
	wait "$!"' sh "$SHMFS" "$DIR" "$SIDE/log"

finish
