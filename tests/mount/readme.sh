#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The README's commands do what it shows: those of its tour, and those of its
# section on options, in the order and with the output that are printed there.
# Its links, and CONTRIBUTING's, lead to something.
# shellcheck disable=SC2317 # called by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
[ "$(id -u)" = 0 ] || {
	echo "only root can do all that the README shows"
	exit 77
}
shmfs_private_ipc
shmfs_private ''
TREE=$(realpath "$SHMFS_SUPPORT/../..")

# Mountpoints as in the README, and scripts/run without what is done already.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/shm /mnt/cam /mnt/sysv /mnt/app "$SIDE/bin" "$SIDE/tree"
ln -s "$SHMFS" "$SIDE/bin/shmfs"
cp -r "$TREE/scripts" "$SIDE/tree"
printf '#!/bin/sh\n' >"$SIDE/tree/scripts/setup"
export SHMFS_BUILDDIR=$SIDE/build PATH="$SIDE/bin:$PATH"
mkdir -p "$SHMFS_BUILDDIR/fs"
ln -s "$SHMFS" "$SHMFS_BUILDDIR/fs/shmfs"

# What is indented in section $1, as it can be run here.
blocks()
{
	sed -n "/^## $1/,/^## /s/^    \\(.*\\)/\\1/p" "$TREE/README.md" |
		sed "s,/tmp/saved,$SIDE/saved,; s,/run/app-shm,/mnt/app,g"
}

# Words with single blanks between them, without what differs each day.
plain()
{
	sed 's/[A-Z][a-z][a-z] [ 0-9][0-9] [0-9][0-9]:[0-9][0-9]/DATE/' |
		tr -s ' \t\n' ' '
}

# Runs a command in the checkout; what it prints must be what $2 has.
run()
{
	local command=$1 status=0

	: >"$SIDE/diff"
	(cd "$SIDE/tree" && "$BASH" -c "$command") </dev/null \
		>"$SIDE/out" 2>&1 || status=$?
	if [ "$status" = 0 ] &&
		diff <(plain <"$2") <(plain <"$SIDE/out") >"$SIDE/diff"; then
		ok "$command"
	else
		not_ok "$command: exit status $status"
		sed 's/^/# /' "$SIDE/diff" "$SIDE/out"
	fi
}

# The lines after '>>> ', typed to a Python that stays.
start_python()
{
	mkfifo "$SIDE/python"
	/usr/bin/python3 -q -i <"$SIDE/python" >"$SIDE/py.out" 2>&1 &
	exec 8>"$SIDE/python"
	sed -n 's/^>>> //p' "$SIDE/block" >&8
	echo 'print("typed")' >&8
	wait_for 20 grep -q typed "$SIDE/py.out"
}

end_python()
{
	exec 8>&-
	wait_for 20 sh -c '! [ -e /dev/shm/frames ]'
}

# Each command of a section with the lines up to the next one.
walk()
{
	local -a commands=()
	local line n=0

	blocks "$1" >"$SIDE/block"
	while IFS= read -r line; do
		case $line in
		'# '*)
			n=$((n + 1))
			commands[n]=${line#\# }
			: >"$SIDE/expected.$n"
			;;
		'>>> '*) ;;
		*) [ "$n" = 0 ] || echo "$line" >>"$SIDE/expected.$n" ;;
		esac
	done <"$SIDE/block"
	check "commands in '$1'" [ "$n" -ge 5 ]
	for line in "${!commands[@]}"; do
		case ${commands[line]} in
		python3*) start_python ;;
		*PROGRAM)
			echo frames >"$SIDE/expected.$line"
			: >/dev/shm/app.frames
			run "${commands[line]/PROGRAM/ls /srv/shm}" \
				"$SIDE/expected.$line"
			;;
		*) run "${commands[line]}" "$SIDE/expected.$line" ;;
		esac
	done
}

walk 'A tour'
end_python
check 'the objects stay' \
	[ "$(ls /dev/shm)" = "$(printf 'greeting\nsparse')" ]
rm -f /dev/shm/*
walk 'Options'
umount /mnt/cam /mnt/sysv /mnt/app

# links FILE: to files of the project, and to sections of FILE itself
links()
{
	local link titles

	titles=$(sed -n 's/^## *//p' "$1" | tr 'A-Z ' 'a-z-')
	while read -r link; do
		case $link in
		http*) ;;
		'#'*) grep -qxF -- "${link#?}" <<<"$titles" ||
			not_ok "$1: $link leads nowhere" ;;
		*) [ -e "${link%%#*}" ] || not_ok "$1: no $link" ;;
		esac
	done < <(grep -o '](\([^)]*\))' "$1" | sed 's/^](//; s/)$//')
}
cd "$TREE"
links README.md
links CONTRIBUTING.md

finish
