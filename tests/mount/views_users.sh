#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two users, two views, one namespace: each mounts a view of their own, and one
# of everything, and neither can do to the other's objects what the kernel
# would not let them do in /dev/shm. A third view, root's for all, does not
# change that. Views of the same objects agree at every moment.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''

shmfs_for_users
{
	cat /etc/passwd
	echo 'alice:x:4242:4242::/:/bin/sh'
	echo 'bob:x:4243:4243::/:/bin/sh'
} >"$PUB/passwd"
mount --bind "$PUB/passwd" /etc/passwd # fusermount3 wants names

as()
{
	local uid=$1

	shift
	(cd / && setpriv --reuid="$uid" --regid="$uid" --clear-groups "$@")
}

# mount_view UID NAME OPTIONS: at $PUB/NAME
mount_view()
{
	install -d -o "$1" -g "$1" "$PUB/$2"
	as "$1" "$PUB/shmfs" \
		-o "$3${SHMFS_OPTIONS:+,$SHMFS_OPTIONS}" "$PUB/$2"
}

check "alice's view" mount_view 4242 alice prefix=alice:,separator=:
check "bob's view" mount_view 4243 bob prefix=bob:
check "alice's view of bob's" mount_view 4242 spy prefix=bob:,separator=:
check 'a view of all' mount_view 4242 all separator=:
check "root's view" mount_view 0 root separator=:,allow_other

# The same names in both, and objects of all modes.
fill='
	umask 022
	cd "$1"
	for mode in 600 640 644 660 666; do
		echo "$2" >"f$mode"
		chmod "$mode" "f$mode"
	done
	[ "$(ls | wc -l)" = 5 ]
'
check 'alice fills hers' as 4242 bash -euc "$fill" sh "$PUB/alice" alice
check 'bob fills his' as 4243 bash -euc "$fill" sh "$PUB/bob" bob
check 'alice makes a directory' as 4242 mkdir -m 700 "$PUB/alice/private"
check 'and something in it' \
	as 4242 bash -c 'echo secret >"$1/private/f"' sh "$PUB/alice"
check "alice's view shows hers" \
	diff <(as 4242 ls "$PUB/alice") <(printf '%s\n' f6{00,40,44,60,66} \
	private)
check "bob's shows his" \
	diff <(as 4243 ls "$PUB/bob") <(printf '%s\n' f6{00,40,44,60,66})
before=$(shmfs_state /dev/shm)

# What one user can do to the other's objects: through the views the same as
# directly. Prints what worked; leaves all as it was.
attack='
	say()
	{
		local what=$1

		shift
		if ("$@") >/dev/null 2>&1; then
			echo "$what"
		fi
	}
	for f in f600 f640 f644 f660 f666; do
		object=$1$f
		say "read $f" cat "$object"
		say "write $f" bash -c "exec 3<>\"\$1\"" sh "$object"
		say "append $f" bash -c ": >>\"\$1\"" sh "$object"
		say "remove $f" rm -f "$object"
		say "rename $f" mv "$object" "$1$f.new"
		say "replace $f" mv "$2" "$object"
		say "chmod $f" chmod 777 "$object"
		say "chown $f" chown 4242 "$object"
		say "touch $f" touch -d 2001-01-01 "$object"
		say "xattr $f" setfattr -n user.y -v 1 "${object}0"
		say "list $f" stat "$object"
	done
'
attack()
{
	as "$1" bash -c "$attack" sh "$2" "$3"
}

attack 4242 /dev/shm/bob: /dev/shm/alice:f666 >"$SIDE/directly"
check 'something is allowed' grep -q 'read f644' "$SIDE/directly"
for via in spy/ all/bob/ all/bob: root/bob/ root/bob:; do
	attack 4242 "$PUB/$via" "$PUB/${via%%/*}/alice:f666" >"$SIDE/through"
	check "alice attacks through $via" diff "$SIDE/directly" \
		"$SIDE/through"
done
attack 4243 /dev/shm/alice: /dev/shm/bob:f666 >"$SIDE/directly"
for via in root/alice/ root/alice:; do
	attack 4243 "$PUB/$via" "$PUB/root/bob:f666" >"$SIDE/through"
	check "bob attacks through $via" diff "$SIDE/directly" "$SIDE/through"
done
# A directory's bits hold on the way through the mount ...
check 'bob does not get into the private directory' \
	as 4243 bash -c '! ls "$1"' sh "$PUB/root/alice/private"
check 'alice does' as 4242 grep -q secret "$PUB/root/alice/private/f"
# ... and the sticky bit of /dev/shm in directories that are open to all.
as 4242 chmod 777 "$PUB/alice/private"
check 'bob cannot remove from an open directory what is not his' \
	as 4243 bash -c '! rm -f "$1"' sh "$PUB/root/alice/private/f"
check 'but add to it' as 4243 touch "$PUB/root/alice/private/bobs"
check 'alice cannot remove that' \
	as 4242 bash -c '! rm -f "$1"' sh "$PUB/alice/private/bobs"
check 'nor the directory' as 4242 bash -c '! rm -rf "$1"' sh \
	"$PUB/alice/private"
check 'bob can' as 4243 rm "$PUB/root/alice/private/bobs"
as 4242 bash -c 'mkdir -p "$1"; chmod 700 "$1"; echo secret >"$1/f"' sh \
	"$PUB/alice/private"
check 'all is as it was' diff <(echo "$before" | sort) \
	<(shmfs_state /dev/shm | sort)

# Each change is in every view at once.
agree='
	cd "$1"
	for i in $(seq 100); do
		echo "$i" >"alice/new"
		for f in all/alice/new alice/new all/alice:new root/alice/new
		do
			[ "$(cat $f)" = $i ]
		done
		mkdir root/alice/d
		mv all/alice/new alice/d/moved
		[ ! -e root/alice/new ] && [ -e root/alice/d/moved ]
		mv all/alice/d all/alice/e
		[ ! -e alice/d ] && [ "$(cat root/alice/e/moved)" = "$i" ]
		rm alice/e/moved
		rmdir all/alice/e
		[ ! -e root/alice/e ] && [ ! -e alice/e ]
	done
'
check 'the views agree' as 4242 bash -euc "$agree" sh "$PUB"

for view in alice bob spy all root; do
	umount "$PUB/$view"
done
no_daemon()
{
	[ -z "$(processes_of "$PUB/shmfs")" ]
}
check 'the daemons end' wait_for 20 no_daemon
umount /dev/fuse /etc/passwd

finish
