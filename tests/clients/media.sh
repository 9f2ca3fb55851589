#!/bin/bash
# SPDX-License-Identifier: MIT
#
# ffmpeg reads raw frames that a producer keeps in an object, and what it
# writes into the mount are objects; through a mapping of the same file the
# same frames are seen.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs ffmpeg ffmpeg -version
shmfs_private ''
shmfs_start

reports frames.py \
	/usr/bin/python3 "$SHMFS_SUPPORT/../clients/frames.py" \
	"$MNT" "$PREFIX"

finish
