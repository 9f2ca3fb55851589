/* SPDX-License-Identifier: MIT */
/*
 * What the files of the System V kind share: sysv_store.c (names),
 * sysv_dir.c (listing them), sysv_segment.c (what the kernel knows and does),
 * sysv_object.c (attributes), sysv_data.c (bytes), sysv_pending.c (segments
 * that have no size yet) and sysv_make.c (their getting one).
 * Nobody else includes this.
 */
#ifndef SHMFS_SYSV_H
#define SHMFS_SYSV_H

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "store.h"

/*
 * Inode numbers: of the directory, and the bit that only numbers of pending
 * segments have.
 */
#define SYSV_INO_ROOT	 1
#define SYSV_INO_PENDING (UINT64_C(1) << 63)

/* A segment, and how it is attached to us. */
struct sysv_segment {
	int shmid; /* -1: none */
	uint64_t ino;
	off_t size;
	char *base; /* NULL: not attached */
	bool writable;
	int fd; /* of the kernel's file with its pages, or -1: sysv_attach() */
};

/*
 * A segment that is to be: it has a key, an owner and a mode, but exists in
 * the store only until its size is known.
 */
struct sysv_pending {
	struct store *store;
	atomic_uint refs;
	key_t key;
	uint64_t ino;
	struct store_caller creator; /* without groups */

	bool listed;		   /* its name leads to it (store's lock) */
	struct sysv_pending *next; /* in the list (store's lock) */

	pthread_mutex_t lock; /* of all below; before the store's lock */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct timespec atime, mtime, ctime;
	int memfd; /* what was written, or -1: nothing yet */
	off_t size;
	size_t charged;	   /* counted in the store's pending_bytes */
	unsigned openings; /* objects that were opened for its data */
	struct sysv_segment made;
	char reason[128]; /* why it could not be made, or "" */
};

struct sysv_object {
	struct object object;
	struct store *store;
	enum store_access access;
	struct sysv_segment own;
	struct sysv_pending *pending; /* referenced, or NULL */
	bool found;		      /* by name: with what it was then */
	struct shmid_ds seen;
};

struct store {
	struct object *root;
	struct timespec opened;
	pthread_mutex_t lock; /* of all below but the atomic ones */
	struct sysv_pending *pending;
	unsigned pending_count;
	uint64_t pending_next; /* inode number */
	size_t pending_max;
	atomic_size_t pending_bytes;
};

#define SYSV_KEY_FORMAT "0x%08x" /* as ipcs(1) prints it */

static inline struct sysv_object *sysv_object(struct object *object)
{
	return (struct sysv_object *)object; /* its first member */
}

/* sysv_segment.c: by id. A segment that is gone is -ENOENT. */

/* Of any segment, whatever its mode. */
int sysv_stat(int shmid, struct shmid_ds *ret_ds);
/* The id of the segment with this key. */
int sysv_find_key(key_t key);
uint64_t sysv_ino(int shmid, const struct shmid_ds *ds);
/* The id in such a number. */
int sysv_shmid(uint64_t ino);
/* Of a segment, in memory or swapped out; 0 if the kernel does not say. */
blkcnt_t sysv_blocks(int shmid);
/* All but the blocks. */
void sysv_fill_stat(int shmid, const struct shmid_ds *ds, struct stat *ret);
/* With the caller's rights, or with our own if that is NULL. */
int sysv_set(int shmid, const struct store_attr *attr);
int sysv_remove(int shmid, const struct store_caller *caller);
/* Attaches and detaches: both times become now. */
int sysv_touch(int shmid, const struct store_caller *caller);
/*
 * Attaches segment->shmid and fills the rest, if its number is segment->ino.
 * As root, fd is a descriptor of the kernel's file with its pages, unless
 * these are huge ones. -EACCES as shmat(2).
 */
int sysv_attach(struct sysv_segment *segment, bool writable);
void sysv_detach(struct sysv_segment *segment);

/* sysv_store.c */

struct sysv_name {
	key_t key; /* IPC_PRIVATE: then the id says which */
	int shmid;
};
/* -EINVAL if this is no segment's name. */
int sysv_parse(const char *text, struct sysv_name *ret_name);
/* As ipcs(1) spells it. */
void sysv_print(const struct sysv_name *name, char text[STORE_NAME_MAX + 1]);

/* sysv_dir.c */
int sysv_dir_open(struct store *store, struct store_dir **ret_dir);
int sysv_dir_next(struct store_dir *dir, off_t from,
		  struct store_entry *ret_entry);
void sysv_dir_close(struct store_dir *dir);

/* sysv_object.c */

/* The namespace itself. */
int sysv_root_new(struct store *store, struct object **ret_object);
/* -ENOENT if the id is not, or no more, of the segment `ino`. */
int sysv_object_new(struct store *store, int shmid, uint64_t ino,
		    enum store_access access, struct object **ret_object);
/* The same for its attributes, with what sysv_stat() has just told. */
int sysv_object_found(struct store *store, int shmid, const struct shmid_ds *ds,
		      struct object **ret_object);
/*
 * Takes over the reference on `pending`, also when it fails. -ESTALE if it has
 * become a segment that nobody has open.
 */
int sysv_object_of_pending(struct sysv_pending *pending,
			   enum store_access access,
			   struct object **ret_object);
int sysv_reopen(struct object *object, enum store_access access,
		struct object **ret_object);
void sysv_object_close(struct object *object);
/* The segment of an object, or NULL while there is none. */
const struct sysv_segment *sysv_segment_of(struct sysv_object *object);
/* True, with the lock held, for what is pending and has not been made. */
bool sysv_lock_pending(struct sysv_object *object);
void sysv_unlock_pending(struct sysv_object *object);
int sysv_get_attr(struct object *object, struct stat *ret_stat);
int sysv_set_attr(struct object *object, const struct store_attr *attr);
int sysv_permit(struct object *object, const struct store_caller *caller,
		int want);
int sysv_backing_fd(struct object *object);
ssize_t sysv_get_fact(struct object *object, const char *name, char *buf,
		      size_t size);

/* sysv_data.c */
ssize_t sysv_read(struct object *object, void *buf, size_t len, off_t off);
ssize_t sysv_write(struct object *object, const void *buf, size_t len,
		   off_t off, unsigned flags);
int sysv_allocate(struct object *object, int mode, off_t off, off_t len);
off_t sysv_seek(struct object *object, off_t off, int whence);

/* sysv_pending.c */

/* -EEXIST if there is one with this key already, -ENOSPC if too many. */
int sysv_pending_new(struct store *store, key_t key, mode_t mode,
		     const struct store_caller *caller,
		     struct sysv_pending **ret_pending);
/* Referenced, or NULL. `ino` 0: whatever its number. */
struct sysv_pending *sysv_pending_find(struct store *store, key_t key,
				       uint64_t ino);
void sysv_pending_put(struct sysv_pending *pending);
/* Takes its name away, with the caller's rights. */
int sysv_pending_unlink(struct sysv_pending *pending,
			const struct store_caller *caller);
/* The segment it became, or NULL: it stays so while it is open. */
const struct sysv_segment *sysv_pending_made(struct sysv_pending *pending);

/* All that follows needs the lock, and that it has not been made. */
void sysv_pending_stat(const struct sysv_pending *pending, struct stat *ret);
int sysv_pending_set(struct sysv_pending *pending,
		     const struct store_attr *attr);
ssize_t sysv_pending_read(struct sysv_pending *pending, void *buf, size_t len,
			  off_t off);
ssize_t sysv_pending_write(struct sysv_pending *pending, const void *buf,
			   size_t len, off_t off, unsigned flags);
/* Lets go of what was written. */
void sysv_pending_drop(struct sysv_pending *pending);
/* Takes its name away; returns whether it had one until now. */
bool sysv_pending_unlist(struct sysv_pending *pending);
bool sysv_pending_listed(struct sysv_pending *pending);

/* sysv_make.c: the first needs the lock as well */

/* Makes the segment, of this size, with what was written in it. */
int sysv_pending_make(struct sysv_pending *pending, off_t size);

/* The same for an object that is being closed: of what was written, if any. */
int sysv_finish(struct object *object);
void sysv_reason(struct object *object, char *text, size_t size);

#endif
