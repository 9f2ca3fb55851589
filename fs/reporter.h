/* SPDX-License-Identifier: MIT */
/*
 * SIGUSR1: the counters (stats.h) go to the log. A thread of its own waits for
 * the signal, which all others block: nothing runs in a signal handler.
 */
#ifndef SHMFS_REPORTER_H
#define SHMFS_REPORTER_H

#include <pthread.h>
#include <stdatomic.h>

struct fs;

struct reporter {
	struct fs *fs;
	pthread_t thread;
	atomic_bool stop;
};

/*
 * Blocks the signal in this thread and those it starts: from now on it kills
 * nobody, and is kept until there is a reporter.
 */
void reporter_block_signal(void);

/* 0 or -errno. Until the second, fs is asked for its counters. */
int reporter_start(struct reporter *reporter, struct fs *fs);
void reporter_stop(struct reporter *reporter);

#endif
