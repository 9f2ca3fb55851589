// SPDX-License-Identifier: MIT
/*
 * The stamp of the namespace: tmpfs gives its directory a new ctime with each
 * name that is made, removed or renamed.
 *
 * The clock it is taken from advances by ticks: a ctime of the current tick
 * may be that of a later change, too, and is no stamp yet. As of Linux 6.13 a
 * ctime is never repeated once it was read, which is tried out on a file of
 * the same filesystem type.
 */
#include <errno.h>
#include <sys/mman.h>
#include <time.h>

#include "cleanup.h"
#include "posix.h"

#define TRIES 100 /* more than ticks can pass meanwhile */

enum { UNTRIED, COARSE, FINE };

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec > b->tv_sec;
	return a->tv_nsec > b->tv_nsec;
}

/* Changes a file and reads its ctime in turns: none may come twice. */
static int try_ticks(void)
{
	auto_fd fd = memfd_create("stamp", MFD_CLOEXEC);
	struct stat before, after;

	for (int i = 0; i < TRIES; i++)
		if (fd < 0 || fstat(fd, &before) < 0 || fchmod(fd, 0600) < 0 ||
		    fstat(fd, &after) < 0 ||
		    !is_later(&after.st_ctim, &before.st_ctim))
			return COARSE;
	return FINE;
}

/* More threads than one may try: they find the same. */
static bool is_fine(struct posix_listings *listings)
{
	int ticks = atomic_load(&listings->ticks);

	if (ticks == UNTRIED) {
		ticks = try_ticks();
		atomic_store(&listings->ticks, ticks);
	}
	return ticks == FINE;
}

int posix_stamp(struct store *store, struct store_stamp *ret_stamp)
{
	struct timespec now;
	struct stat st;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	if (fstat(posix_store_fd(store), &st) < 0)
		return -errno;
	if (!is_later(&now, &st.st_ctim) &&
	    !is_fine(posix_store_listings(store)))
		return -EAGAIN;
	*ret_stamp = (struct store_stamp){
		.time = st.st_ctim,
		.size = st.st_size,
	};
	return 0;
}
