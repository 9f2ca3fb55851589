#!/bin/bash
# SPDX-License-Identifier: MIT
#
# as_user.sh PROGRAM [ARGUMENT...]: runs a test as an ordinary user (nobody),
# who then mounts as one too. What it needs is copied to where that user gets
# at it: the checkout may be for its owner only. Where the caller is no root,
# there is nothing to change.
#
# A script (*.sh) also gets what only root could make: a mount namespace with
# a /dev/shm of its own, and the tmpfs to compare with, in SHMFS_REFERENCE.
set -eu

if [ "$(id -u)" != 0 ]; then
	exec "$@"
fi
case $1 in
*.sh)
	here=$(readlink /proc/self/ns/mnt)
	if [ "${SHMFS_OUTSIDE:-$here}" = "$here" ]; then
		SHMFS_OUTSIDE=$here exec unshare --mount \
			--propagation private "$BASH" "$0" "$@"
	fi
	;;
esac

user=65534
child=
place=$(mktemp -d /tmp/shmfs-test.XXXXXX)

# shellcheck disable=SC2317 # called by the trap
clean_up()
{
	if [ -n "$child" ]; then # it cleans up as well
		kill -TERM "$child" 2>/dev/null || :
		wait "$child" || :
	fi
	! mountpoint -q "$place/tmpfs" || umount -l "$place/tmpfs"
	rm -rf --one-file-system -- "$place"
}
trap clean_up EXIT
trap 'exit 143' TERM INT HUP

mkdir "$place/tests"
install -m 755 "$SHMFS" "$place/shmfs"
install -m 755 "$SHMFS_BUILD"/tests/{handoff_client,shm_object} "$place/tests"
boost=$SHMFS_BUILD/tests/boost_objects # where there is Boost
[ ! -e "$boost" ] || install -m 755 "$boost" "$place/tests"
case $1 in
*.sh)
	umask 022
	# Our copies of other tests' mounts would keep them alive.
	awk '$5 ~ "^/tmp/shmfs-test" { print $5 }' /proc/self/mountinfo |
		while read -r other; do
			umount -l "$other" 2>/dev/null || : # gone by itself
		done
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /dev/shm
	mkdir "$place/tmpfs" "$place/clients" "$place/support"
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$place/tmpfs"
	install -m 644 "$SHMFS_SUPPORT"/*.sh "$place/support"
	install -m 644 "$SHMFS_SUPPORT"/../clients/* "$place/clients"
	program=("$BASH" "$place/clients/${1##*/}")
	export SHMFS_SUPPORT=$place/support SHMFS_REFERENCE=$place/tmpfs
	;;
*)
	install -m 755 "$1" "$place/tests"
	program=("$place/tests/${1##*/}")
	;;
esac
shift
chmod 755 "$place"
export SHMFS=$place/shmfs SHMFS_BUILD=$place
cd /
status=0
# In the background, so that a signal is not kept waiting; as in the foreground
# otherwise.
env --default-signal=INT setpriv --reuid "$user" --regid "$user" \
	--clear-groups --pdeathsig TERM "${program[@]}" "$@" </dev/null &
child=$!
wait "$child" || status=$?
child=
exit "$status"
