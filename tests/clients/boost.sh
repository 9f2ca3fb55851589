#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Boost.Interprocess: shared_memory_object and managed_shared_memory by name,
# and file_mapping and managed_mapped_file of the same objects by their path
# under the mount. Processes that have it by its path use one allocator, one
# vector and one mutex at once; in the native path together with those that have
# it by name, in the direct one by turns with them.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
program=${SHMFS_BUILD:?}/tests/boost_objects
shmfs_needs 'libboost-dev and g++, when meson configured' test -x "$program"
shmfs_private ''
shmfs_start
object=${PREFIX}managed
file=$MNT/$object

# says TEXT WORD...: the program succeeds and prints the text.
# shellcheck disable=SC2317 # check calls it
says()
{
	local text=$1

	shift
	"$program" "$@" >"$SIDE/says"
	diff <(echo "$text") "$SIDE/says"
}

# shellcheck disable=SC2317 # check calls it
not_there()
{
	local status=0

	"$program" "$@" || status=$?
	[ "$status" = 3 ]
}

# shellcheck disable=SC2317 # check calls it
many_at_once()
{
	local pids='' p

	for p in 1 2; do
		"$program" add "$@" 2000 &
		pids="$pids $!"
		"$program" add path "$file" 2000 &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p"
	done
}

check 'raw: made by name' "$program" raw-write name "${PREFIX}raw" 100000 a
check 'raw: read by path' says '100000 of a' raw-read path "$MNT/${PREFIX}raw"
check 'raw: written by path' "$program" raw-write path "$MNT/${PREFIX}raw" \
	100000 b
check 'raw: read by name' says '100000 of b' raw-read name "${PREFIX}raw"
check 'raw: read as a file' cmp "$MNT/${PREFIX}raw" \
	<(head -c 100000 /dev/zero | tr '\0' b)
check 'raw: removed by path' rm "$MNT/${PREFIX}raw"
check 'raw: gone by name' not_there raw-read name "${PREFIX}raw"

check 'managed: made by name' "$program" create name "$object" 1000000
check 'managed: is a file' [ "$(stat -c %s "$file")" = 1000000 ]
for kind in "name $object" "path $file"; do
	# shellcheck disable=SC2086 # two words
	check "managed: filled by ${kind%% *}" "$program" add $kind 1000
done
check 'managed: counted by path' says '2000 numbers, each 2 times' \
	count path "$file"
check 'managed: counted by name' says '2000 numbers, each 2 times' \
	count name "$object"
check 'managed: four at once, by path' many_at_once path "$file"
check 'managed: none lost' says '10000 numbers, each 6 times' \
	count name "$object"
if [ "$(getfattr -n user.shmfs.io --only-values --absolute-names \
	"$MNT")" = native ]; then
	check 'managed: four at once, by name and by path' many_at_once \
		name "$object"
	check 'managed: none lost' says '18000 numbers, each 10 times' \
		count name "$object"
fi
check 'managed: removed by name' "$program" remove "$object"
check 'managed: no file is left' [ ! -e "$file" ]

check 'managed: made by path' "$program" create path "$file" 300000
check 'managed: filled by name' "$program" add name "$object" 50
check 'managed: counted by path' says '50 numbers, each 1 times' \
	count path "$file"
check 'managed: and removed' rm "$file"

finish
