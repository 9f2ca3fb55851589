#!/bin/bash
# SPDX-License-Identifier: MIT
#
# In the background the daemon tells syslog(3) its data path and, on SIGUSR1,
# its counters, each line a message of its own.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_kind
# shellcheck source=tests/support/start.sh
. "$SHMFS_SUPPORT/start.sh"

# All that follows has a /dev of its own, with a log in it.
if [ "${1-}" != inside ]; then
	status=0
	with_fuse 666 "$BASH" "$0" inside || status=$?
	exit "$status"
fi
/usr/bin/python3 "$SHMFS_SUPPORT/../clients/syslogd.py" /dev/log \
	"$SIDE/.log" &
listener=$!
check "the log is there" wait_for 10 test -S /dev/log

has_line()
{
	grep -qE "^<[0-9]+>.* shmfs\[$daemon\]: $1\$" "$SIDE/.log"
}

new_dir MNT
"$SHMFS" "${SHMFS_KIND:-posix}" "$MNT"
daemon=$(processes_of "$MNT" | head -n 1)
check "the data path" wait_for 10 has_line "$MNT: data path is [a-z]+"
ls "$MNT/nothing" 2>"$SIDE/.err" || :
kill -USR1 "$daemon"
check "the first counter" wait_for 10 has_line 'requests: [1-9][0-9]*'
check "an error" wait_for 10 has_line 'error_ENOENT: [1-9][0-9]*'
check "the last counter" wait_for 10 has_line 'seconds: [0-9]+'
check "nothing but messages" bash -c \
	'! grep -vE "^<[0-9]+>[^<>]* shmfs\[[0-9]+\]: [^<>]*$" "$1"' sh \
	"$SIDE/.log"
umount "$MNT"
check "the daemon ends" wait_for 10 gone "$daemon"
kill "$listener"
finish
