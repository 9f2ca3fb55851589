/* SPDX-License-Identifier: MIT */
/*
 * Child processes that put load on a mount until they are told to stop, and
 * a watchdog over them: a worker that makes no progress for some seconds, or
 * ends early, is reported with what the kernel says it waits for.
 *
 * Workers must not use cmocka's assertions (they would longjmp into the
 * parent's test); they print what is wrong and return 1.
 */
#ifndef SHMFS_TESTS_WORKERS_H
#define SHMFS_TESTS_WORKERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define WORKERS_MAX 16

struct workers_board {
	atomic_bool stop;
	atomic_ulong progress[WORKERS_MAX];
};

struct workers {
	struct workers_board *board; /* shared with the children */
	int count;
	pid_t pids[WORKERS_MAX]; /* 0: has been waited for */
	int exits[WORKERS_MAX];	 /* wait(2) status of those */
};

/* `me` is the worker's index; returns 0 or, with a message, 1. */
typedef int (*worker_fn)(struct workers *w, int me, void *arg);

/* Says on stderr what a worker found wrong; gives its return value, 1. */
#define WORKER_WRONG(...) \
	(fprintf(stderr, "worker: " __VA_ARGS__), fputc('\n', stderr), 1)

void workers_init(struct workers *w);

/* Forks a worker; it dies with the test. */
void workers_start(struct workers *w, worker_fn fn, void *arg);

/* For the worker's loop: counts one round, false when it is to end. */
bool workers_go_on(struct workers *w, int me);

/*
 * Waits `seconds`; false as soon as a worker has ended, or has made no
 * progress for `stall` seconds.
 */
bool workers_watch(struct workers *w, double seconds, double stall);

/*
 * Tells all to stop, waits for them, kills those that are still there after
 * `seconds`. Returns how many did not exit with 0. Callable twice.
 */
int workers_stop(struct workers *w, double seconds);

/* Rounds that worker i, or with -1 all of them, have made. */
unsigned long workers_progress(const struct workers *w, int i);

/* Memory that the children share with the test, zeroed; never freed. */
void *workers_share(size_t size);

#endif
