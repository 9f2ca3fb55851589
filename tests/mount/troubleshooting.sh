#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The README's tables of error messages: each is provoked here, as a user would
# meet it. A row without a case fails, and so does a case without a row. Where
# a row says what to do and it is quickly done, it is done, and helps.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_ipc
SHMFS_KIND=posix
shmfs_private size=4m
# shellcheck source=tests/support/start.sh
. "$SHMFS_SUPPORT/start.sh"
TREE=$SHMFS_SUPPORT/../..
new_dir DIR
export -f as_user with_fuse over
export PUB DIR
ulimit -c 0 # one case is a SIGBUS

# The messages of the README: what stands first in the tables' first column.
sed -n '/^## Troubleshooting/,/^## /s/^| `\([^`]*\)`.*/\1/p' \
	"$TREE/README.md" >"$SIDE/rows"
: >"$SIDE/cases"

# provoke MESSAGE COMMAND...: fails, and says so
provoke()
{
	local message=$1 status=0

	shift
	echo "$message" >>"$SIDE/cases"
	timeout -k 5 60 bash -c '"$@"' sh "$@" </dev/null >"$SIDE/said" 2>&1 ||
		status=$?
	if ! grep -qxF -- "$message" "$SIDE/rows"; then
		not_ok "$message: the README does not have it"
	elif [ "$status" = 0 ]; then
		not_ok "$message: exit status 0"
	elif ! grep -qF -- "$message" "$SIDE/said"; then
		not_ok "$message: is not said"
	else
		ok "$message"
		return 0
	fi
	sed 's/^/# /' "$SIDE/said"
}

# helps WHAT COMMAND...: the advice works
helps()
{
	check "  $1" "${@:2}"
}

mounts_and_unmounts()
{
	"$SHMFS" "$@" && stat "$DIR" && umount "$DIR"
}

start_on()
{
	MNT=$1
	shmfs_launch "$@"
	wait_for 60 up_or_gone "$1" || exit 1
	stat "$1" >"$SIDE/.wait"
}

### When starting: shmfs
provoke 'no such directory; create it first' "$SHMFS" "$DIR/none"
provoke 'not a directory; give an empty directory' "$SHMFS" "$PUB/file"
start_on "$DIR"
provoke 'busy, something is mounted there' "$SHMFS" "$DIR"
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || :
DAEMON=
provoke 'a dead mount, its daemon was killed' "$SHMFS" "$DIR"
helps 'umount' umount "$DIR"
helps 'and mount again' mounts_and_unmounts "$DIR"
provoke 'you may not mount here' with_fuse 666 as_user "$SHMFS" "$PUB/root's"
provoke '/dev/fuse: No such file or directory' with_fuse none "$SHMFS" "$DIR"
provoke '/dev/fuse: Permission denied' \
	with_fuse 600 as_user "$SHMFS" "$PUB/theirs"
provoke 'fusermount3 is not in PATH' \
	with_fuse 666 as_user PATH="$PUB/empty" "$SHMFS" "$PUB/theirs"
without=()
[ ! -e /etc/fuse.conf ] || without=(over "$PUB/file" /etc/fuse.conf)
provoke "option allow_other only allowed if 'user_allow_other' is set" \
	with_fuse 666 "${without[@]}" \
	as_user "$SHMFS" -o allow_other "$PUB/theirs"
chown 4242:4242 "$PUB/theirs"
provoke 'could not determine username' with_fuse 666 \
	setpriv --reuid=4242 --regid=4242 --clear-groups \
	"$SHMFS" "$PUB/theirs"
chown 65534:65534 "$PUB/theirs"
provoke 'io=native cannot be had' \
	with_fuse 666 as_user "$SHMFS" -o io=native "$PUB/theirs"
provoke 'unknown option' "$SHMFS" -o prefiks=a "$DIR"
provoke 'does not apply to sysv' "$SHMFS" -o size=1M sysv "$DIR"
head -c 5000 /dev/zero >/dev/shm/object
provoke 'accepted is that or more' "$SHMFS" -o size=4k "$DIR"
helps 'a higher size' mounts_and_unmounts -o size=8k "$DIR"
rm /dev/shm/object
provoke 'cannot open the posix objects' with_fuse noshm "$SHMFS" "$DIR"

# As before it is installed, also where it is.
not_installed()
{
	unshare --mount --propagation private bash -euc '
		if [ -e /usr/sbin/mount.shmfs ]; then
			mount -t tmpfs tmpfs "$1"
			mkdir "$1/upper" "$1/work"
			upper=upperdir=$1/upper,workdir=$1/work
			mount -t overlay -o "lowerdir=/usr/sbin,$upper" \
				overlay /usr/sbin
			rm /usr/sbin/mount.shmfs
		fi
		shift
		"$@"' sh "$PUB/dev" "$@"
}
export -f not_installed
provoke "unknown filesystem type 'shmfs'" \
	not_installed mount -t shmfs posix "$DIR"

### When starting: scripts/setup, which scripts/run begins with
# A checkout of its own, in which neither meson nor ninja builds for real.
mkdir -p "$PUB/checkout/subprojects" "$PUB/tools" "$PUB/stubs"
cp -r "$TREE/scripts" "$PUB/checkout"
cp "$TREE/subprojects/fuse3.wrap" "$PUB/checkout/subprojects"
SETUP=$PUB/checkout/scripts/setup
FUSE=$(sed -n 's/^directory *= *//p' "$TREE/subprojects/fuse3.wrap")
unset SHMFS_BUILDDIR SHMFS_MESON_ARGS CC

# stub NAME STATUS: found before the program of this name
stub()
{
	printf '#!/bin/sh\nexit %s\n' "$2" >"$PUB/stubs/$1"
	chmod 755 "$PUB/stubs/$1"
}

# All programs but the compiler.
cp -as /usr/bin/. "$PUB/tools"
rm -f "$PUB/tools/gcc"
nothing_to_build()
{
	mkdir -p "$PUB/checkout/subprojects/$FUSE"
	: >"$PUB/checkout/subprojects/$FUSE/meson.build"
	stub meson 0
	stub ninja 0
}

stub apt-get 100
stub meson 1
stub pkg-config '"$(case $* in *--exists*) echo 0 ;; *) echo 1 ;; esac)"'
provoke 'missing packages; run as root:' \
	as_user PATH="$PUB/stubs:$PUB/tools" "$SETUP"
provoke 'could not install:' env PATH="$PUB/stubs:$PUB/tools" "$SETUP"
provoke 'could not be had: put' env PATH="$PUB/stubs:$PATH" "$SETUP"
nothing_to_build
provoke 'this checkout is uid' as_user PATH="$PUB/stubs:$PATH" "$SETUP"
mkdir -p "$PUB/checkout/build/meson-info"
echo '{ "source": "/elsewhere" }' \
	>"$PUB/checkout/build/meson-info/meson-info.json"
provoke 'was configured for another place' \
	env PATH="$PUB/stubs:$PATH" "$SETUP"
rm -r "$PUB/checkout/build"
helps 'to remove it' env PATH="$PUB/stubs:$PATH" "$SETUP"
# As in a container without the device: it is there and cannot be opened.
mount -t tmpfs -o nodev tmpfs "$PUB/dev"
mknod -m 666 "$PUB/dev/fuse" c 10 229
provoke '/dev/fuse cannot be used' over "$PUB/dev/fuse" /dev/fuse \
	env PATH="$PUB/stubs:$PATH" "$SETUP"
umount "$PUB/dev"

### On the mount
# python WORDS: a program of a few lines; prints what goes wrong
python()
{
	/usr/bin/python3 -c "$@"
}
export -f python

start_on "$DIR"
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || :
provoke 'Transport endpoint is not connected' ls "$DIR"
umount "$DIR"

start_on "$DIR"
exec 7>"$DIR/used"
provoke 'target is busy' umount "$DIR"
helps 'fuser names who' sh -c 'fuser -vm "$1" 2>&1 | grep -w "$2"' \
	sh "$DIR" "$$"
exec 7>&-
cp /bin/true /dev/shm/program
exec 7<"$DIR/program"
provoke 'Text file busy' bash -c '/dev/shm/program; exit $?'
helps 'through the mount' "$DIR/program"
exec 7<&-
provoke 'Stale file handle' python '
import os, sys
path = sys.argv[1] + "/used"
held = os.open(path, os.O_PATH)
os.rename("/dev/shm/program", "/dev/shm/used")
os.fstat(held)' "$DIR"

# No message: a daemon that answers no more.
stopped()
{
	! cat "/proc/$DAEMON/task/"*/status | grep '^State:' | grep -v stopped
}
exec 7<"$DIR/used"
kill -STOP "$DAEMON"
helps 'when all of it has stopped' wait_for 10 stopped
timeout -s KILL 60 stat -L /dev/fd/7 >"$SIDE/waited" 2>&1 &
timeout -s KILL 20 umount -f "$DIR" 2>"$SIDE/said" || :
wait "$!" || :
helps 'umount -f: who waited gets an error' \
	grep -E 'endpoint is not connected|connection abort' "$SIDE/waited"
helps 'and it is busy while a file is open' grep -F 'target is busy' \
	"$SIDE/said"
helps 'umount -l does not wait' timeout -s KILL 20 umount -l "$DIR"
helps 'the object is there' test -e /dev/shm/used
exec 7<&-
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || :
start_on "$DIR"

store='
import mmap, os, sys
file = os.open(sys.argv[1] + "/mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, int(sys.argv[2]))
mapped = mmap.mmap(file, int(sys.argv[2]))
os.truncate("/dev/shm/mapped", int(sys.argv[3]))
for page in range(0, len(mapped), 4096):
    mapped[page] = 1
mapped.flush()'
# A size to make it, and another that it gets before it is all written to.
provoke 'Bus error' bash -c 'python "$@"; exit $?' sh "$store" "$DIR" 8192 0
rm "$DIR/mapped"
provoke 'Bus error' bash -c 'python "$@"; exit $?' sh "$store" "$DIR" \
	8388608 8388608
rm "$DIR/mapped"
provoke 'No space left on device' sh -c 'head -c 8M /dev/zero >"$DIR/large"'
rm "$DIR/large"
provoke 'Operation not permitted' mkdir "$DIR/directory"
provoke 'Operation not permitted' ln -s used "$DIR/link"
provoke 'Operation not permitted' ln "$DIR/used" "$DIR/link"
shmfs_stop

start_on "$DIR" reserve
provoke 'No space left on device' python "$store" "$DIR" 8388608 0
rm -f "$DIR/mapped"
shmfs_stop
start_on "$DIR" size=64k
provoke 'No space left on device' \
	sh -c 'head -c 128k /dev/zero >"$DIR/large"'
helps 'df tells' sh -c 'df -k --output=size "$DIR" | grep -w 64'
shmfs_stop
start_on "$DIR" ro
provoke 'Read-only file system' touch "$DIR/new"
shmfs_stop
start_on "$DIR" prefix=application.,exclude=*.tmp
provoke 'File name too long' touch "$DIR/$(printf '%250s' '' | tr ' ' x)"
helps 'a shorter name' touch "$DIR/$(printf '%240s' '' | tr ' ' x)"
provoke 'Operation not permitted' touch "$DIR/new.tmp"
shmfs_stop

# /dev/fuse as udev leaves it
mknod -m 666 "$PUB/fuse" c 10 229
mount --bind "$PUB/fuse" /dev/fuse
MNT=$PUB/theirs
as_user "$SHMFS" "$MNT"
provoke 'Permission denied' ls "$MNT"
helps 'as that user' as_user ls "$MNT"
# An /etc as in a container: what says who is who, and no mtab.
mkdir "$PUB/etc"
cp /etc/passwd /etc/group /etc/nsswitch.conf "$PUB/etc"
provoke 'failed to open /etc/mtab' over "$PUB/etc" /etc \
	as_user fusermount3 -u "$MNT"
ln -s ../proc/self/mounts "$PUB/etc/mtab"
helps 'to make it' over "$PUB/etc" /etc as_user fusermount3 -u "$MNT"
as_user fusermount3 -u "$MNT" # the same, in this namespace
wait_for 10 umount /dev/fuse # until the daemon has ended

SHMFS_KIND=sysv
start_on "$DIR"
provoke 'Invalid argument' touch "$DIR/name"
truncate -s 4096 "$DIR/0x1234"
provoke 'File too large' \
	dd if=/dev/zero of="$DIR/0x1234" bs=4096 seek=1 count=1 conv=notrunc
provoke 'Operation not permitted' truncate -s 8192 "$DIR/0x1234"
provoke 'Operation not permitted' mv "$DIR/0x1234" "$DIR/0x4321"
helps 'a new one' sh -c 'rm "$DIR/0x1234" && truncate -s 8192 "$DIR/0x1234"'
shmfs_stop

# Each row has had its case.
while read -r row; do
	grep -qxF -- "$row" "$SIDE/cases" || not_ok "$row: there is no case"
done <"$SIDE/rows"
check 'there are rows' [ "$(wc -l <"$SIDE/rows")" -gt 20 ]

finish
