#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How the daemon starts and ends when nothing is wrong: signals unmount, the
# background daemon's parent returns when the mount answers and not before,
# umount(8) ends the daemon, mount(8) knows the type fuse.shmfs.
# shellcheck disable=SC2016,SC2094,SC2317 # see the callers
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_kind
kind=${SHMFS_KIND:-posix}
new_dir DIR
new_dir PLACE

# The background daemon's pid for mountpoint $1
daemon_of()
{
	processes_of "$1"
}

no_daemon()
{
	[ -z "$(processes_of "$1")" ]
}

not_mounted()
{
	! is_mounted "$1"
}

# Starts in the background, with the suite's options; used at once.
background()
{
	local o

	o=$(shmfs_options "${BACKGROUND_OPTIONS-}")
	"$SHMFS" ${o:+-o "$o"} "$kind" "$@"
}

fails()
{
	! "$@"
}

for signal in TERM INT HUP; do
	shmfs_start
	shmfs_stop "$signal"
	check "SIG$signal unmounts; exit status 0" fails is_mounted "$MNT"
	shmfs_start
	held=$MNT/$(file_name held)
	echo held >"$held"
	exec 3<"$held" 4<>"$held"
	cat <&3 >"$SIDE/out"
	echo held >&4
	shmfs_stop "$signal"
	check "SIG$signal with a file in use" fails timeout 10 cat <&3
	exec 3<&- 4>&-
	check 'the object is intact' object_says held held
	object_remove held
done

shmfs_start
umount "$MNT"
status=0
wait "$DAEMON" || status=$?
DAEMON=
check 'umount ends the foreground daemon with status 0' test "$status" = 0

shmfs_start
first=$DAEMON
shmfs_launch "$DIR"
wait_for 60 up_or_gone "$DIR"
echo a >"$MNT/$(file_name a)"
check 'two mounts show the same objects' rm "$DIR/$(file_name a)"
kill "$DAEMON"
status=0
wait "$DAEMON" || status=$?
check 'each ends by itself' test "$status" = 0
DAEMON=$first
shmfs_stop

# 20 times, as what is to be seen is a race: the mount answers at once.
at_once()
{
	local i

	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		background "$DIR"
		stat -f -c %t "$DIR" | grep -qx 65735546
		echo "$i" >"$DIR/$(file_name "$i")"
		object_remove "$i"
		umount "$DIR"
		wait_for 20 no_daemon "$DIR"
	done
}
check 'without -f: mounted when the command returns, gone after umount' at_once

background "$DIR"
pid=$(daemon_of "$DIR")
check 'one daemon, a session of its own' test \
	"$(ps -o sid= -p "$pid" | tr -d ' ')" = "$pid"
check 'its directory is /' test "$(readlink "/proc/$pid/cwd")" = /
for fd in 0 1 2; do
	check "its descriptor $fd is /dev/null" \
		test "$(readlink "/proc/$pid/fd/$fd")" = /dev/null
done
kill -TERM "$pid"
check 'SIGTERM ends the background daemon' wait_for 20 no_daemon "$DIR"
check 'and unmounts' not_mounted "$DIR"

background "$DIR" | cat >"$SIDE/out"
check 'the daemon keeps no pipe open, prints nothing' test ! -s "$SIDE/out"
umount "$DIR"

status=0
timeout 30 "$SHMFS" "$kind" "$DIR" <&- >&- 2>&- || status=$?
check 'started without standard descriptors' test "$status" = 0
check 'it answers' timeout 30 truncate -s 1 "$DIR/$(file_name x)"
object_remove x
umount -l "$DIR"

cd "$PLACE"
mkdir -p ' odd, na"me' relative
ln -s relative link
BACKGROUND_OPTIONS='' background relative
check 'a relative mountpoint' is_mounted "$PLACE/relative"
exec 3<relative
check 'umount of a mount in use fails' fails umount relative
exec 3<&-
umount relative
background link
check 'a link as mountpoint' is_mounted "$PLACE/relative"
umount "$PLACE/relative"
background ./' odd, na"me'
check 'an odd name as mountpoint' \
	truncate -s 1 "./ odd, na\"me/$(file_name odd)"
object_remove odd
umount ./' odd, na"me'
cd /

# The default, and what its namespace is: a directory.
posix()
{
	"$SHMFS" "$DIR"
	check 'posix is the default' grep -q "^posix $DIR fuse.shmfs rw" \
		/proc/self/mounts
	umount "$DIR"
	mkdir "/dev/shm/${PREFIX}dir"
	background "/dev/shm/${PREFIX}dir"
	touch "/dev/shm/${PREFIX}y"
	check 'a mountpoint in the namespace' \
		diff <(ls "/dev/shm/${PREFIX}dir") - <<<"${PREFIX}y"
	umount "/dev/shm/${PREFIX}dir"
	rm "/dev/shm/${PREFIX}y"
	rmdir "/dev/shm/${PREFIX}dir"
	touch "/dev/shm/sem.${PREFIX}s"
	background "$DIR"
	check 'semaphores are hidden' test ! -e "$DIR/sem.${PREFIX}s"
	umount "$DIR"
	BACKGROUND_OPTIONS=semaphores background "$DIR"
	check 'and shown with -o semaphores' test -e "$DIR/sem.${PREFIX}s"
	umount "$DIR"
	rm "/dev/shm/sem.${PREFIX}s"
}
[ "$kind" != posix ] || posix

BACKGROUND_OPTIONS=ro background "$DIR"
check 'ro: nothing can be made' \
	bash -c '! touch "$1" 2>&1 | grep -v "Read-only"' \
	sh "$DIR/$(file_name z)"
umount "$DIR"

# mount(8) and its helper look for a program named like the type, in the
# standard places only. This namespace is ours, so shmfs can be in one.
mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin
ln -s "$SHMFS" /usr/local/sbin/shmfs
by_mount()
{
	local o

	o=$(shmfs_options "$1")
	shift
	mount -t fuse.shmfs "$kind" "$DIR" ${o:+-o "$o"} "$@"
}
by_mount ''
check "mount -t fuse.shmfs $kind" grep -q "^$kind $DIR fuse.shmfs rw" \
	/proc/self/mounts
check 'it answers' truncate -s 1 "$DIR/$(file_name m)"
check 'umount -t fuse.shmfs' umount -t fuse.shmfs "$DIR"
object_remove m
by_mount ro,noexec,noatime,allow_other,fsname=name
check 'mount -o ro,noexec,...' grep -q \
	"^name $DIR fuse.shmfs ro,.*noexec,.*allow_other" /proc/self/mounts
umount "$DIR"
printf '%s %s fuse.shmfs noauto,nofail,x-comment,noexec 0 0\n' "$kind" \
	"$DIR" >"$SIDE/fstab"
check 'mount by fstab' mount -T "$SIDE/fstab" "$DIR"
check 'umount by it' umount "$DIR"
check 'mount -o nonsense fails' fails by_mount nonsense
check 'and mounts nothing' not_mounted "$DIR"

for argument in -h --help -V --version '-h -V' "-f -h $DIR"; do
	status=0
	# shellcheck disable=SC2086 # several words
	"$SHMFS" $argument >"$SIDE/out" 2>"$SIDE/err" || status=$?
	check "shmfs $argument: status 0, on stdout" \
		test "$status" = 0 -a -s "$SIDE/out" -a ! -s "$SIDE/err"
done
"$SHMFS" -h >"$SIDE/out"
check 'the help says what to type' grep -q '^usage: shmfs ' "$SIDE/out"
"$SHMFS" -V >"$SIDE/out"
check 'the version is one line' grep -qxE 'shmfs [0-9][0-9.]+.*' "$SIDE/out"
wait_for 20 no_daemon "$DIR"
check 'no daemon is left' no_daemon "$DIR"

finish
