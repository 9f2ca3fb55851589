#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Root without capabilities, as in a hardened container: on a mount that only
# root may enter, where the kernel checks no permissions, it gets from every
# operation what it gets on tmpfs. So does root that made up capabilities for
# itself in a user namespace.
# shellcheck disable=SC2016,SC2317 # other shells expand, and call by name
set -eu
# shellcheck source=tests/support/functions.sh
. "${SHMFS_SUPPORT:?}/functions.sh"
shmfs_private ''
shmfs_reference
shmfs_start

# Objects of root and of uid 4242, of all kinds of modes.
make='
	for mode in 0600 0400 0000 0640 0604 0666 0711; do
		for owner in 0:0 4242:4242 0:4242 4242:0; do
			f=f.$mode.${owner/:/.}
			echo content >"$f"
			setfattr -n user.a -v "$f" "$f"
			chown "$owner" "$f"
			chmod "$mode" "$f"
		done
	done
'
bare='
	bare()
	{
		setpriv --bounding-set=-all --inh-caps=-all --clear-groups \
			-- "$@" 2>&1 || echo "exit status $?"
	}
'
inside='
	bare()
	{
		setpriv --bounding-set=-all --inh-caps=-all --clear-groups \
			-- unshare --user --map-root-user "$@" 2>&1 ||
			echo "exit status $?"
	}
'

# The two kinds of root, each with a script that is run for every file as $f.
each()
{
	same "$1, without capabilities" \
		"$make $bare for f in f.*; do $2; done"
	same "$1, in a user namespace" \
		"$make $inside for f in f.*; do $2; done"
}

check "the mount is for root alone, unchecked by the kernel" \
	bash -c '! grep " $MNT " /proc/mounts | grep default_permissions'

each "read" 'bare cat $f'
each "write" 'bare sh -c "echo new >$f"; bare sh -c "echo new 1<>$f"'
each "append" 'bare sh -c "echo new >>$f"'
each "truncate" 'bare truncate -s 1 $f; bare truncate -s 10000 $f'
each "access" 'for t in -r -w -x; do bare test $t $f; done'
each "chmod" 'bare chmod 0640 $f'
each "chmod u+s" 'bare chmod u+s $f'
each "chown" 'bare chown 4242 $f'
each "chown to oneself" 'bare chown 0:0 $f'
each "times" 'bare touch -d 2001-01-01 $f; stat -c %y $f | cut -c 1-4'
each "touch" 'bare touch $f'
each "read an attribute" 'bare getfattr -n user.a $f'
each "write an attribute" 'bare setfattr -n user.a -v new $f
	getfattr -n user.a --only-values $f; echo'
each "remove an attribute" 'bare setfattr -x user.a $f'
each "execute" 'cat >$f </bin/true; bare ./$f'
each "remove" 'bare rm -f $f'
each "rename" 'bare mv $f $f.new; bare mv -f $f.new f.0600.4242.4242'
each "create" 'bare sh -c "echo new >new.$f"'
each "map" 'bare /usr/bin/python3 -c "
import mmap, os
fd = os.open(\"$f\", os.O_RDWR)
mmap.mmap(fd, 4)[:] = b\"maps\""'
each "list" 'bare ls'

shmfs_stop
shmfs_start default_permissions
check "default_permissions has the kernel check" \
	grep -q " $MNT .*default_permissions" /proc/mounts
each "read, with default_permissions" 'bare cat $f'
each "write, with default_permissions" 'bare sh -c "echo new >$f"'
finish
