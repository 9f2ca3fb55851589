# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# complete_line LINE: what the function that `complete -F` registered for the
# line's command replies, one a line. The line is taken apart as readline
# does it: at blanks, and around each run of the other word breaks.
complete_line()
{
	local line=$1 rest function piece

	COMP_LINE=$line
	COMP_POINT=${#line}
	COMP_WORDS=()
	rest=$line
	while [ -n "$rest" ]; do
		rest=${rest#"${rest%%[! ]*}"}
		piece=${rest%%[ =:]*}
		if [ -z "$piece" ]; then
			piece=${rest%%[!=:]*}
		fi
		[ -z "$piece" ] || COMP_WORDS+=("$piece")
		rest=${rest#"$piece"}
	done
	[[ $line != *[\ =:] ]] || COMP_WORDS+=('')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	function=$(complete -p "${COMP_WORDS[0]}")
	[[ $function =~ -F\ ([^ ]+) ]] || return 1
	COMPREPLY=()
	"${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" \
		"${COMP_WORDS[COMP_CWORD - 1]}"
	[ "${#COMPREPLY[@]}" = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
