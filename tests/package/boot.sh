#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The package under systemd, booted: fstab(5) at boot, the unit started,
# killed, restarted, stopped, in the way of others and with wrong options; the
# package upgraded and removed under it.
# shellcheck disable=SC2016,SC2317 # see the callers
set -eu
# shellcheck source=tests/package/common.sh
. "$(dirname -- "$(readlink -f -- "$0")")/common.sh"
# shellcheck source=tests/support/debian_boot.sh
. "$package_tests/../support/debian_boot.sh"
debian_root_enter "$@"
debian_root_make systemd
package_copy
in_root apt-get -q update >"$ROOT/.out"
in_root useradd --create-home tester
list_root >"$ROOT/root/before"
check 'it installs' install_package "$PACKAGE"

# The table at boot: a mountpoint that is there, one that is not, a line that
# is wrong; and a unit that is enabled.
mkdir "$ROOT/mnt/table"
cat >"$ROOT/etc/fstab" <<-'END'
	posix /mnt/table shmfs allow_other,nofail 0 0
	sysv /mnt/made fuse.shmfs nofail,x-systemd.mount-timeout=20 0 0
	none /mnt/wrong shmfs nofail 0 0
	posix /mnt/later shmfs noauto,x-systemd.before=rescue.target 0 0
	posix /mnt/auto shmfs noauto,x-systemd.automount 0 0
END
mkdir "$ROOT/etc/shmfs/srv"
sed 's/^OPTIONS=.*/OPTIONS=allow_other,cpu_latency=100,io=native,prefix=app./' \
	"$ROOT/etc/shmfs/example.conf" >"$ROOT/etc/shmfs/srv/view.conf"
unit=shmfs@srv-view.service
check 'the unit can be enabled' in_root systemctl enable "$unit"
check 'the unit is one' in_root systemd-analyze verify --man=no "$unit"
debian_boot
own=/proc/$INIT/root

is_mounted()
{
	grep -q "^$1 $2 fuse.shmfs $3" "/proc/$INIT/mounts"
}

not_mounted()
{
	! grep -q " $1 " "/proc/$INIT/mounts"
}

# Nothing of ours, but perhaps what waits for its first use.
not_mounted_type()
{
	! grep -q " $1 fuse.shmfs " "/proc/$INIT/mounts"
}

# state UNIT ACTIVE[/SUB]
state()
{
	[ "$(in_boot systemctl show -P ActiveState "$1")/$(in_boot \
		systemctl show -P SubState "$1")" = "$2" ]
}

main_pid()
{
	in_boot systemctl show -P MainPID "$unit"
}

# answers DIR PREFIX: what is made there is an object
answers()
{
	in_boot sh -c 'echo text >"$1/o" && rm "/dev/shm/$2o"' sh "$1" \
		"${2-}"
}

check 'fstab: mounted at boot' is_mounted posix /mnt/table \
	'rw,.*allow_other'
check 'it answers' answers /mnt/table
check 'also where there was no directory' is_mounted sysv /mnt/made rw
check 'nofail: what is wrong is left out' state mnt-wrong.mount failed/failed
check 'noauto: on request' in_boot systemctl start mnt-later.mount
check 'it answers' answers /mnt/later
check 'stopping unmounts' in_boot systemctl stop mnt-later.mount
check 'indeed' not_mounted /mnt/later

check 'x-systemd.automount: not yet' not_mounted_type /mnt/auto
check 'its first use mounts' answers /mnt/auto
check 'indeed' is_mounted posix /mnt/auto rw
check 'stopping unmounts' in_boot systemctl stop mnt-auto.automount
check 'indeed' not_mounted /mnt/auto

check 'the unit: active after boot' state "$unit" active/running
check 'mounted where all see it' is_mounted posix /srv/view \
	'rw,.*allow_other'
check 'its view' answers /srv/view app.
check 'it says which data path' test "$(in_boot systemctl show \
	-P StatusText "$unit")" = 'data path is native'
daemon_fits()
{
	local pid

	pid=$(pgrep -f '/usr/bin/shmfs -f .*/srv/view')
	[ "/proc/$pid/ns/mnt" -ef "/proc/$INIT/ns/mnt" ]
	grep -qx 'NoNewPrivs:	1' "/proc/$pid/status"
	grep -qx 'Seccomp:	2' "/proc/$pid/status"
	! grep -qx 'CapEff:	.*ffffffff' "/proc/$pid/status"
}
check 'its daemon: hardened, in the mount namespace of all' daemon_fits

# What hardening must not break.
users()
{
	in_boot setpriv --reuid tester --regid tester --clear-groups sh -euc '
		umask 077
		echo text >/srv/view/own
		chmod 4755 /srv/view/own
		[ "$(stat -c "%U %a" /dev/shm/app.own)" = "tester 4755" ]
		mv /srv/view/own /srv/view/moved
		! cat /srv/view/hidden
		rm /srv/view/moved
	'
	in_boot chown tester /srv/view/hidden
	in_boot test "$(in_boot stat -c %U /dev/shm/app.hidden)" = tester
	in_boot truncate -s 64K /srv/view/hidden
	in_boot fallocate -l 1M /srv/view/hidden
	in_boot rm /srv/view/hidden
}
in_boot sh -c 'umask 077; echo secret >/dev/shm/app.hidden'
check 'users have their rights' users

first=$(main_pid)
restarted()
{
	local pid

	pid=$(main_pid)
	[ "$pid" != 0 ] && [ "$pid" != "$first" ] &&
		state "$unit" active/running && answers /srv/view app.
}
check 'SIGKILL' in_boot sh -c 'kill -KILL "$1"' sh "$first"
check 'it is started again, and answers' wait_for 30 restarted
check 'there is one mount' test \
	"$(grep -c ' /srv/view ' "/proc/$INIT/mounts")" = 1
first=$(main_pid)
check 'SIGKILL to all of it' in_boot systemctl kill -s KILL "$unit"
check 'it is started again, and answers' wait_for 30 restarted
in_boot sh -c 'echo held >/srv/view/held; exec sleep 1000 </srv/view/held' &
wait_for 10 pgrep -f '^sleep 1000' || :
check 'it restarts with a file open' in_boot systemctl restart "$unit"
check 'it answers' answers /srv/view app.
check 'it stops with a file open' in_boot systemctl stop "$unit"
check 'and is inactive' state "$unit" inactive/dead
check 'it is unmounted' not_mounted /srv/view
check 'no daemon is left' fails pgrep -f 'shmfs .*/srv/view'
kill "$(pgrep -f '^sleep 1000')"
check 'the object is as it was' in_boot grep -qx held /dev/shm/app.held
in_boot rm /dev/shm/app.held

# Somebody else's dead mount is cleared, a living one is not.
in_boot shmfs posix /srv/view
kill -KILL "$(daemon_of /srv/view)"
wait_for 20 fails stat "$own/srv/view/"
check 'it starts over a dead mount' in_boot systemctl start "$unit"
check 'it answers' answers /srv/view app.
check 'umount stops it' in_boot umount /srv/view
check 'which is no failure' wait_for 20 state "$unit" inactive/dead
in_boot mount -t tmpfs tmpfs /srv/view
in_boot touch /srv/view/mine
check 'it does not start over a living mount' \
	fails in_boot systemctl start "$unit"
in_boot systemctl stop "$unit"
check 'and leaves that alone' in_boot test -e /srv/view/mine
in_boot umount /srv/view

wrong=shmfs@srv-new\\x2ddir.service
echo OPTIONS=nonsense >"$ROOT/etc/shmfs/srv/new-dir.conf"
check 'wrong options: it does not start' \
	fails in_boot systemctl start "$wrong"
in_boot systemctl stop "$wrong"
check 'the journal says why' in_boot sh -c 'journalctl -u "$1" |
	grep "unknown option .nonsense.; "' sh "$wrong"
printf 'KIND=sysv\n' >"$ROOT/etc/shmfs/srv/new-dir.conf"
check 'right ones: it starts' in_boot systemctl start "$wrong"
segments()
{
	is_mounted sysv /srv/new-dir rw
	in_boot ipcmk -M 65536 -p 600
	in_boot sh -c 'for f in /srv/new-dir/0x*; do echo text 1<>"$f"; done'
	in_boot setpriv --reuid tester --regid tester --clear-groups \
		ipcmk -M 4096
	in_boot sh -c 'cat /srv/new-dir/0x* | grep text'
	in_boot sh -c 'rm /srv/new-dir/0x*'
	! in_boot ipcs -m | grep 0x
}
check 'segments, in a directory that it made' segments

check 'it upgrades under the mounts' in_boot apt-get -q -y \
	--no-install-recommends install "$NEWER"
check 'they answer' answers /mnt/table
check 'the unit is loaded anew' test \
	"$(in_boot systemctl show -P NeedDaemonReload "$wrong")" = no
check 'the unit still runs' state "$wrong" active/running
in_boot systemctl reset-failed # its many starts
check 'it starts by the newer one' in_boot systemctl start "$unit"
check 'removal stops the units' in_boot apt-get -q -y remove shmfs
check 'unmounted' not_mounted /srv/view
check 'both' not_mounted /srv/new-dir
check 'mounts of fstab stay' is_mounted posix /mnt/table rw
check 'and can be unmounted' in_boot umount /mnt/table /mnt/made
rm -r "$ROOT/etc/shmfs/srv"
: >"$ROOT/etc/fstab"
rmdir "$ROOT"/mnt/{table,made,later,auto,wrong} "$ROOT"/srv/{view,new-dir}
check 'it can be purged' in_boot apt-get -q -y purge shmfs
check 'so can what it needed' in_boot apt-get -q -y --purge autoremove
check 'no daemon is left' wait_for 20 fails pgrep -f 'shmfs .*(/mnt|/srv)/'
list_root >"$ROOT/root/after"
check 'nothing is left' diff "$ROOT/root/before" "$ROOT/root/after"

finish
