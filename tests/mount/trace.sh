#!/bin/bash
# SPDX-License-Identifier: MIT
#
# -d prints a line for each request: who asks, what and with what result. Each
# is whole, however many threads print and whatever names people choose.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_kind

CLIENT=$SHMFS_SUPPORT/../clients/counted.py
export LOG=$SIDE/.log
shmfs_start allow_other bash -c 'exec "$1" -d "${@:2}" 2>"$LOG"' sh
A=$(file_name a) B=$(file_name b)
KIND=${SHMFS_KIND:-posix}

client()
{
	/usr/bin/python3 "$CLIENT" "$@"
}

has_line()
{
	grep -qxE -e "$1, [0-9]+ us" "$LOG"
}

# line TEXT [COMMAND...]: after the command there is this line, with any pid.
line()
{
	local text=$1

	shift
	[ $# = 0 ] || "$@" >"$SIDE/.out" 2>&1 || :
	check "$text" wait_for 10 has_line "shmfs: pid [0-9]+ uid ($text)"
}

as_user()
{
	setpriv --reuid=4242 --regid=4242 --clear-groups "$@"
}

R='O_RDONLY(\|[A-Z_|]*)?' W='O_WRONLY(\|[A-Z_|]*)?'
line '0: getxattr / "user.shmfs.io" size=[0-9]+ = 6'
line '0: lookup "0x77" = ENOENT' client stat "$MNT/0x77" 1
line "4242: lookup \"0x78\" = ENOENT" as_user test -e "$MNT/0x78"
line "0: create \"$A\" O_RDWR\\|O_CREAT mode=0600 = 0" \
	client make "$MNT/$A" 10000
line "0: setattr \"$A\" size=10000 = 0"
line "0: release \"$A\" = 0"
line "0: open \"$A\" $R = 0" client read "$MNT/$A" 2 100
line "0: open \"$A\" $W = 0" client write "$MNT/$A" 2 50
if [ "$(getfattr --only-values --absolute-names -n user.shmfs.io \
	"$MNT")$KIND" != nativeposix ]; then
	line "0: read \"$A\" 100@10 = 100"
	line "0: write \"$A\" 50@10 = 50"
fi
line "4242: lookup \"$A\" = 0" as_user cat "$MNT/$A"
line "0: setattr \"$A\" mode=0640 = 0" chmod 640 "$MNT/$A"
line "0: setattr \"$A\" uid=4242 gid=4242 = 0" chown 4242:4242 "$MNT/$A"
line "0: setattr \"$A\" atime=now mtime=now = 0" touch "$MNT/$A"
line '0: mkdir "0x77" mode=0755 = EPERM' mkdir "$MNT/0x77"
line '0: opendir / = 0' ls "$MNT"
line '0: readdir(plus)? / [0-9]+@0 = [0-9]+'
line '0: statfs / = 0' stat -f "$MNT"
line "0: unlink \"$A\" = 0" rm "$MNT/$A"
line "0: forget \"$A\" lookups=[0-9]+ = 0|0: forget_multi nodes=[0-9]+ = 0"
line "0: symlink \"0x77\" = EPERM" ln -s x "$MNT/0x77"
client make "$MNT/$A" 5000
if [ "$KIND" = posix ]; then
	line "0: setattr \"$A\" mtime=946684800.000000000 = 0" \
		touch -m -d @946684800 "$MNT/$A"
	line "0: setxattr \"$A\" \"user.x\" size=3 = 0" \
		setfattr -n user.x -v 123 "$MNT/$A"
	line "0: getxattr \"$A\" \"user.x\" size=[1-9][0-9]* = 3" \
		getfattr --absolute-names -n user.x "$MNT/$A"
	line "0: getxattr \"$A\" \"user.x\" size=0 = 3"
	line "0: listxattr \"$A\" size=[1-9][0-9]* = 7" \
		getfattr --absolute-names "$MNT/$A"
	line "0: removexattr \"$A\" \"user.x\" = 0" \
		setfattr -x user.x "$MNT/$A"
	line "0: fallocate \"$A\" 4096@0 KEEP_SIZE PUNCH_HOLE = 0" \
		fallocate -p -o 0 -l 4096 "$MNT/$A"
	line "0: lseek \"$A\" SEEK_HOLE from=0 = [0-9]+" client seek "$MNT/$A"
	line "0: copy_file_range \"$A\" 100@0 to \"$A\" 100@50000 = 100" \
		client copy "$MNT/$A" 100
	line "0: link \"$A\" to \"$B\" = EPERM" ln "$MNT/$A" "$MNT/$B"
	line "0: rename \"$A\" to \"$B\" RENAME_NOREPLACE = 0" \
		mv -n "$MNT/$A" "$MNT/$B"
fi

# Names that want to be something else.
hostile=$'x\nshmfs: pid 1 uid 0: unlink "all" = 0, 1 us\n'
line '0: lookup "x\\nshmfs: pid 1 uid 0: unlink \\"all\\" = 0, 1 us\\n" = .*' \
	test -e "$MNT/$hostile"
line '0: lookup "\\x1b\[2J\\x07\\x7f\\xc3\\xa4\\\\" = .*' \
	test -e "$MNT/"$'\e[2J\a\x7f\xc3\xa4\\'
long=$(printf '%255s' '' | tr ' ' '\001')
rename_long()
{
	/usr/bin/python3 -c 'import os, sys
os.rename(sys.argv[1], sys.argv[2])' "$1" "$2"
}
if [ "$KIND" = posix ]; then
	touch "$MNT/$long"
	line '0: rename "(\\x01){255}" to "(\\x02){255}" = 0' \
		rename_long "$MNT/$long" "$MNT/${long//$'\001'/$'\002'}"
fi

# A crowd of callers, each line whole.
crowd()
{
	local pids=() i

	for i in 1 2 3 4 5 6 7 8; do
		client stat "$MNT/0x9$i" 300 &
		pids+=($!)
	done
	wait "${pids[@]}"
}
counted()
{
	[ "$(grep -c 'lookup "0x9[1-8]" = ENOENT, [0-9]* us$' "$LOG")" = 2400 ]
}
crowd
check "2400 requests are 2400 lines" wait_for 10 counted
request='pid [0-9]+ uid [0-9]+: [a-z_]+ [ -~]* = ([A-Z0-9]+), [0-9]+ us'
strangers()
{
	grep -vE "^shmfs: $request\$" "$LOG" | grep -vE \
		-e '^shmfs: FUSE 7\.[0-9]+; passthrough: (yes|no);' \
		-e '^shmfs: .*: data path is (native|direct)$'
}
check "all other lines are known" bash -c '[ -z "$1" ]' sh "$(strangers)"
strangers | head -n 3 || :
shmfs_stop

# Directories have names too.
if [ "$KIND" = posix ]; then
	shmfs_start separator=: bash -c 'exec "$1" -d "${@:2}" 2>"$LOG"' sh
	line "0: mkdir \"$A\" mode=0755 = 0" mkdir "$MNT/$A"
	line "0: mkdir \"d\" in \"$A:?\" mode=0755 = 0" mkdir "$MNT/$A/d"
	line "0: create \"x\" in \"$A:d:?\" $W mode=0644 = 0" \
		dd if=/dev/null of="$MNT/$A/d/x"
	line "0: release \"$A:d:x\" = 0"
	line "0: rename \"d\" in \"$A:?\" to \"e\" in \"$A:?\" .*= 0" \
		mv "$MNT/$A/d" "$MNT/$A/e"
	line "0: getattr \"$A:e:?\" = 0" stat "$MNT/$A/e"
	shmfs_stop
fi

# Without -d there are none.
shmfs_start '' bash -c 'exec "$@" 2>"$LOG"' sh
client stat "$MNT/0x77" 3
shmfs_stop
check "without -d no request is printed" \
	bash -c '! grep "pid " "$LOG"'
finish
