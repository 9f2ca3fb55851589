#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Segments with huge pages (SHM_HUGETLB) are listed, read and written, in each
# data path; none of them is mapped as if it had small ones.
# shellcheck disable=SC2317 # called through check
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private_ipc

# The pages are the machine's: four more than there were, until the end.
pages=/proc/sys/vm/nr_hugepages
before=$(cat "$pages")
if ! echo $((before + 4)) >"$pages" ||
	[ "$(cat "$pages")" -lt $((before + 4)) ]; then
	echo "no huge pages to be had" >&2
	echo "$before" >"$pages" || :
	exit 77
fi
trap 'ipcrm --all=shm; echo "$before" >"$pages"; shmfs_cleanup' EXIT

size=$(($(sed -n 's/^Hugepagesize: *\([0-9]*\) kB/\1/p' /proc/meminfo) * 1024))

# A segment of $1 bytes with the key 0x$2 and "huge" in it.
make_huge()
{
	/usr/bin/python3 - "$@" <<-'END'
	import ctypes, sys
	libc = ctypes.CDLL(None, use_errno=True)
	libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
	libc.shmat.restype = ctypes.c_void_p
	libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
	SHM_HUGETLB, IPC_CREAT = 0o4000, 0o1000
	shmid = libc.shmget(int(sys.argv[2], 16), int(sys.argv[1]),
	                    SHM_HUGETLB | IPC_CREAT | 0o600)
	assert shmid >= 0, ctypes.get_errno()
	ctypes.memmove(libc.shmat(shmid, None, 0), b"huge", 4)
	END
}

# Stores through a shared mapping, where one is to be had.
map_it()
{
	/usr/bin/python3 - "$1" <<-'END'
	import mmap, sys
	with open(sys.argv[1], "r+b") as f, mmap.mmap(f.fileno(), 4096) as m:
	    assert m[:4] == b"huge", m[:4]
	    m[100:106] = b"mapped"
	    m.flush()
	END
}

use()
{
	local file=$MNT/0x$1 size=$2

	[ "$(stat -c %s "$file")" = "$size" ]
	[ "$(stat -c %b "$file")" -ge $((pagesize / 512)) ]
	[ "$(head -c 4 "$file")" = huge ]
	[ "$(wc -c <"$file")" = "$size" ]
	printf end | dd of="$file" bs=1 seek=$((size - 3)) conv=notrunc
	[ "$(tail -c 3 "$file")" = end ]
	map_it "$file"
	[ "$(tail -c +101 "$file" | head -c 6)" = mapped ]
}

pagesize=$size
make_huge "$size" 1
make_huge $((size + 5000)) 2
for options in '' io=direct; do
	shmfs_start "$options"
	check "${options:-io=auto}: listed" \
		[ "$(ls "$MNT")" = $'0x00000001\n0x00000002' ]
	check "${options:-io=auto}: of whole pages" use 1 "$size"
	check "${options:-io=auto}: of others" use 2 $((size + 5000))
	shmfs_stop
done
shmfs_start
rm "$MNT/0x1" "$MNT/0x2"
check "removed" [ -z "$(ipcs -m | grep '^0x')" ]

finish
