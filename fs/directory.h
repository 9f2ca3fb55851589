/* SPDX-License-Identifier: MIT */
/*
 * What a name in a directory of the mount stands for, and the directories of
 * a view with a separator. Without one there is only the root, and nothing
 * here but directory_place() has anything to do.
 *
 * Operations on names and attributes hold fs->names while they work, so that a
 * directory is never seen half renamed through the mount.
 */
#ifndef SHMFS_DIRECTORY_H
#define SHMFS_DIRECTORY_H

#include "fs.h"

struct place {
	char directory[STORE_NAME_MAX + 1]; /* as in view.h */
	char object[STORE_NAME_MAX + 1];    /* what the name is as a file */
};

int directory_open_all(struct fs *fs);
void directory_close_all(struct fs *fs);

/* Others may hold it as well; or nobody else. */
void directory_hold(struct fs *fs);
void directory_hold_alone(struct fs *fs);
void directory_release(struct fs *fs);

/* -ENOENT for a directory that was removed, -ESTALE for one not known. */
int directory_name(struct fs *fs, fuse_ino_t nodeid,
		   char ret_name[STORE_NAME_MAX + 1]);
/* The inode number of a directory or of the one it is in; 0: no telling. */
uint64_t directory_ino(struct fs *fs, fuse_ino_t nodeid, bool parent);

/*
 * -EINVAL for a name with a separator inside a directory, -ENAMETOOLONG,
 * errors of directory_name().
 */
int directory_place(struct fs *fs, fuse_ino_t parent, const char *name,
		    struct place *ret_place);

/*
 * The same for an operation that changes the directory: holds fs->names from
 * here to directory_changed(), which notes the time of the change if there
 * was no error.
 */
int directory_change(struct fs *fs, fuse_ino_t parent, const char *name,
		     struct place *ret_place);
void directory_changed(struct fs *fs, const struct place *place, int error);
void directory_touch(struct fs *fs, const char *directory);

/* True if there is such a directory. */
bool directory_exists(struct fs *fs, const char *directory);
/* Its entry, as fs_entry(). -ENOENT. */
int directory_entry(struct fs *fs, const char *directory,
		    struct fuse_entry_param *ret_entry);
/* The entry of a name that is no object; -ENOENT if it is no directory. */
int directory_lookup(struct fs *fs, const struct place *place, const char *name,
		     struct fuse_entry_param *ret_entry);

/* What the names say of a directory, the root included. -ENOENT, -errno. */
int directory_find(struct fs *fs, const char *directory,
		   struct tree_directory *ret_found);
/* The subdirectories of a directory, the root included, or -errno. */
ssize_t directory_count_subdirs(struct fs *fs, const char *directory);
/*
 * The rest holds fs->names itself. Attributes are also had of a directory that
 * is gone: st_nlink is 0 then.
 */
int directory_attr(struct fs *fs, fuse_ino_t nodeid, struct stat *ret_stat);
/* The marker, opened with STORE_ATTR. -ENODATA if there is none. */
int directory_marker(struct fs *fs, fuse_ino_t nodeid,
		     struct object **ret_object);
/*
 * To be called before a node's attributes are changed: a directory without a
 * marker gets one, the caller's, with the mode it has been shown with.
 */
int directory_mark(fuse_req_t req, fuse_ino_t nodeid);

/*
 * rename_directory.c: renames all objects of a directory, or none, except
 * that what others do meanwhile can leave some of them where they were.
 * fs->names is held alone by the caller.
 */
int directory_rename(struct fs *fs, const char *from, const char *to,
		     unsigned flags, const struct store_caller *caller);

#endif
