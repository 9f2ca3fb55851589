// SPDX-License-Identifier: MIT
/*
 * The bytes of System V segments: guarded copies from and to the attachment.
 * A segment never changes its size, so that they need no lock; where it has no
 * page and none is to be had, touching it faults.
 */
#include <errno.h>
#include <unistd.h>

#include "guard.h"
#include "sparse.h"
#include "sysv.h"

static size_t clip(const struct sysv_segment *segment, size_t len, off_t off)
{
	if (off >= segment->size)
		return 0;
	if (len > (size_t)(segment->size - off))
		len = (size_t)(segment->size - off);
	return len;
}

ssize_t sysv_read(struct object *base, void *buf, size_t len, off_t off)
{
	struct sysv_object *object = sysv_object(base);
	const struct sysv_segment *segment;
	ssize_t n;
	int error;

	if (off < 0)
		return -EINVAL;
	if (sysv_lock_pending(object)) {
		n = sysv_pending_read(object->pending, buf, len, off);
		sysv_unlock_pending(object);
		return n;
	}
	segment = sysv_segment_of(object);
	len = clip(segment, len, off);
	if (!len)
		return 0;
	if (segment->fd >= 0)
		error = sparse_read(segment->fd, buf, segment->base + off, off,
				    len);
	else
		error = sparse_copy(buf, segment->base + off, off, len);
	return error ? error : (ssize_t)len;
}

/* Page by page until one cannot be had. */
static ssize_t write_pages(const struct sysv_segment *segment, const char *buf,
			   size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		off_t at = off + (off_t)done;
		size_t n = sparse_page_rest(at, len - done);
		int error = guard_copy_in(segment->base + at, buf + done, n);

		if (error == -EFAULT)
			error = -ENOSPC;
		if (error)
			return done ? (ssize_t)done : error;
		done += n;
	}
	return (ssize_t)done;
}

static ssize_t write_segment(const struct sysv_segment *segment,
			     const char *buf, size_t len, off_t off,
			     unsigned flags)
{
	size_t inside;
	ssize_t n;
	int error;

	if (flags & STORE_APPEND)
		off = segment->size;
	inside = clip(segment, len, off);
	if (!inside)
		return flags & STORE_NOGROW ? (ssize_t)len : -EFBIG;
	error = guard_copy_in(segment->base + off, buf, inside);
	if (error && error != -EFAULT)
		return error;
	n = error ? write_pages(segment, buf, inside, off) : (ssize_t)inside;
	if (n == (ssize_t)inside && (flags & STORE_NOGROW))
		n = (ssize_t)len; /* the rest is dropped */
	return n;
}

ssize_t sysv_write(struct object *base, const void *buf, size_t len, off_t off,
		   unsigned flags)
{
	struct sysv_object *object = sysv_object(base);
	ssize_t n;

	if (off < 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (sysv_lock_pending(object)) {
		n = sysv_pending_write(object->pending, buf, len, off, flags);
		sysv_unlock_pending(object);
		return n;
	}
	return write_segment(sysv_segment_of(object), buf, len, off, flags);
}

int sysv_allocate(struct object *base, int mode, off_t off, off_t len)
{
	struct sysv_object *object = sysv_object(base);
	off_t end;
	int error = -EOPNOTSUPP;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(off, len, &end))
		return -EFBIG;
	if (mode || !sysv_lock_pending(object))
		return error;
	if (end > object->pending->size)
		error = sysv_pending_make(object->pending, end);
	sysv_unlock_pending(object);
	return error;
}

off_t sysv_seek(struct object *base, off_t off, int whence)
{
	struct sysv_object *object = sysv_object(base);
	const struct sysv_segment *segment;
	off_t size;
	int fd = -1;

	if (sysv_lock_pending(object)) {
		size = object->pending->size;
		sysv_unlock_pending(object);
	} else {
		segment = sysv_segment_of(object);
		size = segment->size;
		fd = segment->fd;
	}
	if (off < 0 || off >= size)
		return -ENXIO;
	if (fd < 0) /* nobody can tell: all of it is data */
		return whence == SEEK_HOLE ? size : off;
	off = lseek(fd, off, whence);
	return off < 0 ? -errno : off;
}
