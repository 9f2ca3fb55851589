// SPDX-License-Identifier: MIT
/*
 * Open files: opening, reading, writing, allocating. Every opening of an
 * object shares one struct object, found through its node.
 *
 * Files are opened with FOPEN_DIRECT_IO: each read and write comes here and
 * goes straight to the object, the kernel keeps no copy that could be older
 * than what others see. Only a mapping of the file has one, because the
 * kernel has no other way (DIRECT_IO_ALLOW_MMAP); it is filled anew after
 * each open, as keep_cache is never set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "buffer.h"
#include "ops.h"

int file_new(struct object *object, struct fuse_file_info *fi)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	file->object = object;
	fi->fh = (uintptr_t)file;
	fi->direct_io = 1;
	fi->parallel_direct_writes = 1;
	return 0;
}

/*
 * Opened for writing whenever that can be had, so that one object serves all
 * openings. Where it cannot, reading is enough for who only reads.
 */
static int open_shared(struct fs *fs, fuse_ino_t nodeid, int flags,
		       struct object **ret_object)
{
	int error = fs_object(fs, nodeid, STORE_WRITE, ret_object);

	if ((flags & O_ACCMODE) != O_RDONLY)
		return error;
	switch (error) {
	case -EACCES:
	case -EPERM:   /* immutable: chattr(1) */
	case -EROFS:   /* the namespace is mounted read-only */
	case -ETXTBSY: /* being executed */
		return fs_object(fs, nodeid, STORE_READ, ret_object);
	default:
		return error;
	}
}

static int truncate_opened(struct fs *fs, struct object *object,
			   bool kill_privileges)
{
	struct store_attr attr = {
		.set = STORE_SET_SIZE,
		.size = 0,
	};

	if (kill_privileges)
		attr.set |= STORE_SET_NOPRIV;
	return fs->kind->set_attr(object, &attr);
}

static int open_file(struct fs *fs, fuse_ino_t nodeid,
		     struct fuse_file_info *fi)
{
	struct object *object;
	int error = open_shared(fs, nodeid, fi->flags, &object);

	if (error)
		return error;
	object = node_opened(fs->nodes, nodeid, object);
	if (fi->flags & O_TRUNC)
		error = truncate_opened(fs, object, fi->kill_suidgid);
	if (!error)
		error = file_new(object, fi);
	if (error)
		node_closed(fs->nodes, nodeid, object);
	return error;
}

void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int error = open_file(fs, nodeid, fi);

	if (error) {
		reply_status(req, error);
	} else if (fuse_reply_open(req, fi) < 0) {
		struct file *file = file_of(fi);

		node_closed(fs->nodes, nodeid, file->object);
		free(file);
	}
}

void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct file *file = file_of(fi);

	node_closed(fs_of(req)->nodes, nodeid, file->object);
	free(file);
	reply_status(req, 0);
}

void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	char *buf = thread_buffer(size);
	ssize_t n = -ENOMEM;

	if (buf)
		n = fs_of(req)->kind->read(file_of(fi)->object, buf, size, off);
	if (n < 0)
		reply_status(req, (int)n);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_buf(req, buf, (size_t)n);
}

static ssize_t write_file(struct fs *fs, const char *buf, size_t size,
			  off_t off, const struct fuse_file_info *fi)
{
	struct object *object = file_of(fi)->object;
	unsigned flags = 0;
	ssize_t n;

	if (fi->kill_suidgid)
		flags |= STORE_NOPRIV;
	if (fi->writepage)
		flags |= STORE_NOGROW;
	else if (fi->flags & O_APPEND)
		flags |= STORE_APPEND;
	n = fs->kind->write(object, buf, size, off, flags);
	/*
	 * Pages of a mapping, written back: what lies past the end by now is
	 * dropped, as tmpfs drops it, and that is no failure.
	 */
	if (n >= 0 && fi->writepage)
		n = (ssize_t)size;
	return n;
}

void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size,
	      off_t off, struct fuse_file_info *fi)
{
	ssize_t n = write_file(fs_of(req), buf, size, off, fi);

	if (n < 0)
		reply_status(req, (int)n);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_write(req, (size_t)n);
}

void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off,
		  off_t len, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	reply_status(req,
		     fs->kind->allocate(file_of(fi)->object, mode, off, len));
}

void op_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
	      struct fuse_file_info *fi)
{
	off_t found = fs_of(req)->kind->seek(file_of(fi)->object, off, whence);

	if (found < 0)
		reply_status(req, (int)found);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_lseek(req, found);
}

void op_copy_file_range(fuse_req_t req, fuse_ino_t from_node, off_t from_off,
			struct fuse_file_info *from, fuse_ino_t to_node,
			off_t to_off, struct fuse_file_info *to, size_t len,
			int flags)
{
	ssize_t n = fs_of(req)->kind->copy(file_of(from)->object, from_off,
					   file_of(to)->object, to_off, len);

	if (n < 0)
		reply_status(req, (int)n);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_write(req, (size_t)n);
}
