#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Programs that edit files in place, follow them or keep them open: sed -i,
# ed, vim, gzip, tail -f, the shell's redirections and Python's file API do on
# the mount what they do in a flat directory of plain tmpfs.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start
shmfs_reference
export CLIENTS=$SHMFS_SUPPORT/../clients HOME=$SIDE
seq 200000 >"$SIDE/.data"

same 'sed -i, with a backup, of several, of nothing' '
	seq 1000 >a; chmod 640 a; chown 7:8 a; cp a b; sed -i s/5/five/ a
	sed -i.bak "/3/d;\$a end" b; sed -i "1i x" a b; sed -i p nothing
	sed -i -s 1d a b; sed -n "\$=" a b b.bak; sed -i s/x/ a'
same 'sed -i of a large file, sed w' '
	cp "$SIDE/.data" a; sed -i -e "s/\$/ more of it/" a
	sed -n "/99999/w b" a; sed "1,5!d;w c" a'
same 'ed' '
	seq 10 >a; chmod 600 a
	printf "%s\n" H 3d "\$a" "the end" . 1s/1/one/ w q | ed -s a; cat a
	printf "%s\n" H a new . "w b" "r a" "w" ",n" Q | ed -s b
	printf "%s\n" H "e nothing" "w nothing/a" q | ed -s a'
for copy in yes no auto auto,breakhardlink; do
	same "vim, backupcopy=$copy" '
		seq 1000 >a; chmod 640 a; chown 4242:4243 a
		vim -es -u NONE -N -i NONE -c "set backupskip=" \
			-c "set backup backupcopy='$copy'" \
			-c "%s/7/seven/g" -c "\$put =\"last\"" -c wq a
		echo "status $?"; head -8 a; tail -1 a; ls -A'
done
same 'vim with backup, swap and undo files; a new file; read-only' '
	seq 100 >a
	vim -es -u NONE -N -i NONE -c "set backup backupskip= backupdir=." \
		-c "set directory=." \
		-c "set undofile undodir=." -c 1d -c w -c 2d -c wq a
	rm -f .a.un~; ls -A; wc -l a a~; rm a~
	vim -es -u NONE -N -i NONE -c "set backup" -c "norm ihello" -c wq new
	cat new; chmod 444 a; vim -es -u NONE -N -i NONE -c 1d -c wq -c q! a
	echo $?; vim -es -u NONE -N -i NONE -c 1d -c wq! a; echo $?'
same 'gzip and back' '
	cp "$SIDE/.data" a; chmod 640 a; touch -d 2001-02-03 a; gzip -9 a; ls
	gzip -t a.gz; zcat a.gz | cmp - "$SIDE/.data"; gunzip a.gz
	gzip -k a; gzip -k a </dev/null; gzip -dc a.gz | md5sum; gzip -l a.gz'
same 'perl -pi' '
	seq 100 >a; perl -pi -e "s/5/V/" a; perl -pi.orig -e "s/V/5/" a
	cmp a a.orig; perl -e "open F, q(+<), q(a); seek F, 10, 0; print F q(P);
	truncate F, 20; close F; print -s q(a), qq(\n)"; cat a'
same 'redirections of the shell' '
	echo one >a; echo two >>a; exec 3<>a; read -r x <&3; echo "$x" TWO >&3
	exec 3>&-; cat a; : >a; { echo x; echo y; } >>a; wc -l <a; exec 4>>a
	echo z >&4; echo w >>a; echo v >&4; cat a; : >nothing/a; echo $?
	exec 5<a; mv a b; echo u >>b; read -r x <&5; echo "$x"; cat <&5
	exec 6>c 7>c; printf aaaa >&6; printf bb >&7; cat c; echo >.; cat <.'
same 'patch-like: write a new file and rename it over a held one' '
	echo old >a; exec 3<a; echo new >.a.tmp; mv -f .a.tmp a; cat a; cat <&3
	stat -L -c "%h %s" /proc/self/fd/3; stat -c "%h %s" a'
same 'sort in place, with its temporary files on the mount' '
	sort -R --random-source="$SIDE/.data" "$SIDE/.data" >a
	sort -n -S 100K -T . a -o a; cmp a "$SIDE/.data"'
same 'xargs -P appending lines to one file' '
	seq 400 | xargs -P 4 -n 1 sh -c "echo line \$0 >>a"; sort a | md5sum
	wc -l a; rm a'
same 'the file API of Python' '/usr/bin/python3 "$CLIENTS/file_api.py"'
same 'mktemp' '
	f=$(mktemp ./tmp.XXXX); stat -c "%a %s" "$f"; rm "$f"
	mktemp -p nothing 2>&1 | tr -dc "[:alpha:] "'
same 'cc: compile, archive, run from the directory' '
	cat >"$SIDE/a.c" <<<"int main(void) { return 42; }"
	cp "$SIDE/a.c" .; cc -o prog a.c; ./prog; echo $?; cc -c a.c
	ar rcD lib.a a.o; ar t lib.a; cc -o prog lib.a; ./prog; echo $?
	rm -f prog a.o lib.a; printf "#!/bin/sh\necho script \$1\n" >s; ./s
	chmod +x s; ./s arg'

# tail -f polls a file system that it does not know: with -s a tenth second.
follow()
{
	tail -s 0.1 -n +1 "$1" "$2" >"$SIDE/tail" 2>"$SIDE/tail.err" &
	TAIL=$!
}

# shellcheck disable=SC2317 # check calls it
arrives()
{
	wait_for 20 grep -q "$1" "$SIDE/tail"
}

unfollow()
{
	kill "$TAIL"
	wait "$TAIL" || :
}

followed()
{
	local f=$MNT/${PREFIX}log

	echo first >"$f"
	follow "$1" "$f"
	check "tail $1 shows what is there" arrives first
	echo second >>"$f"
	check "tail $1 shows a line appended through the mount" arrives second
	echo third >>"/dev/shm/${PREFIX}log"
	check "tail $1 shows a line appended directly" arrives third
	kill -STOP "$TAIL" # else it may see the zeros before the line
	/usr/bin/python3 "$CLIENTS/append.py" "/dev/shm/${PREFIX}log" fourth
	kill -CONT "$TAIL"
	check "tail $1 shows a line stored through a mapping" arrives fourth
	: >"/dev/shm/${PREFIX}log"
	check 'tail notices that the file was truncated' \
		wait_for 20 grep -q truncated "$SIDE/tail.err"
	echo fifth >>"$f"
	check "tail $1 goes on after it" arrives fifth
}

followed -f
unfollow
followed -F
echo sixth >"/dev/shm/${PREFIX}new"
mv "/dev/shm/${PREFIX}new" "/dev/shm/${PREFIX}log"
check 'tail -F follows the name after a direct rename' arrives sixth
rm "/dev/shm/${PREFIX}log"
check 'tail -F sees a direct removal' \
	wait_for 20 grep -q inaccessible "$SIDE/tail.err"
echo seventh >"/dev/shm/${PREFIX}log"
check 'tail -F follows the name made anew directly' arrives seventh
unfollow
rm "$MNT/${PREFIX}log"

finish
