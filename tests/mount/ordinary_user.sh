#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Ordinary users (nobody, and one with only a name and a number) mount, use
# and unmount by themselves. Nobody else, not even root, gets into their mount,
# and they get no further than their own rights. /dev/fuse has the mode that
# udev gives it.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''

shmfs_for_users
{
	cat /etc/passwd
	echo 'shmfs-test:x:4242:4242::/:/bin/sh'
} >"$PUB/passwd"
mount --bind "$PUB/passwd" /etc/passwd # fusermount3 wants a name
install -m 755 "$SHMFS_SUPPORT/../clients/append.py" "$PUB"

as()
{
	local uid=$1

	shift
	(cd / && setpriv --reuid="$uid" --regid="$uid" --clear-groups \
		env HOME="$PUB/$uid" "$@")
}

fails()
{
	! "$@"
}

not_mounted()
{
	! is_mounted "$1"
}

no_daemon()
{
	[ -z "$(processes_of "$1")" ]
}

# What user $1 does with their mount at $2; a script, step by step.
use='
	cd "$1"
	p=$2
	echo "made through the mount" >"${p}file"
	grep -q made "/dev/shm/${p}file"
	made=$(stat -c "%u:%g %a" "/dev/shm/${p}file")
	[ "$made" = "$(id -u):$(id -g) 644" ]
	echo "made directly" >"/dev/shm/${p}direct"
	grep -q made "${p}direct"
	chmod 600 "${p}file"
	[ "$(stat -c %a "/dev/shm/${p}file")" = 600 ]
	chmod 644 "${p}file"
	truncate -s 100000 "${p}file"
	[ "$(stat -c %s "/dev/shm/${p}file")" = 100000 ]
	dd if=/dev/zero of="${p}file" bs=64k count=20 status=none
	cmp -n 1310720 "${p}file" /dev/zero
	/usr/bin/python3 "$4/append.py" "${p}direct" "stored by mmap"
	grep -q stored "/dev/shm/${p}direct"
	mv "${p}file" "${p}renamed"
	[ -e "/dev/shm/${p}renamed" ]
	[ "$(ls | wc -l)" = "$(ls /dev/shm | wc -l)" ]
	rm "${p}renamed" "${p}direct"
	# Not theirs: as unreachable as directly.
	denied()
	{
		if "$@" 2>/dev/null; then
			exit 3
		fi
	}
	for there in . /dev/shm; do
		denied cat "$there/${p}secret"
		denied truncate -s 0 "$there/${p}secret"
		denied rm -f "$there/${p}secret"
		denied mv "$there/${p}public" "$there/${p}x"
		denied chmod 666 "$there/${p}public"
		denied truncate -s 0 "$there/${p}public"
		denied cp /etc/passwd "$there/${p}public"
		grep -q public "$there/${p}public"
	done
'

for uid in 65534 4242; do
	dir=$PUB/$uid/mnt
	mkdir -p "$dir"
	chown "$uid:$uid" "$PUB/$uid" "$dir"
	(umask 077 && echo secret >"/dev/shm/${PREFIX}secret")
	echo public >"/dev/shm/${PREFIX}public"
	for round in 1 2; do
		check "user $uid mounts" as "$uid" "$PUB/shmfs" \
			${SHMFS_OPTIONS:+-o "$SHMFS_OPTIONS"} "$dir"
		check 'the mount is theirs' \
			grep -q " $dir .*user_id=$uid," /proc/self/mountinfo
		check 'they use it' as "$uid" bash -euxc "$use" \
			sh "$dir" "$PREFIX" "$round" "$PUB"
		check 'root does not get in' fails ls "$dir"
		check 'nor does another user' fails as 4243 ls "$dir"
		check "who may not unmount it either" \
			fails as 4243 fusermount3 -u "$dir"
		check 'they unmount it' as "$uid" fusermount3 -u "$dir"
		check 'it is gone' not_mounted "$dir"
		check 'and the daemon with it' wait_for 20 no_daemon "$dir"
	done

	check 'they mount again' as "$uid" "$PUB/shmfs" "$dir"
	check 'and kill the daemon' as "$uid" \
		kill -KILL "$(processes_of "$dir")"
	wait_for 20 no_daemon "$dir"
	check 'a dead mount is refused, with the step to take' \
		grep -q "fusermount3 -u '$dir'" \
		<(as "$uid" "$PUB/shmfs" "$dir" 2>&1)
	check 'that step' as "$uid" fusermount3 -u "$dir"
	check 'they mount once more' as "$uid" "$PUB/shmfs" "$dir"
	check 'SIGTERM' as "$uid" kill -TERM "$(processes_of "$dir")"
	check 'ends the daemon' wait_for 20 no_daemon "$dir"
	check 'which unmounts' not_mounted "$dir"
	rm "/dev/shm/${PREFIX}secret" "/dev/shm/${PREFIX}public"
done
check 'nothing is left' diff <(ls /dev/shm) /dev/null
umount /dev/fuse /etc/passwd

finish
