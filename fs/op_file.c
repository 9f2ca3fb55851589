// SPDX-License-Identifier: MIT
/*
 * Open files: opening, reading, writing, allocating. Every opening of an
 * object shares one struct object, found through its node.
 *
 * In the native path the kernel works on the object itself (backing.h), and
 * reads and writes do not come here, unless the kernel may only map objects of
 * this kind (STORE_KERNEL_WRITES). In the direct path they do
 * (FOPEN_DIRECT_IO), and go straight to the object; the kernel keeps no copy
 * that could be older than what others see. Only a mapping of the file has
 * one then, because the kernel has no other way (DIRECT_IO_ALLOW_MMAP); it is
 * filled anew after each open, as keep_cache is never set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "access.h"
#include "buffer.h"
#include "limit.h"
#include "ops.h"

/* Not in a libfuse that was built without io_uring. */
#pragma weak fuse_req_get_payload

struct enrolling {
	struct fs *fs;
	fuse_req_t req;
};

static int enroll(void *data, struct object *object)
{
	const struct enrolling *enrolling = data;

	return backing_open(&enrolling->fs->backing, enrolling->req, object);
}

/* True for what only we can write to rightly: see backing.c. */
static bool has_privileges(struct fs *fs, struct object *object)
{
	struct stat st;

	return fs->kind->get_attr(object, &st) == 0 &&
	       (st.st_mode & (S_ISUID | S_ISGID));
}

static void end_file(struct fs *fs, struct handle *handle)
{
	struct file *file = (struct file *)handle; /* its first member */

	object_put(file->object);
	free(file);
}

static enum stats_counter path_of(const struct fuse_file_info *fi)
{
	if (fi->backing_id == 0)
		return STATS_OPENED_DIRECT;
	return fi->direct_io ? STATS_OPENED_MAPPED : STATS_OPENED_NATIVE;
}

int file_begin(fuse_req_t req, fuse_ino_t nodeid, struct object *object,
	       struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct enrolling enrolling = { .fs = fs, .req = req };
	struct file *file = calloc(1, sizeof(*file));
	int error = -ENOMEM;

	if (file)
		error = handles_add(&fs->handles, &file->handle,
				    caller_of(req).uid);
	if (error) {
		free(file);
		object_put(object);
		return error;
	}
	fs_prepare(fs, object);
	file->object = node_opened(fs->nodes, nodeid, object, enroll,
				   &enrolling, &fi->backing_id);
	if (!file->object) {
		handles_remove(&fs->handles, &file->handle);
		free(file);
		return -ENFILE;
	}
	/* Without memory for that it does not count: no harm is done. */
	file->counted =
		fs->budget && budget_opened(fs->budget, file->object) == 0;
	file->writer = file_writer(req, fi->flags);
	file->handle.end = end_file;
	fi->fh = (uintptr_t)file;
	fi->direct_io = fi->backing_id == 0 || fs->all_writes ||
			!(fs->kind->traits & STORE_KERNEL_WRITES) ||
			has_privileges(fs, file->object);
	fi->parallel_direct_writes = fi->direct_io;
	stats_add(fs->stats, path_of(fi), 1);
	return 0;
}

void file_end(fuse_req_t req, fuse_ino_t nodeid, struct file *file)
{
	struct fs *fs = fs_of(req);

	stats_add(fs->stats, STATS_CLOSED, 1);
	handles_remove(&fs->handles, &file->handle);
	if (file->counted)
		budget_closed(fs->budget, file->object);
	backing_close(req, node_closed(fs->nodes, nodeid, file->object));
	free(file);
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

int file_empty(fuse_req_t req, const struct fuse_file_info *fi)
{
	struct store_attr attr = {
		.set = STORE_SET_SIZE,
		.size = 0,
	};

	if (fi->kill_suidgid)
		attr.set |= STORE_SET_NOPRIV;
	return limit_set_attr(fs_of(req)->budget, file_of(fi)->object, &attr);
}

/* In the flags of an open for execve(2): include/linux/fs.h of the kernel. */
#define FMODE_EXEC 0x20

static int access_wanted(int flags)
{
	int mode = flags & O_ACCMODE;
	int want = 0;

	if (flags & FMODE_EXEC)
		return X_OK;
	if (mode != O_WRONLY)
		want |= R_OK;
	if (mode != O_RDONLY || (flags & O_TRUNC))
		want |= W_OK;
	return want;
}

/* Opens the object and begins an opening of it, its name not being kept. */
static int begin_open(fuse_req_t req, fuse_ino_t nodeid,
		      struct fuse_file_info *fi)
{
	struct object *object;
	int error = open_shared(fs_of(req), nodeid, fi->flags, &object);

	if (error)
		return error;
	error = access_check(req, object, access_wanted(fi->flags));
	if (error) {
		object_put(object);
		return error;
	}
	return file_begin(req, nodeid, object, fi);
}

static int open_file(fuse_req_t req, fuse_ino_t nodeid,
		     struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int error = node_open_begin(fs->nodes, nodeid);

	if (error < 0)
		return error;
	/* Before the name is checked, that is before the object is opened. */
	if (error > 0)
		error = fs_end_epoch(fs);
	if (!error)
		error = begin_open(req, nodeid, fi);
	node_open_end(fs->nodes, nodeid);
	if (error || !(fi->flags & O_TRUNC))
		return error;
	error = file_empty(req, fi);
	if (error)
		file_end(req, nodeid, file_of(fi));
	return error;
}

void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	int error = open_file(req, nodeid, fi);

	if (error)
		reply_status(req, error);
	else if (fuse_reply_open(req, fi) < 0)
		file_end(req, nodeid, file_of(fi));
}

/*
 * Where to put a reply of this size: over io_uring the kernel's own buffer, so
 * that nothing is copied again, else the thread's.
 */
static char *reply_buffer(fuse_req_t req, size_t size)
{
	size_t room;
	char *buf;

	if (fuse_req_get_payload && fuse_req_is_uring(req) &&
	    fuse_req_get_payload(req, &buf, &room, NULL) == 0 && room >= size)
		return buf;
	return thread_buffer(size);
}

static void count_bytes(fuse_req_t req, enum stats_counter counter, ssize_t n)
{
	if (n > 0)
		stats_add(fs_of(req)->stats, counter, (uint64_t)n);
}

void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	char *buf = reply_buffer(req, size);
	ssize_t n = -ENOMEM;

	if (buf)
		n = fs_of(req)->kind->read(file_of(fi)->object, buf, size, off);
	count_bytes(req, STATS_BYTES_READ, n);
	reply_data(req, n, buf);
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
	n = limit_write(fs->budget, object, buf, size, off, flags);
	/*
	 * Pages of a mapping, written back: the kernel does not look at how
	 * much was written, only msync(2) and close(2) can tell of a failure.
	 */
	if (n >= 0 && (size_t)n < size && fi->writepage)
		n = -ENOSPC;
	return n;
}

void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size,
	      off_t off, struct fuse_file_info *fi)
{
	ssize_t n = write_file(fs_of(req), buf, size, off, fi);

	count_bytes(req,
		    fi->writepage ? STATS_BYTES_WRITTEN_BACK
				  : STATS_BYTES_WRITTEN,
		    n);
	reply_count(req, n);
}

/*
 * Neither of the two below says whether the caller may leave suid and sgid
 * set. Failing that, our own rights were the caller's, and it has been done.
 */
static void clear_privileges(fuse_req_t req, struct object *object)
{
	struct store_attr attr = { .set = STORE_SET_NOPRIV };

	if (fuse_req_ctx(req)->uid != 0)
		(void)fs_of(req)->kind->set_attr(object, &attr);
}

void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off,
		  off_t len, struct fuse_file_info *fi)
{
	struct object *object = file_of(fi)->object;
	int error = limit_allocate(fs_of(req)->budget, object, mode, off, len);

	if (!error)
		clear_privileges(req, object);
	reply_status(req, error);
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
	ssize_t n = limit_copy(fs_of(req)->budget, file_of(from)->object,
			       from_off, file_of(to)->object, to_off, len);

	if (n > 0)
		clear_privileges(req, file_of(to)->object);
	count_bytes(req, STATS_BYTES_COPIED, n);
	reply_count(req, n);
}
