/* SPDX-License-Identifier: MIT */
/*
 * The operations, one function for each request of the FUSE protocol that is
 * answered, called by libfuse from any of its threads (fuse_lowlevel.h says
 * what each is given). Each decodes, calls one worker that returns -errno,
 * and replies once, at its end.
 */
#ifndef SHMFS_OPS_H
#define SHMFS_OPS_H

#include "fs.h"

extern const struct fuse_lowlevel_ops fs_ops;

/* op_name.c: names */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t count);
void op_forget_multi(fuse_req_t req, size_t count,
		     struct fuse_forget_data *forgets);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      dev_t rdev);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		const char *name);
void op_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t new_parent,
	     const char *new_name);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	       fuse_ino_t new_parent, const char *new_name, unsigned flags);

/*
 * True if it is worth trying again, now with all of the caller's groups: who
 * may change a namespace that is not everybody's, one of these may decide.
 */
bool name_may_be_group(fuse_req_t req, int error, struct store_caller *caller,
		       gid_t **ret_groups);
/* As store_kind.rename() of what is in view; notes the new names. */
int name_rename(struct fs *fs, const char *from, const char *to, unsigned flags,
		const struct store_caller *caller);

/* op_directory.c: directories */
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
/* Renames what is there: an object, or a directory. Holds fs->names. */
int name_rename_any(fuse_req_t req, fuse_ino_t parent, const char *name,
		    fuse_ino_t new_parent, const char *new_name, unsigned flags,
		    const struct store_caller *caller);

/* op_attr.c: attributes */
void op_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr,
		int to_set, struct fuse_file_info *fi);
void op_access(fuse_req_t req, fuse_ino_t nodeid, int mask);
void op_statfs(fuse_req_t req, fuse_ino_t nodeid);

/* op_file.c: open files */
void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	     struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size,
	      off_t off, struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off,
		  off_t len, struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
	      struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t from_node, off_t from_off,
			struct fuse_file_info *from, fuse_ino_t to_node,
			off_t to_off, struct fuse_file_info *to, size_t len,
			int flags);
/*
 * Begins an opening of a node's object, and puts it into fi. Takes over the
 * reference on `object`, also when it fails.
 */
int file_begin(fuse_req_t req, fuse_ino_t nodeid, struct object *object,
	       struct fuse_file_info *fi);
/* O_TRUNC of an opening. */
int file_empty(fuse_req_t req, const struct fuse_file_info *fi);
/* Ends it again: FUSE_RELEASE, or an opening that was not delivered. */
void file_end(fuse_req_t req, fuse_ino_t nodeid, struct file *file);

/* op_close.c: closing them */
void op_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
/* For struct file: the process that opens it to write, or -1. */
pid_t file_writer(fuse_req_t req, int flags);

/* op_dir.c: listing */
void op_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t nodeid,
		   struct fuse_file_info *fi);

/* xattr.c: extended attributes */
void op_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		 const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		 size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name);

#endif
