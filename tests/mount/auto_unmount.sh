#!/bin/bash
# SPDX-License-Identifier: MIT
#
# auto_unmount: a killed daemon leaves no mount and no process, as root and as
# an ordinary user; what others have mounted since is let alone.
# shellcheck disable=SC2317 # see the callers
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
new_dir DIR

not_mounted()
{
	! is_mounted "$1"
}

alone()
{
	[ -z "$(processes_of "$DIR")" ]
}

# Of two processes the one that is the other's parent, or its child: the
# daemon, and what watches it.
parent()
{
	local p all

	all=$(processes_of "$DIR")
	for p in $all; do
		p=$(ps -o ppid= -p "$p")
		grep -xF "${p// /}" <<<"$all" || :
	done
}

child()
{
	processes_of "$DIR" | grep -vxF "$(parent)"
}

"$SHMFS" -o auto_unmount posix "$DIR" | cat >"$SIDE/out"
check 'nothing holds the output open' test ! -s "$SIDE/out"
check 'it answers' touch "$DIR/${PREFIX}a"
check 'a process watches' test "$(processes_of "$DIR" | wc -l)" = 2
check 'killall shmfs does not name it' \
	test "$(ps -o comm= -p "$(child)")" = auto_unmount
kill -TERM "$(child)"
kill -KILL "$(parent)"
check 'SIGKILL unmounts' wait_for 20 not_mounted "$DIR"
check 'no process is left' wait_for 20 alone
rm "/dev/shm/${PREFIX}a"

PATH=/nowhere "$SHMFS" -o auto_unmount posix "$DIR"
exec 5<"$DIR"
kill -KILL "$(parent)"
check 'also while it is in use, without fusermount3' \
	wait_for 20 not_mounted "$DIR"
check 'no process is left' wait_for 20 alone
exec 5<&-

shmfs_start auto_unmount
shmfs_stop TERM
check 'SIGTERM ends both' test -z "$(processes_of "$MNT")"
"$SHMFS" -o auto_unmount posix "$DIR"
umount "$DIR"
check 'umount ends both' wait_for 20 alone

"$SHMFS" -o auto_unmount posix "$DIR"
mount -t tmpfs tmpfs "$DIR"
kill -KILL "$(parent)"
check 'the watching process ends' wait_for 20 alone
check 'what is mounted over it stays' grep -q " $DIR tmpfs " /proc/mounts
umount "$DIR"
umount "$DIR"

# fusermount3 wants a name.
shmfs_for_users
chown nobody "$DIR"
setpriv --reuid nobody --regid nogroup --clear-groups \
	"$PUB/shmfs" -o auto_unmount posix "$DIR"
check 'as nobody' grep -q " $DIR fuse.shmfs .*user_id=65534" /proc/mounts
kill -KILL "$(parent)"
check 'SIGKILL unmounts' wait_for 20 not_mounted "$DIR"
check 'no process is left' wait_for 20 alone

finish
