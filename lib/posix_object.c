// SPDX-License-Identifier: MIT
/*
 * POSIX objects, all but their bytes: opening and closing the handle,
 * attributes, allocation, holes, copies between objects and extended
 * attributes, each the same system call on the object's descriptor.
 *
 * A descriptor opened with O_PATH needs no permission on the object, but
 * most calls refuse it; they reach the object through its /proc/self/fd link
 * instead, which leads to that very object and to no other (proc(5)).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "caller.h"
#include "cleanup.h"
#include "posix.h"

struct posix_fd_path posix_fd_path(int fd)
{
	struct posix_fd_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", fd);
	return path;
}

int posix_object_new(int fd, enum store_access access, struct window_pool *pool,
		     struct object **ret_object)
{
	struct posix_object *object = calloc(1, sizeof(*object));
	pthread_rwlockattr_t kind;

	if (!object) {
		(void)close(fd); /* nothing was written */
		return -ENOMEM;
	}
	object->object.kind = &posix_kind;
	object->object.refs = 1;
	object->object.writable = access == STORE_WRITE;
	object->pool = pool;
	object->fd = fd;
	object->path_only = access == STORE_ATTR;
	object->source.fd = fd;
	object->source.writable = object->object.writable;

	/* Else a stream of readers could keep a writer waiting for ever. */
	pthread_rwlockattr_init(&kind);
	pthread_rwlockattr_setkind_np(
		&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&object->size_lock, &kind);
	pthread_rwlockattr_destroy(&kind);
	*ret_object = &object->object;
	return 0;
}

int posix_open_flags(enum store_access access)
{
	/* O_NONBLOCK: what lies there now may be a FIFO or under a lease. */
	static const int flags[] = {
		[STORE_ATTR] = O_PATH,
		[STORE_RESIZE] = O_WRONLY | O_NONBLOCK | O_NOCTTY,
		[STORE_READ] = O_RDONLY | O_NONBLOCK | O_NOCTTY,
		[STORE_WRITE] = O_RDWR | O_NONBLOCK | O_NOCTTY,
	};

	return flags[access];
}

int posix_reopen(struct object *base, enum store_access access,
		 struct object **ret_object)
{
	struct posix_object *object = posix_object(base);
	int fd = open(posix_fd_path(object->fd).text,
		      posix_open_flags(access) | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return posix_object_new(fd, access, object->pool, ret_object);
}

void posix_object_close(struct object *base)
{
	struct posix_object *object = posix_object(base);

	window_drop(object->pool, &object->source);
	pthread_rwlock_destroy(&object->size_lock);
	(void)close(object->fd); /* of tmpfs: has nothing to report */
	free(object);
}

int posix_get_attr(struct object *object, struct stat *ret_stat)
{
	return fstat(posix_object(object)->fd, ret_stat) < 0 ? -errno : 0;
}

static int set_mode(struct posix_object *object, mode_t mode)
{
	int res;

	if (object->path_only)
		res = chmod(posix_fd_path(object->fd).text, mode);
	else
		res = fchmod(object->fd, mode);
	return res < 0 ? -errno : 0;
}

int posix_clear_privileges(struct posix_object *object)
{
	struct stat st;
	mode_t mode;

	if (fstat(object->fd, &st) < 0)
		return -errno;
	mode = st.st_mode & ~(mode_t)S_ISUID;
	/* without S_IXGRP it is not "set group id": inode(7) */
	if (mode & S_IXGRP)
		mode &= ~(mode_t)S_ISGID;
	if (mode == st.st_mode)
		return 0;
	return set_mode(object, mode & 07777);
}

/* fallocate(2), which undoes what it did if it fails. */
static int allocate(const struct posix_object *object, int mode, off_t off,
		    off_t len)
{
	int res;

	do {
		res = fallocate(object->fd, mode, off, len);
	} while (res < 0 && errno == EINTR);
	return res < 0 ? -errno : 0;
}

/* The gap between the object's end and `off`; 0 if there is none, or -errno. */
static off_t gap_before(const struct posix_object *object, off_t off,
			off_t *ret_end)
{
	struct stat st;

	if (fstat(object->fd, &st) < 0)
		return -errno;
	*ret_end = st.st_size;
	return off > st.st_size ? off - st.st_size : 0;
}

int posix_reserve_gap(const struct posix_object *object, off_t off)
{
	off_t end, gap;

	if (!object->object.reserve)
		return 0;
	gap = gap_before(object, off, &end);
	if (gap <= 0)
		return (int)gap;
	return allocate(object, FALLOC_FL_KEEP_SIZE, end, gap);
}

void posix_release_gap(const struct posix_object *object, off_t off)
{
	off_t end;

	if (object->object.reserve && gap_before(object, off, &end) > 0)
		/* Failing that, it stays allocated until it is truncated. */
		(void)allocate(object,
			       FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, end,
			       off - end);
}

/* ftruncate(2), and with `reserve` what is new is allocated. */
static int resize(struct posix_object *object, off_t size)
{
	off_t end, gap = 0;

	if (object->object.reserve)
		gap = gap_before(object, size, &end);
	if (gap < 0)
		return (int)gap;
	if (gap > 0)
		return allocate(object, 0, end, gap);
	return ftruncate(object->fd, size) < 0 ? -errno : 0;
}

static int set_size(struct posix_object *object, off_t size)
{
	int error;

	pthread_rwlock_wrlock(&object->size_lock);
	error = resize(object, size);
	pthread_rwlock_unlock(&object->size_lock);
	return error;
}

static int set_owner(struct posix_object *object, const struct store_attr *attr)
{
	uid_t uid = attr->set & STORE_SET_UID ? attr->uid : (uid_t)-1;
	gid_t gid = attr->set & STORE_SET_GID ? attr->gid : (gid_t)-1;

	return fchownat(object->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno
								     : 0;
}

static int set_times(struct posix_object *object, const struct store_attr *attr)
{
	struct timespec times[2] = { attr->atime, attr->mtime };
	int res;

	if (object->path_only)
		res = utimensat(AT_FDCWD, posix_fd_path(object->fd).text, times,
				0);
	else
		res = futimens(object->fd, times);
	return res < 0 ? -errno : 0;
}

/* What only the owner may do, or only some, and in any case who asks. */
static int set_owned(struct posix_object *object, const struct store_attr *attr)
{
	int error = 0;

	if (!attr->set)
		/* chown(2) of nothing: a new ctime, for the owner only. */
		(void)set_owner(object, attr);
	if (attr->set & (STORE_SET_UID | STORE_SET_GID))
		error = set_owner(object, attr);
	if (!error && (attr->set & STORE_SET_MODE))
		error = set_mode(object, attr->mode & 07777);
	if (!error && (attr->set & STORE_SET_TIMES))
		error = set_times(object, attr);
	return error;
}

static int set_owned_as(struct posix_object *object,
			const struct store_attr *attr)
{
	struct caller_saved saved;
	int error;

	if (!attr->caller)
		return set_owned(object, attr);
	error = caller_enter(attr->caller, &saved);
	if (error)
		return error;
	error = set_owned(object, attr);
	caller_leave(&saved);
	return error;
}

int posix_set_attr(struct object *base, const struct store_attr *attr)
{
	struct posix_object *object = posix_object(base);
	int error = 0;

	if (attr->set & STORE_SET_SIZE)
		error = set_size(object, attr->size);
	if (!error && (attr->set & STORE_SET_NOPRIV))
		error = posix_clear_privileges(object);
	if (!error)
		error = set_owned_as(object, attr);
	return error;
}

int posix_allocate(struct object *base, int mode, off_t off, off_t len)
{
	struct posix_object *object = posix_object(base);
	off_t end, gap = 0;
	int error;

	pthread_rwlock_wrlock(&object->size_lock);
	if (object->object.reserve && mode == 0 && off >= 0 && len > 0)
		gap = gap_before(object, off, &end);
	if (gap > INT64_MAX - len)
		error = -EFBIG;
	else if (gap > 0)
		error = allocate(object, mode, off - gap, len + gap);
	else
		error = gap ? (int)gap : allocate(object, mode, off, len);
	pthread_rwlock_unlock(&object->size_lock);
	return error;
}

int posix_backing_fd(struct object *object)
{
	return posix_object(object)->fd;
}

off_t posix_seek(struct object *object, off_t off, int whence)
{
	struct posix_object *target = posix_object(object);
	off_t found;

	/* The file position is make_room()'s while it holds the lock. */
	pthread_rwlock_rdlock(&target->size_lock);
	found = lseek(target->fd, off, whence);
	if (found < 0)
		found = -errno;
	pthread_rwlock_unlock(&target->size_lock);
	return found;
}

ssize_t posix_copy(struct object *from, off_t from_off, struct object *to,
		   off_t to_off, size_t len)
{
	struct posix_object *target = posix_object(to);
	ssize_t n;

	pthread_rwlock_wrlock(&target->size_lock);
	n = posix_reserve_gap(target, to_off);
	if (!n) {
		n = copy_file_range(posix_object(from)->fd, &from_off,
				    target->fd, &to_off, len, 0);
		n = n < 0 ? -errno : n;
		if (n <= 0)
			posix_release_gap(target, to_off);
	}
	pthread_rwlock_unlock(&target->size_lock);
	return n;
}

ssize_t posix_get_xattr(struct object *base, const char *name, void *buf,
			size_t size)
{
	struct posix_object *object = posix_object(base);
	ssize_t n;

	if (object->path_only)
		n = getxattr(posix_fd_path(object->fd).text, name, buf, size);
	else
		n = fgetxattr(object->fd, name, buf, size);
	return n < 0 ? -errno : n;
}

ssize_t posix_list_xattr(struct object *base, char *buf, size_t size)
{
	struct posix_object *object = posix_object(base);
	ssize_t n;

	if (object->path_only)
		n = listxattr(posix_fd_path(object->fd).text, buf, size);
	else
		n = flistxattr(object->fd, buf, size);
	return n < 0 ? -errno : n;
}

int posix_set_xattr(struct object *base, const char *name, const void *value,
		    size_t size, int flags)
{
	struct posix_object *object = posix_object(base);
	int res;

	if (object->path_only)
		res = setxattr(posix_fd_path(object->fd).text, name, value,
			       size, flags);
	else
		res = fsetxattr(object->fd, name, value, size, flags);
	return res < 0 ? -errno : 0;
}

int posix_remove_xattr(struct object *base, const char *name)
{
	struct posix_object *object = posix_object(base);
	int res;

	if (object->path_only)
		res = removexattr(posix_fd_path(object->fd).text, name);
	else
		res = fremovexattr(object->fd, name);
	return res < 0 ? -errno : 0;
}
