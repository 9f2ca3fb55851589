#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Locks and the program that depends on them most: flock(1), fcntl(2) locks
# between processes, and sqlite3 with each of its journals, also with several
# processes at once, behave on the mount as on plain tmpfs.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start
shmfs_reference
export CLIENTS=$SHMFS_SUPPORT/../clients HOME=$SIDE

same 'flock(1): exclusive, shared, non-blocking, with a time limit' '
	touch a; exec 3<a 4<a 5>>a
	flock -x 3; echo $?; flock -n -x 4; echo $?; flock -n -s 5; echo $?
	flock -u 3; flock -s 3; flock -n -s 4; echo $?; flock -n -x 5; echo $?
	exec 3<&- 4<&-; flock -n -x 5; echo $?; flock -n a true; echo $?
	flock -w 0.2 a true; echo $?; flock -n -E 9 a true; echo $?
	exec 5>&-; flock -n a sh -c "flock -n a true; echo inner \$?"; echo $?
	flock -n new echo made; flock -n . echo directory; ls'
same 'flock(1): waiting until another process is done' '
	: >log; touch a
	flock a sh -c "echo first >>log; touch taken; until [ -e wait ]; do
	sleep 0.02; done; echo done >>log" &
	until [ -e taken ]; do sleep 0.02; done
	flock a sh -c "echo second >>log" & touch wait; wait; cat log'
same 'flock(1): a counter incremented by four processes' '
	echo 0 >n; touch lock; for i in 1 2 3 4; do (for j in $(seq 50); do
	flock lock sh -c "echo \$((\$(cat n) + 1)) >n.new; mv n.new n"
	done) & done; wait; cat n'
same 'flock(1): a killed process holds no lock' '
	touch a; exec 3<a; flock 3; (exec 3<&-; flock a echo got it) &
	exec 3<&-; wait; flock a sh -c "kill -9 \$\$" 2>/dev/null
	flock -n a echo free'
same 'fcntl locks between processes' '/usr/bin/python3 "$CLIENTS/locks.py"'

# A lock is this mount's: those who open the object elsewhere do not see it.
# shellcheck disable=SC2317 # check calls it
locks_inside_only()
{
	touch "$MNT/lock"
	exec 3<"$MNT/lock"
	flock 3
	if flock -n "$MNT/lock" true; then
		return 1
	fi
	flock -n /dev/shm/lock true
	rm "$MNT/lock"
}
check 'a lock holds in this mount, and not in /dev/shm' locks_inside_only

for journal in delete truncate persist memory wal off; do
	same "sqlite3, journal_mode=$journal" '
		sqlite3 db "pragma journal_mode='$journal'; pragma synchronous;
		create table t(id integer primary key, v text, b blob);
		with recursive n(i) as (select 1 union all select i + 1 from n
		where i < 2000) insert into t select i, printf(\"v%d\", i),
		zeroblob(i % 100) from n; select count(*), sum(id) from t;"
		ls; sqlite3 db "pragma journal_mode; select sum(length(b)),
		max(v) from t; update t set v = v || \"x\" where id % 7 = 0;
		delete from t where id % 5 = 0; create index i on t(v);"
		sqlite3 db "pragma integrity_check; select count(*) from t where
		v like \"%x\"; vacuum; pragma integrity_check;"
		sqlite3 db .dump | md5sum; ls'
done
same 'sqlite3: rollback, savepoints, attach, backup, temp files' '
	sqlite3 db "create table t(x); insert into t values(1);
	begin; insert into t values(2); rollback; begin; savepoint s;
	insert into t values(3); rollback to s; insert into t values(4); commit;
	select x from t; attach \"other\" as o;
	create table o.u as select * from t;
	pragma temp_store=file; select group_concat(x) from (select x from t
	order by x desc);" ".backup copy" ".dump"
	sqlite3 copy "select * from t"
	sqlite3 other "select count(*) from u"; cmp db copy; ls'
same 'sqlite3: mmap_size, page sizes, a large blob' '
	sqlite3 db "pragma page_size=65536; pragma mmap_size=100000000;
	create table t(b); insert into t values(zeroblob(10000000));
	insert into t values(randomblob(5000)); select sum(length(b)) from t;
	update t set b = zeroblob(20000000) where length(b) > 5000;
	select sum(length(b)) from t; pragma integrity_check;" ; ls -s; rm db'
same 'sqlite3: no such directory, read-only, not a database, locked' '
	sqlite3 nothing/db "create table t(x)"; sqlite3 db "create table t(x)"
	sqlite3 -readonly db "insert into t values(1)" 2>&1 | grep -o readonly
	seq 1000 >text; sqlite3 text "select * from t" 2>&1 | grep -o "not a .*"
	(echo "begin exclusive; insert into t values(7);"; touch "$SIDE/go"
	until [ -e "$SIDE/tried" ]; do sleep 0.02; done; echo "commit;") |
	sqlite3 db & until [ -e db-journal ]; do sleep 0.02; done
	sqlite3 db "insert into t values(8)" 2>&1 | grep -o locked
	touch "$SIDE/tried"; wait; sqlite3 db "select * from t"; ls'
same 'sqlite3: a WAL left by a killed process is recovered' '
	sqlite3 db "pragma journal_mode=wal; create table t(x);"
	(echo ".timeout 60000"
	echo "insert into t values(1); insert into t values(2);"
	until [ -e "$SIDE/killed" ]; do sleep 0.02; done) | sqlite3 db &
	until sqlite3 db ".timeout 60000" "select count(*) from t" |
	grep -q 2; do
	sleep 0.02; done; exec 2>/dev/null; kill -9 $!; touch "$SIDE/killed"
	wait $!; sqlite3 db "select * from t; pragma integrity_check;" 2>&1; ls'
for journal in delete wal; do
	same "sqlite3: four processes write at once, journal_mode=$journal" '
		sqlite3 db "pragma journal_mode='$journal';
		create table t(who, n); create table sum(total);
		insert into sum values(0);"
		for who in 1 2 3 4; do (echo ".timeout 60000"
		for n in $(seq 40); do echo "begin immediate;
		insert into t values($who, $n);
		update sum set total = total + $n; commit;"; done) |
		sqlite3 db & done; wait
		sqlite3 db "select who, count(*), sum(n) from t group by who;
		select total from sum; pragma integrity_check;"; ls; rm db*'
done
same 'sqlite3: readers see only whole transactions of a WAL writer' '
	sqlite3 db "pragma journal_mode=wal; create table t(a, b);
	insert into t values(0, 0);"
	(echo ".timeout 60000"; for n in $(seq 150); do echo "begin;
	update t set a = $n; update t set b = $n; commit;"; done) |
	sqlite3 db & for r in 1 2; do (echo ".timeout 60000"
	for n in $(seq 150); do echo "select a = b from t;"; done) |
	sqlite3 db | sort -u & done; wait; sqlite3 db "select * from t"; rm db*'

finish
