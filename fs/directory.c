// SPDX-License-Identifier: MIT
/*
 * A directory has the attributes of its marker. One without a marker exists
 * because an object is in it, and is shown with the mode, owner and times of
 * the namespace directory, where everybody may make names.
 */
#include "directory.h"

#include <errno.h>
#include <string.h>

int directory_open_all(struct fs *fs)
{
	pthread_rwlockattr_t kind;
	int error;

	if (!fs->view.separator)
		return 0;
	error = dirs_create(&fs->dirs);
	if (!error)
		error = forest_create(fs->kind, fs->store, &fs->view,
				      &fs->forest);
	if (error) {
		dirs_destroy(fs->dirs);
		fs->dirs = NULL;
		return error;
	}
	/* Else lookups could keep a rename waiting for ever. */
	pthread_rwlockattr_init(&kind);
	pthread_rwlockattr_setkind_np(
		&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&fs->names, &kind);
	pthread_rwlockattr_destroy(&kind);
	return 0;
}

void directory_close_all(struct fs *fs)
{
	if (!fs->dirs)
		return;
	forest_destroy(fs->forest);
	dirs_destroy(fs->dirs);
	pthread_rwlock_destroy(&fs->names);
}

void directory_hold(struct fs *fs)
{
	if (fs->dirs)
		pthread_rwlock_rdlock(&fs->names);
}

void directory_hold_alone(struct fs *fs)
{
	if (fs->dirs)
		pthread_rwlock_wrlock(&fs->names);
}

void directory_release(struct fs *fs)
{
	if (fs->dirs)
		pthread_rwlock_unlock(&fs->names);
}

int directory_name(struct fs *fs, fuse_ino_t nodeid,
		   char ret_name[STORE_NAME_MAX + 1])
{
	struct dir_ref ref;
	int error;

	if (!dirs_is_id(nodeid)) {
		strcpy(ret_name, view_root(&fs->view));
		return 0;
	}
	error = dirs_get(fs->dirs, nodeid, &ref);
	if (!error && ref.removed)
		error = -ENOENT;
	if (!error)
		strcpy(ret_name, ref.name);
	return error;
}

uint64_t directory_ino(struct fs *fs, fuse_ino_t nodeid, bool parent)
{
	char name[STORE_NAME_MAX + 1], up[STORE_NAME_MAX + 1];
	struct dir_ref ref;
	struct stat st;

	if (dirs_is_id(nodeid) && !parent)
		return dirs_get(fs->dirs, nodeid, &ref) ? 0 : ref.ino;
	if (dirs_is_id(nodeid) && directory_name(fs, nodeid, name) == 0 &&
	    view_parent(&fs->view, name, up) &&
	    strcmp(up, view_root(&fs->view)))
		return dirs_ino(fs->dirs, up);
	if (fs->kind->get_attr(fs->kind->root(fs->store), &st))
		return 0;
	return st.st_ino;
}

int directory_place(struct fs *fs, fuse_ino_t parent, const char *name,
		    struct place *ret_place)
{
	int error = directory_name(fs, parent, ret_place->directory);

	if (error)
		return error;
	return view_object(&fs->view, ret_place->directory, name,
			   ret_place->object);
}

int directory_change(struct fs *fs, fuse_ino_t parent, const char *name,
		     struct place *ret_place)
{
	directory_hold(fs);
	ret_place->directory[0] = '\0';
	return directory_place(fs, parent, name, ret_place);
}

void directory_changed(struct fs *fs, const struct place *place, int error)
{
	if (!error)
		directory_touch(fs, place->directory);
	directory_release(fs);
}

/* The marker's attributes. */
static int marker_stat(struct fs *fs, const char *directory, struct stat *ret)
{
	if (!view_contains(&fs->view, directory))
		return -ENOENT; /* the root's, too */
	return fs->kind->stat(fs->store, directory, ret);
}

static int find_marker(struct fs *fs, const char *directory,
		       struct object **ret_object)
{
	int error = -ENOENT;

	if (view_contains(&fs->view, directory))
		error = fs->kind->find(fs->store, directory, ret_object);
	return error == -ENOENT ? -ENODATA : error;
}

void directory_touch(struct fs *fs, const char *directory)
{
	static const struct store_attr now = {
		.set = STORE_SET_TIMES,
		.atime.tv_nsec = UTIME_OMIT,
		.mtime.tv_nsec = UTIME_NOW,
	};
	struct object *marker;

	if (!fs->dirs || find_marker(fs, directory, &marker))
		return;
	/* Fails for a marker that is not ours: it keeps its time. */
	(void)fs->kind->set_attr(marker, &now);
	object_put(marker);
}

int directory_find(struct fs *fs, const char *directory,
		   struct tree_directory *ret_found)
{
	struct tree *tree;
	int number;
	int error = forest_tree(fs->forest, &tree);

	if (error)
		return error;
	number = tree_find(tree, directory);
	if (number >= 0)
		*ret_found = tree_directory(tree, number);
	tree_put(tree);
	return number < 0 ? number : 0;
}

ssize_t directory_count_subdirs(struct fs *fs, const char *directory)
{
	struct tree_directory found;
	int error = directory_find(fs, directory, &found);

	return error ? error : (ssize_t)found.subdirs;
}

bool directory_exists(struct fs *fs, const char *directory)
{
	struct stat st;

	return marker_stat(fs, directory, &st) == 0 ||
	       directory_count_subdirs(fs, directory) >= 0;
}

/* The attributes of a directory with or without marker, but for st_nlink. */
static int attr_of(struct fs *fs, const char *directory, bool marked,
		   const struct stat *marker, uint64_t ino,
		   struct stat *ret_stat)
{
	struct stat st;
	int error = 0;

	if (marked)
		st = *marker;
	else
		error = fs->kind->get_attr(fs->kind->root(fs->store), &st);
	if (error)
		return error;
	st.st_mode = S_IFDIR | (st.st_mode & 07777);
	st.st_ino = ino;
	st.st_size = 0;
	st.st_blocks = 0;
	owner_show(&fs->owner, &st);
	*ret_stat = st;
	return 0;
}

int directory_entry(struct fs *fs, const char *directory,
		    struct fuse_entry_param *ret_entry)
{
	struct fuse_entry_param entry = { 0 };
	struct stat marker;
	uint64_t id, ino;
	int error = marker_stat(fs, directory, &marker);
	bool marked = !error;

	if (error && error != -ENOENT)
		return error;
	if (!marked) {
		ssize_t count = directory_count_subdirs(fs, directory);

		if (count < 0)
			return (int)count;
	}
	error = dirs_lookup(fs->dirs, directory, &id, &ino);
	if (error)
		return error;
	error = attr_of(fs, directory, marked, &marker, ino, &entry.attr);
	if (error) {
		dirs_forget(fs->dirs, id, 1);
		return error;
	}
	entry.ino = id;
	/* Nothing is kept of it: who wants the count asks for attributes. */
	entry.attr.st_nlink = 2;
	*ret_entry = entry;
	return 0;
}

int directory_lookup(struct fs *fs, const struct place *place, const char *name,
		     struct fuse_entry_param *ret_entry)
{
	char directory[STORE_NAME_MAX + 1];

	if (!fs->dirs ||
	    view_directory(&fs->view, place->directory, name, directory))
		return -ENOENT;
	return directory_entry(fs, directory, ret_entry);
}

static int get_attr(struct fs *fs, fuse_ino_t nodeid, struct stat *ret_stat)
{
	struct dir_ref ref;
	struct stat marker;
	ssize_t subdirs = -ENOENT;
	int error = dirs_get(fs->dirs, nodeid, &ref);
	bool marked;

	if (error)
		return error;
	error = ref.removed ? -ENOENT : marker_stat(fs, ref.name, &marker);
	if (error && error != -ENOENT)
		return error;
	marked = !error;
	error = attr_of(fs, ref.name, marked, &marker, ref.ino, ret_stat);
	if (error)
		return error;
	if (!ref.removed)
		subdirs = directory_count_subdirs(fs, ref.name);
	if (subdirs < 0 && subdirs != -ENOENT)
		return (int)subdirs;
	if (subdirs < 0)
		ret_stat->st_nlink = marked ? 2 : 0;
	else
		ret_stat->st_nlink = (nlink_t)subdirs + 2;
	return 0;
}

int directory_attr(struct fs *fs, fuse_ino_t nodeid, struct stat *ret_stat)
{
	int error;

	directory_hold(fs);
	error = get_attr(fs, nodeid, ret_stat);
	directory_release(fs);
	return error;
}

int directory_marker(struct fs *fs, fuse_ino_t nodeid,
		     struct object **ret_object)
{
	char name[STORE_NAME_MAX + 1];
	int error;

	directory_hold(fs);
	error = directory_name(fs, nodeid, name);
	if (!error)
		error = find_marker(fs, name, ret_object);
	directory_release(fs);
	return error;
}

/* Makes the marker of a directory that has none. */
static int mark(struct fs *fs, fuse_ino_t nodeid,
		const struct store_caller *caller)
{
	char name[STORE_NAME_MAX + 1];
	struct object *marker;
	struct stat st;
	int error = directory_name(fs, nodeid, name);

	if (!error && !view_contains(&fs->view, name))
		error = -EPERM;
	if (error || marker_stat(fs, name, &st) == 0)
		return error;
	error = fs->kind->get_attr(fs->kind->root(fs->store), &st);
	if (!error)
		error = fs_create(fs, name, st.st_mode, caller, &marker);
	if (!error)
		object_put(marker);
	return error == -EEXIST ? 0 : error;
}

int directory_mark(fuse_req_t req, fuse_ino_t nodeid)
{
	struct fs *fs = fs_of(req);
	struct store_caller caller = caller_of(req);
	int error;

	if (!dirs_is_id(nodeid))
		return 0;
	directory_hold(fs);
	error = mark(fs, nodeid, &caller);
	directory_release(fs);
	return error;
}
