#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the shells offer after "shmfs ...": bash as it is and with the package
# bash-completion, each asked through the function that it would call, and a
# zsh that is typed to in a terminal of its own.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"

FILES=$(dirname "$SHMFS_SUPPORT")/../fs/completions
PACKAGE=/usr/share/bash-completion/bash_completion
CLIENTS=$SHMFS_SUPPORT/../clients
mkdir "$SIDE/dir" "$SIDE/dir/place" "$SIDE/dir/the room"
: >"$SIDE/dir/page"
cd "$SIDE/dir"

if ! command -v zsh >/dev/null || [ ! -e "$PACKAGE" ]; then
	echo "zsh and bash-completion are not here"
	exit 77
fi

# What a bash, prepared by $1, offers for the line $2, one a line.
bash_offers()
{
	env -i PATH="$PATH" LC_ALL=C "$BASH" --noprofile --norc -c "$1"'
		. "$2"
		. "$4/complete_line.bash"
		complete_line "$3"' bash "$1" "$FILES/shmfs.bash" "$2" \
		"$CLIENTS"
}

plain_offers()
{
	bash_offers '' "$1"
}

package_offers()
{
	bash_offers ". $PACKAGE" "$1"
}

zsh_offers()
{
	TERM=dumb timeout -k 5 30 \
		zsh -f "$CLIENTS/complete_line.zsh" "$FILES" "$1" |
		sed 's/[[:space:]]*$//'
}

# offers SHELL LINE WORD...: exactly these, in any order. A WORD that begins
# with "+" must be among them, one that begins with "-:" must not.
offers()
{
	local shell=$1 line=$2 word wrong='' exact=''

	shift 2
	"${shell}_offers" "$line" | sort >"$SIDE/offered"
	: >"$SIDE/wanted"
	for word; do
		case $word in
		+*) grep -qxF -e "${word#+}" "$SIDE/offered" ||
			wrong="$wrong no '${word#+}'" ;;
		-:*) ! grep -qxF -e "${word#-:}" "$SIDE/offered" ||
			wrong="$wrong '${word#-:}'" ;;
		*)
			exact=1
			printf '%s\n' "$word" >>"$SIDE/wanted"
			;;
		esac
	done
	if [ -n "$exact" ] || [ $# = 0 ]; then
		sort -o "$SIDE/wanted" "$SIDE/wanted"
		cmp -s "$SIDE/wanted" "$SIDE/offered" || wrong="$wrong others"
	fi
	if [ -z "$wrong" ]; then
		ok "$shell: '$line'"
	else
		not_ok "$shell: '$line':$wrong"
		sed 's/^/# /' "$SIDE/offered"
	fi
}

# bash replaces the part of a word after its last "=" or ":" only.
for shell in plain package; do
	offers $shell 'shmfs ' +posix +sysv +place '+the room' -:page -:-f
	offers $shell 'shmfs p' posix place
	offers $shell 'shmfs sysv ' place 'the room'
	offers $shell 'shmfs -f pl' place
	offers $shell 'shmfs sysv place '
	offers $shell 'shmfs -' -f -d -h -V -o --help --version
	offers $shell 'shmfs --v' --version
	offers $shell 'shmfs -o ' +io= +ro +include= +umask= +_netdev -:place
	offers $shell 'shmfs -o io' io= io_uring io_uring_q_depth=
	offers $shell 'shmfs -o io=' auto native direct
	offers $shell 'shmfs -o io=n' native
	offers $shell 'shmfs -o ro,io=n' native
	offers $shell 'shmfs -o ro,al' ro,allow_other ro,allow_root
	offers $shell 'shmfs -oro,se' -oro,separator= -oro,semaphores
	offers $shell 'shmfs -fo ro,se' ro,separator= ro,semaphores
	offers $shell 'shmfs -o ro,r' ro,reserve ro,rw ro,relatime
	offers $shell 'shmfs -o io=auto,i' auto,io_uring \
		auto,io_uring_q_depth= auto,include=
	offers $shell 'shmfs -o io=auto -o i' \
		io_uring io_uring_q_depth= include=
	offers $shell 'shmfs -o include=a,inc' a,include=
	offers $shell 'shmfs -o separator=:,include=a,exc' a,exclude=
	offers $shell 'shmfs -o uid=roo' root
	offers $shell 'shmfs -o gid=roo' root
	offers $shell 'shmfs -o size='
	offers $shell 'shmfs -o nonsense='
	offers $shell 'shmfs -o ro sysv pl' place
done

offers zsh 'shmfs p' posix place
offers zsh 'shmfs sysv ' place 'the room'
offers zsh 'shmfs sysv place ' -:place +-f
offers zsh 'shmfs -' +-f +-d +-h +-V +-o +--help +--version
offers zsh 'shmfs -o ' +io +ro +include +umask +_netdev -:place
offers zsh 'shmfs -o io=' auto native direct
offers zsh 'shmfs -o ro,io=n' native
offers zsh 'shmfs -o ro,al' allow_other allow_root
offers zsh 'shmfs -oro,se' separator semaphores
offers zsh 'shmfs -o ro,r' reserve rw relatime
offers zsh 'shmfs -o io=auto,i' io_uring io_uring_q_depth include
offers zsh 'shmfs -o include=a,inc' include
offers zsh 'shmfs -o uid=roo' root

finish
