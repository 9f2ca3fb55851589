# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of shmfs(8) for bash, with and without the package
# bash-completion. The options are listed as in fs/option_rules.c, a value
# after the equals sign where it is one of a few words; tests/mount/manual.sh
# compares.

_shmfs_words='io=auto|native|direct prefix= include= exclude= separator=
	semaphores size= objects= reserve uid= gid= umask= allow_other
	allow_root auto_unmount ro io_uring io_uring_q_depth= max_threads=
	spin= cpu_latency= fsname= noexec exec rw suid nosuid dev nodev atime
	noatime nodiratime relatime sync async dirsync defaults
	default_permissions auto noauto nofail user users nouser _netdev'
# May be said more than once.
_shmfs_repeatable=' include= exclude= '

# Values of the option $1 that start with $2, one a line.
_shmfs_values()
{
	local word value

	case $1 in
	uid=) compgen -u -- "$2" ;;
	gid=) compgen -g -- "$2" ;;
	esac
	for word in $_shmfs_words; do
		if [[ $word == "$1"?* ]]; then
			word=${word#*=}
			compgen -W "${word//|/ }" -- "$2"
		fi
	done
}

# Whether the list $1 has the option $2.
_shmfs_has()
{
	if [[ $2 == *= ]]; then
		[[ ,$1 == *",$2"* ]]
	else
		[[ ,$1, == *",$2,"* ]]
	fi
}

# Completions of $2, the last word of a comma list, whose other words and
# those of other -o are $1; one a line.
_shmfs_option()
{
	local word value

	for word in $_shmfs_words; do
		[[ $word != *=* ]] || word=${word%%=*}=
		if [[ $2 == *=* ]]; then
			[[ $word != "${2%%=*}=" ]] || _shmfs_values "$word" \
				"${2#*=}" | while read -r value; do
				printf '%s\n' "$word$value"
			done
		elif [[ $word == "$2"* ]] &&
			{ [[ $_shmfs_repeatable == *" $word "* ]] ||
				! _shmfs_has "$1" "$word"; }; then
			printf '%s\n' "$word"
		fi
	done
}

# Words of the command line up to the cursor, as the shell will see them:
# readline takes them apart at each of COMP_WORDBREAKS.
_shmfs_read_line()
{
	local line=${COMP_LINE:0:COMP_POINT}

	IFS=$' \t\n' read -r -d '' -a words <<<"$line" || :
	[[ $line != *[[:space:]] ]] || words+=('')
}

# Sets given, what has been said after -o, places, how many words are no
# options, and after, the option that waits for its value.
_shmfs_look_back()
{
	local word options=1

	given='' places=0 after=''
	for word in "${words[@]:1:${#words[@]}-2}"; do
		if [ -n "$after" ]; then
			given+=$word,
			after=''
		elif [ -z "$options" ] || [[ $word != -?* ]]; then
			places=$((places + 1))
		elif [ "$word" = -- ]; then
			options=''
		elif [[ $word =~ ^-[dfhV]*o$ ]]; then
			after=-o
		elif [[ $word =~ ^-[dfhV]*o(.*) ]]; then
			given+=${BASH_REMATCH[1]},
		fi
	done
}

# Replies with what completes the comma list $1; $2 is what is before the list
# in the same word.
_shmfs_reply_options()
{
	local list=$1 said='' breaks=${COMP_WORDBREAKS//[^:=]/} cut one

	if [[ $list == *,* ]]; then
		said=${list%,*},
		list=${list##*,}
	fi
	mapfile -t COMPREPLY < <(_shmfs_option "$given$said" "$list")
	# Readline replaces what comes after the last of its word breaks.
	cut=$2$said$list
	[ -n "$breaks" ] || cut=''
	[ -z "$cut" ] || cut=${cut%"${cut##*["$breaks"]}"}
	for one in "${!COMPREPLY[@]}"; do
		COMPREPLY[one]=$2$said${COMPREPLY[one]}
		COMPREPLY[one]=${COMPREPLY[one]#"$cut"}
	done
	# Another may follow. Fails where no completion is going on.
	compopt -o nospace 2>/dev/null || :
}

_shmfs()
{
	local words=() given places after cur

	COMPREPLY=()
	_shmfs_read_line
	_shmfs_look_back
	cur=${words[${#words[@]} - 1]}
	if [ -n "$after" ]; then
		_shmfs_reply_options "$cur" ''
	elif [[ $cur =~ ^(-[dfhV]*o)(.+) ]]; then
		_shmfs_reply_options "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
	elif [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			'-f -d -h -V -o --help --version' -- "$cur")
	elif [ "$places" -lt 2 ]; then
		cur=${COMP_WORDS[COMP_CWORD]}
		compopt -o filenames 2>/dev/null || :
		[ "$places" -gt 0 ] || mapfile -t COMPREPLY < <(
			compgen -W 'posix sysv' -- "$cur")
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
			compgen -d -- "$cur")
	fi
}

complete -F _shmfs shmfs
