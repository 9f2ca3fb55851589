#!/bin/bash
# SPDX-License-Identifier: MIT
#
# busybox, whose tools are what small containers have, does on the mount what
# it does in a flat directory of plain tmpfs.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs busybox busybox true
shmfs_private ''
shmfs_start
shmfs_reference
export HOME=$SIDE
seq 200000 >"$SIDE/.data"

# bb NAME SCRIPT: as same, run by busybox's shell with its own tools only.
mkdir "$SIDE/.bin"
busybox --install -s "$SIDE/.bin"
bb()
{
	same "$1" 'PATH=$SIDE/.bin exec sh -c '"'$2'"
	if grep -E ': not found$|unrecognized|Usage|invalid' \
		"$SIDE/.tmpfs"; then
		not_ok "$1: this busybox has all of it"
	fi
}
check 'the tools are its own' test "$SIDE/.bin/sh" -ef "$SIDE/.bin/cp"

bb 'cp, mv, rm, cmp' '
	cp "$SIDE/.data" a; cp a b; cmp a b; mv b c; cp -p c d; cp -a d e
	echo x >>e; cmp a e; cp -f a e; mv -f a c; mv -n c d; ls; rm d nothing
	rm -f d nothing; cp nothing f; cp c c; ls -A'
bb 'dd' '
	dd if="$SIDE/.data" of=a bs=4k 2>/dev/null
	dd if=a of=b bs=1000 skip=7 count=30 2>/dev/null
	echo XYZ | dd of=a bs=1 seek=5000 conv=notrunc 2>/dev/null
	dd if=a of=c ibs=3 obs=500 count=999 2>/dev/null
	echo end | dd of=c bs=1 seek=9999 2>/dev/null; md5sum a b c'
bb 'sed -i, awk, grep, sort, uniq, tr, cut' '
	seq 3000 >a; chmod 640 a; sed -i s/5/five/ a; sed -i.bak 1d a
	grep -c five a; grep -n ^29 a | tail -n 2; sort -r a -o a; head -n 2 a
	awk "{ n += \$1 } END { print n }" a; tr f F <a >b; uniq b | wc
	cut -c1-3 b | sort | uniq -c | sort -n | tail -n 1; sort -m a b >c'
bb 'find and xargs' '
	touch -d "2001-01-01 00:00:00" old; seq 9000 >big; touch .dot
	chmod 600 big; find . | sort; find . -size +10k; find . -perm 600
	find . -type f -newer old | sort; find . -name "o*" -exec md5sum {} \;
	find . -type f | sort | xargs cat | wc -c; rm old
	find . -type f -print0 | xargs -0 rm; ls -A'
bb 'tar, and what compresses' '
	cp "$SIDE/.data" a; seq 10 >b; chmod 4751 b; touch -d @1000000000 a b
	tar -cf t.tar a b; tar -tvf t.tar | cut -c1-10; rm a; tar -xf t.tar
	cmp a "$SIDE/.data"; tar -czf "$SIDE/t.tgz" a b; rm a b
	tar -xzf "$SIDE/t.tgz"; gzip a; gunzip -c a.gz | md5sum; gunzip a.gz
	bzip2 -k b; bunzip2 -c b.bz2; tar -cf - a b | tar -xOf - b | md5sum
	echo a | cpio -o -H newc >"$SIDE/c"; rm a; cpio -i <"$SIDE/c"
	md5sum a; rm t.tar; ls'
bb 'md5sum and its relatives' '
	cp "$SIDE/.data" a; for s in md5 sha1 sha256 sha512 sha3; do
	${s}sum a; ${s}sum a >"$SIDE/s"; ${s}sum -c "$SIDE/s"; done
	crc32 a; echo >>a; sha512sum -c "$SIDE/s"'
bb 'truncate, fallocate, shred, stat, touch, du' '
	truncate -s 100000 a; stat -c "%n %s %b %a %F" a; truncate -s 10 a
	fallocate -l 70000 b; stat -c "%s %b" b; touch -d @1234567890 a
	stat -c "%Y %U" a; du -a | sort -k 2
	truncate -s 9000000k c; stat -c %s c
	du c; shred -n 1 -z b; shred -u b; ls -l | cut -c1-10'
bb 'chmod, chown, mktemp' '
	touch a; chmod 4755 a; chown 7:8 a; chmod u-s,g+w a; stat -c "%a %u" a
	mktemp ./tmpXXXXXX | cut -c1-5; rm tmp*; echo b >b; chmod 444 b
	cat a >>b; echo $?; ls -l b | cut -c1-10'
bb 'head, tail, tee, od, hexdump, wc, cat, tac, rev' '
	seq 5000 >a; head -c 99 a; tail -c 9 a; tail -n +4998 a
	echo t | tee b c; tee -a b <c; od -c b; hexdump -C c
	wc a b c; head -n 2 a | tac; rev a | tail -n 1; nl b; expand b
	cat b - <c >d; diff a b | wc -l; diff b c; paste b c'
bb 'diff, patch, sync' '
	seq 9 >a; cp a b; sed -i s/5/V/ b; diff -u a b >p; patch a <p; cmp a b
	patch -R a <p; sed -n 5p a; sync; ls'
bb 'redirections of its shell' '
	echo one >a; echo two >>a; exec 3<>a; read -r x <&3; echo "$x" TWO >&3
	exec 3>&-; cat a; set -C; echo no >a; echo $?; echo yes >|a; cat a
	exec 4<a; rm a; cat <&4; : >b; for i in 1 2 3; do echo $i >>b; done
	cat <<-EOF >c
		$(wc -l <b)
	EOF
	cat c; [ -s c ] && [ ! -e a ] && [ c -ef c ] && echo fine'
for command in 'mkdir d' 'ln -s a b' 'mkfifo p' 'mknod n b 7 0'; do
	# shellcheck disable=SC2086 # words
	refused "busybox $command" 'Operation not permitted' \
		busybox $command
done

finish
