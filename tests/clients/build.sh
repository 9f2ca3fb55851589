#!/bin/bash
# SPDX-License-Identifier: MIT
#
# gcc, both linkers, ar, strip and gdb work in the directory, and what they
# make is executed and loaded from there, as on plain tmpfs. The one linker
# writes its output, the other maps it (MAP_SHARED) and stores.
# shellcheck disable=SC2016 # the scripts are expanded where they run
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs 'gcc and binutils' sh -c 'command -v gcc && command -v ld.gold'
shmfs_needs gdb gdb --version
shmfs_private ''
shmfs_start
shmfs_reference
export HOME=$SIDE CLIENTS=$SHMFS_SUPPORT/../clients

cat >"$SIDE/.sources.sh" <<'END'
cat >answer.h <<'EOF'
int answer(int n);
EOF
cat >answer.c <<'EOF'
#include "answer.h"
static int calls;
int answer(int n)
{
	calls++;
	return n + 41;
}
EOF
cat >main.c <<'EOF'
#include "answer.h"
#include <stdio.h>
int main(int argc, char **argv)
{
	printf("%s: %d\n", argv[1], answer(argc - 1));
	return 0;
}
EOF
END

for linker in bfd gold; do
	same "gcc -g with ld.$linker: objects, archive, shared library" '
		. "$SIDE/.sources.sh"
		cc() { gcc -fuse-ld='$linker' -g -O1 "$@"; }
		cc -c main.c answer.c; ar rcD libanswer.a answer.o
		cc -o prog main.o -L. -lanswer; ./prog archive
		cc -shared -fPIC -o libanswer.so answer.c
		cc -o prog main.o -L. -lanswer; LD_LIBRARY_PATH=. ./prog shared
		cc -o prog -static main.c answer.c; ./prog static
		nm -g libanswer.so | grep answer | cut -c18-
		strip prog; ./prog stripped; ls | wc -l; rm -- *'
done
same 'gcc -flto, -pipe, a precompiled header' '
	. "$SIDE/.sources.sh"; gcc -O2 -flto answer.h; ls answer.h.gch
	gcc -H -O2 -flto -pipe -c main.c 2>&1 | grep "^!"
	gcc -O2 -flto -pipe -o prog main.o answer.c; ./prog lto; rm -- *'
same 'a library is loaded by a program that runs' '
	. "$SIDE/.sources.sh"; gcc -shared -fPIC -o answer.so answer.c
	/usr/bin/python3 -c "import ctypes
print(ctypes.CDLL(\"$DIR/answer.so\").answer(1))"; rm -- *'
same 'a program that runs is busy, and is replaced' '
	. "$SIDE/.sources.sh"; gcc -o prog main.c answer.c
	cp /bin/sleep s; ./s 60 & until grep -qzx 60 /proc/$!/cmdline; do
	sleep 0.02; done; echo x >>s; echo $?; cp -f prog s 2>&1 | head -n 1
	rm -f s; cp prog s; ./s new; kill $!; wait $!; echo $?
	chmod -x s; ./s x
	rm -- *'
same 'a script, a program with set-user-ID, noexec bits' '
	printf "#!/bin/sh\necho script \$1\n" >s; chmod 755 s; ./s a; sh s b
	cp /usr/bin/id i; chmod 4755 i; chown 0 i 2>&1; [ "$(./i -u)" = \
	"$(id -u)" ]; echo $?; chmod 600 s; ./s c; echo $?; rm -- *'
same 'gdb: breakpoint, values, a core file in the directory' '
	. "$SIDE/.sources.sh"; gcc -g -O0 -o prog main.c answer.c
	gdb -nx -batch -ex "set confirm off" -ex "break answer" \
		-ex "run arg" -ex "print n" -ex "bt" -ex "finish" \
		-ex "print calls" -ex "generate-core-file core" -ex kill \
		./prog 2>&1 | grep -E "^#|^.[0-9]+ =|Value|Saved" |
		sed "s/0x[0-9a-f]*/ADDRESS/g"
	gdb -nx -batch -ex bt ./prog core 2>&1 | grep -c "main (argc=2"
	rm -- *'

finish
