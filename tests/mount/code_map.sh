#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The map of the code in CONTRIBUTING.md: each file there is has a place on it,
# and each place on it has a file.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"

cd "$SHMFS_SUPPORT/../.."
MAP=$SIDE/map

# The files; not what editors and interpreters leave beside them.
files()
{
	find lib fs tests scripts debian .ci -type f ! -name '.*' ! -name '*~' \
		! -path '*/__pycache__/*'
}

# The patterns in the first column of the section's tables.
sed -n '/^## Where things are/,/^## Tests/p' CONTRIBUTING.md |
	sed -n 's/^| \([^ |][^|]*\) |.*/\1/p' | tr -d ' `' | tr ',' '\n' |
	grep / >"$MAP"
check "there is a map" [ "$(wc -l <"$MAP")" -gt 30 ]

# on_map FILE: some pattern matches; a * also stands for folders
on_map()
{
	local pattern

	while read -r pattern; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ $1 != $pattern ]] || return 0
	done <"$MAP"
	return 1
}

while read -r file; do
	on_map "$file" || not_ok "$file is on the map"
done < <(files)

while read -r pattern; do
	[ -n "$(compgen -G "$pattern")" ] || not_ok "there is a $pattern"
done <"$MAP"

ok "the map is looked through"
finish
