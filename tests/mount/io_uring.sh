#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Asked for io_uring, and where the kernel has it, the daemon serves over it:
# then the other tests that ask for it test it. It answers, lets go of every
# ring when it ends, and does not burn a core when nothing is asked.
# shellcheck disable=SC2317 # called through check
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"

rings()
{
	find "/proc/$DAEMON/fd" -lname '*io_uring*' | wc -l
}

has_rings()
{
	[ "$(rings)" -gt 0 ]
}

for path in native direct; do
	shmfs_start "io=$path,io_uring"
	check "$path: the daemon has a ring" wait_for 10 has_rings
	echo content >"$MNT/${PREFIX}x"
	check "$path: what is written is there" \
		[ "$(cat "/dev/shm/${PREFIX}x")" = content ]
	check "$path: what is there is read" \
		[ "$(cat "$MNT/${PREFIX}x")" = content ]
	rm "$MNT/${PREFIX}x"
	shmfs_stop
done

shmfs_start "io_uring,io_uring_q_depth=2"
check "a queue depth of two" wait_for 10 has_rings
writers=()
for _ in 1 2 3 4 5 6 7 8; do
	head -c 3M /dev/zero >"$MNT/${PREFIX}y" &
	writers+=($!)
done
for writer in "${writers[@]}"; do
	wait "$writer" || not_ok "a writer failed"
done
check "is enough for eight writers" \
	[ "$(stat -c %s "/dev/shm/${PREFIX}y")" = 3145728 ]
finish
