/* SPDX-License-Identifier: MIT */
/*
 * Windows: the bounded pieces in which objects are mapped.
 *
 * A window is WINDOW_SIZE bytes of one object, aligned to that size, whatever
 * the object's own size: a mapping may reach past the end of a file, only
 * touching it there faults (mmap(2), and guard.h). The pool keeps the windows
 * used last and never maps more than its bound beyond those being copied
 * from or to right now.
 */
#ifndef SHMFS_WINDOW_H
#define SHMFS_WINDOW_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WINDOW_SIZE    ((off_t)4 << 20)
#define WINDOW_BUCKETS 512

/*
 * The last offset + 1 that a window can hold: the kernel maps no page that
 * reaches past 2^63 - 1 bytes, so the page of the very last byte is out of
 * reach (file_mmap_ok() in the kernel's mm/mmap.c).
 */
#define WINDOW_END_MAX ((off_t)(INT64_MAX - 4095))

/* What the windows of one object share; embed it in the object. */
struct window_source {
	int fd; /* open for reading, and writing if writable; not owned */
	bool writable;
	struct window *windows; /* all that are mapped (pool's lock) */
};

struct window {
	char *base; /* where the window's first byte is mapped */
	off_t start;
	off_t end;
	_Atomic uint64_t populated; /* a bit for each 64th: window_populate() */

	/* All below: the pool's lock. */
	struct window_source *source;
	unsigned users;
	struct window *bucket_next;
	struct window *source_next;
	struct window *lru_prev, *lru_next; /* while users is 0 */
};

struct window_pool {
	pthread_mutex_t lock;
	unsigned max;	/* windows kept mapped */
	unsigned count; /* windows mapped */
	struct window *buckets[WINDOW_BUCKETS];
	struct window *lru_first, *lru_last; /* oldest first */
};

void window_pool_init(struct window_pool *pool, unsigned max);
/* All sources must have been dropped. */
void window_pool_destroy(struct window_pool *pool);

/* How many are mapped. */
unsigned window_count(struct window_pool *pool);

/*
 * The window that holds byte `off` (0 <= off < WINDOW_END_MAX) of the
 * source, mapped until window_put(). -ENOMEM, -EACCES as mmap(2).
 */
int window_get(struct window_pool *pool, struct window_source *source,
	       off_t off, struct window **ret_window);
void window_put(struct window_pool *pool, struct window *window);

/*
 * Maps the pages of a range that is about to be written, in one call instead
 * of with a fault for each of them. Pages that are not there are made, as the
 * write would do; where that fails, the write finds out. Does it once for
 * each 64th of a window, and nothing for small ranges.
 */
void window_populate(struct window *window, off_t off, size_t len);

/* Unmaps all windows of a source, none of which may be in use. */
void window_drop(struct window_pool *pool, struct window_source *source);

#endif
