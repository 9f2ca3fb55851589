/* SPDX-License-Identifier: MIT */
/*
 * What the files of the POSIX kind share: posix_store.c (names), posix_dir.c
 * (listing them), posix_stamp.c and posix_watch.c (whether they changed),
 * posix_object.c (an object's attributes), posix_read.c and posix_write.c (its
 * bytes).
 * Nobody else includes this.
 */
#ifndef SHMFS_POSIX_H
#define SHMFS_POSIX_H

#include <pthread.h>

#include "store.h"
#include "window.h"

struct posix_object {
	struct object object;
	struct window_pool *pool;
	int fd;
	bool path_only; /* fd was opened with O_PATH (STORE_ATTR) */

	/*
	 * Held for reading while bytes are copied, for writing while the
	 * object gets another size: nobody sees an object grown by a write
	 * whose bytes are not there yet. The file position of fd is used
	 * under it: lseek(2) for size and holes with any, O_APPEND with the
	 * other.
	 */
	pthread_rwlock_t size_lock;
	struct window_source source;
};

static inline struct posix_object *posix_object(struct object *object)
{
	return (struct posix_object *)object; /* its first member */
}

/* Of all listings in progress. */
struct posix_listings {
	atomic_size_t bytes; /* in their buffers */
	atomic_size_t last;  /* how much the last one needed */
};

int posix_store_fd(const struct store *store);
struct posix_listings *posix_store_listings(struct store *store);

int posix_stamp(struct store *store, struct store_stamp *ret_stamp);
int posix_dir_open(struct store *store, struct store_dir **ret_dir);
int posix_dir_next(struct store_dir *dir, off_t from,
		   struct store_entry *ret_entry);
void posix_dir_close(struct store_dir *dir);

int posix_watch_open(struct store *store, struct store_watch **ret_watch);
int posix_watch_next(struct store_watch *watch, const char **ret_name);
void posix_watch_close(struct store_watch *watch);

/* "/proc/self/fd/N": reaches what an O_PATH descriptor stands for. */
struct posix_fd_path {
	char text[32];
};
struct posix_fd_path posix_fd_path(int fd);

/*
 * An object around fd, with one reference. Takes the fd, also when it fails.
 */
int posix_object_new(int fd, enum store_access access, struct window_pool *pool,
		     struct object **ret_object);
/* What open(2) is to be told for this access. */
int posix_open_flags(enum store_access access);
int posix_reopen(struct object *object, enum store_access access,
		 struct object **ret_object);
void posix_object_close(struct object *object);

int posix_get_attr(struct object *object, struct stat *ret_stat);
int posix_set_attr(struct object *object, const struct store_attr *attr);
/* Clears suid, and sgid where it means "run as", from an open object. */
int posix_clear_privileges(struct posix_object *object);
int posix_allocate(struct object *object, int mode, off_t off, off_t len);
int posix_backing_fd(struct object *object);
/*
 * What an object with `reserve` needs before something is put at `off`: memory
 * for what lies between its end and there. Needs size_lock for writing, until
 * it is done or undone. 0 without `reserve`; -ENOSPC changes nothing.
 */
int posix_reserve_gap(const struct posix_object *object, off_t off);
/* Undoes it, if the object has not grown. */
void posix_release_gap(const struct posix_object *object, off_t off);
off_t posix_seek(struct object *object, off_t off, int whence);
ssize_t posix_copy(struct object *from, off_t from_off, struct object *to,
		   off_t to_off, size_t len);
ssize_t posix_get_xattr(struct object *object, const char *name, void *buf,
			size_t size);
ssize_t posix_list_xattr(struct object *object, char *buf, size_t size);
int posix_set_xattr(struct object *object, const char *name, const void *value,
		    size_t size, int flags);
int posix_remove_xattr(struct object *object, const char *name);

/* How much of [off, off + len) is inside an object of this size. */
ssize_t posix_clip(off_t off, size_t len, off_t size);
/* The same for the object as it is now, or -errno. */
ssize_t posix_clip_to_size(const struct posix_object *object, off_t off,
			   size_t len);

ssize_t posix_read(struct object *object, void *buf, size_t len, off_t off);
ssize_t posix_write(struct object *object, const void *buf, size_t len,
		    off_t off, unsigned flags);

#endif
