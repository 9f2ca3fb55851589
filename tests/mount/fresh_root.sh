#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The README's first command in a Debian that has nothing yet: what an ordinary
# user is told, that it works as printed for root, and then for that user. Run
# by .ci/run, not by scripts/test, because it takes packages from a mirror.
set -eu
# shellcheck source=tests/support/debian_root.sh
. "$(dirname -- "$(readlink -f -- "$0")")/../support/debian_root.sh"
debian_root_enter "$@"
TREE=$debian_root_here/../..
MNT=/mnt/shm

# as WHO COMMAND: in WHO's checkout
as()
{
	if [ "$1" = root ]; then
		in_root sh -c "cd ~/shmfs && $2"
	else
		in_root su - "$1" -c "cd shmfs && $2"
	fi
}

fail()
{
	echo "fresh_root: $*"
	exit 1
}

# The files under version control, or all that are not made by building, where
# this is no repository.
checkout()
{
	mkdir -p "$1"
	if git -c safe.directory='*' -C "$TREE" rev-parse >/dev/null 2>&1; then
		git -c safe.directory='*' -C "$TREE" ls-files -z
	else
		(cd "$TREE" && find . -path './build*' -prune -o \
			-path './subprojects/*' ! -name '*.wrap' -prune -o \
			-type f -print0)
	fi | tar -C "$TREE" --null -T - -cf - | tar -C "$1" -xf - \
		--no-same-owner
}

run=$(sed -n 's,^    \(\./scripts/run .*\),\1,p' "$TREE/README.md" | head -n 1)
[[ $run == "./scripts/run $MNT "* ]] || fail "the README has another command"

# shellcheck disable=SC2119 # nothing but what apt needs
debian_root_make
checkout "$ROOT/root/shmfs"
in_root useradd -m -s /bin/sh somebody
cp -r "$ROOT/root/shmfs" "$ROOT/home/somebody"
in_root chown -R somebody: /home/somebody

echo "--- an ordinary user, nothing installed"
said=$(as somebody "$run" 2>&1) && fail "it cannot have worked"
echo "$said"
grep -q "missing packages; run as root: apt-get update &&" <<<"$said" ||
	fail "does not say what to install"

echo "--- root"
as root "$run" || fail "does not work for root"
as root "echo text >$MNT/object && grep -x text /dev/shm/object &&
	umount $MNT" || fail "$MNT shows no objects"

echo "--- an ordinary user"
as somebody "${run/ $MNT / ~/shm }" || fail "does not work for a user"
as somebody 'grep -x text ~/shm/object && fusermount3 -u ~/shm' ||
	fail "a user's mount shows no objects"
