# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the scripts share: where the checkout and the build are, and how to
# speak. Sourced, never run; the caller has set -eu and is plain sh or bash.
# Sets root and builddir, both absolute.

me=${0##*/}
root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")

builddir=${SHMFS_BUILDDIR:-$root/build}
case $builddir in
/*) ;;
*) builddir=$PWD/$builddir ;;
esac

say() {
	printf '%s: %s\n' "$me" "$*"
}

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

is_root() {
	[ "$(id -u)" = 0 ]
}
