// SPDX-License-Identifier: MIT
/*
 * Reading mapped memory without giving it pages. A read of a hole through a
 * mapping would allocate its pages: only what is there is touched, the rest
 * is zeros (cachestat(2) and lseek(2) SEEK_DATA tell).
 */
#include "sparse.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "guard.h"

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

bool sparse_is_allocated(int fd, off_t off, size_t len)
{
	struct cachestat_range range = {
		.off = (uint64_t)off,
		.len = len,
	};
	struct cachestat stat;
	uint64_t first = range.off / (uint64_t)sparse_page();
	uint64_t last = (range.off + len - 1) / (uint64_t)sparse_page();

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
int sparse_copy(char *buf, const char *mapped, off_t off, size_t len)
{
	int error = guard_copy_out(buf, mapped, len);

	while (error == -EFAULT && len) {
		size_t n = sparse_page_rest(off, len);

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
	if (sparse_page_rest(off, len) == len ||
	    sparse_is_allocated(fd, off, len))
		return sparse_copy(buf, mapped, off, len);
	/* Up to the page boundary in or before the middle, or the first. */
	half = len / 2;
	half -= (size_t)((off + (off_t)half) % sparse_page());
	if (half == 0 || half > len / 2)
		half = sparse_page_rest(off, len);
	error = read_range(fd, buf, mapped, off, half);
	if (!error)
		error = read_range(fd, buf + half, mapped + half,
				   off + (off_t)half, len - half);
	return error;
}

int sparse_read(int fd, char *buf, const char *mapped, off_t off, size_t len)
{
	if (sparse_is_allocated(fd, off, len))
		return sparse_copy(buf, mapped, off, len);
	return read_range(fd, buf, mapped, off, len);
}
