#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A value that an option cannot have, options that do not go together, and
# limits that are passed already: one line that names the option, its value and
# what is accepted; exit status 1; nothing mounted.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
new_dir DIR

# refusal OPTION TEXT: with this option in -o
refusal()
{
	local option=$1 text=$2 status=0 wrong=''

	timeout -k 5 60 "$SHMFS" -o "$option" "$DIR" </dev/null \
		>"$SIDE/out" 2>"$SIDE/err" || status=$?
	[ "$status" = 1 ] || wrong="exit status $status"
	[ ! -s "$SIDE/out" ] || wrong="$wrong, output"
	[ "$(wc -l <"$SIDE/err")" = 1 ] || wrong="$wrong, not one line"
	grep -q "^shmfs: option '" "$SIDE/err" || wrong="$wrong, no option"
	grep -qF -- "$text" "$SIDE/err" || wrong="$wrong, no '$text'"
	! is_mounted "$DIR" || wrong="$wrong, something is mounted"
	if [ -z "$wrong" ]; then
		ok "-o $option"
	else
		not_ok "-o $option: ${wrong#, }"
		sed 's/^/# /' "$SIDE/err"
	fi
}

# named ACCEPTED OPTION...: the option and ACCEPTED stand in the line
named()
{
	local accepted=$1 option

	shift
	for option; do
		refusal "$option" "option '$option': accepted is $accepted"
	done
}

named 'size=BYTES[K|M|G]' size= size=0 size=-1 size=+1 size=x size=K size=1T \
	size=5KB size=1.5M size=0x10 'size=1 K' 'size= 1' size=1k1 \
	size=9223372036854775808 size=8589934592G size=99999999999999999999
named 'objects=1..4294967295' objects= objects=0 objects=-1 objects=1k \
	objects=x objects=4294967296 objects=99999999999999999999
named 'uid=NAME|NUMBER' uid= uid=-1 uid=nosuch uid=4294967295 uid=1x
named 'gid=NAME|NUMBER' gid= gid=-1 gid=nosuch gid=4294967295 gid=1x
named 'umask=000..777' umask= umask=8 umask=1000 umask=-1 umask=00022 \
	umask=u=rwx 'umask= 22' umask=0x1
for option in size objects uid gid umask; do
	refusal "$option" "option '$option' needs a value: $option="
done
refusal reserve=1 "'reserve' takes no value"
refusal reserve= "'reserve' takes no value"
refusal ro,reserve "accepted is one of the two"
refusal reserve,ro "option 'reserve'"

head -c 5000 /dev/zero >/dev/shm/first
: >/dev/shm/second
: >/dev/shm/sem.not
for option in size=4k size=4999; do
	refusal "$option" "option '$option': the objects in view have 5000 "
done
refusal objects=1 "option 'objects=1': there are 2 "
refusal size=1m,objects=1 "option 'objects=1'"

# accepted OPTION LIMIT: mounts, with that many bytes
accepted()
{
	shmfs_start "$1"
	check "-o $1" [ "$(($(stat -f -c '%b * %S' "$MNT")))" = "$2" ]
	shmfs_stop
}

accepted size=5000,objects=2 5000
accepted size=5K 5120
accepted size=3k,size=7k 7168
accepted size=1m,reserve,rw 1048576
accepted size=2G,uid=0,gid=root,umask=0 2147483648
accepted size=9223372036854775807 9223372036854775807

finish
