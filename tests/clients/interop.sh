#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Python's SharedMemory, a C program with shm_open and mmap, and the mount see
# each other's creations, bytes, sizes, modes, renames and removals.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_start ''

reports interop.py \
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/interop.py" \
	"$MNT" "$PREFIX" "${SHMFS_BUILD:?}/tests/shm_object"

finish
