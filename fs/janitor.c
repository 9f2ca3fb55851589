// SPDX-License-Identifier: MIT
/*
 * The janitor sleeps until there is an ESTALE, then until a moment has passed
 * without another one.
 */
#include "janitor.h"

#include <time.h>

#define MOMENT_NS 999000000 /* walking a path takes less, busy or not */

void janitor_init(struct janitor *janitor, struct node_table *nodes)
{
	*janitor = (struct janitor){ .nodes = nodes };
	pthread_mutex_init(&janitor->lock, NULL);
	pthread_cond_init(&janitor->changed, NULL);
}

void janitor_destroy(struct janitor *janitor)
{
	pthread_cond_destroy(&janitor->changed);
	pthread_mutex_destroy(&janitor->lock);
}

void janitor_stale(struct janitor *janitor)
{
	pthread_mutex_lock(&janitor->lock);
	janitor->again = true;
	atomic_store(&janitor->keeping, true);
	pthread_cond_signal(&janitor->changed);
	pthread_mutex_unlock(&janitor->lock);
}

/* Waits for a moment, or until told to stop. Holds the lock. */
static void wait_a_moment(struct janitor *janitor)
{
	struct timespec end;
	int timed_out = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += MOMENT_NS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	while (!janitor->stop && !timed_out)
		timed_out = pthread_cond_timedwait(&janitor->changed,
						   &janitor->lock, &end);
}

void janitor_run(struct janitor *janitor)
{
	pthread_mutex_lock(&janitor->lock);
	while (!janitor->stop) {
		if (janitor->again) {
			janitor->again = false;
			wait_a_moment(janitor);
		} else if (janitor_keeping(janitor)) {
			atomic_store(&janitor->keeping, false);
			node_forget_recent(janitor->nodes);
		} else {
			pthread_cond_wait(&janitor->changed, &janitor->lock);
		}
	}
	pthread_mutex_unlock(&janitor->lock);
}

void janitor_stop(struct janitor *janitor)
{
	pthread_mutex_lock(&janitor->lock);
	janitor->stop = true;
	pthread_cond_broadcast(&janitor->changed);
	pthread_mutex_unlock(&janitor->lock);
}
