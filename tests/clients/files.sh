#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The tools that copy, move, remove, resize and describe files do on the mount
# what they do in a flat directory of plain tmpfs: same output, same exit
# status, same files left.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start
shmfs_reference

# A megabyte and a bit of bytes that are the same in both places.
seq 200000 >"$SIDE/.data"

same 'cp into the directory, within it and out of it' '
	cp "$SIDE/.data" a && cp a b && cp b "$SIDE/out" &&
	cmp "$SIDE/.data" "$SIDE/out"'
same 'cp over a longer file' '
	cp "$SIDE/.data" a; echo short >"$SIDE/s"; cp "$SIDE/s" a'
same 'cp over a file that may not be written, with and without -f' '
	echo one >a; echo two >b; chmod 400 b; chown 4242:4242 b
	cp a b; cp -f a b; cp --remove-destination a b'
same 'cp -a keeps mode, owner and times' '
	cp "$SIDE/.data" "$SIDE/f"; chmod 4751 "$SIDE/f"
	chown 4242:4243 "$SIDE/f"; chmod 4751 "$SIDE/f"
	touch -d "2001-02-03 04:05:06.123456789" "$SIDE/f"
	cp -a "$SIDE/f" a; cp -a a b; stat -c "%y %A %U" a b'
same 'cp -a keeps user xattrs' '
	echo x >a; setfattr -n user.colour -v blue a; cp -a a b'
same 'cp -n, -u, -i and -b' '
	echo one >a; echo two >b; cp -n a b; cat b
	touch -d 2001-01-01 a; cp -u a b; cat b
	echo n | cp -i a b; cat b; cp -b a b; cat b b~'
same 'cp a file to itself, to nowhere, from nothing' '
	echo x >a; cp a a; cp a nothing/b; cp nothing b; cp a b c'
same 'cp several files into the directory' '
	mkdir "$SIDE/d"; for i in 1 2 3; do echo $i >"$SIDE/d/f$i"; done
	cp "$SIDE/d/"* .; cp -t . "$SIDE/d/f1"; cp -r "$SIDE/d/." .'
same 'cp --sparse=always makes holes' '
	head -c 1M /dev/zero >"$SIDE/z"; cat "$SIDE/.data" >>"$SIDE/z"
	cp --sparse=always "$SIDE/z" a; cp --sparse=always a b
	cp --sparse=never a c; cmp a "$SIDE/z"; cmp b c'
same 'cp of a sparse file keeps its holes' '
	truncate -s 3G a; echo end >>a
	echo mid | dd of=a bs=1M seek=1000 conv=notrunc status=none
	cp a b; cp --sparse=auto b c; tail -c 4 c; cmp b c -n 20M -i 990M'
same 'cp --reflink' '
	echo x >a; cp --reflink=auto a b; cp --reflink=always a c'
same 'cp -l from elsewhere' '
	cp "$SIDE/.data" "$SIDE/f"
	cp -l "$SIDE/f" a 2>/dev/null; echo $?'

same 'mv within, out, in' '
	cp "$SIDE/.data" a; chmod 640 a; mv a b; ls; mv b "$SIDE/f"; ls
	mv "$SIDE/f" c; ls'
same 'mv over a file, -n, -b, -T, to itself, of nothing' '
	echo one >a; echo two >b; echo three >c; mv -n a b; cat a b
	mv -b a b; cat b b~; mv -T c b; mv b b; mv nothing b'
same 'mv onto a file that may not be written' '
	echo one >a; echo two >b; chmod 444 b; mv a b </dev/null; cat b'

same 'rm, -f, -i, -r, -d, of nothing' '
	touch a b c d e; rm a; rm -f b nothing; rm nothing; rm -r c
	echo n | rm -i d; echo; rm -d e; rm .; rm -r .; ls'
same 'rm of names that are hard to type' '
	touch -- -x "a b" "new
line" "\$y" "*"; ls -b; rm -- -x "a b" "*"; rm new*; ls -b; rm ./\$y'
same 'rm of an open file leaves the open file' '
	echo content >a; exec 3<a; rm a; cat <&3; stat -L -c "%h %s" /dev/fd/3'
same 'unlink and shred' '
	echo secret >a; unlink a; unlink a; echo secret >b
	shred -n1 -u b; ls'

same 'dd: whole, blocks, notrunc, seek, skip, append' '
	dd if="$SIDE/.data" of=a bs=64k status=none
	dd if=a of=b bs=1000 count=77 skip=3 status=none
	echo XXXX | dd of=a bs=1 seek=12345 conv=notrunc status=none
	echo YYYY | dd of=b bs=10 seek=5 status=none
	echo app | dd of=b oflag=append conv=notrunc status=none
	dd if=a of=c bs=1 skip=12340 count=20 status=none; cat c
	dd if=a bs=7 skip=1777771 count=4 2>&1 | sed "s/, [0-9.e-]* s.*//"'
same 'dd: seek past the end, conv=sparse, fsync, excl, nocreat' '
	dd if="$SIDE/.data" of=a bs=4k seek=1000 count=2 status=none
	dd if=a of=b bs=4k conv=sparse,fsync status=none
	dd if=a of=b bs=4k conv=excl status=none
	dd if=a of=c bs=4k conv=nocreat status=none
	dd if=/dev/null of=d bs=1 seek=777 status=none'
same 'dd: odd block sizes, oflag=sync' '
	dd if="$SIDE/.data" of=a bs=4093 status=none
	dd if=a of=b bs=65537 oflag=sync status=none
	dd if=b of=c ibs=3 obs=511 count=1000 status=none; cmp a b'
same 'dd onto the directory, beyond what a file can be' '
	dd if=/dev/null of=. status=none
	echo x | dd of=a bs=1 seek=9223372036854775807 status=none
	dd if=/dev/zero of=a bs=1M seek=8796093022207 count=1 status=none'

same 'truncate: grow, shrink, relative, by reference, nothing' '
	cp "$SIDE/.data" a; truncate -s 100000 a; tail -c 5 a
	truncate -s 200000 a; tail -c +100001 a | tr -d "\0" | wc -c
	truncate -s +5K a; truncate -s -3 a; truncate -s %4096 a
	truncate -s /1000 a; truncate -r a b; truncate -c -s 9 c
	truncate -s 0 d; truncate -s 9T e; truncate -s 9E f; truncate -s 7E g
	truncate -s 1 .; truncate -o -s 2 h'
same 'truncate below data and back shows zeros' '
	printf abcdefgh >a; truncate -s 3 a; truncate -s 8 a; od -An -c a'
same 'fallocate: allocate, keep size, punch, collapse' '
	fallocate -l 1M a; fallocate -n -o 4M -l 64K a
	cp "$SIDE/.data" b; fallocate -p -o 8192 -l 409600 b
	fallocate -p -o 100 -l 5 b; fallocate -d a; fallocate -c -l 4096 b
	fallocate -z -l 4096 b; fallocate -i -l 4096 b; fallocate -l 0 c'

same 'cat: one, many, append, to itself' '
	seq 10 >a; seq 11 20 >b; cat a b >c; cat c - a <b >d; cat a >>b
	cat -n b; cat a >>a; cat .; cat nothing; cat <a; cat <<<x >>a'
same 'cmp, diff, comm, sum' '
	seq 1000 >a; cp a b; cmp a b; echo x >>b; cmp a b; cmp -l a b
	sed s/500/5x0/ a >c; cmp a c; diff a c; comm -3 <(sort a) <(sort c)
	md5sum a b c; cksum a; wc a b; sort -rn a -o a; head -2 a; tac a >b'
same 'head, tail, split, tee' '
	seq 100000 >a; head -c 100 a; tail -n 3 a; tail -c 10 a
	tail -n +99999 a
	split -n 3 a part.; cat part.* | cmp - a; echo t | tee b c; tee -a b <c'
same 'install' '
	cp "$SIDE/.data" "$SIDE/f"
	install -m 4755 -o 4242 -g 4243 "$SIDE/f" a; install -b -m 600 a b
	install -m 640 a b; install -C a b; install -p -m 444 a c
	install nothing d; install a nothing/d'

same 'stat' '
	head -c 10000 "$SIDE/.data" >a; chmod 4711 a; chown 7:8 a
	touch -d "1999-12-31 23:59:59.987654321" a
	stat -c "%n %s %b %B %f %F %a %A %u %g %h %t %T %o %y" a
	stat -c "%F %a %u:%g" .; stat nothing; [ "$(stat -c %i a)" = \
	"$(stat -c %i a)" ]; echo $?; ls -i a | grep -c "$(stat -c %i a)"'
same 'ls -la and friends' '
	echo 1 >a; echo 22 >.hidden; truncate -s 5G "big one"; chmod 600 a
	chown 4242:4242 a; touch -d 2001-01-01 a .hidden "big one"
	ls; ls -a; ls -A1; ls -lS | tail -n +2; ls -ls | tail -n +2
	ls -d .; ls -l nothing; ls -lad . | cut -c1-11; ls -F; ls -Q'
same 'touch' '
	touch a; touch -c b; touch -d "2001-02-03 04:05:06.789012345" a c
	stat -c "%y %x" a c; touch -a -d 2002-01-01 a; stat -c "%y %x" a
	touch -m -d 2003-01-01 a; stat -c "%y %x" a; touch -r a c
	touch -d "1950-01-01" a; stat -c "%y" a; touch -d @5000000000 a
	stat -c %Y a; touch nothing/a; touch -h c; echo x >d
	[ d -nt a ]; echo $?; [ a -nt d ]; echo $?'
same 'chmod, chown, chgrp' '
	touch a; for m in 0 400 755 1777 2755 4755 6777 u+s,g-x o=; do
	chmod $m a; stat -c %a a; done; chown 4242 a; chmod 6755 a
	chown 4243:4244 a; stat -c "%a %u:%g" a; chgrp 9 a; chown :10 a
	chmod --reference=a nothing; chown -h 1 a; chmod 888 a; ls -n a |
	cut -c1-20'
same 'find' '
	touch -d 2001-01-01 old; touch new .dot; truncate -s 100k big
	chmod 600 new; find . | sort; find . -type f -size +50k
	find . -perm 600; find . -newer old -name n\*; find . -empty | sort
	find . -mindepth 1 -type d; find . -name old -delete; find . -links 1 |
	sort; find . -type f -printf "%f %s %m %y %n\n" | sort
	find . -type f -exec rm {} +; ls -A'
same 'du and df' '
	head -c 1M "$SIDE/.data" >a; truncate -s 1G b; truncate -s 1M c
	echo x >>c; du -a . | sort -k2; du -s --apparent-size -b b; du -c a b c
	df --output=itotal . | wc -l; df . >/dev/null; echo $?'
same 'test operators and globs' '
	echo x >a; chmod 644 a; for t in e f r w x s d L p S b c O G; do
	[ -$t a ] && echo $t; done; for t in e f d w x k; do [ -$t . ] &&
	echo $t; done; touch b1 b2 B; echo b* [!b]*; set -o noclobber; echo y >a
	echo $?; echo z >|a; cat a'
same 'getfattr, setfattr' '
	touch a; setfattr -n user.a -v 1 a; setfattr -n user.b -v 0x00ff a
	getfattr -d a; getfattr -n user.a a; setfattr -x user.a a
	getfattr -n user.a a; setfattr -x user.zz a; setfattr -n user.c a
	getfattr -d a; setfattr -n bad.name -v 1 a; getfattr -n user.b nothing'

refused 'ln' 'Operation not permitted' sh -c '
	touch a; ln a b; s=$?; rm a; exit $s'
refused 'ln -s' 'Operation not permitted' ln -s a b
refused 'cp -s' 'Operation not permitted' cp -s /etc/passwd b
refused 'mkdir' 'Operation not permitted' mkdir d
refused 'mkdir -p' 'Operation not permitted' mkdir -p d/e
refused 'mkfifo' 'Operation not permitted' mkfifo p
refused 'mknod b' 'Operation not permitted' mknod n b 7 0
refused 'mknod c' 'Operation not permitted' mknod n c 1 3
refused 'a socket' 'Operation not permitted' python3 -c '
import socket
socket.socket(socket.AF_UNIX).bind("s")'
refused 'cp -r of a directory' 'Operation not permitted' cp -r /etc/default d
refused 'mv of a directory' 'Operation not permitted' sh -c '
	mkdir "$SIDE/dir"; mv "$SIDE/dir" d; s=$?; rmdir "$SIDE/dir"; exit $s'
same 'rmdir of what is no directory' 'touch a; rmdir a; rmdir nothing'
refused 'rmdir of the mountpoint' 'busy' rmdir "$MNT"

finish
