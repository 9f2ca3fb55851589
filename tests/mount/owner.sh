#!/bin/bash
# SPDX-License-Identifier: MIT
#
# uid=, gid= and umask=: what is shown, who may then do what, and that the
# objects' own owners and modes, and the namespace's, stay what they are.
# shellcheck disable=SC2317 # called by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''

new_dir PUB
chmod 755 "$PUB"

# as UID COMMAND...: with that user and group and nothing else
as()
{
	local uid=$1

	shift
	(cd / && setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@")
}

# fails_with TEXT COMMAND...
fails_with()
{
	local text=$1

	shift
	! "$@" 2>"$SIDE/error" && grep -qF "$text" "$SIDE/error"
}

# is FORMAT PATH EXPECTED: what stat(1) prints of the path, or of -L PATH
is()
{
	local got

	# shellcheck disable=SC2086 # -L and a path
	got=$(stat -c "$1" $2)
	[ "$got" = "$3" ] || {
		echo "$2 is $got, not $3"
		return 1
	}
}

# The same of an open file.
held_is()
{
	exec 3<"$2"
	is "$1" "-L /proc/self/fd/3" "$3"
}

objects()
{
	rm -f /dev/shm/*
	echo content >/dev/shm/a
	echo content >/dev/shm/b
	chmod 640 /dev/shm/a
	chown 7:8 /dev/shm/b
	chmod 4601 /dev/shm/b
}

# What is shown: options, then owner and mode of the root, a, b, one just made.
while read -r options root a b new; do
	objects
	shmfs_start "$options"
	check "$options: the root" is %u:%g:%a "$MNT" "$root"
	check "$options: an object" is %u:%g:%a "$MNT/a" "$a"
	check "$options: another" is %u:%g:%a "$MNT/b" "$b"
	check "$options: an open one" held_is %u:%g:%a "$MNT/b" "$b"
	check "$options: as listed" [ "$(find "$MNT" -name b \
		-printf %U:%G:%m)" = "$b" ]
	echo new >"$MNT/new"
	check "$options: one just made" is %u:%g:%a "$MNT/new" "$new"
	check "$options: that object itself" is %u:%g:%a /dev/shm/new 0:0:644
	check "$options: the object itself" is %u:%g:%a /dev/shm/b 7:8:4601
	check "$options: the namespace" is %u:%g:%a /dev/shm 0:0:1777
	shmfs_stop
done <<-END
	uid=4242 4242:0:1777 4242:0:640 4242:8:4601 4242:0:644
	gid=4242 0:4242:1777 0:4242:640 7:4242:4601 0:4242:644
	uid=nobody,gid=daemon 65534:1:1777 65534:1:640 65534:1:4601 65534:1:644
	umask=027 0:0:750 0:0:750 7:8:750 0:0:750
	umask=0 0:0:777 0:0:777 7:8:777 0:0:777
	umask=0777 0:0:0 0:0:0 7:8:0 0:0:0
	uid=1,gid=2,umask=111 1:2:666 1:2:666 1:2:666 1:2:666
END

# Everything is one user's, whosever it is; and nothing can be given away.
objects
shmfs_start allow_other,uid=4242,gid=4242,umask=077
check "the owner shown reads" as 4242 grep -q content "$MNT/b"
check "the owner shown writes" as 4242 sh -c "echo new >'$MNT/b'"
check "it is the object" grep -q new /dev/shm/b
check "the owner shown truncates" as 4242 truncate -s 100 "$MNT/a"
check "the owner shown sets times" as 4242 touch -d @1 "$MNT/a"
check "they are the object's" is %Y /dev/shm/a 1
check "the owner shown sets xattrs" as 4242 setfattr -n user.x -v 1 "$MNT/a"
check "the owner shown makes" as 4242 sh -c "umask 22; echo x >'$MNT/new'"
check "what they made is theirs" is %u:%g:%a /dev/shm/new 4242:4242:644
check "the owner shown renames" as 4242 mv "$MNT/a" "$MNT/c"
check "the owner shown removes" as 4242 rm "$MNT/b"
check "it is gone" [ ! -e /dev/shm/b ]
for who in 4242 0; do
	check "$who: chmod to what is shown" as "$who" chmod 700 "$MNT/c"
	check "$who: chown to what is shown" \
		as "$who" chown 4242:4242 "$MNT/c"
	for change in 'chmod 755' 'chmod 4700' 'chown 4343' 'chown :4343'; do
		# shellcheck disable=SC2086 # two words
		check "$who: $change" fails_with 'not permitted' \
			as "$who" $change "$MNT/c"
	done
	for change in 'chmod 777' 'chmod 1777' 'chown 4343' 'touch -d @5' \
		'setfattr -n user.x -v 1' 'setfattr -x user.x'; do
		# shellcheck disable=SC2086 # several words
		check "$who: the root: $change" fails_with 'not permitted' \
			as "$who" $change "$MNT"
	done
done
check "the object's own" is %u:%g:%a /dev/shm/c 0:0:640
check "the namespace's own" is %u:%g:%a /dev/shm 0:0:1777
for command in "ls $MNT" "cat $MNT/c" "cp /etc/passwd $MNT/d" "rm $MNT/c" \
	"mv $MNT/c $MNT/d" "truncate -s 0 $MNT/c"; do
	# shellcheck disable=SC2086 # several words
	check "others: $command" fails_with 'ermission denied' \
		as 4343 $command
done
check "nothing has changed" [ "$(ls /dev/shm)" = "$(printf 'c\nnew')" ]
shmfs_stop

# The owner shown may do with the objects' own modes what an owner may.
objects
shmfs_start allow_other,uid=4242
check "chmod as the owner shown" as 4242 chmod 604 "$MNT/a"
check "it is done" is %u:%a /dev/shm/a 0:604
check "others by the mode" as 4343 cat "$MNT/a"
check "others by the mode: no more" fails_with 'denied' \
	as 4343 sh -c "echo >>'$MNT/a'"
check "chmod as another" fails_with 'not permitted' \
	as 4343 chmod 666 "$MNT/a"
for mode in 4755 6755; do
	check "chmod $mode" fails_with 'not permitted' \
		as 4242 chmod "$mode" "$MNT/a"
done
check "it is as before" is %u:%a /dev/shm/a 0:604
check "making one with S_ISUID" as 4242 /usr/bin/python3 -c "
import os
os.mknod('$MNT/suid', 0o104755)"
check "makes one without" is %u:%a /dev/shm/suid 4242:755
shmfs_stop

# Everything is everybody's.
objects
shmfs_start allow_other,umask=0
check "another makes" as 4343 cp /etc/passwd "$MNT/theirs"
check "it is theirs" is %u:%g /dev/shm/theirs 4343:4343
check "somebody else writes" as 4242 sh -c "echo >'$MNT/theirs'"
check "somebody else removes" as 4242 rm "$MNT/theirs" "$MNT/b"
shmfs_stop

# A mount of an ordinary user shows what it likes, and may what it may.
objects
mount -t tmpfs -o mode=755 tmpfs "$PUB"
install -m 755 "$SHMFS" "$PUB/shmfs"
mknod -m 666 "$PUB/fuse" c 10 229
mount --bind "$PUB/fuse" /dev/fuse
mkdir "$PUB/mnt"
chown 65534 "$PUB/mnt"
as 65534 sh -c 'echo >/dev/shm/own; chmod 600 /dev/shm/own'
check "an ordinary user's mount" \
	as 65534 "$PUB/shmfs" -o "$(shmfs_options uid=0,umask=022)" "$PUB/mnt"
check "shows what was asked for" \
	[ "$(as 65534 stat -c %u:%a "$PUB/mnt/own")" = 0:755 ]
check "the kernel goes by that" fails_with 'denied' \
	as 65534 sh -c "echo >>'$PUB/mnt/own'"
as 65534 fusermount3 -u "$PUB/mnt"
check "another" \
	as 65534 "$PUB/shmfs" -o "$(shmfs_options umask=0)" "$PUB/mnt"
check "own objects" as 65534 sh -c "echo >>'$PUB/mnt/own'"
check "others' objects need the right all the same" fails_with 'denied' \
	as 65534 cat "$PUB/mnt/a"
as 65534 fusermount3 -u "$PUB/mnt"

finish
