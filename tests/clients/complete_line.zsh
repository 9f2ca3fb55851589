# SPDX-License-Identifier: MIT
#
# complete_line.zsh DIRECTORY LINE: types LINE and a tab to a zsh that has the
# completions of DIRECTORY, and prints what it would offer, one a line. The
# zsh of the other side says that itself: all matches come from compadd.
zmodload zsh/zpty

setup='
PS1= PROMPT=
fpath=($1 $fpath)
autoload -Uz compinit
compinit -u -D
setopt no_always_last_prompt no_list_beep
zstyle ":completion:*" completer _complete
compadd()
{
	local -a found
	local -i i
	# -D and -O fill arrays for the caller, and offer nothing.
	if (( ${@[(I)-[a-zA-Z12]#[DO]*]} )); then
		builtin compadd "$@"
		return
	fi
	builtin compadd -O found "$@"
	for ((i = 1; i <= $#found; i++)); do
		print -r -- "offer:${(Q)found[i]}"
	done
	builtin compadd "$@"
}
finish() { compstate[insert]=""; compstate[list]=""; print -r -- offered. }
compprefuncs+=(begin)
begin() { comppostfuncs+=(finish); compprefuncs+=(begin) }
bindkey "^I" complete-word
print -r -- ready.
'
zpty -b shell zsh -f -i
zpty -w shell "set -- ${(q)1}"
zpty -w shell "eval ${(qq)setup}"
zpty -r -m shell output '*ready.*ready.*'
zpty -w -n shell "$2"$'\t'
zpty -r -m shell output '*offered.*'
zpty -d shell
print -r -- "$output" | tr -d '\r' | sed -n 's/.*offer://p' | sort -u
