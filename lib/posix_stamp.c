// SPDX-License-Identifier: MIT
/*
 * The stamp of the namespace: tmpfs gives its directory a new ctime with each
 * name that is made, removed or renamed. The clock it is taken from advances
 * by ticks, so that a ctime of the current tick may be that of a later change
 * as well, and is no stamp yet.
 *
 * The finer times that Linux has had since 6.13 are no help: a removal gives
 * the directory the time of the removed file, which may be that of a change
 * before (shmem_unlink() in the kernel's mm/shmem.c).
 */
#include <errno.h>
#include <time.h>

#include "posix.h"

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec > b->tv_sec;
	return a->tv_nsec > b->tv_nsec;
}

int posix_stamp(struct store *store, struct store_stamp *ret_stamp)
{
	struct timespec now;
	struct stat st;

	/* First: whatever changes from here on has this time or a later one. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (fstat(posix_store_fd(store), &st) < 0)
		return -errno;
	if (!is_later(&now, &st.st_ctim))
		return -EAGAIN;
	*ret_stamp = (struct store_stamp){
		.time = st.st_ctim,
		.size = st.st_size,
	};
	return 0;
}
