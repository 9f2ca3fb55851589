#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Limits and shown owners in a view with a prefix and directories: what is not
# in view does not count, a directory's marker does, and is what a directory's
# owner and mode are shown for.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''

# used BYTES OBJECTS: what df says
used()
{
	local got

	got=$(stat -f -c '%b %f %S %c %d' "$MNT" |
		awk '{ print ($1 - $2) * $3, $4 - $5 }')
	[ "$got" = "$1 $2" ] || {
		echo "used: $got, not $1 $2"
		return 1
	}
}

# full COMMAND...
full()
{
	! "$@" 2>"$SIDE/error" && grep -qF 'No space left' "$SIDE/error"
}

refused_to()
{
	! "$@" 2>"$SIDE/error" && grep -qF 'not permitted' "$SIDE/error"
}

as()
{
	(cd / && setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}")
}

truncate -s 1M /dev/shm/large /dev/shm/v /dev/shm/sem.v.a
truncate -s 100 /dev/shm/v.a:b
shmfs_start prefix=v.,separator=:,size=4000,objects=5
check "what is not in view does not count" used 128 1
check "growing within the limit" truncate -s 4000 "$MNT/a/b"
check "and no further" full truncate -s 4001 "$MNT/a/b"
check "a prefix given to it directly counts" \
	mv /dev/shm/large /dev/shm/v.large
check "as all of it" used 4000 2
check "and taken again" mv /dev/shm/v.large /dev/shm/large
check "it does not" used 4000 1
check "a directory's marker is an object" mkdir "$MNT/d" "$MNT/d/e"
check "of no size" used 4000 3
check "files in directories are objects" touch "$MNT/d/f" "$MNT/d/e/g"
check "no directory more" full mkdir "$MNT/h"
check "no file more" full touch "$MNT/d/h"
check "no marker for a directory without one" full chmod 700 "$MNT/a"
check "directories are renamed all the same" mv "$MNT/d" "$MNT/a/d"
check "with all that is in them" [ -e "$MNT/a/d/e/g" ]
check "a directory removed" rm -r "$MNT/a/d/e"
check "makes room" mkdir "$MNT/h"
check "for that and one more" touch "$MNT/h/i"
check "but no more" full touch "$MNT/h/k"
shmfs_stop

rm /dev/shm/*
shmfs_start prefix=v.,separator=:,allow_other,uid=4242,gid=4242,umask=077
check "the owner shown makes directories" as 4242 mkdir "$MNT/d"
check "which are shown as all else" \
	[ "$(stat -c %u:%g:%a "$MNT/d")" = 4242:4242:700 ]
check "and theirs" [ "$(stat -c %u:%g /dev/shm/v.d:)" = 4242:4242 ]
touch /dev/shm/v.d:root /dev/shm/v.r:root
check "also those without a marker" \
	[ "$(as 4242 stat -c %u:%g:%a "$MNT/r")" = 4242:4242:700 ]
check "the owner shown removes from them" as 4242 rm "$MNT/d/root"
check "and renames them" as 4242 mv "$MNT/r" "$MNT/s"
check "and removes them" as 4242 rmdir "$MNT/d"
check "nobody changes their mode" refused_to as 4242 chmod 755 "$MNT/s"
check "nor their owner" refused_to as 4242 chown 4343 "$MNT/s"
check "others do not get in" \
	bash -c '! setpriv --reuid=4343 --clear-groups ls "$MNT/s"'

finish
