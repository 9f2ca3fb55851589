// SPDX-License-Identifier: MIT
/*
 * Names: looking up, forgetting, making, removing, renaming. What a name
 * stands for, directory.h knows; from there on it is an object's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "access.h"
#include "cleanup.h"
#include "directory.h"
#include "ops.h"

/* The entry of an object that is at hand, not to be kept: as fs_entry(). */
static int object_entry(struct fs *fs, const char *name, struct object *object,
			struct fuse_entry_param *ret_entry)
{
	struct stat st;
	int error = fs->kind->get_attr(object, &st);

	return error ? error : fs_entry(fs, name, &st, FS_ASK_AGAIN, ret_entry);
}

/* A lookup that keeps what it found within reach: see janitor.h. */
static int lookup_keeping(struct fs *fs, const char *name,
			  struct fuse_entry_param *ret_entry)
{
	struct object *object;
	int error = fs->kind->find(fs->store, name, &object);

	if (error)
		return error;
	error = object_entry(fs, name, object, ret_entry);
	if (error)
		object_put(object);
	else
		node_remember(fs->nodes, ret_entry->ino, object);
	return error;
}

static int lookup_object(struct fs *fs, const char *name,
			 struct fuse_entry_param *ret_entry)
{
	struct stat st;
	int error;

	if (!fs_has_name(fs, name))
		return -ENOENT;
	if (janitor_keeping(&fs->janitor))
		return lookup_keeping(fs, name, ret_entry);
	error = fs->kind->stat(fs->store, name, &st);
	if (error)
		return error;
	return fs_entry(fs, name, &st, FS_KEEP_NAME, ret_entry);
}

static int lookup(struct fs *fs, fuse_ino_t parent, const char *name,
		  struct fuse_entry_param *ret_entry)
{
	struct place place;
	int error = directory_place(fs, parent, name, &place);

	if (error)
		return error == -EINVAL ? -ENOENT : error;
	error = lookup_object(fs, place.object, ret_entry);
	if (error == -ENOENT)
		error = directory_lookup(fs, &place, name, ret_entry);
	return error;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param entry;
	int error;

	if (fuse_req_is_uring(req))
		atomic_store_explicit(&fs->over_rings, true,
				      memory_order_relaxed);
	directory_hold(fs);
	error = lookup(fs, parent, name, &entry);
	directory_release(fs);
	fs_reply_entry(req, error, &entry);
}

/*
 * Lets forgets come together. Where all else comes over io_uring the thread
 * that reads them has nothing else to do, and to wake it for each one would
 * cost as much as the operation that made the kernel forget.
 */
static void wait_for_more(const struct fs *fs)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	if (atomic_load_explicit(&fs->over_rings, memory_order_relaxed))
		(void)nanosleep(&moment, NULL); /* shorter is as well */
}

void op_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t count)
{
	struct fs *fs = fs_of(req);

	fs_forget(fs, nodeid, count);
	fuse_reply_none(req);
	wait_for_more(fs);
}

void op_forget_multi(fuse_req_t req, size_t count,
		     struct fuse_forget_data *forgets)
{
	struct fs *fs = fs_of(req);

	for (size_t i = 0; i < count; i++)
		fs_forget(fs, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
	wait_for_more(fs);
}

bool name_may_be_group(fuse_req_t req, int error, struct store_caller *caller,
		       gid_t **ret_groups)
{
	return error == -EACCES && caller->uid != 0 && !*ret_groups &&
	       !owner_is_shown(&fs_of(req)->owner) &&
	       fs_caller_with_groups(req, caller, ret_groups) == 0 &&
	       caller->groups;
}

/* Only a member of its group may make an object with S_ISGID. */
static int creator_of(fuse_req_t req, mode_t mode,
		      struct store_caller *ret_caller, gid_t **ret_groups)
{
	*ret_caller = caller_of(req);
	if (!(mode & S_ISGID) || ret_caller->uid == 0)
		return 0;
	return fs_caller_with_groups(req, ret_caller, ret_groups);
}

/* A new object and its entry; the caller owns a reference on the object. */
static int make(struct fs *fs, const char *name, mode_t mode,
		const struct store_caller *caller,
		struct fuse_entry_param *ret_entry, struct object **ret_object)
{
	struct object *object;
	int error;

	if (!fs_has_name(fs, name))
		return -EPERM;
	error = fs_create(fs, name, mode, caller, &object);
	if (error)
		return error;
	error = object_entry(fs, name, object, ret_entry);
	if (error)
		object_put(object);
	else
		*ret_object = object;
	return error;
}

/* True if open(2) lets the caller have this object, beyond all doubt. */
static bool may_surely_open(const struct stat *st, int flags,
			    const struct store_caller *caller)
{
	int mode = flags & O_ACCMODE;
	bool reads = mode != O_WRONLY;
	bool writes = mode != O_RDONLY || (flags & O_TRUNC);

	/* Not one's own: fs.protected_regular, groups, ACLs would decide. */
	if (st->st_uid != caller->uid)
		return false;
	return (!reads || (st->st_mode & S_IRUSR)) &&
	       (!writes || (st->st_mode & S_IWUSR));
}

/*
 * Opens what was to be created and is there by now. Where the kernel has to
 * decide whether this caller may, ESTALE makes it walk the path again and
 * open what it finds. -ENOENT if it is gone again.
 */
static int open_existing(struct fs *fs, const char *name, int flags,
			 const struct store_caller *caller,
			 struct fuse_entry_param *ret_entry,
			 struct object **ret_object)
{
	struct object *seen;
	struct stat st;
	int error = fs->kind->find(fs->store, name, &seen);

	if (error)
		return error;
	error = fs->kind->get_attr(seen, &st);
	owner_show(&fs->owner, &st);
	if (!error && !may_surely_open(&st, flags, caller))
		error = -ESTALE;
	if (!error)
		error = fs->kind->reopen(seen, STORE_WRITE, ret_object);
	object_put(seen);
	if (error) {
		janitor_stale(&fs->janitor);
		return -ESTALE;
	}
	error = fs_entry(fs, name, &st, FS_ASK_AGAIN, ret_entry);
	if (error)
		object_put(*ret_object);
	return error;
}

/*
 * The kernel asks to create what was not there when it looked. Unless the
 * caller said O_EXCL, what is there by now is to be opened.
 */
static int make_or_open(struct fs *fs, const char *name, mode_t mode, int flags,
			const struct store_caller *caller,
			struct fuse_entry_param *ret_entry,
			struct object **ret_object, bool *ret_made)
{
	int tries = 64;
	int error;

	do {
		error = make(fs, name, mode, caller, ret_entry, ret_object);
		*ret_made = !error;
		if (error != -EEXIST || (flags & O_EXCL))
			return error;
		error = open_existing(fs, name, flags, caller, ret_entry,
				      ret_object);
	} while (error == -ENOENT && --tries);
	/* In the end something is there that is no object. */
	return error == -ENOENT ? -EEXIST : error;
}

/*
 * Ends the epoch if the node's name is kept, for an object about to be open.
 * -ESTALE if the name leads elsewhere by then and it was not made by us.
 */
static int give_up_name(struct fs *fs, const char *name,
			const struct fuse_entry_param *entry, bool made)
{
	struct stat st;
	int error = node_open_begin(fs->nodes, entry->ino);

	if (error <= 0)
		return error;
	error = fs_end_epoch(fs);
	if (error || made)
		return error;
	error = fs->kind->stat(fs->store, name, &st);
	if (error == -ENOENT || (!error && st.st_ino != entry->attr.st_ino)) {
		janitor_stale(&fs->janitor);
		return -ESTALE;
	}
	return error;
}

/* An opening of what was made or found. Takes over the reference. */
static int begin_created(fuse_req_t req, const char *name, bool made,
			 const struct fuse_entry_param *entry,
			 struct object *object, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int error = give_up_name(fs, name, entry, made);

	if (error)
		object_put(object);
	else
		error = file_begin(req, entry->ino, object, fi);
	node_open_end(fs->nodes, entry->ino);
	return error;
}

static int create(fuse_req_t req, const char *name, mode_t mode,
		  const struct store_caller *caller, struct fuse_file_info *fi,
		  struct fuse_entry_param *ret_entry)
{
	struct fs *fs = fs_of(req);
	struct object *object;
	bool made;
	int error = make_or_open(fs, name, mode, fi->flags, caller, ret_entry,
				 &object, &made);

	if (error)
		return error;
	error = begin_created(req, name, made, ret_entry, object, fi);
	if (error && made) {
		struct store_caller actor = actor_of(req);

		/* As if it had never been; if that fails too, it stays. */
		(void)fs->kind->unlink(fs->store, name, &actor);
	}
	if (!error && !made && (fi->flags & O_TRUNC)) {
		error = file_empty(req, fi);
		if (error)
			file_end(req, ret_entry->ino, file_of(fi));
	}
	if (error)
		node_forget(fs->nodes, ret_entry->ino, 1);
	return error;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	auto_heap gid_t *groups = NULL;
	struct fs *fs = fs_of(req);
	struct store_caller caller;
	struct fuse_entry_param entry;
	struct place place;
	int error = directory_change(fs, parent, name, &place);

	if (!error)
		error = creator_of(req, mode, &caller, &groups);
	if (!error)
		error = create(req, place.object, mode, &caller, fi, &entry);
	if (name_may_be_group(req, error, &caller, &groups))
		error = create(req, place.object, mode, &caller, fi, &entry);
	directory_changed(fs, &place, error);
	if (error) {
		reply_status(req, error);
	} else if (fuse_reply_create(req, &entry, fi) < 0) {
		file_end(req, entry.ino, file_of(fi));
		node_forget(fs->nodes, entry.ino, 1);
	}
}

static int make_node(struct fs *fs, const char *name, mode_t mode,
		     const struct store_caller *caller,
		     struct fuse_entry_param *ret_entry)
{
	struct object *object;
	int error;

	if (!S_ISREG(mode))
		return -EPERM;
	error = make(fs, name, mode, caller, ret_entry, &object);
	if (!error)
		object_put(object);
	return error;
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev)
{
	auto_heap gid_t *groups = NULL;
	struct fs *fs = fs_of(req);
	struct store_caller caller;
	struct fuse_entry_param entry;
	struct place place;
	int error = directory_change(fs, parent, name, &place);

	if (!error)
		error = creator_of(req, mode, &caller, &groups);
	if (!error)
		error = make_node(fs, place.object, mode, &caller, &entry);
	if (name_may_be_group(req, error, &caller, &groups))
		error = make_node(fs, place.object, mode, &caller, &entry);
	directory_changed(fs, &place, error);
	fs_reply_entry(req, error, &entry);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		const char *name)
{
	reply_status(req, -EPERM);
}

void op_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t new_parent,
	     const char *new_name)
{
	reply_status(req, -EPERM);
}

static int unlink_object(struct fs *fs, const char *name,
			 const struct store_caller *caller)
{
	if (!fs_has_name(fs, name))
		return -ENOENT;
	return fs->kind->unlink(fs->store, name, caller);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	auto_heap gid_t *groups = NULL;
	struct fs *fs = fs_of(req);
	struct store_caller caller = actor_of(req);
	struct place place;
	int error = directory_change(fs, parent, name, &place);

	access_note_bare(req, &caller);
	if (!error)
		error = unlink_object(fs, place.object, &caller);
	if (name_may_be_group(req, error, &caller, &groups))
		error = unlink_object(fs, place.object, &caller);
	directory_changed(fs, &place, error);
	reply_status(req, error == -EINVAL ? -ENOENT : error);
}

int name_rename(struct fs *fs, const char *from, const char *to, unsigned flags,
		const struct store_caller *caller)
{
	int error;

	if (!fs_has_name(fs, from))
		return -ENOENT;
	if (!fs_has_name(fs, to))
		return -EPERM;
	error = fs->kind->rename(fs->store, from, to, flags, caller);
	if (error)
		return error;
	/* The kernel moves its entry, whatever object that leads to. */
	error = fs_end_epoch(fs);
	fs_note_name(fs, to);
	if (flags & RENAME_EXCHANGE)
		fs_note_name(fs, from);
	return error;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	auto_heap gid_t *groups = NULL;
	struct store_caller caller = actor_of(req);
	int error = name_rename_any(req, parent, name, new_parent, new_name,
				    flags, &caller);

	if (name_may_be_group(req, error, &caller, &groups))
		error = name_rename_any(req, parent, name, new_parent, new_name,
					flags, &caller);
	reply_status(req, error);
}
