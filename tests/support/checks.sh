# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A line for each thing that a script sees, and waiting with a deadline. Sourced
# by functions.sh, and by the package's tests, which have no mount of their own.
#
#   SIDE           a directory for what commands print
#   shmfs_failed   how many things were not as they should be
shmfs_failed=0

ok()
{
	printf 'ok - %s\n' "$1"
}

not_ok()
{
	printf 'not ok - %s\n' "$1"
	shmfs_failed=$((shmfs_failed + 1))
}

# wait_for SECONDS COMMAND...: until it succeeds; fails after the deadline.
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >"$SIDE/.wait" 2>&1; do
		[ "$SECONDS" -le "$end" ] || return 1
		sleep 0.02
	done
}

# check NAME COMMAND...: the command succeeds.
check()
{
	local name=$1 status=0

	shift
	set +e # so that -e holds in the command
	(
		set -e
		"$@"
	) >"$SIDE/.out" 2>&1
	status=$?
	set -e
	if [ "$status" = 0 ]; then
		ok "$name"
	else
		not_ok "$name: exit status $status"
		tail -n 30 "$SIDE/.out" | sed 's/^/# /'
	fi
}

# reports NAME COMMAND...: a program that prints such lines itself; it succeeds.
reports()
{
	local name=$1 status=0

	shift
	"$@" || status=$?
	[ "$status" = 0 ] || not_ok "$name: exit status $status"
}
