#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tar and rsync, into the mount, out of it and within it, do what they do in a
# flat directory of plain tmpfs; holes stay holes on the way there and back.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start
shmfs_reference
seq 200000 >"$SIDE/.data"

# Sources that are the same for both: in .src/, hidden from the clearing. (No
# larger, as tar -d reads holes in blocks of 512 bytes.)
mkdir "$SIDE/.src"
cd "$SIDE/.src"
seq 1000 >text
cp "$SIDE/.data" data
chmod 600 data
: >empty
[ "$(id -u)" != 0 ] || chown 4242:4243 text
chmod 4750 text
truncate -s 6M sparse
echo begin | dd of=sparse conv=notrunc status=none
echo middle | dd of=sparse bs=1M seek=3 conv=notrunc status=none
echo end >>sparse
printf 'x' >'odd name'
touch -d '2001-02-03 04:05:06.789' text data empty sparse 'odd name'
cd "$OLDPWD"

same 'tar: create, list, compare, extract' '
	cp -p "$SIDE/.src/"* .; tar -cf "$SIDE/t" --sort=name -S -- *
	tar -tvf "$SIDE/t"; tar -df "$SIDE/t"; rm -- *; tar -xpf "$SIDE/t"
	tar -df "$SIDE/t"; echo changed >text; tar -df "$SIDE/t"
	tar -xf "$SIDE/t" text data; tar -df "$SIDE/t" text data'
for holes in seek raw; do
	same "tar -S --hole-detection=$holes: sparse round trip" '
		truncate -s 16M a; echo x | dd of=a bs=1M seek=9 \
			conv=notrunc status=none
		cp "$SIDE/.data" b; truncate -s 8M b
		tar -cSf "$SIDE/t" --hole-detection='$holes' a b
		[ "$(stat -c %s "$SIDE/t")" -lt 2000000 ]; echo $?
		md5sum a b >"$SIDE/sums"; rm a b; tar -xSf "$SIDE/t"
		md5sum -c "$SIDE/sums"'
done
same 'tar -S of terabytes' '
	truncate -s 8T a
	echo x | dd of=a bs=1G seek=4000 conv=notrunc status=none
	tar -cSf "$SIDE/t" a; rm a; tar -xSf "$SIDE/t"; tar -tvSf "$SIDE/t" |
	tr -s " " | cut -d" " -f1-3'
same 'tar: onto the mount itself, appended, updated, from a pipe' '
	cp -p "$SIDE/.src/"[dt]* .; tar -cf t.tar data text; rm data
	tar -rf t.tar text; tar -tf t.tar; tar -xf t.tar data; cmp data \
	"$SIDE/.src/data"; gzip <t.tar | tar -xzf - -O text | md5sum
	tar -cf - -C "$SIDE/.src" data text | tar -xf -; tar --delete -f t.tar \
	data; tar -tf t.tar; tar -cf t.tar t.tar data; rm t.tar'
same 'tar: --xattrs, -k, --overwrite, -U, --remove-files' '
	cp -p "$SIDE/.src/text" a; setfattr -n user.k -v value a
	tar --xattrs -cf "$SIDE/t" a; rm a; tar --xattrs -xf "$SIDE/t"
	tar -xkf "$SIDE/t"; tar --overwrite --xattrs -xf "$SIDE/t"
	tar -U -xf "$SIDE/t"; tar --remove-files -cf "$SIDE/t" a; ls'
same 'tar: an archive with what is already open' '
	tar -cf "$SIDE/t" -C "$SIDE/.src" text; tar -xf "$SIDE/t"; exec 3<text
	tar -xf "$SIDE/t"; md5sum <&3; md5sum text; stat -L -c %h /dev/fd/3'
same 'cpio-like: find, cat and xargs' '
	cp "$SIDE/.src/"[dt]* .; find . -type f -print0 | sort -z |
	xargs -0 cat | md5sum'

mkdir "$SIDE/.links"
ln -s target "$SIDE/.links/link"
mkdir "$SIDE/.links/directory"
tar -C "$SIDE/.links" -cf "$SIDE/.links.tar" link directory
refused 'tar: extracting a link and a directory' 'Operation not permitted' \
	tar -xf "$SIDE/.links.tar"
refused 'rsync of a directory and a link' 'Operation not permitted' \
	rsync -rl "$SIDE/.links/" .

# The first rsync also gives the root its source's mode, like a chmod of the
# directory; it is put back. An ordinary user cannot give it any.
root_times=
[ "$(id -u)" != 0 ] || root_times=%Y
same 'rsync -a: in, again, changed, back' '
	rsync -ai "$SIDE/.src/" .; stat -c "%a '$root_times'" .; chmod 1777 .
	rsync -ai --omit-dir-times --no-p "$SIDE/.src/" .
	echo more >>text; rsync -aci "$SIDE/.src/text" .
	mkdir "$SIDE/b"; rsync -aS ./ "$SIDE/b/"; chmod 1777 "$SIDE/b"
	rsync -rnci --size-only ./ "$SIDE/b/"; cmp text "$SIDE/b/text"'
same 'rsync -S keeps holes' '
	rsync -aS "$SIDE/.src/sparse" .; rsync -S sparse a; cmp a sparse
	rsync -S --inplace sparse b'
same 'rsync --inplace' '
	cp "$SIDE/.src/data" a; ln -f a x 2>/dev/null; rm -f x
	cp a "$SIDE/n"; echo more >>"$SIDE/n"; sed -i s/5000/five/ "$SIDE/n"
	touch -d @1000000000 a
	exec 3<a; rsync -t --inplace --no-whole-file -i "$SIDE/n" a
	md5sum <&3; cmp a "$SIDE/n"; : >"$SIDE/n"; rsync --inplace "$SIDE/n" a'
same 'rsync without --inplace replaces' '
	cp "$SIDE/.src/data" a; echo new >"$SIDE/n"; exec 3<a
	rsync "$SIDE/n" a; cat a; md5sum <&3; stat -L -c %h /dev/fd/3; ls -A'
same 'rsync --append, --append-verify' '
	head -c 100000 "$SIDE/.data" >a; cp a b; cp a c
	echo X | dd of=c conv=notrunc status=none
	cp "$SIDE/.data" "$SIDE/n"
	rsync --append -i "$SIDE/n" a; cmp a "$SIDE/n"
	rsync --append-verify "$SIDE/n" b; rsync --append-verify "$SIDE/n" c
	cmp b c; cmp c "$SIDE/n"'
same 'rsync --delete, --backup, --existing, -u, -X' '
	touch gone; rsync -a --no-p --omit-dir-times --delete "$SIDE/.src/" .
	rsync -rb --size-only "$SIDE/.src/text" .; echo x >text
	rsync -rb "$SIDE/.src/text" .; rsync -u "$SIDE/.src/text" .
	mkdir "$SIDE/c"; echo y >"$SIDE/c/unknown"
	rsync -r --existing "$SIDE/c/" .; setfattr -n user.k -v v text
	rsync -aX text new; getfattr -d new; chmod 1777 .'
same 'rsync -W, --no-whole-file, --partial, --temp-dir, --remove-source' '
	cp "$SIDE/.data" a; cp a b; sed -i 1d b
	rsync -W a b; sed -i 2d b; rsync --no-whole-file a b; cmp a b
	rsync --partial a c; rsync -T "$SIDE" a d
	rsync --remove-source-files d e; ls'
same 'rsync of nothing and to nowhere' '
	rsync nothing a; rsync a nothing/b; rsync "$SIDE/.data" nothing/b 2>&1 |
	grep -c "No such file"; ls -A'

finish
