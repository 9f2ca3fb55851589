# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2016 # other shells expand
#
# For tests of what keeps a mount from working: a place where an ordinary user
# may run the daemon and own a mountpoint, and worlds in which something is
# missing. To be sourced after functions.sh and the call of shmfs_private.
#
#   PUB     a directory that everybody can reach; in it theirs (a mountpoint of
#           the user's), root's, empty, file, link (to nothing), and shmfs,
#           which is SHMFS from now on

new_dir PUB
chmod 755 "$PUB"
install -m 755 "$SHMFS" "$PUB/shmfs"
# Processes are found by it: other tests run the daemon at the same time.
SHMFS=$PUB/shmfs
mkdir "$PUB/theirs" "$PUB/dev" "$PUB/empty" "$PUB/root's"
chown 65534:65534 "$PUB/theirs"
touch "$PUB/file"
ln -s nothing "$PUB/link"

as_user()
{
	setpriv --reuid=65534 --regid=65534 --clear-groups \
		env HOME="$PUB/theirs" "$@"
}

# with_fuse MODE COMMAND...: with another /dev, /dev/fuse in it having MODE,
# or being absent (none) or another device (null). With noshm there is no
# /dev/shm either.
with_fuse()
{
	unshare --mount --propagation private bash -euc '
		dev=$1/dev mode=$2
		shift 2
		mount -t tmpfs -o mode=755 tmpfs "$dev"
		cp -a /dev/null /dev/zero /dev/urandom "$dev"
		if [ "$mode" = noshm ]; then
			mode=666
		else
			mkdir "$dev/shm"
			mount --bind /dev/shm "$dev/shm"
		fi
		case $mode in
		none) ;;
		null) mknod -m 666 "$dev/fuse" c 1 3 ;;
		*) mknod -m "$mode" "$dev/fuse" c 10 229 ;;
		esac
		mount --rbind "$dev" /dev
		"$@"' sh "$PUB" "$@"
}

# over FILE ON COMMAND...: with FILE bound over the file ON.
over()
{
	unshare --mount --propagation private bash -euc '
		mount --bind "$1" "$2"
		shift 2
		"$@"' sh "$@"
}
