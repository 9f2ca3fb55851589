/* SPDX-License-Identifier: MIT */
/*
 * The filesystem: what every operation has at hand, and what the op_*.c files
 * share. Set up before the session starts and constant from then on, so that
 * operations read it without a lock.
 */
#ifndef SHMFS_FS_H
#define SHMFS_FS_H

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backing.h"
#include "budget.h"
#include "dirs.h"
#include "forest.h"
#include "handles.h"
#include "janitor.h"
#include "node.h"
#include "owner.h"
#include "reply.h"
#include "stats.h"
#include "store.h"
#include "view.h"

struct fs {
	const struct store_kind *kind;
	struct store *store;
	struct node_table *nodes;
	struct view view;
	/* Of a view with a separator, else NULL: see directory.h. */
	struct dirs *dirs;
	struct forest *forest;
	pthread_rwlock_t names;
	struct budget *budget; /* size=, objects=; or NULL */
	struct owner owner;    /* uid=, gid=, umask= */
	bool reserve;
	/*
	 * Every write has to come to us (size=, reserve): even where the
	 * kernel could do it. Mappings are the object's own all the same.
	 */
	bool all_writes;
	/*
	 * The kernel is to ask for POSIX ACLs: we open objects with more
	 * rights than the callers have. Else our own rights are the callers',
	 * and the objects' filesystem does it; it costs a request for each
	 * permission check.
	 */
	bool acl;
	/*
	 * The kernel checks permissions (default_permissions), with attributes
	 * that it asks for each time. Else only root gets in, and what root may
	 * not by itself is checked here: access.h.
	 */
	bool kernel_checks;
	bool keep_names; /* the kernel may: see node.h */
	/* Requests come over io_uring; forgets never do: see op_forget(). */
	atomic_bool over_rings;
	struct stats *stats;
	struct latency *latency; /* NULL: none is asked for */
	bool debug; /* each request is a line in the log: trace.h */
	struct fuse_session *session;
	struct backing backing;
	struct handles handles;
	struct janitor janitor;
	/* Called once the kernel has said what it can: the mount answers. */
	void (*ready)(void *data);
	void *ready_data;
};

/* An opening of an object through the mount; its address is fi->fh. */
struct file {
	struct handle handle;
	struct object *object;
	bool counted; /* by the budget */
	pid_t writer; /* who is to finish it (see op_close.c), or -1 */
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct file *file_of(const struct fuse_file_info *fi)
{
	return (struct file *)(uintptr_t)fi->fh;
}

static inline struct store_caller caller_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	return (struct store_caller){ .uid = ctx->uid, .gid = ctx->gid };
}

/* In whose name the names of objects are removed and changed. */
static inline struct store_caller actor_of(fuse_req_t req)
{
	if (!owner_is_shown(&fs_of(req)->owner))
		return caller_of(req);
	return (struct store_caller){ .uid = geteuid(), .gid = getegid() };
}

/*
 * The caller with all groups, malloc'ed, for the caller to free; needed where a
 * group may decide, and slow. -ENOMEM.
 */
int fs_caller_with_groups(fuse_req_t req, struct store_caller *ret_caller,
			  gid_t **ret_groups);

/*
 * The same, and the groups also of the user who is ourselves: we may have
 * given up ours.
 */
int fs_caller_and_groups(fuse_req_t req, struct store_caller *ret_caller,
			 gid_t **ret_groups);

/*
 * The object a node stands for, referenced: the open one if it is open, else
 * opened with this access for as long as the caller keeps it. -ESTALE if its
 * name leads elsewhere: Linux then walks the path again with fresh lookups,
 * unseen by whoever asked (ESTALE in fs/namei.c of the kernel). A directory
 * gives its marker, or -ENODATA, and only STORE_ATTR makes sense then.
 */
int fs_object(struct fs *fs, fuse_ino_t nodeid, enum store_access access,
	      struct object **ret_object);

/* Before an object is made longer: as this mount makes them longer. */
static inline void fs_prepare(const struct fs *fs, struct object *object)
{
	/* Set when it is ours alone; the shared ones have it. */
	if (object->reserve != fs->reserve)
		object->reserve = fs->reserve;
}

/*
 * Makes an object, within the limits. Where the mount shows another owner,
 * whether the caller may has been decided by that; it is theirs all the same.
 */
int fs_create(struct fs *fs, const char *name, mode_t mode,
	      const struct store_caller *caller, struct object **ret_object);

enum fs_keep { FS_ASK_AGAIN, FS_KEEP_NAME };

/*
 * Fills the kernel's entry for an object that has been looked up or made:
 * raises its lookup count, which node_forget() takes back if the entry does
 * not get there. Nothing is cached by time: a name is kept for good, if that
 * is wanted and may be, or not at all, attributes never are.
 */
int fs_entry(struct fs *fs, const char *name, const struct stat *st,
	     enum fs_keep keep, struct fuse_entry_param *ret_entry);
/* Tells the node table of an object's new name, where it has one. */
void fs_note_name(struct fs *fs, const char *name);
/* Takes lookups of an object or of a directory back. */
void fs_forget(struct fs *fs, fuse_ino_t nodeid, uint64_t count);
/* The end of every operation that gives an entry. */
void fs_reply_entry(fuse_req_t req, int error,
		    const struct fuse_entry_param *entry);

/*
 * Whether the view has this name, in whatever spelling. True as well for what
 * cannot be a name: whose error that is, the kind knows.
 */
bool fs_has_name(const struct fs *fs, const char *name);

/* Logs what the kind has to say of an error, with the node's name. */
void fs_log_reason(struct fs *fs, fuse_ino_t nodeid, struct object *object);

/*
 * Ends the kernel's epoch if it may have kept any name: when this returns 0,
 * walks that begin now ask for every name.
 */
int fs_end_epoch(struct fs *fs);

#endif
