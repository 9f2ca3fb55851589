// SPDX-License-Identifier: MIT
/*
 * The reporter sleeps in sigwait(3). It is told to stop by the same signal,
 * sent to its thread.
 */
#include "reporter.h"

#include <signal.h>
#include <string.h>

#include "cleanup.h"
#include "fs.h"
#include "log.h"

static sigset_t the_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return set;
}

void reporter_block_signal(void)
{
	sigset_t set = the_signal();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* A message for each line. */
static void report(struct fs *fs)
{
	auto_heap char *text = NULL;
	char *rest, *line;

	if (stats_print(fs, &text)) {
		log_error("out of memory");
		return;
	}
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log_info("%s", line);
}

static void *wait_for_signals(void *data)
{
	struct reporter *reporter = data;
	sigset_t set = the_signal();
	int got;

	for (;;) {
		/* Cannot fail: the set is valid. */
		(void)sigwait(&set, &got);
		if (atomic_load(&reporter->stop))
			return NULL;
		report(reporter->fs);
	}
}

int reporter_start(struct reporter *reporter, struct fs *fs)
{
	sigset_t all, before;
	int error;

	reporter->fs = fs;
	atomic_init(&reporter->stop, false);
	/* What ends the session is for the thread that serves it. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&reporter->thread, NULL, wait_for_signals,
			       reporter);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

void reporter_stop(struct reporter *reporter)
{
	atomic_store(&reporter->stop, true);
	(void)pthread_kill(reporter->thread, SIGUSR1); /* it is there */
	pthread_join(reporter->thread, NULL);
}
