#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Nobody but root can have so much open on a mount for all that others are
# refused: with 64 descriptors for the daemon, 32 files and directories each.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start allow_other prlimit --nofile=64:64

for i in {1..60}; do
	echo "$i" >"/dev/shm/$i"
done

# as UID CODE: the Python code, run by this user
as()
{
	setpriv --reuid="$1" --regid="$1" --clear-groups \
		env PATH="$PATH" MNT="$MNT" /usr/bin/python3 -c "
import errno, os
mount = os.environ['MNT']

def fill(what, *flags):
    'Opens one file after the other, or what it is given, until it cannot.'
    held = []
    while len(held) < 60:
        path = f'{mount}/{len(held) + 1}' if what is None else what
        try:
            held.append(os.open(path, *flags))
        except OSError as error:
            return held, errno.errorcode[error.errno]
    return held, None

$2"
}

check 'files' as 4242 "
held, error = fill(None, os.O_RDONLY)
assert (len(held), error) == (32, 'ENFILE'), (len(held), error)
os.close(held.pop())
held.append(os.open(mount + '/60', os.O_RDONLY))"

check 'one file, many times' as 4242 "
held, error = fill(mount + '/1', os.O_RDONLY)
assert (len(held), error) == (32, 'ENFILE'), (len(held), error)"

check 'directories' as 4242 "
held, error = fill(mount, os.O_RDONLY | os.O_DIRECTORY)
assert (len(held), error) == (32, 'ENFILE'), (len(held), error)"

check 'what cannot be opened is not made' as 4242 "
held, error = fill(None, os.O_RDONLY)
try:
    os.open(mount + '/new', os.O_RDWR | os.O_CREAT | os.O_EXCL)
    raise AssertionError
except OSError as error:
    assert error.errno == errno.ENFILE
assert not os.path.exists('/dev/shm/new')"

coproc HOG { as 4242 "
held, error = fill(None, os.O_RDONLY)
print(len(held), flush=True)
input()"; }
read -r held <&"${HOG[0]}"
check 'a user takes all of theirs' [ "$held" = 32 ]
check 'another one has a share' as 4243 "
assert len(fill(mount + '/1', os.O_RDONLY)[0]) == 32"
check 'root has more' as 0 "
assert len(fill(mount + '/1', os.O_RDONLY)[0]) == 60"
echo >&"${HOG[1]}"
wait "$HOG_PID" || :
check 'afterwards it is as before' as 4242 "
assert len(fill(None, os.O_RDONLY)[0]) == 32"
shmfs_stop

# On a mount for oneself the daemon's limit is the only one.
shmfs_start '' prlimit --nofile=64:64
check 'without others there are no shares' as 0 "
assert len(fill(mount + '/1', os.O_RDONLY)[0]) == 60"
shmfs_stop

# A user's mount for others. fusermount3 wants a name, and udev's mode.
shmfs_for_users
echo user_allow_other >"$PUB/fuse.conf"
mount --bind "$PUB/fuse.conf" /etc/fuse.conf
new_dir MNT
chown nobody "$MNT"
prlimit --nofile=64:64 setpriv --reuid nobody --regid nogroup --clear-groups \
	"$PUB/shmfs" -o allow_other "$MNT"
check 'mounted by a user: others have shares' as 4242 "
held, error = fill(mount + '/1', os.O_RDONLY)
assert (len(held), error) == (32, 'ENFILE'), (len(held), error)"
for uid in 65534 0; do
	check "this user and root have none: $uid" as "$uid" "
assert len(fill(mount + '/1', os.O_RDONLY)[0]) == 60"
done
echo secret >/dev/shm/hidden
echo theirs >/dev/shm/own
chmod 600 /dev/shm/hidden /dev/shm/own
chown nobody /dev/shm/own
check 'others have no rights that this user has not' as 0 "
try:
    os.open(mount + '/hidden', os.O_RDONLY)
    raise AssertionError
except OSError as error:
    assert error.errno == errno.EACCES"
check 'nor those that only this user has' as 4242 "
try:
    os.open(mount + '/own', os.O_RDONLY)
    raise AssertionError
except OSError as error:
    assert error.errno == errno.EACCES"
check 'it can be unmounted' umount "$MNT"

finish
