#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Node reads, writes, streams and watches files under the mount.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_needs nodejs node --version
shmfs_private ''
shmfs_start

reports files.js node "$SHMFS_SUPPORT/../clients/files.js" "$MNT"

finish
