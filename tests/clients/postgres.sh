#!/bin/bash
# SPDX-License-Identifier: MIT
#
# PostgreSQL with dynamic_shared_memory_type=posix: the segments of a parallel
# query are listed, read and mapped through the mount while it runs, and are
# gone when it is done. Then a server is given a view in place of /dev/shm, and
# makes and maps its segments through that.
# shellcheck disable=SC2317 # check calls them by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
# shellcheck source=tests/support/postgres.sh
. "$SHMFS_SUPPORT/postgres.sh"
shmfs_private ''

parallel='set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0; set max_parallel_workers_per_gather = 2;
set enable_mergejoin = off; set enable_nestloop = off;'
# A hash join that three processes do together in segments they make as needed
join="$parallel"' select count(*), sum(length(a.v || b.v))
from t a join t b using (n);'

sql()
{
	as_postgres psql -qAt -v ON_ERROR_STOP=1 postgres -c "$1"
}

make_table()
{
	sql 'create table t as select n, md5(n::text) v
		from generate_series(1, 40000) n; analyze t;'
	sql "${join/select/explain select}" >"$SIDE/plan"
	grep -q 'Parallel Hash Join' "$SIDE/plan"
}

# A parallel query that waits where a worker has found a certain row.
start_query()
{
	sql "$parallel"' select count(*) from t
		where n % 10000 <> 1 or pg_sleep(1) is not null;' \
		>"$SIDE/query" 2>&1 &
	QUERY=$!
}

look()
{
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/postgres_segments.py" \
		"$MNT" "$@"
}

fails()
{
	! "$@"
}

# ends NAME PID: that child of this shell succeeds.
ends()
{
	local status=0

	wait "$2" || status=$?
	check "$1" [ "$status" = 0 ]
}

right_joins()
{
	local left=4

	while [ "$left" -gt 0 ]; do
		left=$((left - 1))
		[ "$(sql "$join")" = '40000|2560000' ] || return 1
	done
}

# Looks at all there is as long as process $1 runs; says how often it did.
look_while()
{
	local looks=0

	while kill -0 "$1" 2>/dev/null; do
		look any || return 1
		looks=$((looks + 1))
	done
	echo "# looked $looks times"
	[ "$looks" -gt 1 ]
}

options=
[ "$(id -u)" != 0 ] || options=allow_other
postgres_init
shmfs_start "$options"
postgres_start -c dynamic_shared_memory_type=posix
check 'it has a segment with the list of all others' look control
check 'a table' make_table
start_query
check 'the segment of a query that runs is there, and mapped by its workers' \
	wait_for 20 look parallel
ends 'the query is done' "$QUERY"
check 'its result is right' [ "$(cat "$SIDE/query")" = 40000 ]
check 'its segment is gone' wait_for 20 fails look parallel
right_joins &
joins=$!
check 'all are read and mapped while queries come and go' look_while "$joins"
ends 'the queries have the right results' "$joins"
postgres_stop
check 'no segment is left' [ -z "$(ls -A "$MNT")" ]
shmfs_stop

# The server's own /dev/shm is a view now. In the direct path its processes
# share a copy, which is all they need.
if [ "$(id -u)" = 0 ]; then
	shmfs_start allow_other,prefix=box.
	new_dir OUTSIDE
	mount --bind /dev/shm "$OUTSIDE"
	mount --bind "$MNT" /dev/shm
	postgres_start -c dynamic_shared_memory_type=posix
	check 'in a view: its segments are objects with the prefix' \
		diff <(cd "$MNT" && printf 'box.%s\n' *) <(ls "$OUTSIDE")
	check 'the queries have the right results' right_joins
	postgres_stop
	umount /dev/shm
	check 'no segment is left' [ -z "$(ls -A /dev/shm)" ]
	umount "$OUTSIDE"
fi

finish
