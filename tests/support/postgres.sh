# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A PostgreSQL server for a test, which sources this file after functions.sh:
# postgres_init, postgres_start with the server's options, postgres_stop.
# PostgreSQL will not run as root: where the test does, it is nobody's.
#
#   DATA     where its data, its socket and $HOME are
#   SERVER   pid of what runs the server

# The newest there is; they are not in the PATH everywhere.
for POSTGRES_BIN in /usr/lib/postgresql/*/bin; do :; done

as_postgres()
{
	local -a become=(setpriv --pdeathsig TERM)

	[ "$(id -u)" != 0 ] ||
		become+=(--reuid=65534 --regid=65534 --clear-groups)
	(cd "$DATA" && "${become[@]}" env HOME="$DATA" PGHOST="$DATA" \
		PGUSER=test PATH="$POSTGRES_BIN:$PATH" "$@")
}

postgres_init()
{
	shmfs_needs postgresql test -x "$POSTGRES_BIN/initdb"
	new_dir DATA
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$DATA"
	as_postgres initdb -A trust -U test -D "$DATA/db" \
		>"$SIDE/initdb" 2>&1 || { cat "$SIDE/initdb" && exit 1; }
}

# shellcheck disable=SC2317 # check calls it
postgres_answers()
{
	as_postgres pg_isready -q -d postgres
}

postgres_start()
{
	as_postgres postgres -D "$DATA/db" -k "$DATA" -c listen_addresses= \
		-c fsync=off -c shared_buffers=16MB "$@" \
		>"$SIDE/server" 2>&1 &
	SERVER=$!
	check 'the server starts' wait_for 60 postgres_answers
}

# shellcheck disable=SC2317 # check calls it
no_complaint()
{
	! grep -E 'PANIC|ERROR|WARNING' "$SIDE/server"
}

postgres_stop()
{
	kill -INT "$(head -n 1 "$DATA/db/postmaster.pid")"
	wait "$SERVER"
	check 'the server ends' [ ! -e "$DATA/db/postmaster.pid" ]
	check 'without a complaint' no_complaint
}
