#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The manual and --help name the same options, with the same values, and the
# page renders without a warning.
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"

PAGE=$(dirname "$SHMFS_SUPPORT")/../fs/shmfs.8

# The letters and long options of --help, then each -o word with its value.
help_options()
{
	"$SHMFS" --help >"$SIDE/help"
	sed -n 's/^  \(-.*\)/\1/p' "$SIDE/help" | sed 's/   *.*//' |
		grep -oE -e '(^|[ ,])--?[a-zA-Z]+' | tr -d ' ,'
	# One to a line, name[=VALUE], then what it does.
	sed -n '/ -o OPTION/,/^Unmount/p' "$SIDE/help" |
		sed -n 's/^    \([a-z_]*\)\(=[^ ]*\)\{0,1\} .*/\1\2/p' |
		grep -v ,
	# And those without a line of their own: "exec, rw, ...; and words".
	sed -n '/^    [a-z]*, /,/;/p' "$SIDE/help" | sed 's/;.*//' |
		tr -cs 'a-z\n' '\n' | grep .
}

# The same from the page: its .It lines in the section OPTIONS.
page_options()
{
	sed -n '/^\.Sh OPTIONS/,/^\.Sh FILES/p' "$PAGE" >"$SIDE/section"
	sed -n 's/^\.It Fl //p' "$SIDE/section" | sed 's/ Ar .*//; s/Fl //g' |
		tr -s ' ,' '\n' | sed 's/^/-/'
	sed -n 's/^\.It Cm //p' "$SIDE/section" |
		sed 's/ Ns = Ns \(Cm\|Ar\) /=/; s/ | /|/g; s/ , /\n/g' |
		sed 's/=\([a-z]*\)$/=\U\1/'
}

# Each warning that the page gets from whatever can render it.
warnings()
{
	if command -v groff >"$SIDE/where"; then
		groff -ww -mdoc -Tutf8 -z "$PAGE" 2>&1
	fi
	if command -v mandoc >>"$SIDE/where"; then
		# It finds no manual of another package: not our matter.
		mandoc -Tlint -Wwarning "$PAGE" 2>"$SIDE/notes" || :
	fi
}

help_options | sort >"$SIDE/in-help"
page_options | sort >"$SIDE/in-page"
if [ "$(wc -l <"$SIDE/in-help")" -lt 20 ]; then
	not_ok "--help lists the options"
elif diff -u --label help --label manual "$SIDE/in-help" "$SIDE/in-page"; then
	ok "the manual and --help have the same options"
else
	not_ok "the manual and --help have the same options"
fi

warnings >"$SIDE/warnings"
if [ ! -s "$SIDE/where" ]; then
	echo "neither groff nor mandoc is here to render the manual"
	[ "$shmfs_failed" -gt 0 ] || exit 77
elif [ -s "$SIDE/warnings" ]; then
	cat "$SIDE/warnings"
	not_ok "the manual renders without warnings"
else
	ok "the manual renders without warnings"
fi

finish
