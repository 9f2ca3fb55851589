// SPDX-License-Identifier: MIT
/*
 * Reading the bytes of POSIX objects: a guarded copy out of a shared mapping,
 * never read(2) of the data; and what reading and writing share.
 *
 * Holes are left alone: sparse.h.
 *
 * Others truncate objects while we copy: a page that is gone reads as the end
 * of the object.
 */
#include <errno.h>
#include <unistd.h>

#include "guard.h"
#include "posix.h"
#include "sparse.h"

static int read_window(struct posix_object *object, char *buf, off_t off,
		       size_t len, size_t *ret_n)
{
	struct window *window;
	const char *mapped;
	int error = window_get(object->pool, &object->source, off, &window);

	if (error)
		return error;
	if ((off_t)len > window->end - off)
		len = (size_t)(window->end - off);
	mapped = window->base + (off - window->start);
	error = sparse_read(object->fd, buf, mapped, off, len);
	window_put(object->pool, window);
	*ret_n = len;
	return error;
}

/* How much of [off, off + len) is inside an object of this size. */
ssize_t posix_clip(off_t off, size_t len, off_t size)
{
	if (size > WINDOW_END_MAX)
		size = WINDOW_END_MAX;
	if (off >= size)
		return 0;
	if ((off_t)len > size - off)
		len = (size_t)(size - off);
	return (ssize_t)len;
}

/*
 * The same for the object as it is now, or -errno. lseek(2), because it takes
 * less than half the time of fstat(2).
 */
ssize_t posix_clip_to_size(const struct posix_object *object, off_t off,
			   size_t len)
{
	off_t size = lseek(object->fd, 0, SEEK_END);

	return size < 0 ? -errno : posix_clip(off, len, size);
}

static ssize_t read_locked(struct posix_object *object, char *buf, size_t len,
			   off_t off)
{
	ssize_t clipped = posix_clip_to_size(object, off, len);
	size_t done = 0;

	while (clipped > 0 && done < (size_t)clipped) {
		size_t n;
		int error = read_window(object, buf + done, off + (off_t)done,
					(size_t)clipped - done, &n);

		if (error)
			return error;
		done += n;
	}
	if (clipped <= 0)
		return clipped;
	/* Truncated while we copied: only what is still there was read. */
	return posix_clip_to_size(object, off, (size_t)clipped);
}

/*
 * The common case of a small read, with as few system calls as can be: part
 * of one page that is there. Its end cannot move between the look at the size
 * and the copy any more than in a read(2) of the file itself. -EAGAIN for all
 * other cases.
 */
static ssize_t read_one_page(struct posix_object *object, char *buf, size_t len,
			     off_t off)
{
	struct window *window;
	ssize_t n = -EAGAIN;
	int error = window_get(object->pool, &object->source, off, &window);

	if (error)
		return error;
	if (sparse_is_allocated(object->fd, off, len))
		n = posix_clip_to_size(object, off, len);
	if (n > 0 && guard_copy_out(buf, window->base + (off - window->start),
				    (size_t)n))
		n = -EAGAIN;
	window_put(object->pool, window);
	return n;
}

ssize_t posix_read(struct object *base, void *buf, size_t len, off_t off)
{
	struct posix_object *object = posix_object(base);
	ssize_t n = -EAGAIN;

	if (off < 0)
		return -EINVAL;
	pthread_rwlock_rdlock(&object->size_lock);
	if (len && off < WINDOW_END_MAX && sparse_page_rest(off, len) == len)
		n = read_one_page(object, buf, len, off);
	if (n == -EAGAIN)
		n = read_locked(object, buf, len, off);
	pthread_rwlock_unlock(&object->size_lock);
	return n;
}
