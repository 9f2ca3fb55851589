#!/bin/bash
# SPDX-License-Identifier: MIT
#
# cpu_latency= is in force while the mount is busy, and only then: not before,
# not when nothing has been asked for a while, not after the daemon, killed or
# ended. Reading the device tells what is in force on the machine.
# shellcheck disable=SC2317 # called through check
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''

DEVICE=/dev/cpu_dma_latency
MINE=4321 # microseconds, which nobody else asks for

if [ ! -r "$DEVICE" ]; then
	echo "$DEVICE is not here"
	exit 77
fi

# The least of all requests is in force: one test at a time.
exec 9<"$DEVICE"
flock -w 50 9

in_force()
{
	[ "$(od -An -td4 -N4 "$DEVICE" | tr -d ' ')" = "$MINE" ]
}

not_in_force()
{
	! in_force
}

# A request, and time to answer it.
once()
{
	stat "$MNT"
	sleep 0.05
}

# Requests, one closely after the other, until the time is over; as the
# process that calls it.
busy()
{
	exec /usr/bin/python3 - "$MNT" "$1" <<-'END'
	import os, sys, time
	end = time.monotonic() + float(sys.argv[2])
	while time.monotonic() < end:
	    os.stat(sys.argv[1])
	END
}

shmfs_start "cpu_latency=$MINE"
check 'not in force when nothing happens' wait_for 10 not_in_force
busy 30 &
caller=$!
check 'in force while requests come' wait_for 20 in_force
kill "$caller"
wait "$caller" || :
check 'taken back when they end' wait_for 10 not_in_force
check 'one request' once
check 'is nothing to have it for' not_in_force

busy 30 &
caller=$!
check 'in force again' wait_for 20 in_force
kill -KILL "$DAEMON"
wait "$DAEMON" || :
DAEMON=
wait "$caller" || :
check 'ends with a daemon that is killed' not_in_force
umount "$MNT"

shmfs_start "cpu_latency=$MINE,spin=0"
busy 30 &
caller=$!
check 'in force with another one, which does not spin' wait_for 20 in_force
shmfs_stop TERM
wait "$caller" || :
check 'ends with a daemon that ends' not_in_force

finish
