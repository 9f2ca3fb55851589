#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The tools for System V segments and those for files show and do the same:
# ipcs(1) and ls(1), ipcmk(1) and truncate(1), ipcrm(1) and rm(1); copying in
# and out; huge pages; what has no meaning here says so.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_ipc
shmfs_start allow_other

# The segments as ipcs lists them: name, owner, mode, size, links
by_ipcs()
{
	# key shmid owner perms bytes nattch status
	ipcs -m | awk '$1 ~ /^0x/ {
		name = $1 == "0x00000000" ? "private-" $2 : $1
		links = $7 == "dest" ? 0 : 1
		print name, $3, $4, $5, links
	}' | sort
}

# And as files; ipcs shows modes with as many digits as they have.
by_ls()
{
	find "$MNT" -mindepth 1 -printf '%f %u %m %s %n\n' | sort
}

agree()
{
	diff <(by_ipcs) <(by_ls)
}

segments()
{
	by_ipcs | wc -l
}

fails()
{
	! "$@"
}

empty()
{
	[ -z "$(by_ipcs)" ] && [ -z "$(ls -A "$MNT")" ]
}

seed=${SHMFS_SEED:-$RANDOM}
echo "SHMFS_SEED=$seed"
mkfifo "$SIDE/go"
/usr/bin/python3 "$SHMFS_SUPPORT/../clients/segments.py" 1000 "$seed" \
	<"$SIDE/go" >"$SIDE/made" &
client=$!
exec 9>"$SIDE/go"
check '1000 segments are made' wait_for 60 grep -q made "$SIDE/made"
check '1000 segments' [ "$(segments)" = 1000 ]
check 'ipcs and find agree on 1000 segments' agree
ls -l "$MNT" >"$SIDE/ls"
check 'ls lists each of them' [ "$(grep -c '^-' "$SIDE/ls")" = 1000 ]
check 'ls -l tells owners and sizes' diff \
	<(by_ipcs | awk '{ print $1, $2, $4 }') \
	<(awk '/^-/ { print $9, $3, $5 }' "$SIDE/ls" | sort)
for name in $(find "$MNT" -name '0x*' -printf '%f\n' | head -n 300); do
	rm "$MNT/$name"
done
check '300 are removed' [ "$(ipcs -m | grep -c '^0x0*[1-9a-f]')" -lt 700 ]
check 'they still agree' agree
exec 9>&-
wait "$client"
check 'what was marked for removal goes with who had it' \
	[ "$(ipcs -m | grep -c dest)" = 0 ]
check 'and they still agree' agree
ipcrm --all=shm
check 'all is gone' empty

fact()
{
	getfattr --only-values --absolute-names -n "user.shmfs.$1" "$2"
}

made_by_ipcmk()
{
	local id

	id=$(ipcmk -M 12345 -p 640 | sed 's/.*: //')
	name=$(by_ipcs | cut -d' ' -f1)
	[ "$(stat -c '%a %s' "$MNT/$name")" = "640 12345" ]
	[ "$(fact shmid "$MNT/$name")" = "$id" ]
	[ "$(fact key "$MNT/$name")" = "$name" ]
	[ "$(fact attached "$MNT/$name")" = 0 ]
	rm "$MNT/$name"
	empty
}

made_by_truncate()
{
	truncate -s 12345 "$MNT/0xCafe"
	ipcs -m | grep -q '^0x0000cafe .* 644  *12345 '
	agree
	ipcrm -M 0xcafe
	empty
}

made_by_fallocate()
{
	fallocate -l 5000 "$MNT/0x1"
	[ "$(by_ipcs)" = "0x00000001 root 644 5000 1" ]
	rm "$MNT/0x0001"
	empty
}

copied_in_and_out()
{
	head -c 3000001 /dev/urandom >"$SIDE/data"
	cp "$SIDE/data" "$MNT/0xda7a"
	[ "$(by_ipcs)" = "0x0000da7a root 644 3000001 1" ]
	cmp "$SIDE/data" "$MNT/0xDA7A"
	cp "$MNT/0xda7a" "$SIDE/again"
	cmp "$SIDE/data" "$SIDE/again"
	dd if=/dev/zero of="$MNT/0xda7a" bs=1000 count=1 conv=notrunc
	cmp -n 1000 /dev/zero "$MNT/0xda7a"
	rsync --inplace --ignore-times "$SIDE/data" "$MNT/0xda7a"
	cmp "$SIDE/data" "$MNT/0xda7a"
	tar -cf "$SIDE/tar" -C "$MNT" .
	rm "$MNT/0xda7a"
	mkdir "$SIDE/out"
	tar -xf "$SIDE/tar" -C "$SIDE/out"
	cmp "$SIDE/data" "$SIDE/out/0x0000da7a"
	empty
}

written_by_several()
{
	(echo one; (echo two); cat <<<three) >"$MNT/0x5"
	[ "$(cat "$MNT/0x5")" = "$(printf 'one\ntwo\nthree')" ]
	# a file without a size waits for one, and is no segment
	: >"$MNT/0x6"
	[ -e "$MNT/0x06" ] && [ "$(segments)" = 1 ]
	echo later >>"$MNT/0x6"
	[ "$(segments)" = 2 ] && [ "$(cat "$MNT/0x6")" = later ]
	rm "$MNT/0x5" "$MNT/0x6"
	empty
}

# A file with holes does not get memory for them.
sparse_copy()
{
	truncate -s 64M "$SIDE/sparse"
	echo x 1<>"$SIDE/sparse"
	cp --sparse=always "$SIDE/sparse" "$MNT/0x7"
	[ "$(stat -c %s "$MNT/0x7")" = 67108864 ]
	[ "$(du -k "$MNT/0x7" | cut -f1)" -le 64 ]
	cmp "$SIDE/sparse" "$MNT/0x7"
	rm "$MNT/0x7"
}

times_follow_attachments()
{
	truncate -s 1 "$MNT/0x8"
	fails touch -d 2001-01-01 "$MNT/0x8"
	touch "$MNT/0x8"
	[ $(($(date +%s) - $(stat -c %X "$MNT/0x8"))) -le 5 ]
	rm "$MNT/0x8"
}

check 'ipcmk, stat, rm' made_by_ipcmk
check 'truncate, ipcs, ipcrm' made_by_truncate
check 'fallocate' made_by_fallocate
check 'cp, dd, rsync, tar' copied_in_and_out
check 'shells with several writers' written_by_several
check 'sparse files' sparse_copy
check 'times' times_follow_attachments

# Root that has given up its capabilities
bare()
{
	setpriv --bounding-set=-all --inh-caps=-all --clear-groups "$@"
}

# What it may do to another user's segment: nothing, by either tool.
bare_root()
{
	setpriv --reuid=4242 --regid=4242 --clear-groups ipcmk -M 100 -p 604
	name=$(by_ipcs | cut -d' ' -f1)
	fails bare ipcrm -M "$name"
	fails bare rm -f "$MNT/$name"
	fails bare chmod 666 "$MNT/$name"
	fails bare sh -c "echo x 1<>$MNT/$name"
	bare cat "$MNT/$name"
	[ "$(by_ipcs)" = "$name 4242 604 100 1" ]
	truncate -s 100 "$MNT/0x9"
	bare chmod 640 "$MNT/0x9"
	bare rm "$MNT/0x9"
	rm "$MNT/$name"
	empty
}
check 'root without capabilities' bare_root

truncate -s 100 "$MNT/0x1234"
refused 'rename' 'Operation not permitted' mv 0x1234 0x1235
refused 'another size' 'Operation not permitted' truncate -s 101 0x1234
refused 'cp over one' 'Operation not permitted' cp "$SIDE/.out" 0x1234
refused 'past the end' 'File too large' bash -c 'echo x >>0x1234'
refused 'a name that is no key' 'Invalid argument' touch file
refused 'an id of its own' 'Invalid argument' touch private-7
refused 'key 0' 'Invalid argument' touch 0x00000000
refused 'mkdir' 'Operation not permitted' mkdir 0x77
refused 'ln' 'Operation not permitted' ln 0x1234 0x77
refused 'ln -s' 'Operation not permitted' ln -s 0x1234 0x77
refused 'setfattr' 'not supported' setfattr -n user.x -v y 0x1234
refused 'setfattr of ours' 'not permitted' \
	setfattr -n user.shmfs.key -v y 0x1234
rm "$MNT/0x1234"
shmfs_stop

new_dir DIR
for option in semaphores default_permissions size=1M objects=5 reserve \
	separator=:; do
	said=$("$SHMFS" -f -o "$option" sysv "$DIR" 2>&1) || :
	check "option $option" [ "$said" = \
		"shmfs: option '${option%=*}' does not apply to sysv" ]
done
check 'unknown kind' [ "$("$SHMFS" -f system5 "$DIR" 2>&1)" = \
	"shmfs: unknown kind 'system5'; accepted is posix, sysv" ]

shmfs_start prefix=0x0000,exclude=00ab
in_view()
{
	ipcmk -M 100 >"$SIDE/.ipcmk"
	truncate -s 10 "$MNT/00cd"
	ipcs -m | grep -q '^0x000000cd .* 10 '
	[ "$(ls "$MNT")" = 00cd ]
	fails truncate -s 10 "$MNT/00ab"
	fails truncate -s 10 "$MNT/0ab"
	fails truncate -s 10 "$MNT/12345678"
	[ "$(segments)" = 2 ]
}
check 'prefix and exclude, in any spelling' in_view
ipcrm --all=shm
shmfs_stop

shmfs_start ro
truncated()
{
	ipcmk -M 100 >"$SIDE/.ipcmk"
	cat "$MNT"/0x* >"$SIDE/.cat"
	fails touch "$MNT/0x1"
	fails rm "$MNT"/0x*
}
check 'ro: can be read and nothing else' truncated
ipcrm --all=shm

finish
