#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Programs that want directories, in a view with a separator: trees go in and
# out with modes, owners and times; find, du, git and make work on them. The
# view has a prefix too, and both are in the objects' names.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start 'prefix=box:,separator=:'
SRC=$SIDE/src
export SRC

# A thousand files in nested directories, of all modes, owners and times.
make_source()
{
	local d f

	mkdir "$SRC"
	for d in a a/b a/b/c d '.hidden' 'odd name' e e/empty; do
		mkdir "$SRC/$d"
		for f in $(seq 125); do
			echo "$d/$f" >"$SRC/$d/file$f"
		done
	done
	rm "$SRC/e/empty/"*
	chmod 700 "$SRC/a/b"
	chmod 1777 "$SRC/d"
	chmod 2755 "$SRC/e"
	chmod 4711 "$SRC/a/file1"
	chmod 400 "$SRC/a/file2"
	if [ "$(id -u)" = 0 ]; then
		chmod 555 "$SRC/.hidden"
		chown 4242:4243 "$SRC/odd name" "$SRC/d/file1"
	fi
	truncate -s 300k "$SRC/a/b/c/file7"
	setfattr -n user.shade -v blue "$SRC/d/file3" "$SRC/d"
	find "$SRC" -depth -exec touch -d '2001-02-03 04:05:06.789' {} +
	touch -d 1999-12-31 "$SRC/a/b"
}

# All that is to be kept of a tree; the sizes of directories are anybody's.
tree_state()
{
	(
		cd "$1"
		find . -mindepth 1 -type d -printf '%P %y %m %U:%G %T+ %n\n'
		find . -type f -printf '%P %y %m %U:%G %T+ %n %s\n'
		find . -mindepth 1 -print0 | sort -z |
			xargs -0 getfattr -d 2>/dev/null
	) | sort
}

same_tree()
{
	diff -r "$SRC" "$1" && diff <(tree_state "$SRC") <(tree_state "$1")
}

nothing_left()
{
	[ -z "$(ls -A "$MNT")" ] && [ -z "$(ls -A /dev/shm)" ]
}

# round_trip SOURCE NAME SCRIPT: in and out again by the script, which copies
# "$1" to "$2".
round_trip()
{
	SRC=$1
	shift
	check "$1: in" bash -euc "$2" sh "$SRC" "$MNT/tree"
	check "$1: the same inside" same_tree "$MNT/tree"
	check "$1: out" bash -euc "$2" sh "$MNT/tree" "$SIDE/out"
	check "$1: the same outside" same_tree "$SIDE/out"
	rm -r "$SIDE/out"
	check "$1: rm -r" rm -r "$MNT/tree"
	check "$1: nothing is left" nothing_left
}

make_source
SMALL=$SIDE/small
cp -a "$SRC" "$SMALL"
find "$SMALL" -name 'file??*' ! -name 'file*[05]' -delete
find "$SMALL" -depth -type d -exec touch -d '2001-02-03 04:05:06' {} +

round_trip "$SRC" 'cp -a' 'cp -a "$1" "$2"'
round_trip "$SMALL" 'rsync -aX' 'rsync -aX "$1/" "$2/"'
round_trip "$SMALL" 'tar' 'mkdir "$2"
	tar -C "$1" --xattrs -cf - . | tar -C "$2" --xattrs -xpf -'
round_trip "$SMALL" 'cp -a and mv' 'cp -a "$1" "$2.new"; mv "$2.new" "$2"'

names_as_expected()
{
	cp -a "$SRC/e" "$MNT/e"
	[ -e /dev/shm/box:e: ] && [ -e /dev/shm/box:e:empty: ] &&
		[ "$(cat /dev/shm/box:e:file5)" = e/5 ] &&
		[ "$(stat -c %a /dev/shm/box:e:)" = 2755 ] &&
		[ "$(cat "$MNT/e:file5")" = e/5 ] && rm -r "$MNT/e"
}
check 'the objects have the names they should' names_as_expected

# What cannot differ from any other file system.
find_and_du()
{
	cp -a "$SRC" "$MNT/tree"
	cd "$MNT/tree"
	[ "$(find . -type d | wc -l)" = 9 ]
	[ "$(find . -type f | wc -l)" = "$(find "$SRC" -type f | wc -l)" ]
	[ "$(find . -name file12 | sort)" = \
		"$(cd "$SRC" && find . -name file12 | sort)" ]
	find . -type d -empty | diff - <(echo ./e/empty)
	find a -links 3 -type d | diff - <(printf '%s\n' a a/b)
	[ "$(du -s --apparent-size -b a/b | cut -f1)" -gt 300000 ]
	[ "$(du --inodes -s . | cut -f1)" = "$(find . | wc -l)" ]
	find . -type f -name 'file[12]*' -delete
	find a -depth -type d -name c -exec rm -r {} +
	[ ! -e a/b/c ]
	find . -mindepth 1 -delete
	[ -z "$(ls -A)" ]
	cd / && rmdir "$MNT/tree"
}
check 'find, du' find_and_du

# Twice: the second run finds nothing to do.
rsync_updates()
{
	rsync -aX "$SRC/" "$MNT/tree/"
	rsync -aXi "$SRC/" "$MNT/tree/" | diff - /dev/null
	rm "$MNT/tree/a/file9"
	touch "$MNT/tree/d/extra"
	rsync -aXi --delete "$SRC/" "$MNT/tree/" | sort >"$SIDE/done"
	grep -q 'deleting *d/extra' "$SIDE/done"
	grep -q '>f+++++++++ a/file9' "$SIDE/done"
	same_tree "$MNT/tree"
	rsync -aX --delete "$SIDE/done.empty/" "$MNT/tree/"
	rmdir "$MNT/tree"
}
mkdir "$SIDE/done.empty"
check 'rsync updates' rsync_updates

use_git()
{
	export HOME=$SIDE GIT_CONFIG_NOSYSTEM=1
	git config --global user.email somebody@example.org
	git config --global user.name Somebody
	git config --global safe.directory '*'
	mkdir "$MNT/work"
	cd "$MNT/work"
	git init -q -b main .
	cp -r "$SRC/a" .
	echo first >text
	git add .
	git commit -q -m first
	git status --porcelain | diff - /dev/null
	echo second >>text
	git mv a/file3 a/b/moved
	git commit -q -a -m second
	git checkout -q -b other HEAD~
	[ "$(cat text)" = first ] && [ -e a/file3 ] && [ ! -e a/b/moved ]
	git checkout -q main
	git gc -q
	git fsck
	git clone -q . ../clone
	diff -r --exclude .git . ../clone
	cd /
	rm -r "$MNT/work" "$MNT/clone"
}
check 'git' use_git

use_make()
{
	mkdir -p "$MNT/project/src" "$MNT/project/out"
	cd "$MNT/project"
	printf '%s\n' 'int answer(void);' >src/answer.h
	printf '%s\n' '#include "answer.h"' 'int answer(void)' \
		'{ return 42; }' >src/answer.c
	printf '%s\n' '#include <stdio.h>' '#include "answer.h"' \
		'int main(void) { return printf("%d\n", answer()) < 0; }' \
		>src/main.c
	printf '%s\n' 'out/prog: out/main.o out/answer.o' \
		'	cc -o $@ $^' \
		'out/%.o: src/%.c src/answer.h' '	cc -c -o $@ $<' \
		>Makefile
	make -s -j2
	[ "$(out/prog)" = 42 ]
	make -q
	sed -i s/42/43/ src/answer.c
	if make -q; then
		return 1
	fi
	make -s
	[ "$(out/prog)" = 43 ]
	cd /
	rm -r "$MNT/project"
}
check 'make' use_make
check 'nothing is left' nothing_left

finish
