#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The daemon under valgrind serves a bit of everything, then ends: it has
# neither leaked nor touched what it must not. meson registers this for builds
# without sanitizers only, as the two do not go together.
# shellcheck disable=SC2016,SC2094,SC2317 # see the callers
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
if ldd "$SHMFS" | grep -qE 'lib(clang_rt\.)?[at]san' ||
	nm "$SHMFS" 2>/dev/null | grep -qE '__[at]san_init'; then
	echo "skipped: the daemon has sanitizers in it, valgrind cannot run it"
	exit 77
fi
if ! command -v valgrind >"$SIDE/out"; then
	echo "skipped: there is no valgrind"
	exit 77
fi
shmfs_private ''
log=$SIDE/.valgrind
preload=${SHMFS_BUILD:?}/tests/libold_syscalls.so
# The process that asks the first question is a copy and frees nothing.
shmfs_start '' env LD_PRELOAD="$preload" valgrind --quiet \
	--child-silent-after-fork=yes \
	--leak-check=full --show-leak-kinds=all \
	--errors-for-leak-kinds=definite,indirect,possible --error-exitcode=9 \
	--log-file="$log"

load()
{
	local i

	for i in 1 2 3 4 5 6 7 8; do
		seq 20000 >"$MNT/f$i"
		cat "$MNT/f$i" >>"$MNT/all"
		truncate -s "$((i * 5000))" "$MNT/f$i"
		mv "$MNT/f$i" "$MNT/g$i"
		chmod 600 "$MNT/g$i"
		touch -d 2001-01-01 "$MNT/g$i"
		setfattr -n user.k -v "$i" "$MNT/g$i"
		getfattr -d "$MNT/g$i" | grep -q user.k
	done
	ls -la "$MNT" >"$SIDE/out"
	grep -q g8 "$SIDE/out"
	cp -a "$MNT/g1" "$MNT/h"
	fallocate -l 1M "$MNT/h"
	fallocate -p -o 4096 -l 65536 "$MNT/h"
	cp --sparse=always "$MNT/h" "$MNT/s"
	df "$MNT" >"$SIDE/out"
	flock "$MNT/h" true
	dd if=/dev/zero of="$MNT/far" bs=1M seek=1000000 count=3 status=none
	dd if="$MNT/far" of="$SIDE/out" bs=1M skip=1000000 status=none
	echo gone >"$MNT/open"
	{
		rm "$MNT/open"
		cat >"$SIDE/out"
	} <"$MNT/open"
	grep -qx gone "$SIDE/out"
	rm "$MNT"/g* "$MNT/far"
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/append.py" "$MNT/h" line
	echo direct >/dev/shm/direct
	cat "$MNT/direct" "$MNT/h" >"$SIDE/out"
}

refusals()
{
	local i

	for i in 1 2 3; do
		! mkdir "$MNT/d" || return 1
		! ln "$MNT/h" "$MNT/l" || return 1
		! cat "$MNT/nothing" || return 1
		! mv "$MNT/nothing" "$MNT/x" || return 1
		! truncate -s 9E "$MNT/h" || return 1
	done
}

at_once()
{
	local i
	local -a jobs=()

	for i in 1 2 3 4; do
		(for n in $(seq 25); do
			echo "$n" >>"$MNT/shared"
			seq "$n" >"$MNT/own$i"
			stat "$MNT/shared" "$MNT/own$i"
			rm "$MNT/own$i"
		done >"$SIDE/out$i") &
		jobs+=("$!")
	done
	for i in "${jobs[@]}"; do
		wait "$i"
	done
	[ "$(wc -l <"$MNT/shared")" = 100 ]
}

check 'a mixed load' load
check 'requests that fail' refusals
check 'four processes at once' at_once
check 'and again, after the kernel forgot' bash -c '
	sync; echo 2 >/proc/sys/vm/drop_caches; cat "$1"/* >/dev/null' \
	sh "$MNT"
exec 3<"$MNT/h"
read -r -u 3 _
shmfs_stop # with a file open
exec 3<&-
check 'valgrind has nothing to say' test ! -s "$log"
sed 's/^/# /' "$log"
rm -f /dev/shm/*

finish
