#!/bin/bash
# SPDX-License-Identifier: MIT
#
# uid=, gid= and umask= on a mount of System V segments: what is shown, who may
# then do what, and that the segments' own owners and modes stay what they are.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_ipc

# as UID COMMAND...: with that user and group and nothing else
as()
{
	local uid=$1

	shift
	(cd / && setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@")
}

fails()
{
	! "$@"
}

# The segment of key $1 as ipcs has it: owner, mode, size
own()
{
	ipcs -m | awk -v key="$1" '$1 == key { print $3, $4, $5 }'
}

shmfs_start allow_other,uid=4242,gid=4343,umask=077
echo secret >"$SIDE/text"
cp "$SIDE/text" "$MNT/0x10" # root's own, as root makes it
chmod 755 "$SIDE"
check 'it is shown as theirs' \
	[ "$(stat -c %u:%g:%a "$MNT/0x10")" = 4242:4343:700 ]
check 'it is root'"'"'s own' [ "$(own 0x00000010)" = 'root 644 7' ]
check 'the owner shown reads' as 4242 grep -q secret "$MNT/0x10"
check 'the owner shown writes' as 4242 sh -c "echo public 1<>'$MNT/0x10'"
check 'it is the segment' grep -q public "$MNT/0x10"
check 'others cannot read' fails as 4444 cat "$MNT/0x10"
check 'others cannot list' fails as 4444 ls "$MNT"
check 'others cannot make' fails as 4444 truncate -s 10 "$MNT/0x11"
check 'others cannot remove' fails as 4444 rm -f "$MNT/0x10"
check 'nobody can give it away' fails as 4242 chown 4444 "$MNT/0x10"
check 'nor change what is shown' fails as 4242 chmod 644 "$MNT/0x10"
check 'it is still root'"'"'s own' [ "$(own 0x00000010)" = 'root 644 7' ]
check 'the owner shown makes' as 4242 truncate -s 10 "$MNT/0x12"
check 'it belongs to them' [ "$(own 0x00000012)" = '4242 644 10' ]
check 'the owner shown removes' as 4242 rm "$MNT/0x10"
check 'it is gone' [ -z "$(own 0x00000010)" ]
shmfs_stop

# Without these options rights are shmat's and shmctl's.
shmfs_start allow_other
check 'their own' as 4242 cat "$MNT/0x12"
check 'not another'"'"'s to remove' fails as 4444 rm -f "$MNT/0x12"
shmfs_stop
ipcrm --all=shm
finish
