#!/bin/bash
# SPDX-License-Identifier: MIT
#
# as_user.sh PROGRAM [ARGUMENT...]: runs a test program as an ordinary user
# (nobody), who then mounts as one too. What it needs is copied to where that
# user gets at it: the checkout may be for its owner only. Where the caller is
# no root, there is nothing to change.
set -eu

if [ "$(id -u)" != 0 ]; then
	exec "$@"
fi
user=65534
place=$(mktemp -d /tmp/shmfs-test.XXXXXX)
trap 'rm -rf -- "$place"' EXIT
mkdir "$place/tests"
install -m 755 "$SHMFS" "$place/shmfs"
install -m 755 "$1" "${1%/*}"/handoff_client "${1%/*}"/shm_object \
	"$place/tests"
program=$place/tests/${1##*/}
shift
chmod 755 "$place"
export SHMFS=$place/shmfs SHMFS_BUILD=$place
cd /
status=0
setpriv --reuid "$user" --regid "$user" --clear-groups --pdeathsig TERM \
	"$program" "$@" || status=$?
exit "$status"
