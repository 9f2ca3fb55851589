// SPDX-License-Identifier: MIT
/*
 * The namespace of POSIX shm objects: glibc keeps them as regular files in a
 * tmpfs at /dev/shm (shm_overview(7)), and shm_open("/name") is openat() of
 * "name" there. This file owns the names: looking up, listing, making,
 * removing and renaming them.
 *
 * Nothing is ever followed: no symbolic link, and nothing that somebody
 * mounted over a name (RESOLVE_NO_XDEV), which could be a filesystem that
 * never answers. Only regular files are objects; all else is not there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "caller.h"
#include "cleanup.h"
#include "posix.h"

#define NAMESPACE_DIR "/dev/shm"

/* Together at most 2 GiB of mappings beyond those in use. */
#define WINDOWS_MAX 512

#define DIR_BUFFER 32768

struct store {
	int dir;
	struct object *root;
	struct window_pool pool;
};

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

static int posix_stat(struct store *store, const char *name,
		      struct stat *ret_stat)
{
	auto_fd fd = open_name(store, name, O_PATH);
	struct stat st;

	if (fd < 0)
		return says_no_object(fd) ? -ENOENT : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOENT;
	*ret_stat = st;
	return 0;
}

static int posix_open_object(struct store *store, const char *name,
			     uint64_t ino, enum store_access access,
			     struct object **ret_object)
{
	/* O_NONBLOCK: what lies there now may be a FIFO or under a lease. */
	static const int flags[] = {
		[STORE_ATTR] = O_PATH,
		[STORE_RESIZE] = O_WRONLY | O_NONBLOCK | O_NOCTTY,
		[STORE_READ] = O_RDONLY | O_NONBLOCK | O_NOCTTY,
		[STORE_WRITE] = O_RDWR | O_NONBLOCK | O_NOCTTY,
	};
	auto_fd fd = open_name(store, name, flags[access]);
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
	return error;
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

struct store_dir {
	struct store *store;
	int fd;
	off_t at;    /* the position of buffer[pos] in the directory */
	size_t pos;  /* bytes of the buffer that were returned */
	size_t fill; /* bytes in the buffer */
	/* Where the last call began, so that it can be asked again. */
	off_t last_at;
	size_t last_pos;
	alignas(struct dirent64) char buffer[DIR_BUFFER];
};

static int posix_dir_open(struct store *store, struct store_dir **ret_dir)
{
	struct store_dir *dir = malloc(sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->fd = openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		int error = -errno;

		free(dir);
		return error;
	}
	dir->store = store;
	dir->at = dir->last_at = 0;
	dir->pos = dir->last_pos = dir->fill = 0;
	*ret_dir = dir;
	return 0;
}

/* Makes buffer[pos] the entry at `from`, if the buffer is not empty then. */
static int dir_seek(struct store_dir *dir, off_t from)
{
	if (from == dir->at && from != 0)
		return 0;
	if (from == dir->last_at && from != 0) {
		dir->at = from;
		dir->pos = dir->last_pos;
		return 0;
	}
	if (lseek(dir->fd, from, SEEK_SET) < 0)
		return -errno;
	dir->at = dir->last_at = from;
	dir->pos = dir->last_pos = dir->fill = 0;
	return 0;
}

/* Returns 1 and the next entry of any kind, 0 at the end. */
static int dir_raw_next(struct store_dir *dir, struct dirent64 **ret_entry)
{
	struct dirent64 *entry;

	if (dir->pos == dir->fill) {
		ssize_t n =
			getdents64(dir->fd, dir->buffer, sizeof(dir->buffer));

		if (n <= 0)
			return n < 0 ? -errno : 0;
		dir->pos = dir->last_pos = 0;
		dir->last_at = dir->at;
		dir->fill = (size_t)n;
	}
	entry = (struct dirent64 *)(void *)(dir->buffer + dir->pos);
	dir->at = entry->d_off;
	dir->pos += entry->d_reclen;
	*ret_entry = entry;
	return 1;
}

static bool is_listed(struct store *store, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type == DT_UNKNOWN)
		return posix_stat(store, entry->d_name, &st) == 0;
	return entry->d_type == DT_REG ||
	       (entry->d_type == DT_DIR &&
		(!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
}

static int posix_dir_next(struct store_dir *dir, off_t from,
			  struct store_entry *ret_entry)
{
	struct dirent64 *entry = NULL;
	int error = dir_seek(dir, from);

	if (error)
		return error;
	dir->last_at = dir->at;
	dir->last_pos = dir->pos;
	for (;;) {
		int more = dir_raw_next(dir, &entry);

		if (more <= 0)
			return more;
		if (is_listed(dir->store, entry))
			break;
	}
	*ret_entry = (struct store_entry){
		.name = entry->d_name,
		.ino = entry->d_ino,
		.type = entry->d_type == DT_DIR ? DT_DIR : DT_REG,
		.next = entry->d_off,
	};
	return 1;
}

static void posix_dir_close(struct store_dir *dir)
{
	(void)close(dir->fd); /* a directory: nothing to lose */
	free(dir);
}

const struct store_kind posix_kind = {
	.name = "posix",
	.open = posix_store_open,
	.close = posix_store_close,
	.root = posix_root,
	.statfs = posix_statfs,
	.stat = posix_stat,
	.open_object = posix_open_object,
	.create = posix_create,
	.unlink = posix_unlink,
	.rename = posix_rename,
	.dir_open = posix_dir_open,
	.dir_next = posix_dir_next,
	.dir_close = posix_dir_close,
	.close_object = posix_object_close,
	.get_attr = posix_get_attr,
	.set_attr = posix_set_attr,
	.read = posix_read,
	.write = posix_write,
	.allocate = posix_allocate,
	.seek = posix_seek,
	.copy = posix_copy,
	.get_xattr = posix_get_xattr,
	.list_xattr = posix_list_xattr,
	.set_xattr = posix_set_xattr,
	.remove_xattr = posix_remove_xattr,
};
