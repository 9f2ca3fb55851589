#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A mount that nobody uses takes no CPU, however long its daemon may look for
# the next request after one; and its options for that are checked.
# shellcheck disable=SC2317 # called through check
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_kind

# Ticks (10 ms) of CPU that the daemon has had.
ticks()
{
	local fields

	read -ra fields <"/proc/$DAEMON/stat"
	echo $((fields[13] + fields[14]))
}

# Two seconds of doing nothing cost at most one tick.
idle()
{
	local before

	sleep 0.1
	before=$(ticks)
	sleep 2
	[ $(($(ticks) - before)) -le 1 ]
}

for spin in 0 50 10000; do
	shmfs_start "spin=$spin"
	for i in 1 2 3; do
		file=$MNT/$(file_name "x$i")
		echo "$i" >"$file"
		[ "$(cat "$file")" = "$i" ]
		[ "$i" = 3 ] || rm "$file"
	done
	check "spin=$spin: idle" idle
	check "spin=$spin: goes on" [ "$(cat "$file")" = 3 ]
	rm "$file"
	shmfs_stop
done

finish
