#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What is counted: known operations raise the counters by what they are, in
# every data path and however many ask at once; SIGUSR1 logs the same keys as
# user.shmfs.stats has, and these are the keys of the manual.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_kind

PAGE=$(dirname "$SHMFS_SUPPORT")/../fs/shmfs.8
CLIENT=$SHMFS_SUPPORT/../clients/counted.py
export LOG=$SIDE/.log
shmfs_start '' bash -c 'exec "$@" 2>"$LOG"' sh
KIND=${SHMFS_KIND:-posix}
FILE=$MNT/$(file_name a)
native=
[ "$(getfattr --only-values --absolute-names -n user.shmfs.io "$MNT")" != \
	native ] || native=1

statistics()
{
	getfattr --only-values --absolute-names -n user.shmfs.stats "$MNT"
}

# value KEY: 0 for an error that has not happened
value()
{
	statistics | sed -n "s/^$1: //p" | grep . || echo 0
}

# by NUMBER KEY COMMAND...: the command raises the counter by that
by()
{
	local number=$1 key=$2 before after

	shift 2
	before=$(value "$key")
	"$@" >"$SIDE/.out" 2>&1 || :
	after=$(value "$key")
	if [ $((after - before)) = "$number" ]; then
		ok "$key: $number for ${*##*/}"
	else
		not_ok "$key: $((after - before)), not $number for ${*##*/}"
		sed 's/^/# /' "$SIDE/.out"
	fi
}

# is NUMBER KEY: what there is now, once what was closed is released
is()
{
	check "$2 is $1" wait_for 10 has "$1" "$2"
}

has()
{
	[ "$(value "$2")" = "$1" ]
}

client()
{
	/usr/bin/python3 "$CLIENT" "$@"
}

# Reads and writes that the kernel does itself are not counted, and not in
# any data path of segments does it do so.
data=1 path=direct
if [ "$native" ]; then
	path=mapped
	[ "$KIND" = sysv ] || data=0 path=native
fi

by 1 op_create client make "$FILE" 100000
client make "$MNT/$(file_name c)" 10
by 1 op_unlink client unlink "$MNT/$(file_name c)" 5
by 3 op_mkdir client mkdir "$MNT/0x77" 3
by 3 error_EPERM client mkdir "$MNT/0x77" 3
# It is looked up first, and not found.
by 6 errors client mkdir "$MNT/0x77" 3
by 4 error_ENOENT client stat "$MNT/0x77" 4
by 4 op_lookup client stat "$MNT/0x77" 4
by $((7 * data)) op_read client read "$FILE" 7 1000
by $((7000 * data)) bytes_read client read "$FILE" 7 1000
by $((6 * data)) op_write client write "$FILE" 6 500
by $((3000 * data)) bytes_written client write "$FILE" 6 500
by 2 "opened_$path" client read "$FILE" 1 1 "$FILE"
by 1 op_statfs stat -f "$MNT"
if [ "$KIND" = posix ]; then
	by 2 op_setattr client truncate "$FILE" 2
	by 1000 bytes_copied client copy "$FILE" 1000
	by 1 op_lseek client seek "$FILE"
	by 1 op_fallocate fallocate -l 100 "$FILE"
fi
if [ -z "$native" ]; then
	by 4096 bytes_written_back client map "$FILE"
	by 0 bytes_written client map "$FILE"
fi
is 0 open_files

# What is there now: twice the same object, and one more.
cp "$FILE" "$MNT/$(file_name b)"
exec 3<"$FILE" 4<"$FILE" 5<"$MNT/$(file_name b)"
is 3 open_files
is 2 open_objects
is $((native ? 2 : 0)) backings
head -c 1 <&3 >"$SIDE/byte"
[ "$KIND" = sysv ] || is "$data" windows
exec 3<&- 4<&- 5<&-
is 0 open_files
is 0 open_objects
is 0 backings
check "objects are known" [ "$(value known_objects)" -ge 2 ]
check "threads are" [ "$(value threads)" = \
	"$(find "/proc/$DAEMON/task" -mindepth 1 -maxdepth 1 | wc -l)" ]
case ${SHMFS_OPTIONS-} in
*io_uring*)
	check "requests come over io_uring" \
		[ "$(value requests_io_uring)" -gt 50 ]
	;;
*) is 0 requests_io_uring ;;
esac

# However many count at once, nothing is lost.
crowd()
{
	local pids=() i

	for i in 1 2 3 4 5 6; do
		client stat "$MNT/0x7$i" 500 &
		pids+=($!)
	done
	wait "${pids[@]}"
}
by 3000 error_ENOENT crowd

sums()
{
	statistics | awk -F ': ' -v key="$1" -v parts="$2" '
		$1 == key { all = $2 }
		index($1, parts) == 1 { sum += $2 }
		END { exit all != sum || !all }'
}
check "requests are the sum of the operations" sums requests op_
check "errors are the sum of the errors" sums errors error_

# Keys: of the attribute, of the signal and of the manual.
statistics >"$SIDE/.now"
check "each line is a key and a number" \
	[ "$(grep -cvE '^[a-zA-Z_]+: [0-9]+$' "$SIDE/.now")" = 0 ]
sed 's/:.*//' "$SIDE/.now" | sort >"$SIDE/.keys"
logged()
{
	sed -n 's/^shmfs: \([a-zA-Z_]*\): [0-9]*$/\1/p' "$LOG" | sort -u
}
logged_all()
{
	logged | cmp - "$SIDE/.keys"
}
kill -USR1 "$DAEMON"
check "SIGUSR1 logs the same keys" wait_for 10 logged_all
# A line that ends with a backslash goes on in the next.
sed -e ':next' -e '/\\$/{N;s/\\\n//;b next' -e '}' "$PAGE" |
	sed -n '/^\.Sh STATISTICS/,/^\.Sh SECURITY/s/^\.It Li //p' |
	sed 's/ , /\n/g; s/ Ns Ar name/NAME/' | sort >"$SIDE/.manual"
sed 's/^error_.*/error_NAME/' "$SIDE/.keys" | sort -u >"$SIDE/.shown"
check "the manual has the same keys" \
	diff -u "$SIDE/.manual" "$SIDE/.shown"
check "the attribute is not listed" bash -c \
	'! getfattr --absolute-names -m - "$1" | grep stats' sh "$MNT"
check "it cannot be set" bash -c \
	'! setfattr -n user.shmfs.stats -v x "$1"' sh "$MNT"

# Any number of signals at any time are no trouble.
storm()
{
	local i=300

	while [ "$i" -gt 0 ]; do
		kill -USR1 "$DAEMON" || return 1
		i=$((i - 1))
	done
}
crowd &
check "signals while it serves" storm
wait $!
check "it answers" [ "$(value threads)" -gt 2 ]
shmfs_stop
finish
