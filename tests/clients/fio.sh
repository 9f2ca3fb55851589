#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fio writes blocks with a checksum in each and reads them back, with every
# engine that reads and writes files; what one wrote through the mount is also
# verified in /dev/shm by another, and the other way round.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs fio fio --version
shmfs_private ''
shmfs_start

# work FILE ARGUMENT...: blocks of many sizes, at random, each with its checksum
# shellcheck disable=SC2317 # check calls it
work()
{
	local file=$1

	shift
	(cd "$SIDE" && fio --name=job --filename="$file" --size=6m \
		--rw=randwrite --bsrange=512-64k --bs_unaligned=1 \
		--randseed=7 --verify=crc32c --verify_fatal=1 \
		--fallocate=none --thread --minimal "$@") >"$SIDE/fio" 2>&1 ||
		{ cat "$SIDE/fio" && return 1; }
}

# The second field of five is the error, and the sixth what was read, in KiB.
# shellcheck disable=SC2317 # check calls it
verified()
{
	work "$@" || return 1
	awk -F ';' 'NF > 50 { n++; if ($5 != 0 || $6 < 6000) bad++ }
		END { exit n == 0 || bad > 0 }' "$SIDE/fio"
}

# shellcheck disable=SC2317 # check calls it
fails()
{
	! "$@"
}

for engine in psync sync pvsync2 posixaio libaio io_uring splice mmap; do
	check "$engine" verified "$MNT/$PREFIX$engine" --ioengine="$engine" \
		--iodepth=8
	check "$engine: the object is the file" \
		cmp "$MNT/$PREFIX$engine" "/dev/shm/$PREFIX$engine"
	rm "$MNT/$PREFIX$engine"
done

for engine in psync libaio; do
	check "$engine with O_DIRECT" verified "$MNT/$PREFIX$engine" \
		--ioengine="$engine" --direct=1 --iodepth=8 --bs=4k \
		--bsrange=4k-64k --bs_unaligned=0
	rm "$MNT/$PREFIX$engine"
done

# Blocks of one size: those of many can overlap, and only the run that wrote
# them knows which came last.
# shellcheck disable=SC2317 # check calls it
cross()
{
	"$@" --bsrange=16k-16k --bs_unaligned=0
}
mount=$MNT/${PREFIX}cross object=/dev/shm/${PREFIX}cross
check 'written through the mount, not yet verified' cross work "$mount" \
	--ioengine=psync --do_verify=0
check 'verified in /dev/shm by mmap' cross verified "$object" --ioengine=mmap \
	--verify_only
check 'written in /dev/shm by mmap' cross work "$object" --ioengine=mmap \
	--do_verify=0 --randseed=8
for engine in psync mmap io_uring; do
	check "verified through the mount by $engine" cross verified "$mount" \
		--ioengine="$engine" --verify_only --randseed=8
done
printf 'another byte' | dd of="$object" bs=1 seek=777777 conv=notrunc \
	status=none
check 'and notices what is wrong' fails cross verified "$mount" \
	--ioengine=psync --verify_only --randseed=8
rm "$mount"

finish
