/* SPDX-License-Identifier: MIT */
/*
 * Help for paths whose object is replaced faster than they are walked.
 *
 * Between the lookup of a name and the operation it was for, the name may come
 * to lead to another object. The operation then answers ESTALE, and Linux
 * walks the path a second time, but not a third. So for a moment after an
 * ESTALE, lookups keep the object they found within reach (node_remember()),
 * which holds it in memory even if its name is gone; when the moment has
 * passed, a thread of its own lets them all go. At all other times no object
 * is held for being known.
 */
#ifndef SHMFS_JANITOR_H
#define SHMFS_JANITOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "node.h"

struct janitor {
	struct node_table *nodes;
	atomic_bool keeping; /* lookups are to remember what they find */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool again; /* another ESTALE while keeping (lock) */
	bool stop;  /* (lock) */
};

void janitor_init(struct janitor *janitor, struct node_table *nodes);
/* No thread may be in janitor_run() any more. */
void janitor_destroy(struct janitor *janitor);

/* An operation answers ESTALE. */
void janitor_stale(struct janitor *janitor);
static inline bool janitor_keeping(struct janitor *janitor)
{
	return atomic_load_explicit(&janitor->keeping, memory_order_relaxed);
}

/* The thread's work, until janitor_stop(). */
void janitor_run(struct janitor *janitor);
void janitor_stop(struct janitor *janitor);

#endif
