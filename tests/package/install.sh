#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The package in a Debian without systemd as pid 1: installed, mounted by
# mount(8) and by fstab(5), daemons killed, upgraded under a mount, removed,
# purged, and nothing is left.
# shellcheck disable=SC2317 # see the callers
set -eu
# shellcheck source=tests/package/common.sh
. "$(dirname -- "$(readlink -f -- "$0")")/common.sh"
debian_root_enter "$@"
debian_root_make
package_copy
in_root apt-get -q update >"$ROOT/.out"
in_root useradd --create-home tester
list_root >"$ROOT/root/before"

is_mounted()
{
	grep -q "^$1 $ROOT$2 fuse.shmfs $3" /proc/self/mounts
}

not_mounted()
{
	! grep -q " $ROOT$1 " /proc/self/mounts
}

# answers DIR: what is made there is an object
answers()
{
	echo text >"$ROOT$1/o" && [ "$(cat "$ROOT/dev/shm/o")" = text ] &&
		rm "$ROOT/dev/shm/o"
}

check 'it installs' install_package "$PACKAGE"
check 'shmfs -V' in_root shmfs -V
check 'a manual for each name' \
	ls "$ROOT"/usr/share/man/man8/{,mount.,mount.fuse.}shmfs.8.gz
check 'the example is there' test -s "$ROOT/etc/shmfs/example.conf"

mkdir "$ROOT/mnt/shm" "$ROOT/mnt/sysv"
for type in shmfs fuse.shmfs; do
	check "mount -t $type" in_root mount -t "$type" posix /mnt/shm \
		-o ro,noexec,allow_other
	check 'with its options' is_mounted posix /mnt/shm \
		'ro,.*noexec,.*allow_other'
	check 'umount' in_root umount /mnt/shm
	check "mount -t $type, System V segments" in_root mount -t "$type" \
		sysv /mnt/sysv
	check 'is what is there' is_mounted sysv /mnt/sysv rw
	check 'umount' in_root umount /mnt/sysv
	check 'a wrong option fails' fails in_root mount -t "$type" posix \
		/mnt/shm -o nonsense
	check 'and mounts nothing' not_mounted /mnt/shm
done

cat >"$ROOT/etc/fstab" <<-'END'
	posix /mnt/shm shmfs allow_other,nofail,x-systemd.mount-timeout=9 0 0
	sysv /mnt/sysv fuse.shmfs auto_unmount,nofail,_netdev 0 0
	posix /mnt/own shmfs noauto,user 0 0
	none /mnt/own shmfs nofail 0 0
END
mkdir "$ROOT/mnt/own"
in_root chown tester /mnt/own
mount_all_complains()
{
	! in_root mount -a 2>"$ROOT/root/said" &&
		grep -q "unknown kind 'none'" "$ROOT/root/said"
}
check 'mount -a names what is wrong in a line' mount_all_complains
check 'the others are mounted' is_mounted posix /mnt/shm 'rw,.*allow_other'
check 'both' is_mounted sysv /mnt/sysv rw
check 'it answers' answers /mnt/shm
check 'by the kernel itself' test "$(getfattr --only-values --absolute-names \
	-n user.shmfs.io "$ROOT/mnt/shm")" = native
sed -i '/^none/d' "$ROOT/etc/fstab"
check 'mount -a again' in_root mount -a
check 'mounts nothing twice' \
	test "$(grep -c " $ROOT/.* fuse.shmfs" /proc/self/mounts)" = 2
check 'umount' in_root umount /mnt/shm
check 'mount by the line' in_root mount /mnt/shm
check 'it answers' answers /mnt/shm

# The daemon, not what watches it, which blocks all signals.
for pid in $(daemon_of /mnt/sysv); do
	! grep -q '^SigBlk:	0' "/proc/$pid/status" || kill -KILL "$pid"
done 2>"$ROOT/.wait"
check 'auto_unmount: a killed daemon leaves no mount' \
	wait_for 20 not_mounted /mnt/sysv
kill -KILL "$(daemon_of /mnt/shm)"
check 'without it, it leaves a dead mount' \
	wait_for 20 fails stat "$ROOT/mnt/shm/"
check 'mount -a after that' in_root mount -a
check 'brings back what was unmounted' is_mounted sysv /mnt/sysv rw
check 'not the dead one' fails stat "$ROOT/mnt/shm/"
check 'which umount clears' in_root umount /mnt/shm
check 'and mount brings back' in_root mount /mnt/shm
check 'it answers' answers /mnt/shm

check 'user: mount by a user' in_root setpriv --reuid tester --regid tester \
	--init-groups mount /mnt/own
check 'is theirs' is_mounted posix /mnt/own \
	"rw,.*user_id=$(in_root id -u tester)"
check 'umount by them' in_root setpriv --reuid tester --regid tester \
	--init-groups umount /mnt/own

daemon=$(daemon_of /mnt/shm)
echo held >"$ROOT/mnt/shm/held"
exec 5<"$ROOT/mnt/shm/held"
check 'it upgrades while mounted' install_package "$NEWER"
check 'the daemon goes on' test "$(daemon_of /mnt/shm)" = "$daemon"
check 'with what was open' test "$(cat <&5)" = held
check 'it answers' answers /mnt/shm
exec 5<&-
check 'and again' install_package "$NEWER"
check 'umount -a' in_root umount -a -t fuse.shmfs
check 'mounts nothing' not_mounted /mnt/shm
check 'the newer one mounts' in_root mount -a
check 'it answers' answers /mnt/shm
in_root umount /mnt/shm
in_root umount /mnt/sysv
check 'no daemon is left' wait_for 20 fails pgrep -f 'shmfs .*/mnt/'

rm "$ROOT/dev/shm/held"
: >"$ROOT/etc/fstab"
rmdir "$ROOT"/mnt/{shm,sysv,own}
check 'it can be removed' in_root apt-get -q -y remove shmfs
check 'mount -t shmfs is gone' fails in_root mount -t shmfs posix /mnt
check 'the configuration stays' test -e "$ROOT/etc/shmfs/example.conf"
check 'it can be purged' in_root apt-get -q -y purge shmfs
check 'so can what it needed' in_root apt-get -q -y --purge autoremove
list_root >"$ROOT/root/after"
check 'nothing is left' diff "$ROOT/root/before" "$ROOT/root/after"

# The same without the package, with what the program is linked to.
by_meson()
{
	DESTDIR=$ROOT meson install -C "$package_build" --no-rebuild \
		--skip-subprojects
	mkdir -p "$ROOT/mnt/shm"
	in_root mount -t shmfs posix /mnt/shm
	answers /mnt/shm
	in_root umount /mnt/shm
	in_root mount -t fuse.shmfs posix /mnt/shm
	in_root umount /mnt/shm
	[ -s "$ROOT/usr/local/share/man/man8/shmfs.8" ]
	[ -s "$ROOT/usr/local/etc/shmfs/example.conf" ]
	[ -s "$ROOT/usr/local/share/bash-completion/completions/shmfs" ]
	[ -s "$ROOT/usr/local/share/zsh/site-functions/_shmfs" ]
	grep -q '/usr/local/bin/shmfs -f' \
		"$ROOT/usr/local/lib/systemd/system/shmfs@.service"
	[ -z "$(find "$ROOT/usr/local" -iname '*fuse3*')" ]
}
in_root apt-get -q -y --no-install-recommends install liburing2 libnuma1 \
	>"$ROOT/.out" 2>&1
check 'meson install' by_meson

finish
