// SPDX-License-Identifier: MIT
/*
 * The namespace of POSIX shm objects: glibc keeps them as regular files in a
 * tmpfs at /dev/shm (shm_overview(7)), and shm_open("/name") is openat() of
 * "name" there. This file owns the names: looking up, making, removing and
 * renaming them.
 *
 * Nothing is ever followed: no symbolic link, and nothing that somebody
 * mounted over a name (RESOLVE_NO_XDEV), which could be a filesystem that
 * never answers. Only regular files are objects; all else is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "caller.h"
#include "cleanup.h"
#include "posix.h"

#define NAMESPACE_DIR "/dev/shm"

/* Together at most 2 GiB of mappings beyond those in use. */
#define WINDOWS_MAX 512

struct store {
	int dir;
	struct object *root;
	struct window_pool pool;
	struct posix_listings listings;
};

int posix_store_fd(const struct store *store)
{
	return store->dir;
}

struct posix_listings *posix_store_listings(struct store *store)
{
	return &store->listings;
}

/*
 * Other filesystems give the inode number of a file that is gone to a new
 * one, which would then pass for it.
 */
static bool counts_inodes(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static int posix_store_open(struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	int error, fd;

	if (!store)
		return -ENOMEM;
	store->dir = open(NAMESPACE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir < 0) {
		error = -errno;
		goto free_store;
	}
	if (!counts_inodes(store->dir)) {
		error = -EOPNOTSUPP;
		goto close_fd;
	}
	window_pool_init(&store->pool, WINDOWS_MAX);
	fd = fcntl(store->dir, F_DUPFD_CLOEXEC, 0);
	error = fd < 0 ? -errno
		       : posix_object_new(fd, STORE_READ, &store->pool,
					  &store->root);
	if (error)
		goto close_dir;
	*ret_store = store;
	return 0;

close_dir:
	window_pool_destroy(&store->pool);
close_fd:
	(void)close(store->dir); /* a directory: nothing to lose */
free_store:
	free(store);
	return error;
}

static void posix_store_close(struct store *store)
{
	object_put(store->root);
	window_pool_destroy(&store->pool);
	(void)close(store->dir); /* a directory: nothing to lose */
	free(store);
}

static struct object *posix_root(struct store *store)
{
	return store->root;
}

static int posix_statfs(struct store *store, struct statvfs *ret_fs)
{
	return fstatvfs(store->dir, ret_fs) < 0 ? -errno : 0;
}

/*
 * Opens whatever `name` is, unless that is a link or something mounted.
 */
static int open_name(const struct store *store, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, store->dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* Errors of open_name() that say: this is not an object. */
static bool says_no_object(int error)
{
	switch (error) {
	case -ENOENT:
	case -EXDEV:  /* something is mounted on it */
	case -ELOOP:  /* a symbolic link */
	case -EISDIR: /* a directory, opened for writing */
	case -ENXIO:  /* a socket */
	case -ENODEV: /* a device without a driver */
		return true;
	default:
		return false;
	}
}

/* An O_PATH descriptor of the object, or -errno. */
static int find_fd(const struct store *store, const char *name,
		   struct stat *ret_stat)
{
	auto_fd fd = open_name(store, name, O_PATH);

	if (fd < 0)
		return says_no_object(fd) ? -ENOENT : fd;
	if (fstat(fd, ret_stat) < 0)
		return -errno;
	if (!S_ISREG(ret_stat->st_mode))
		return -ENOENT;
	return steal_fd(&fd);
}

static struct timespec to_timespec(const struct statx_timestamp *time)
{
	return (struct timespec){ time->tv_sec, time->tv_nsec };
}

static struct stat to_stat(const struct statx *stx)
{
	return (struct stat){
		.st_dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.st_ino = stx->stx_ino,
		.st_mode = stx->stx_mode,
		.st_nlink = stx->stx_nlink,
		.st_uid = stx->stx_uid,
		.st_gid = stx->stx_gid,
		.st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor),
		.st_size = (off_t)stx->stx_size,
		.st_blksize = (blksize_t)stx->stx_blksize,
		.st_blocks = (blkcnt_t)stx->stx_blocks,
		.st_atim = to_timespec(&stx->stx_atime),
		.st_mtim = to_timespec(&stx->stx_mtime),
		.st_ctim = to_timespec(&stx->stx_ctime),
	};
}

/*
 * In one call, since this is what the kernel asks most. It steps onto what is
 * mounted on the name, and says so; AT_STATX_DONT_SYNC keeps that from asking
 * somebody who may never answer.
 */
static int posix_stat(struct store *store, const char *name,
		      struct stat *ret_stat)
{
	const int flags =
		AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	struct statx stx;

	if (statx(store->dir, name, flags, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	if (!S_ISREG(stx.stx_mode) ||
	    (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return -ENOENT;
	*ret_stat = to_stat(&stx);
	return 0;
}

static int posix_find(struct store *store, const char *name,
		      struct object **ret_object)
{
	struct stat st;
	int fd = find_fd(store, name, &st);

	if (fd < 0)
		return fd;
	return posix_object_new(fd, STORE_ATTR, &store->pool, ret_object);
}

static int posix_open_object(struct store *store, const char *name,
			     uint64_t ino, enum store_access access,
			     struct object **ret_object)
{
	auto_fd fd = open_name(store, name, posix_open_flags(access));
	struct stat st;

	if (fd < 0)
		return says_no_object(fd) ? -ESTALE : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_ino != ino)
		return -ESTALE;
	return posix_object_new(steal_fd(&fd), access, &store->pool,
				ret_object);
}

/*
 * Gives a new object its creator's group where the thread could not take it
 * on. A directory with S_ISGID gives its own group to all (inode(7)).
 */
static int give_group(const struct store *store, int fd, const char *name,
		      gid_t gid)
{
	struct stat dir;

	if (fstat(store->dir, &dir) == 0 &&
	    ((dir.st_mode & S_ISGID) || fchown(fd, (uid_t)-1, gid) == 0))
		return 0;
	(void)unlinkat(store->dir, name, 0); /* ours, and nobody has it yet */
	return -EPERM;
}

static int posix_create(struct store *store, const char *name, mode_t mode,
			const struct store_caller *caller,
			struct object **ret_object)
{
	struct caller_saved saved;
	int error = caller_enter(caller, &saved);
	auto_fd fd = -1;

	if (error)
		return error;
	fd = openat(store->dir, name,
		    O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode);
	error = fd < 0 ? -errno : 0;
	caller_leave(&saved);
	if (!error && saved.gid_kept)
		error = give_group(store, fd, name, caller->gid);
	if (error)
		return error;
	return posix_object_new(steal_fd(&fd), STORE_WRITE, &store->pool,
				ret_object);
}

static int posix_unlink(struct store *store, const char *name,
			const struct store_caller *caller)
{
	struct caller_saved saved;
	struct stat st;
	int error = posix_stat(store, name, &st);

	if (!error)
		error = caller_enter(caller, &saved);
	if (error)
		return error;
	error = unlinkat(store->dir, name, 0) < 0 ? -errno : 0;
	caller_leave(&saved);
	return error;
}

/*
 * rename(2)'s errors where somebody put a directory in the place of what was
 * an object when we looked, in terms of objects.
 */
static int rename_error(int error)
{
	switch (error) {
	case -ENOTDIR:	 /* `from` is one, and `to` is not */
	case -ENOTEMPTY: /* both are */
		return -ENOENT;
	case -EISDIR: /* `to` is one, and `from` is not */
		return -EEXIST;
	default:
		return error;
	}
}

static int rename_as(struct store *store, const char *from, const char *to,
		     unsigned flags, const struct store_caller *caller)
{
	struct caller_saved saved;
	int error = caller_enter(caller, &saved);

	if (error)
		return error;
	error = renameat2(store->dir, from, store->dir, to, flags) < 0 ? -errno
								       : 0;
	caller_leave(&saved);
	return rename_error(error);
}

static int posix_rename(struct store *store, const char *from, const char *to,
			unsigned flags, const struct store_caller *caller)
{
	struct stat st;
	int error = posix_stat(store, from, &st);
	int tries = 64;

	if (error)
		return error;
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if (flags) {
		error = posix_stat(store, to, &st);
		if (error && (error != -ENOENT || flags == RENAME_EXCHANGE))
			return error;
		return rename_as(store, from, to, flags, caller);
	}
	/*
	 * What is not an object must not be replaced: where no object is, the
	 * kernel is told to replace nothing. Somebody may put an object
	 * there in between, hence the loop.
	 */
	do {
		error = posix_stat(store, to, &st);
		if (error != -ENOENT)
			return error ? error
				     : rename_as(store, from, to, 0, caller);
		error = rename_as(store, from, to, RENAME_NOREPLACE, caller);
	} while (error == -EEXIST && posix_stat(store, to, &st) == 0 &&
		 --tries);
	return error;
}

static unsigned posix_windows(struct store *store)
{
	return window_count(&store->pool);
}

const struct store_kind posix_kind = {
	.name = "posix",
	.text = "the objects of shm_open(3)",
	.traits = STORE_SEMAPHORES | STORE_KERNEL_WRITES | STORE_FILE_RIGHTS |
		  STORE_GROWS | STORE_ANY_NAME,
	.unsupported = "/dev/shm is not a tmpfs",
	.open = posix_store_open,
	.close = posix_store_close,
	.root = posix_root,
	.statfs = posix_statfs,
	.stat = posix_stat,
	.find = posix_find,
	.reopen = posix_reopen,
	.open_object = posix_open_object,
	.create = posix_create,
	.unlink = posix_unlink,
	.rename = posix_rename,
	.stamp = posix_stamp,
	.dir_open = posix_dir_open,
	.dir_next = posix_dir_next,
	.dir_close = posix_dir_close,
	.watch_open = posix_watch_open,
	.watch_next = posix_watch_next,
	.watch_close = posix_watch_close,
	.close_object = posix_object_close,
	.get_attr = posix_get_attr,
	.set_attr = posix_set_attr,
	.read = posix_read,
	.write = posix_write,
	.allocate = posix_allocate,
	.seek = posix_seek,
	.copy = posix_copy,
	.backing_fd = posix_backing_fd,
	.windows = posix_windows,
	.get_xattr = posix_get_xattr,
	.list_xattr = posix_list_xattr,
	.set_xattr = posix_set_xattr,
	.remove_xattr = posix_remove_xattr,
};
