#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What people are told is what the code has: options with their values in the
# manual, --help, the completions and the README; kinds, attributes, signals
# and environment variables in the manual. The code's side comes from its own
# tables (clients/option_table.c), from its sources, and from a running daemon.
# The page renders without a warning.
# shellcheck disable=SC2317 # called through check
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"

ROOT=$(dirname "$SHMFS_SUPPORT")/..
PAGE=$ROOT/fs/shmfs.8
TABLE=$SIDE/.table
"${SHMFS_BUILD:?}/tests/option_table" >"$TABLE"

# equal WHAT LEFT RIGHT: the functions LEFT and RIGHT print the same lines, in
# whatever order, and some.
equal()
{
	"$2" | sort -u >"$SIDE/.$2"
	"$3" | sort -u >"$SIDE/.$3"
	if [ -s "$SIDE/.$2" ] && diff -u --label "$2" --label "$3" \
		"$SIDE/.$2" "$SIDE/.$3"; then
		ok "$1"
	else
		not_ok "$1"
	fi
}

# within WHAT LEFT RIGHT: all lines of LEFT, of which there are some, are lines
# of RIGHT as well.
within()
{
	"$2" | sort -u >"$SIDE/.$2"
	"$3" | sort -u >"$SIDE/.$3"
	comm -23 "$SIDE/.$2" "$SIDE/.$3" >"$SIDE/.rest"
	if [ -s "$SIDE/.$2" ] && [ ! -s "$SIDE/.rest" ]; then
		ok "$1"
	else
		not_ok "$1"
		sed 's/^/# /' "$SIDE/.rest"
	fi
}

# Options after -o: name[=VALUE], those without effect with a "-" in front.
code_options()
{
	awk -F '\t' '$1 == "option" {
		print ($4 == "idle" ? "-" : "") $2 $3 }' "$TABLE"
}

# Those with a value out of a few.
code_choices()
{
	code_options | sed -n 's/^\([a-z]*=[a-z|]*|[a-z|]*\)$/\1/p'
}

# The letters and long options that getopt_long(3) gets.
code_letters()
{
	sed -n 's/.*":\([a-zA-Z:]*\)".*/\1/p' "$ROOT/fs/options.c" |
		tr -d ':\n' | sed 's/./-&\n/g'
	sed -n 's/.*{ "\([a-z-]*\)", \(no\|required\)_argument.*/--\1/p' \
		"$ROOT/fs/options.c"
}

"$SHMFS" --help >"$SIDE/.help"

help_letters()
{
	sed -n 's/^  \(-.*\)/\1/p' "$SIDE/.help" | sed 's/   *.*//' |
		grep -oE -e '(^|[ ,])--?[a-zA-Z]+' | tr -d ' ,'
}

# One to a line, then what it does; then lines of words only; then the same of
# those without effect.
help_options()
{
	sed '1,/ -o OPTION/d; /^Unmount/,$d' "$SIDE/.help" | awk '
		/^  accepted/ { idle = "-"; next }
		!NF { next }
		/^    [a-z_]+(, |,?$)/ || idle {
			gsub(/[ ,]+/, "\n" idle)
			sub(/^\n/, "")
			sub(/\n-?$/, "")
			print
			next
		}
		/^    / { print $1 }' | grep -vE '^-(x-|comment=)\*$'
}

# The .It lines of the section $1. A line that ends with a backslash goes on in
# the next.
page_items()
{
	sed -e ':next' -e '/\\$/{N;s/\\\n//;b next' -e '}' "$PAGE" |
		awk -v section="$1" '
			/^\.Sh/ { here = substr($0, 5) == section }
			here && sub(/^\.It /, "")'
}

page_letters()
{
	page_items OPTIONS | sed -n 's/^Fl //p' | sed 's/ Ar .*//; s/Fl //g' |
		tr -s ' ,' '\n' | sed 's/^/-/'
}

page_options()
{
	page_items OPTIONS | grep '^Cm atime' | sed 's/^Cm /-/; s/ , /\n-/g'
	page_items OPTIONS | grep -v '^Cm atime' | sed -n 's/^Cm //p' |
		sed 's/ Ns = Ns \(Cm\|Ar\) /=/; s/ | /|/g; s/ , /\n/g' |
		sed 's/=\([a-z]*\)$/=\U\1/'
}

# The completions know names, and values where these are a few words.
code_completed()
{
	code_options | sed 's/^-//' | sed '/=[a-z|]*|/!s/=.*/=/'
}

# shellcheck disable=SC2016 # another shell expands
bash_completed()
{
	"$BASH" -c '. "$1" && printf "%s\n" $_shmfs_words' bash \
		"$ROOT/fs/completions/shmfs.bash"
}

# shellcheck disable=SC2016
bash_repeatable()
{
	"$BASH" -c '. "$1" && printf "%s\n" $_shmfs_repeatable' bash \
		"$ROOT/fs/completions/shmfs.bash"
}

# What it defines and what it gives to _arguments, one a line.
zsh_lines()
{
	zsh -fc 'compdef() {}
		_arguments() { print -rl -- "$@" }
		load() { source $1; print -rl -- "$words_of_o[@]" }
		load $1' zsh "$ROOT/fs/completions/_shmfs"
}

# Of name[text]:value:action or name alone; a value has a colon after the text.
zsh_completed()
{
	zsh_lines | sed -n '/^\*\{0,1\}[a-z_]*\(\[.*\)\{0,1\}$/p' |
		grep -v '^\*\{0,1\}-' | sed 's/^\*//; s/\\://g' |
		sed 's/\[.*\]:[^:]*:(\([^)]*\))$/=\1/
			/=/!s/\[.*\]:.*/=/
			s/\[.*\]$//
			/=/s/ /|/g'
}

zsh_repeatable()
{
	zsh_lines | sed -n 's/^\*\([a-z_]*\)\[.*/\1=/p'
}

zsh_letters()
{
	zsh_lines | sed -n 's/^\(([^)]*)\)\{0,1\}\**\(-[a-zA-Z-]*\)[[+].*/\2/p'
}

bash_letters()
{
	grep -oE -e "'(-[a-zA-Z] )+(--[a-z]+ ?)+'" \
		"$ROOT/fs/completions/shmfs.bash" | tr -d "'" | tr ' ' '\n'
}

code_repeatable()
{
	sed -n 's/^repeatable\t//p' "$TABLE"
}

# The README has each option that has a text; which value, the manual says.
code_explained()
{
	awk -F '\t' '$1 == "option" && $4 == "text" { print $2 }' "$TABLE"
}

code_names()
{
	code_completed | sed 's/=.*/=/'
}

readme_table()
{
	# shellcheck disable=SC2016 # not the shell's backquotes
	sed -n '/^| -o |/,/^$/p' "$ROOT/README.md" | sed 's/\\|/\//g' |
		cut -d '|' -f 2 | grep -oE '`[^`]*`' | tr -d '`'
}

readme_options()
{
	readme_table | sed 's/=.*/=/'
}

readme_choices()
{
	readme_table | tr / '|' | grep -E '^[a-z]*=[a-z|]*\|[a-z|]*$'
}

code_kinds()
{
	sed -n 's/^kind\t//p' "$TABLE"
}

page_kinds()
{
	sed -n '/^\.Ar kind$/,/^\.Pp/s/^\.Cm //p' "$PAGE" | tr -d ' ,'
}

help_kinds()
{
	sed -n 's/^\(KIND:\|     \) \([a-z]*\).*, .*/\2/p' "$SIDE/.help"
}

# Attributes of ours: those of xattr.c and what the kinds tell.
code_attributes()
{
	sed -n 's/^#define.* OURS "\(.*\)"/user.shmfs.\1/p' \
		"$ROOT/fs/xattr.c"
	sed -n 's/^fact\t/user.shmfs./p' "$TABLE"
}

page_attributes()
{
	page_items 'EXTENDED ATTRIBUTES' | sed 's/^Li //; s/ , /\n/g'
}

# What a kind refuses is said in the section on segments.
code_refused()
{
	sed -n 's/^refused\tsysv\t\([a-z_]*\)=*/\1/p' "$TABLE"
}

page_refused()
{
	sed -n '/^\.It Options/,/^are refused/s/^\.Cm //p' "$PAGE" |
		sed 's/ , /\n/g'
}

sources()
{
	find "$ROOT/fs" "$ROOT/lib" -name '*.c' -exec cat {} +
}

code_environment()
{
	sources | grep -oE 'getenv\("[^"]*"' | sed 's/.*("//; s/"//'
}

page_environment()
{
	page_items ENVIRONMENT | sed 's/^Ev //'
}

# All that the code names; SIGSEGV it only lets through.
code_signals()
{
	sources | grep -oE '\bSIG[A-Z]+[0-9]?\b' | grep -vx SIGSEGV
}

# A running daemon's: caught, ignored or waited for. Not those that a
# sanitizer catches, or that a shell ignores for what it runs behind itself, nor
# what the C library has for itself.
daemon_signals()
{
	local number mask=0 part

	for part in SigCgt SigIgn SigBlk; do
		number=$(sed -n "s/^$part:\t//p" "/proc/$DAEMON/status")
		mask=$((mask | 16#$number))
	done
	for number in {1..31}; do
		if [ $((mask >> (number - 1) & 1)) = 1 ]; then
			echo "SIG$(kill -l "$number")"
		fi
	done | grep -vxE 'SIGSEGV|SIGFPE|SIGQUIT'
}

page_signals()
{
	page_items SIGNALS | sed 's/^Dv //; s/ , /\n/g'
}

page_handled()
{
	page_signals | grep -vx SIGKILL
}

# Each warning that the page gets from whatever can render it.
warnings()
{
	: >"$SIDE/.where"
	if command -v groff >>"$SIDE/.where"; then
		groff -ww -mdoc -Tutf8 -z "$PAGE" 2>&1
	fi
	if command -v man >>"$SIDE/.where"; then
		man --warnings=w -l "$PAGE" 2>"$SIDE/.man" >"$SIDE/.page"
		cat "$SIDE/.man"
	fi
	if command -v mandoc >>"$SIDE/.where"; then
		# It finds no manual of another package: not our matter.
		mandoc -Tlint -Wwarning "$PAGE" 2>"$SIDE/.notes" || :
	fi
}

equal "letters: the manual" code_letters page_letters
equal "letters: --help" code_letters help_letters
equal "options: the manual" code_options page_options
equal "options: --help" code_options help_options
equal "options: completion of bash" code_completed bash_completed
equal "letters: completion of bash" code_letters bash_letters
equal "repeatable: completion of bash" code_repeatable bash_repeatable
within "options: the README has all that have a text" \
	code_explained readme_options
within "options: the README has no others" readme_options code_names
equal "choices: the README" code_choices readme_choices
equal "kinds: the manual" code_kinds page_kinds
equal "kinds: --help" code_kinds help_kinds
equal "attributes: the manual" code_attributes page_attributes
equal "refused for sysv: the manual" code_refused page_refused
equal "environment: the manual" code_environment page_environment
within "signals of the code: the manual" code_signals page_signals
shmfs_start
equal "signals of the daemon: the manual" daemon_signals page_handled
shmfs_stop

if command -v zsh >"$SIDE/.where"; then
	equal "options: completion of zsh" code_completed zsh_completed
	equal "letters: completion of zsh" code_letters zsh_letters
	equal "repeatable: completion of zsh" code_repeatable zsh_repeatable
else
	echo "zsh is not here to say what it completes"
	[ "$shmfs_failed" -gt 0 ] || exit 77
fi

warnings >"$SIDE/.warnings"
if [ ! -s "$SIDE/.where" ]; then
	echo "neither groff nor mandoc is here to render the manual"
	[ "$shmfs_failed" -gt 0 ] || exit 77
elif [ -s "$SIDE/.warnings" ]; then
	cat "$SIDE/.warnings"
	not_ok "the manual renders without warnings"
else
	ok "the manual renders without warnings"
fi

finish
