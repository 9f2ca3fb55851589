#!/bin/bash
# SPDX-License-Identifier: MIT
#
# numpy.memmap of a file under the mount and multiprocessing.shared_memory of
# the object: one memory in the native path, a copy with the documented rules
# in the direct one.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs python3-numpy /usr/bin/python3 -c 'import numpy'
shmfs_private ''
shmfs_start

reports memmap.py \
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/memmap.py" \
	"$MNT" "$PREFIX"

finish
