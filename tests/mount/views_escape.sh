#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The escape table: in views of every kind, every operation on every name that
# is not in view, as root and as an ordinary user. What is outside is neither
# seen nor touched, and nothing can be made there. The objects outside may be
# read and written by everybody: only the view is in the way.
# shellcheck disable=SC2317 # called by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
cp "$SHMFS_SUPPORT/../clients/escape.py" "$SIDE"
chmod 755 "$SIDE"

as_user()
{
	(cd / && setpriv --reuid=4242 --regid=4242 --clear-groups "$@")
}

make_outside()
{
	local name

	for name in "$@"; do
		echo "outside $name" >"/dev/shm/$name"
		chmod 666 "/dev/shm/$name"
		touch -d 2001-01-01 "/dev/shm/$name"
	done
}

# table OPTIONS INSIDE "OBJECT..." PATH...: one view. INSIDE is the path of a
# file in view; the objects are outside, and so is what the paths would be.
table()
{
	local options=$1 inside=$2 separator='' before
	local -a objects

	[[ $options != *separator=* ]] || separator=${options#*separator=}
	separator=${separator:0:1}

	read -ra objects <<<"$3"
	shift 3
	make_outside "${objects[@]}"
	before=$(shmfs_state /dev/shm)
	shmfs_start "allow_other,$options"
	: >"$MNT/$inside"
	check "$options, root" /usr/bin/python3 "$SIDE/escape.py" \
		"$MNT" "$separator" "$inside" "$@"
	chown 4242:4242 "$MNT/$inside"
	check "$options, user" as_user /usr/bin/python3 "$SIDE/escape.py" \
		"$MNT" "$separator" "$inside" "$@"
	rm "$MNT/$inside"
	check "$options, removing all" find "$MNT" -mindepth 1 -delete
	if [ "$before" = "$(shmfs_state /dev/shm)" ]; then
		ok "$options, what is outside is as it was"
	else
		not_ok "$options, what is outside is as it was"
		shmfs_state /dev/shm | diff - <(echo "$before") || :
	fi
	shmfs_stop
	find /dev/shm -mindepth 1 -delete
}

table '' mine 'sem.x sem.' sem.x sem. sem.new
table 'exclude=*.secret' mine 'x.secret .secret' x.secret .secret new.secret
table 'include=pub*' pub 'other puB' other puB new .pub
table 'include=pub*,exclude=*x' pub 'pubx x' pubx x newx new
table 'include=[!s]*' mine 'secret' secret snew
table 'prefix=app.,exclude=s*' mine 'app.s s app other' s snew
table 'prefix=a,exclude=pp*' mine 'app.s s' pp.s pp
table 'separator=:,exclude=s*' mine 's:x s: s sub:' \
	s s:x s: s/x snew snew/x s:new sub sub/x
table 'prefix=p:,separator=:,exclude=s/*' mine 'p:s:x p:s:y:z s:x' \
	s/x s:x s:y s/y/z s:new
table 'separator=:,include=d/*' d:mine 'e e:x d d:' e e/x e:x f d:
table 'separator=.' a.mine 'sem.x sem.' sem.x sem. sem.new sem/x
# All names are inside: what is outside cannot even be said.
table 'prefix=app:' mine 'app other app.x sem.app:x ap'
table 'prefix=app:,separator=:' mine 'app: app other app.x sem.app:x'

# A directory in view with objects outside in it.
make_outside cam:hidden cam:sub:hidden hidden
shmfs_start 'allow_other,separator=:,exclude=*hidden'
mkdir "$MNT/cam" "$MNT/cam/sub"
before=$(shmfs_state /dev/shm | grep hidden)
echo shown >"$MNT/cam/shown"
hidden_stay()
{
	[ "$(shmfs_state /dev/shm | grep hidden)" = "$before" ]
}
check 'it is renamed without them' mv "$MNT/cam" "$MNT/new"
check 'they stay' hidden_stay
check 'nothing is left of it' [ ! -e "$MNT/cam" ]
mv "$MNT/new" "$MNT/cam"
check 'it is emptied without them' rm -r "$MNT/cam"
check 'they stay again' hidden_stay
check 'it may not be renamed to a name outside' \
	bash -c "mkdir '$MNT/d' && ! mv '$MNT/d' '$MNT/d.hidden' &&
		[ -d '$MNT/d' ] && rmdir '$MNT/d'"
check 'nor with an object that would be outside' \
	bash -c "mkdir '$MNT/d' '$MNT/d/x' && : >'$MNT/d/x/y' &&
		! mv '$MNT/d/x/y' '$MNT/d/x/y.hidden' && rm -r '$MNT/d'"

finish
