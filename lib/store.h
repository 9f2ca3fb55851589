/* SPDX-License-Identifier: MIT */
/*
 * The one interface between shared memory and whoever shows it: a kind of
 * shared memory is a const table of functions, and nothing outside lib/ knows
 * more than this file says. Nothing here knows of FUSE.
 *
 * Every function returns 0 or a count on success and -errno on failure.
 * Results named ret_* are written on success only. Names are single path
 * components of 1 to 255 bytes, any byte but '/' and NUL. All functions may be
 * called from any thread at any time; an object's own lock orders what must
 * be ordered.
 *
 * Objects are identified by their inode number: it stays with the object
 * through renames and is never given to another one while the namespace
 * lives (tmpfs counts up; of a System V segment it is made of the id and the
 * pid of who made it, see sysv_segment.c for what that is worth). A name may
 * lead to another object at any moment, because others change the namespace
 * behind our back: functions that must not act on the wrong object take the
 * number too.
 */
#ifndef SHMFS_STORE_H
#define SHMFS_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#define STORE_NAME_MAX 255

struct store;	    /* a namespace of one kind, open */
struct store_dir;   /* a listing of it, in progress */
struct store_watch; /* what tells of changes in it */

/*
 * An open object, shared by everybody who has it open: counted references,
 * closed with the last. The public part; each kind embeds it first.
 */
struct object {
	const struct store_kind *kind;
	atomic_uint refs;
	bool writable; /* opened with STORE_WRITE */
	/*
	 * What makes it longer also allocates memory for all that it gets
	 * longer by, or fails with -ENOSPC and leaves it as it was. Set by
	 * who opened it, before others see it.
	 */
	bool reserve;
};

/*
 * On whose behalf names are made and removed and attributes set: see
 * credentials(7), fsuid.
 */
struct store_caller {
	uid_t uid;
	gid_t gid;
	/* Supplementary groups, where they decide; NULL: not looked at. */
	const gid_t *groups;
	size_t group_count;
	bool bare; /* uid 0, but without its capabilities; see permit */
};

enum store_access {
	STORE_ATTR,   /* attributes only: works whatever the mode says */
	STORE_RESIZE, /* the size as well */
	STORE_READ,   /* read data, attributes */
	STORE_WRITE,  /* everything; needs the right to read and to write,
			 because a mapping for writing does (mmap(2)) */
};

/* What set_attr is to change: STORE_SET_* say which fields count. */
enum {
	STORE_SET_MODE = 1 << 0,
	STORE_SET_UID = 1 << 1,
	STORE_SET_GID = 1 << 2,
	STORE_SET_SIZE = 1 << 3,
	STORE_SET_TIMES = 1 << 4,  /* with UTIME_NOW, UTIME_OMIT as given */
	STORE_SET_NOPRIV = 1 << 5, /* clear suid, sgid: see no_priv below */
};

struct store_attr {
	unsigned set;
	/* Who asks, unless NULL: the rights of all but the size. */
	const struct store_caller *caller;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	off_t size;
	struct timespec atime, mtime;
};

enum {
	STORE_APPEND = 1 << 0, /* at the end, wherever that is by then */
	STORE_NOGROW = 1 << 1, /* drop what lies past the end, as a store to
				  a mapping would be; it counts as written */
	STORE_NOPRIV = 1 << 2, /* the writer may not keep suid and sgid */
};

/* Of all names in a namespace: see store_kind.stamp. */
struct store_stamp {
	struct timespec time;
	off_t size;
};

struct store_entry {
	const char *name; /* valid until the next call on this listing */
	uint64_t ino;
	unsigned char type; /* DT_REG for objects, DT_DIR for . and .. */
	off_t next;	    /* where the entry after this one is found */
};

/* What not all kinds have. */
enum {
	/* Some of the objects are named semaphores: sem_overview(7). */
	STORE_SEMAPHORES = 1 << 0,
	/*
	 * The kernel may read and write backing_fd on its own. Without it the
	 * kernel may only map it.
	 */
	STORE_KERNEL_WRITES = 1 << 1,
	/*
	 * Owner, group, mode and ACLs mean what they do on files, so that the
	 * kernel may judge by them who may do what. Else see permit.
	 */
	STORE_FILE_RIGHTS = 1 << 2,
	/* Objects can get another size. */
	STORE_GROWS = 1 << 3,
	/* Any name can be given, so that some can stand for directories. */
	STORE_ANY_NAME = 1 << 4,
};

struct store_kind {
	const char *name; /* on the command line, and in /proc/mounts */
	const char *text; /* what it shows, for people */
	unsigned traits;
	const char *unsupported; /* what -EOPNOTSUPP of open means */

	/*
	 * Opens the namespace. -errno as open(2) of it; -EOPNOTSUPP if it is
	 * on a filesystem that cannot keep the promises made here.
	 */
	int (*open)(struct store **ret_store);
	/* No object or listing of it may be open any more. */
	void (*close)(struct store *store);
	/*
	 * The namespace itself as an object with attributes and xattrs but no
	 * data. Owned by the store.
	 */
	struct object *(*root)(struct store *store);
	/* Memory and objects, used and free: statvfs(3). */
	int (*statfs)(struct store *store, struct statvfs *ret_fs);

	/*
	 * NULL, or: the one spelling of a name that listings use, where others
	 * lead to the same object. -EINVAL for what is nobody's name.
	 */
	int (*spell)(const char *name, char ret_name[STORE_NAME_MAX + 1]);

	/*
	 * Attributes of the object `name` leads to now. -ENOENT where nothing
	 * is, or what is there is no object (a directory, a link, something
	 * mounted on it).
	 */
	int (*stat)(struct store *store, const char *name,
		    struct stat *ret_stat);
	/*
	 * NULL, or: fills st_blocks, which stat and get_attr leave 0 where that
	 * takes long.
	 */
	void (*count_blocks)(struct store *store, struct stat *st);
	/*
	 * Opens the object `name` leads to now with STORE_ATTR; the caller
	 * owns one reference. Errors as stat.
	 */
	int (*find)(struct store *store, const char *name,
		    struct object **ret_object);
	/*
	 * Opens an open object once more with another access, whatever its
	 * name leads to by now. -EACCES if the process may not have it,
	 * -ESTALE if nothing but its attributes is left.
	 */
	int (*reopen)(struct object *object, enum store_access access,
		      struct object **ret_object);
	/*
	 * Opens the object `ino` under its name `name`; the caller owns one
	 * reference. -ESTALE if the name leads elsewhere or nowhere, -EACCES
	 * if the process may not have this access.
	 */
	int (*open_object)(struct store *store, const char *name, uint64_t ino,
			   enum store_access access,
			   struct object **ret_object);
	/*
	 * Makes an object that was not there before, of size 0, with the
	 * caller's ids, opened STORE_WRITE. The process' umask must be 0.
	 * -EEXIST if the name is taken, by an object or by anything else;
	 * -EPERM if the process cannot give it the caller's ids, -EINVAL if
	 * this cannot be a name.
	 */
	int (*create)(struct store *store, const char *name, mode_t mode,
		      const struct store_caller *caller,
		      struct object **ret_object);
	/*
	 * Removes a name, with the caller's rights (sticky bit: unlink(2)).
	 * -ENOENT if it does not lead to an object.
	 */
	int (*unlink)(struct store *store, const char *name,
		      const struct store_caller *caller);
	/*
	 * renameat2(2), atomic, with its RENAME_NOREPLACE and
	 * RENAME_EXCHANGE, with the caller's rights. What is not an object is
	 * neither renamed (-ENOENT) nor replaced (-EEXIST). -EPERM where names
	 * cannot change.
	 */
	int (*rename)(struct store *store, const char *from, const char *to,
		      unsigned flags, const struct store_caller *caller);

	/*
	 * A stamp of the names there are: as long as it is the same, no name
	 * has been made, removed or renamed. -EAGAIN right after a change,
	 * when another one could go unnoticed. NULL: never told.
	 */
	int (*stamp)(struct store *store, struct store_stamp *ret_stamp);

	/*
	 * Lists the namespace. A listing belongs to one thread at a time.
	 * Each object that exists from the first call (or the last one with
	 * `from` 0) to the last is returned exactly once.
	 */
	int (*dir_open)(struct store *store, struct store_dir **ret_dir);
	/*
	 * The entry at `from`: 0 for the first, else a store_entry.next.
	 * Returns 1, or 0 at the end.
	 */
	int (*dir_next)(struct store_dir *dir, off_t from,
			struct store_entry *ret_entry);
	void (*dir_close)(struct store_dir *dir);

	/*
	 * Watches the namespace from now on. NULL where a kind cannot;
	 * -errno as inotify_init1(2) where too many are watching already. A
	 * watch belongs to one thread at a time.
	 */
	int (*watch_open)(struct store *store, struct store_watch **ret_watch);
	/*
	 * A name that somebody, this process included, may have made,
	 * removed or renamed since the watch began, or whose object got
	 * another size; valid until the next call. Returns 1, or 0 when there
	 * is none left: then nothing that had happened before this call is
	 * missing. -EOVERFLOW if there were too many to keep.
	 */
	int (*watch_next)(struct store_watch *watch, const char **ret_name);
	void (*watch_close)(struct store_watch *watch);

	/* Called when the last reference goes: use object_put(). */
	void (*close_object)(struct object *object);

	/*
	 * NULL with STORE_FILE_RIGHTS. Else: whether the caller (with groups)
	 * may use the object's data; `want` is R_OK, W_OK, X_OK of access(2),
	 * joined. -EACCES, which `override` makes up for, a capability
	 * (capabilities(7)). What other functions do with the caller's rights
	 * they judge by themselves, and look at `bare` for that.
	 */
	int (*permit)(struct object *object, const struct store_caller *caller,
		      int want);
	int override;

	int (*get_attr)(struct object *object, struct stat *ret_stat);
	/*
	 * Applies all of `attr`, size first. Size needs STORE_RESIZE or
	 * STORE_WRITE; the rest works with any access, with the caller's
	 * rights at that instant: -EPERM. Nothing set is what chown(2) of
	 * nothing is.
	 */
	int (*set_attr)(struct object *object, const struct store_attr *attr);
	/*
	 * Up to `len` bytes from `off`, fewer only at the end of the object.
	 * Holes read as zeros and stay holes.
	 */
	ssize_t (*read)(struct object *object, void *buf, size_t len,
			off_t off);
	/*
	 * Writes and, unless STORE_NOGROW, makes the object longer where
	 * needed. Fewer than `len` bytes only where memory ran out; then the
	 * next call says -ENOSPC. -EFBIG past the largest offset.
	 */
	ssize_t (*write)(struct object *object, const void *buf, size_t len,
			 off_t off, unsigned flags);
	/* fallocate(2), all modes the memory knows. */
	int (*allocate)(struct object *object, int mode, off_t off, off_t len);
	/* lseek(2) with SEEK_DATA or SEEK_HOLE. Returns the offset. */
	off_t (*seek)(struct object *object, off_t off, int whence);
	/* copy_file_range(2) between two objects of the same store. */
	ssize_t (*copy)(struct object *from, off_t from_off, struct object *to,
			off_t to_off, size_t len);

	/*
	 * NULL where nothing is left to do. Else to be called when who opened
	 * an object for writing has closed it: what is only possible once it
	 * is complete is done now, and close(2) tells if it fails.
	 */
	int (*finish)(struct object *object);
	/*
	 * With finish: why it, or set_attr, could not make what it was to, for
	 * people; "" if -errno says all there is.
	 */
	void (*reason)(struct object *object, char *text, size_t size);

	/*
	 * A descriptor whose file pages are the object's memory, for the
	 * kernel to work on directly; the object's own, not to be closed.
	 * -1 if there is none.
	 */
	int (*backing_fd)(struct object *object);

	/* NULL, or: how many windows (window.h) are mapped now. */
	unsigned (*windows)(struct store *store);

	/*
	 * What only this kind knows of its objects: names, ended by NULL, or
	 * NULL, and the value of one as snprintf(3) has it. -ENODATA if this
	 * object has none.
	 */
	const char *const *facts;
	ssize_t (*get_fact)(struct object *object, const char *name, char *buf,
			    size_t size);

	/* As getxattr(2) and the like: size 0 asks for the size needed. */
	ssize_t (*get_xattr)(struct object *object, const char *name, void *buf,
			     size_t size);
	ssize_t (*list_xattr)(struct object *object, char *buf, size_t size);
	int (*set_xattr)(struct object *object, const char *name,
			 const void *value, size_t size, int flags);
	int (*remove_xattr)(struct object *object, const char *name);
};

/* POSIX shm objects: shm_overview(7). */
extern const struct store_kind posix_kind;
/* System V shared memory segments: shmget(2). */
extern const struct store_kind sysv_kind;

/* All of them, the default first; ended by NULL. */
extern const struct store_kind *const store_kinds[];

/* One more reference; returns the object. */
static inline struct object *object_get(struct object *object)
{
	atomic_fetch_add_explicit(&object->refs, 1, memory_order_relaxed);
	return object;
}

/* Gives one reference back; the last one closes. NULL is allowed. */
static inline void object_put(struct object *object)
{
	if (object && atomic_fetch_sub(&object->refs, 1) == 1)
		object->kind->close_object(object);
}

#endif
