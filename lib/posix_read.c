// SPDX-License-Identifier: MIT
/*
 * Reading the bytes of POSIX objects: a guarded copy out of a shared mapping,
 * never read(2) of the data; and what reading and writing share.
 *
 * A read of a hole through a mapping would allocate its pages; only ranges
 * whose pages are there are touched, the rest is zeros (cachestat(2) and
 * lseek(2) SEEK_DATA tell).
 *
 * Others truncate objects while we copy: a page that is gone reads as the end
 * of the object.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"
#include "posix.h"

/* A constant for the compiler's sake would be wrong on other machines. */
static off_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

size_t posix_rest_of_page(off_t off, size_t len)
{
	size_t rest = (size_t)(page_size() - off % page_size());

	return rest < len ? rest : len;
}

#ifndef SYS_cachestat
#define SYS_cachestat 451 /* the same on all architectures but alpha */
#endif

/* include/uapi/linux/mman.h, Linux 6.5 */
struct cachestat_range {
	uint64_t off;
	uint64_t len;
};
struct cachestat {
	uint64_t nr_cache;
	uint64_t nr_dirty;
	uint64_t nr_writeback;
	uint64_t nr_evicted;
	uint64_t nr_recently_evicted;
};

/*
 * True if every page of the range is there, in memory or swapped out, so
 * that touching it allocates nothing. False also where the kernel does not
 * say: before Linux 6.5, or for objects that are not ours (EPERM).
 */
static bool is_allocated(int fd, off_t off, size_t len)
{
	struct cachestat_range range = {
		.off = (uint64_t)off,
		.len = len,
	};
	struct cachestat stat;
	uint64_t first = range.off / (uint64_t)page_size();
	uint64_t last = (range.off + len - 1) / (uint64_t)page_size();

	if (syscall(SYS_cachestat, fd, &range, &stat, 0) < 0)
		return false;
	return stat.nr_cache + stat.nr_evicted == last - first + 1;
}

/*
 * Copies out of one window, all of it allocated as far as we know. A page
 * that faults all the same is past the end by now, or a fresh hole that
 * memory has no page for: both read as zeros, and the caller looks at the
 * size afterwards.
 */
static int read_pages(char *buf, const char *mapped, off_t off, size_t len)
{
	int error = guard_copy_out(buf, mapped, len);

	while (error == -EFAULT && len) {
		size_t n = posix_rest_of_page(off, len);

		error = guard_copy_out(buf, mapped, n);
		if (error == -EFAULT)
			memset(buf, 0, n);
		else if (error)
			return error;
		error = -EFAULT;
		buf += n;
		mapped += n;
		off += (off_t)n;
		len -= n;
	}
	return error == -EFAULT ? 0 : error;
}

/*
 * Reads a range of one window with its holes, halving it until each part is
 * allocated or is a hole.
 */
static int read_range(int fd, char *buf, const char *mapped, off_t off,
		      size_t len)
{
	off_t data = lseek(fd, off, SEEK_DATA);
	size_t half;
	int error;

	if (data < 0 && errno != ENXIO) /* ENXIO: nothing but hole follows */
		return -errno;
	if (data < 0 || data - off >= (off_t)len) {
		memset(buf, 0, len);
		return 0;
	}
	if (data > off) {
		size_t hole = (size_t)(data - off);

		memset(buf, 0, hole);
		buf += hole;
		mapped += hole;
		off = data;
		len -= hole;
	}
	if (posix_rest_of_page(off, len) == len || is_allocated(fd, off, len))
		return read_pages(buf, mapped, off, len);
	/* Up to the page boundary in or before the middle, or the first. */
	half = len / 2;
	half -= (size_t)((off + (off_t)half) % page_size());
	if (half == 0 || half > len / 2)
		half = posix_rest_of_page(off, len);
	error = read_range(fd, buf, mapped, off, half);
	if (!error)
		error = read_range(fd, buf + half, mapped + half,
				   off + (off_t)half, len - half);
	return error;
}

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
	if (is_allocated(object->fd, off, len))
		error = read_pages(buf, mapped, off, len);
	else
		error = read_range(object->fd, buf, mapped, off, len);
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
	if (is_allocated(object->fd, off, len))
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
	if (len && off < WINDOW_END_MAX && posix_rest_of_page(off, len) == len)
		n = read_one_page(object, buf, len, off);
	if (n == -EAGAIN)
		n = read_locked(object, buf, len, off);
	pthread_rwlock_unlock(&object->size_lock);
	return n;
}
