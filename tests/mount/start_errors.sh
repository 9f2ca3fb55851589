#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What cannot be mounted is refused in one line that begins with "shmfs: " and
# says what is wrong, with exit status 1, with and without -f; nothing is
# mounted, and no process stays behind.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_start

FUSERMOUNT=$(command -v fusermount3) # ordinary users cannot mount without

# shellcheck source=tests/support/start.sh
. "$SHMFS_SUPPORT/start.sh"
new_dir DIR

running()
{
	processes_of "$SHMFS"
	processes_of "$PUB/shmfs"
}

nothing_new()
{
	[ "$(running)" = "$1" ]
}

# One attempt: refusal NAME TEXT COMMAND...
refusal()
{
	local name=$1 text=$2 status=0 wrong='' mounts before

	shift 2
	mounts=$(cat /proc/self/mountinfo)
	before=$(running)
	timeout -k 5 60 "$@" </dev/null >"$SIDE/out" 2>"$SIDE/err" || status=$?
	[ "$status" = 1 ] || wrong="exit status $status"
	[ ! -s "$SIDE/out" ] || wrong="$wrong, output"
	[ "$(wc -l <"$SIDE/err")" = 1 ] || wrong="$wrong, not one line"
	grep -q '^shmfs: ' "$SIDE/err" || wrong="$wrong, no 'shmfs: '"
	grep -qF -- "$text" "$SIDE/err" || wrong="$wrong, no '$text'"
	diff <(echo "$mounts") /proc/self/mountinfo >"$SIDE/mounts" || :
	if grep '^>' "$SIDE/mounts" >>"$SIDE/err"; then
		wrong="$wrong, something is mounted"
	fi
	wait_for 10 nothing_new "$before" || wrong="$wrong, a process is left"
	if [ -z "$wrong" ]; then
		ok "$name"
	else
		not_ok "$name: ${wrong#, }"
		sed 's/^/# /' "$SIDE/err"
	fi
}

# Each case in the foreground and in the background: NAME TEXT WRAPPERS --
# ARGUMENTS, with -f added to the arguments or not.
both()
{
	local name=$1 text=$2
	local -a run=()

	shift 2
	while [ "$1" != -- ]; do
		run+=("$1")
		shift
	done
	shift
	export -f with_fuse over as_user
	export PUB
	refusal "$name" "$text" bash -c '"$@"' sh "${run[@]}" \
		"$PUB/shmfs" "$@"
	refusal "$name (-f)" "$text" bash -c '"$@"' sh "${run[@]}" \
		"$PUB/shmfs" -f "$@"
}

both 'a file' 'not a directory' -- "$PUB/file"
both 'a missing directory' 'no such directory' -- "$PUB/missing"
both 'a directory in a missing one' 'no such directory' -- "$PUB/missing/x"
both 'a path through a file' "$PUB/file/x" -- "$PUB/file/x"
both 'an empty path' 'shmfs: ' -- ''
both 'a name that is too long' 'too long' -- \
	"/tmp/$(printf '%300s' '' | tr ' ' x)"
both 'a path that is too long' 'too long' -- \
	"/tmp$(printf '%4096s' '' | sed 's| |/.|g')"
both 'a dangling link' "$PUB/link" -- "$PUB/link"
both 'a busy directory' 'busy' -- "$MNT"
check 'the mount there still works' touch "$MNT/${PREFIX}object"
both 'an object in the mount' 'not a directory' -- "$MNT/${PREFIX}object"
both 'nothing in the mount' 'no such directory' -- "$MNT/${PREFIX}nothing"
both 'the namespace itself' 'busy' -- /dev/shm
rm "$MNT/${PREFIX}object"

both 'io=native, as an ordinary user' 'io=native cannot be had: ' \
	with_fuse 666 as_user -- -o io=native "$PUB/theirs"

both 'no mountpoint' 'mountpoint' --
both 'a kind only' 'posix' -- posix
both 'too many arguments' 'extra' -- posix "$DIR" extra
both 'an unknown kind' 'nokind' -- nokind "$DIR"
both 'an unknown letter' "'-x'" -- -x "$DIR"
both 'an unknown word' "'--nonsense'" -- --nonsense "$DIR"
both '-o without a value' "'-o'" -- "$DIR" -o
for option in nonsense semaphores,nonsense nonsense=1 semaphoresx xsemaphores \
	Semaphores 'semaphores nonsense' $'semaphores\nnonsense' =; do
	both "-o $(printf %q "$option")" "'${option#semaphores,}'" -- \
		-o "$option" "$DIR"
done
for option in io io= io=fast io=AUTO io=auto1; do
	both "-o $option" 'auto|' -- -o "$option" "$DIR"
done
for option in max_threads max_threads= max_threads=0 max_threads=-1 \
	max_threads=x max_threads=4k max_threads=1.5 max_threads=0x10 \
	max_threads=99999999999999999999 max_threads=4294967297 \
	max_threads=' 4'; do
	both "-o $option" '1..' -- -o "$option" "$DIR"
done
for option in cpu_latency cpu_latency= cpu_latency=-1 cpu_latency=1ms \
	cpu_latency=1000001; do
	both "-o $option" '0..1000000' -- -o "$option" "$DIR"
done
both 'cpu_latency, as a user' '/dev/cpu_dma_latency: ' \
	with_fuse 666 as_user -- -o cpu_latency=0 "$PUB/theirs"
for option in semaphores=1 semaphores= allow_other=yes; do
	both "-o $option" 'takes no value' -- -o "$option" "$DIR"
done
long=$(printf '%255s' '' | tr ' ' x)
for option in prefix prefix= prefix=/ prefix=a/b prefix=/a "prefix=$long" \
	prefix=a,prefix=b; do
	both "-o ${option:0:20}" 'prefix=TEXT' -- -o "$option" "$DIR"
done
for option in separator separator= separator=/ separator=:: separator=ab \
	$'separator=\u00b7' $'separator=\xff' separator=:,separator=.; do
	both "-o $(printf %q "$option")" 'separator=C' -- -o "$option" "$DIR"
done
for glob in '' '[' 'a[b' '[]' '[[:digits:]]' "a\\"; do
	both "-o include=$glob" 'include=GLOB' -- -o "include=$glob" "$DIR"
done
both '-o exclude=' 'exclude=GLOB' -- -o exclude= "$DIR"
both 'the second of two patterns' "'exclude=[b'" -- \
	-o 'exclude=[a],exclude=[b' "$DIR"
both 'a prefix of semaphores, without these' "'prefix=sem.a'" -- \
	-o prefix=sem.a "$DIR"
both 'included and excluded' "'exclude=a*'" -- \
	-o 'exclude=a*,include=b,include=a*' "$DIR"

both 'a bad option after the mountpoint' nonsense -- "$DIR" -o nonsense
both 'a bad option among good ones' bad -- -o semaphores -o bad,ro "$DIR"

both 'without /dev/fuse' 'modprobe fuse' with_fuse none -- "$DIR"
both 'with another /dev/fuse' 'cannot mount' with_fuse null -- "$DIR"
both 'a closed /dev/fuse, as a user' 'chmod 0666' \
	with_fuse 600 as_user -- "$PUB/theirs"
both "somebody else's directory" 'you may not mount here' \
	with_fuse 666 as_user -- "$PUB/root's"
both 'without fusermount3, as a user' 'fusermount3' \
	with_fuse 666 as_user PATH="$PUB/empty" -- "$PUB/theirs"
both 'with a fusermount3 that cannot run' 'fusermount3' \
	with_fuse 666 over /dev/null "$FUSERMOUNT" as_user -- "$PUB/theirs"
install -m 755 "$FUSERMOUNT" "$PUB/no-suid"
both 'with a fusermount3 that may not mount' 'not permitted' \
	with_fuse 666 over "$PUB/no-suid" "$FUSERMOUNT" as_user -- \
	"$PUB/theirs"
chown 4242:4242 "$PUB/theirs"
both 'a user without a name' 'username' \
	with_fuse 666 setpriv --reuid=4242 --regid=4242 --clear-groups -- \
	"$PUB/theirs"
chown 65534:65534 "$PUB/theirs"
if [ -e /etc/fuse.conf ]; then
	both 'allow_other, which root does not allow' 'user_allow_other' \
		with_fuse 666 over "$PUB/file" /etc/fuse.conf \
		as_user -- -o allow_other "$PUB/theirs"
fi

# A daemon that is killed leaves a dead mount; the step to take is named.
first=$DAEMON
shmfs_launch "$DIR"
wait_for 60 up_or_gone "$DIR"
stat "$DIR" >"$SIDE/out"
kill -KILL "$DAEMON"
wait "$DAEMON" 2>/dev/null || :
DAEMON=$first
check 'a dead mount stays behind' is_mounted "$DIR"
both 'a dead mount' "umount '$DIR'" -- "$DIR"
umount "$DIR"
check 'the step that the message names' \
	bash -c '"$SHMFS" "$1" && stat "$1" && umount "$1"' sh "$DIR"

finish
