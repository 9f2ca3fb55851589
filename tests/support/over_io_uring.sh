#!/bin/bash
# SPDX-License-Identifier: MIT
#
# over_io_uring.sh PROGRAM [ARGUMENT...]: runs a test whose mounts ask for
# io_uring, where the kernel gives it to FUSE. scripts/test turns that on.
set -eu
parameter=/sys/module/fuse/parameters/enable_uring

if [ "$(cat "$parameter" 2>/dev/null)" != Y ]; then
	echo "# FUSE has no io_uring here: $parameter is not Y"
	exit 77
fi
exec "$@"
