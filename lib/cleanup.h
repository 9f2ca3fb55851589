/* SPDX-License-Identifier: MIT */
/*
 * Cleanup attributes: what a function opened is closed on every way out of
 * it, unless it is handed over with steal_fd() or steal_pointer().
 */
#ifndef SHMFS_CLEANUP_H
#define SHMFS_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written that could fail */
}

static inline void cleanup_heap(void *pointer)
{
	free(*(void **)pointer);
}

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

static inline void *steal_pointer(void *pointer)
{
	void **slot = pointer;
	void *stolen = *slot;

	*slot = NULL;
	return stolen;
}

#define auto_fd	  __attribute__((cleanup(cleanup_fd))) int
#define auto_heap __attribute__((cleanup(cleanup_heap)))

#endif
