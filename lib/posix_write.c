// SPDX-License-Identifier: MIT
/*
 * Writing the bytes of POSIX objects: a guarded copy into a shared mapping,
 * never write(2) of the data.
 *
 * A store past the end of a file is a fault. A write that needs a longer
 * object, or pages that are not there, gets them from fallocate(2), which
 * never makes an object shorter and answers ENOSPC where the store itself
 * would be a SIGBUS.
 *
 * Others truncate objects while we copy. A page that fallocate gave and that
 * is gone again was written and then truncated, in that order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"
#include "posix.h"
#include "sparse.h"

/*
 * fallocate(2): makes the range writable, and the object longer if needed,
 * unless STORE_NOGROW.
 */
static int allocate_range(const struct posix_object *object, off_t off,
			  size_t len, unsigned flags)
{
	int mode = flags & STORE_NOGROW ? FALLOC_FL_KEEP_SIZE : 0;
	int res;

	do {
		res = fallocate(object->fd, mode, off, (off_t)len);
	} while (res < 0 && errno == EINTR);
	return res < 0 ? -errno : 0;
}

/*
 * Makes as much of the range as memory allows part of the object. Returns
 * how many bytes that is, or -errno if none.
 */
static ssize_t grow(const struct posix_object *object, off_t off, size_t len)
{
	int error = allocate_range(object, off, len, 0);
	size_t done = 0;

	if (!error)
		return (ssize_t)len;
	while (error == -ENOSPC && done < len) {
		size_t n = sparse_page_rest(off + (off_t)done, len - done);

		if (allocate_range(object, off + (off_t)done, n, 0))
			break;
		done += n;
	}
	return done ? (ssize_t)done : error;
}

/*
 * Writes part of one page. A page that fallocate gave and that faults all the
 * same was truncated, after it was written so to speak; with STORE_NOGROW a
 * page past the end is dropped in the first place.
 */
static int write_page(const struct posix_object *object, const char *buf,
		      char *mapped, off_t off, size_t len, unsigned flags)
{
	int error = guard_copy_in(mapped, buf, len);

	if (error != -EFAULT)
		return error;
	if ((flags & STORE_NOGROW) && posix_clip_to_size(object, off, len) <= 0)
		return 0;
	error = allocate_range(object, off, len, flags);
	if (!error)
		error = guard_copy_in(mapped, buf, len);
	return error == -EFAULT ? 0 : error;
}

/*
 * Writes page by page what could not be copied in one go. Returns how many
 * bytes from the start are written, or -errno if none.
 */
static ssize_t write_pages(const struct posix_object *object, const char *buf,
			   char *mapped, off_t off, size_t len, unsigned flags)
{
	size_t done = 0;

	while (done < len) {
		size_t n = sparse_page_rest(off + (off_t)done, len - done);
		int error = write_page(object, buf + done, mapped + done,
				       off + (off_t)done, n, flags);

		if (error)
			return done ? (ssize_t)done : error;
		done += n;
	}
	return (ssize_t)done;
}

static ssize_t write_window(struct posix_object *object, const char *buf,
			    off_t off, size_t len, unsigned flags)
{
	struct window *window;
	ssize_t n;
	char *mapped;
	int error = window_get(object->pool, &object->source, off, &window);

	if (error)
		return error;
	if ((off_t)len > window->end - off)
		len = (size_t)(window->end - off);
	mapped = window->base + (off - window->start);
	window_populate(window, off, len);
	error = guard_copy_in(mapped, buf, len);
	if (error == -EFAULT)
		n = write_pages(object, buf, mapped, off, len, flags);
	else
		n = error ? error : (ssize_t)len;
	window_put(object->pool, window);
	return n;
}

/* Copies a range that lies inside the object, unless that was truncated. */
static ssize_t write_inside(struct posix_object *object, const char *buf,
			    off_t off, size_t len, unsigned flags)
{
	size_t done = 0;

	while (done < len) {
		size_t want = len - done;
		off_t at = off + (off_t)done;
		ssize_t n = write_window(object, buf + done, at, want, flags);

		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < want && (at + n) % WINDOW_SIZE != 0)
			break; /* memory is full */
	}
	return (ssize_t)done;
}

/*
 * Claims `len` bytes at the end of the object, in one step that nobody else
 * who appends can come between: a write of zeros with RWF_APPEND, after which
 * the file position tells where that was (pwritev2(2)). Needs size_lock for
 * writing. Returns how many bytes were had, from *ret_off on.
 */
static ssize_t claim_end(struct posix_object *object, size_t len,
			 off_t *ret_off)
{
	static const char zeros[65536];
	struct iovec parts[64];
	int count = 0;
	ssize_t n;
	off_t end;

	while (len && count < 64) {
		size_t part = len < sizeof(zeros) ? len : sizeof(zeros);

		parts[count].iov_base = (void *)(uintptr_t)zeros;
		parts[count++].iov_len = part;
		len -= part;
	}
	n = pwritev2(object->fd, parts, count, -1, RWF_APPEND);
	if (n < 0)
		return -errno;
	end = lseek(object->fd, 0, SEEK_CUR);
	if (end < 0)
		return -errno;
	*ret_off = end - n;
	return n;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/*
 * True for what utimensat(2) could call the present: not before the kernel's
 * last tick, and not in the future.
 */
static bool is_present(const struct timespec *t)
{
	struct timespec tick, now;

	return clock_gettime(CLOCK_REALTIME_COARSE, &tick) == 0 &&
	       clock_gettime(CLOCK_REALTIME, &now) == 0 &&
	       !is_before(t, &tick) && !is_before(&now, t);
}

static void set_mtime(struct posix_object *object)
{
	static const struct timespec now[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_nsec = UTIME_NOW },
	};

	/*
	 * Who may write but does not own the object may only set both times
	 * (utimensat(2)); failing that, the write itself has still been done.
	 */
	if (futimens(object->fd, now) < 0)
		(void)futimens(object->fd, NULL);
}

/*
 * As write(2) would: stores to a mapping leave mtime, and suid, alone. What
 * was seen of the object before the write says what need not be done.
 */
static void touch(struct posix_object *object, off_t off, unsigned flags,
		  const struct stat *before)
{
	if (!is_present(&before->st_mtim))
		set_mtime(object);
	if (!(flags & STORE_NOPRIV) || !(before->st_mode & (S_ISUID | S_ISGID)))
		return;
	/*
	 * Who may write but does not own the object may not change its mode;
	 * but fallocate(2), here of a page that is there, clears it for
	 * whoever may not keep it.
	 */
	if (posix_clear_privileges(object))
		(void)allocate_range(object, off, 1, STORE_NOGROW);
}

/*
 * The part of a write that changes the size. Returns how many bytes may now
 * be written from *off on, or -errno.
 */
static ssize_t make_room(struct posix_object *object, off_t *off, size_t len,
			 unsigned flags)
{
	ssize_t n;

	if (flags & STORE_APPEND)
		return claim_end(object, len, off);
	n = posix_reserve_gap(object, *off);
	if (!n)
		n = grow(object, *off, len);
	if (n < 0)
		posix_release_gap(object, *off);
	return n;
}

/*
 * Writes what lies inside the object. Returns how many bytes that was, or 0
 * if some of them do not: then nothing was written, and somebody has to make
 * room first.
 */
static ssize_t write_in_place(struct posix_object *object, const char *buf,
			      size_t len, off_t off, unsigned flags,
			      struct stat *ret_before)
{
	ssize_t inside;
	ssize_t n;

	pthread_rwlock_rdlock(&object->size_lock);
	inside = fstat(object->fd, ret_before) < 0
			 ? -errno
			 : posix_clip(off, len, ret_before->st_size);
	if (inside == (ssize_t)len) {
		n = write_inside(object, buf, off, len, flags);
	} else if (inside >= 0 && (flags & STORE_NOGROW)) {
		n = write_inside(object, buf, off, (size_t)inside, flags);
		if (n == inside)
			n = (ssize_t)len; /* the rest is dropped */
	} else {
		n = inside < 0 ? inside : 0;
	}
	pthread_rwlock_unlock(&object->size_lock);
	return n;
}

static ssize_t write_growing(struct posix_object *object, const char *buf,
			     size_t len, off_t off, unsigned flags)
{
	ssize_t n;

	pthread_rwlock_wrlock(&object->size_lock);
	n = make_room(object, &off, len, flags);
	if (n > 0)
		n = write_inside(object, buf, off, (size_t)n, flags);
	pthread_rwlock_unlock(&object->size_lock);
	return n;
}

ssize_t posix_write(struct object *base, const void *buf, size_t len, off_t off,
		    unsigned flags)
{
	struct posix_object *object = posix_object(base);
	struct stat before = { .st_mode = S_ISUID | S_ISGID }; /* who knows */
	ssize_t n = 0;

	if (off < 0)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (!(flags & STORE_APPEND)) {
		if (off >= WINDOW_END_MAX)
			return -EFBIG;
		if ((off_t)len > WINDOW_END_MAX - off)
			len = (size_t)(WINDOW_END_MAX - off);
	}
	if (!(flags & STORE_APPEND))
		n = write_in_place(object, buf, len, off, flags, &before);
	if (n == 0)
		n = write_growing(object, buf, len, off, flags);
	if (n > 0)
		touch(object, off, flags, &before);
	return n;
}
