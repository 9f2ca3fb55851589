// SPDX-License-Identifier: MIT
/*
 * Directories: making, removing, and renaming what may be one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "directory.h"
#include "ops.h"

static int place_directory(struct fs *fs, const struct place *place,
			   const char *name,
			   char ret_directory[STORE_NAME_MAX + 1])
{
	if (!fs->dirs)
		return -EPERM; /* there is one flat directory, of objects */
	return view_directory(&fs->view, place->directory, name, ret_directory);
}

static bool is_object(struct fs *fs, const char *name)
{
	struct stat st;

	return view_contains(&fs->view, name) &&
	       fs->kind->stat(fs->store, name, &st) == 0;
}

static int make(fuse_req_t req, const struct place *place, const char *name,
		mode_t mode, const struct store_caller *caller,
		struct fuse_entry_param *ret_entry)
{
	struct fs *fs = fs_of(req);
	char directory[STORE_NAME_MAX + 1];
	struct object *marker;
	int error = place_directory(fs, place, name, directory);

	if (!error && !view_contains(&fs->view, directory))
		error = -EPERM;
	if (!error && is_object(fs, place->object))
		error = -EEXIST;
	if (!error)
		error = fs_create(fs, directory, mode, caller, &marker);
	if (error)
		return error;
	object_put(marker);
	return directory_entry(fs, directory, ret_entry);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	auto_heap gid_t *groups = NULL;
	struct fs *fs = fs_of(req);
	struct store_caller caller = caller_of(req);
	struct fuse_entry_param entry;
	struct place place;
	int error = directory_change(fs, parent, name, &place);

	if (!error)
		error = make(req, &place, name, mode, &caller, &entry);
	if (name_may_be_group(req, error, &caller, &groups))
		error = make(req, &place, name, mode, &caller, &entry);
	directory_changed(fs, &place, error);
	fs_reply_entry(req, error, &entry);
}

/* 0 if nothing is in a directory but its marker, or -errno. */
static int check_empty(struct fs *fs, const char *name)
{
	struct tree_directory directory;
	int error = directory_find(fs, name, &directory);

	if (!error && (directory.files || directory.subdirs))
		error = -ENOTEMPTY;
	return error;
}

static int remove_empty(fuse_req_t req, const struct place *place,
			const char *name, const struct store_caller *caller)
{
	struct fs *fs = fs_of(req);
	char directory[STORE_NAME_MAX + 1];
	int error = place_directory(fs, place, name, directory);

	if (error)
		return error;
	if (is_object(fs, place->object))
		return -ENOTDIR;
	error = check_empty(fs, directory);
	if (!error)
		error = fs->kind->unlink(fs->store, directory, caller);
	if (!error)
		dirs_removed(fs->dirs, directory);
	return error;
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	auto_heap gid_t *groups = NULL;
	struct fs *fs = fs_of(req);
	struct store_caller caller = actor_of(req);
	struct place place;
	int error = directory_change(fs, parent, name, &place);

	if (!error)
		error = remove_empty(req, &place, name, &caller);
	if (name_may_be_group(req, error, &caller, &groups))
		error = remove_empty(req, &place, name, &caller);
	directory_changed(fs, &place, error);
	reply_status(req, error);
}

/*
 * Renames the directory that a name leads to, which is no object. The kernel
 * has refused what tmpfs would refuse; others may have changed it since.
 */
static int rename_directory(struct fs *fs, const struct place *from,
			    const char *name, const struct place *to,
			    const char *new_name, unsigned flags,
			    const struct store_caller *caller)
{
	char old[STORE_NAME_MAX + 1], new[STORE_NAME_MAX + 1];

	if (!fs->dirs ||
	    view_directory(&fs->view, from->directory, name, old) ||
	    !directory_exists(fs, old))
		return -ENOENT;
	if (flags & RENAME_EXCHANGE)
		return -EINVAL;
	if (is_object(fs, to->object))
		return flags & RENAME_NOREPLACE ? -EEXIST : -ENOTDIR;
	return view_directory(&fs->view, to->directory, new_name, new)
		       ?: directory_rename(fs, old, new, flags, caller);
}

static int rename_object(struct fs *fs, const struct place *from,
			 const struct place *to, const char *new_name,
			 unsigned flags, const struct store_caller *caller)
{
	char new[STORE_NAME_MAX + 1];

	/* To be exchanged with a directory. */
	if (fs->dirs && (flags & RENAME_EXCHANGE) &&
	    !is_object(fs, to->object) &&
	    !view_directory(&fs->view, to->directory, new_name, new) &&
	    directory_exists(fs, new))
		return -EINVAL;
	return name_rename(fs, from->object, to->object, flags, caller);
}

static int rename_any(struct fs *fs, const struct place *from, const char *name,
		      const struct place *to, const char *new_name,
		      unsigned flags, const struct store_caller *caller)
{
	if (!fs->dirs || is_object(fs, from->object))
		return rename_object(fs, from, to, new_name, flags, caller);
	return rename_directory(fs, from, name, to, new_name, flags, caller);
}

int name_rename_any(fuse_req_t req, fuse_ino_t parent, const char *name,
		    fuse_ino_t new_parent, const char *new_name, unsigned flags,
		    const struct store_caller *caller)
{
	struct fs *fs = fs_of(req);
	struct place from, to;
	int error;

	directory_hold_alone(fs);
	error = directory_place(fs, parent, name, &from);
	if (error == -EINVAL)
		error = -ENOENT;
	if (!error)
		error = directory_place(fs, new_parent, new_name, &to);
	if (!error)
		error = rename_any(fs, &from, name, &to, new_name, flags,
				   caller);
	if (!error) {
		directory_touch(fs, from.directory);
		directory_touch(fs, to.directory);
	}
	directory_release(fs);
	return error;
}
