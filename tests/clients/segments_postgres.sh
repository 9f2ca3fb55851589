#!/bin/bash
# SPDX-License-Identifier: MIT
#
# PostgreSQL with its shared memory in a System V segment works under load
# while that segment is listed, read and mapped through the mount, and ends
# as it does without anybody looking.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
# shellcheck source=tests/support/postgres.sh
. "$SHMFS_SUPPORT/postgres.sh"
shmfs_private_ipc

seconds=4
[ -z "${SHMFS_LONG-}" ] || seconds=60

# Its segment, or nothing: the one that is larger than a few pages
segment()
{
	find "$MNT" -size +1M -printf '%f\n'
}

look()
{
	/usr/bin/python3 - "$MNT/$name" <<-'END'
	import mmap, os, struct, sys
	MAGIC = 679834894  # PGShmemMagic, storage/pg_shmem.h
	f = open(sys.argv[1], "rb")
	size = os.fstat(f.fileno()).st_size
	data = f.read()
	assert len(data) == size, (len(data), size)
	assert struct.unpack_from("i", data)[0] == MAGIC
	with mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ) as m:
	    assert struct.unpack_from("i", m)[0] == MAGIC
	    assert len(m[:]) == size
	END
	ls -l "$MNT" >"$SIDE/list"
	grep -q "$name" "$SIDE/list"
	stat -c '%U %a %s' "$MNT/$name" >"$SIDE/stat"
	[ "$(cat "$SIDE/stat")" = "$(ipcs -m |
		awk -v name="$name" '$1 == name { print $3, $4, $5 }')" ]
}

postgres_init
shmfs_start allow_other
postgres_start -c shared_memory_type=sysv
name=$(segment)
check 'its segment is listed' [ -n "$name" ]
check 'pgbench -i' as_postgres pgbench -q -i -s 1 postgres

as_postgres pgbench -c 4 -j 2 -T "$seconds" postgres >"$SIDE/pgbench" 2>&1 &
load=$!
looks=0
status=0
while kill -0 "$load" 2>"$SIDE/.kill"; do
	set +e # so that -e holds in look
	(
		set -e
		look
	) >>"$SIDE/looks" 2>&1
	status=$((status + $?))
	set -e
	looks=$((looks + 1))
done
check "looked at $looks times while it works" [ "$status" = 0 ]
sed 's/^/# /' "$SIDE/looks"
check 'more than once' [ "$looks" -gt 1 ]
status=0
wait "$load" || status=$?
check 'pgbench fails nowhere' [ "$status" = 0 ]
sed -n 's/^\(tps\|number of transactions actually\|.*failed\)/# &/p' \
	"$SIDE/pgbench"
check 'without a failed transaction' grep -q \
	'^number of failed transactions: 0 ' "$SIDE/pgbench"
check 'the sum of all changes is right' [ "$(as_postgres psql -At postgres -c \
	'select (select sum(abalance) from pgbench_accounts) =
		(select sum(delta) from pgbench_history)')" = t ]

postgres_stop
check 'and its segment with it' [ -z "$(ls -A "$MNT")" ]

finish
