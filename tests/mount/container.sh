#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A process in a container (bubblewrap) with a /dev/shm of its own gets a view
# of the host's objects by a bind mount: it uses and makes only those that are
# in view, and shares their memory with processes outside by mmap.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
[ "$(id -u)" = 0 ] || {
	echo "only root has the native data path"
	exit 77
}
command -v bwrap >"$SIDE/where" || {
	echo "bubblewrap is not here"
	exit 77
}

shmfs_start prefix=app.,size=1M,objects=8
PATH_IO=$(getfattr --only-values --absolute-names -n user.shmfs.io "$MNT")
echo private >/dev/shm/other.secret
echo shared >/dev/shm/app.config

# boxed COMMAND...: in a container that has the view at /srv
boxed()
{
	bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp \
		--bind "$MNT" /srv --unshare-pid --unshare-ipc --unshare-uts \
		--die-with-parent "$@"
}

# instead COMMAND...: in one that has it as its /dev/shm
instead()
{
	bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp \
		--bind "$MNT" /dev/shm --unshare-pid --unshare-ipc \
		--die-with-parent "$@"
}
export -f boxed instead
export MNT


check "the container's own /dev/shm is empty" \
	[ -z "$(boxed ls -A /dev/shm)" ]
check "it sees what is in view, and no more" \
	[ "$(boxed ls -A /srv)" = config ]
check "it reads" [ "$(boxed cat /srv/config)" = shared ]
check "it writes" boxed sh -c 'echo more >>/srv/config'
check "that is the object" grep -q more /dev/shm/app.config
check "it makes" boxed sh -c 'echo made >/srv/made'
check "with the prefix" grep -q made /dev/shm/app.made
check "it renames" boxed mv /srv/made /srv/moved
check "within the prefix" [ -e /dev/shm/app.moved ]
check "it removes" boxed rm /srv/moved
check "that is gone" [ ! -e /dev/shm/app.moved ]
check "it gets no further than the view" boxed sh -c '
	! cat /srv/other.secret && ! cat /srv/../dev/shm/other.secret &&
	! rm /srv/app.config && ! ls /dev/shm/other.secret' 2>"$SIDE/no"
mode=$(stat -c '%a %u' /dev/shm)
check "it cannot close the host's /dev/shm to others" boxed sh -c '
	! chmod 700 /srv && ! chown 4242 /srv && ! chgrp 4242 /srv &&
	! setfattr -n user.x -v y /srv' 2>"$SIDE/no"
check "that is as it was" [ "$(stat -c '%a %u' /dev/shm)" = "$mode" ]
check "what changes nothing, and the times, may be set" boxed sh -c '
	chmod 1777 /srv && chown root: /srv && touch /srv'
check "it cannot fill the host's memory" boxed sh -c '
	! head -c 2M /dev/zero >/srv/large && rm /srv/large'
check "what is outside is as it was" \
	[ "$(cat /dev/shm/other.secret)" = private ]
check "nothing else has come to be" \
	[ "$(ls -A /dev/shm)" = "$(printf 'app.config\nother.secret')" ]

check "as its /dev/shm: shm_open finds the object" instead \
	/usr/bin/python3 -c '
from _posixshmem import shm_open
import os
assert os.read(shm_open("/config", os.O_RDWR), 6) == b"shared"
os.ftruncate(shm_open("/mine", os.O_RDWR | os.O_CREAT, mode=0o600), 4096)'
check "and makes one with the prefix" \
	[ "$(stat -c %s /dev/shm/app.mine)" = 4096 ]

if [ "$PATH_IO" = native ]; then
	share=(/usr/bin/python3 "$SHMFS_SUPPORT/../clients/container.py")
	check "memory is shared with the host" "${share[@]}" \
		/dev/shm/app.frames /srv/frames bash -c 'boxed "$@"' sh
	check "also as its /dev/shm" "${share[@]}" \
		/dev/shm/app.more /dev/shm/more bash -c 'instead "$@"' sh
fi

finish
