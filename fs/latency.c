// SPDX-License-Identifier: MIT
/*
 * The CPU latency request: a number in a file that is held open. Writing it
 * wakes all idle CPUs of the machine, so that is left to a thread, which does
 * it when requests begin to come closely and when none has come for a while.
 */
#include "latency.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

/* PM_QOS_CPU_LATENCY_DEFAULT_VALUE: as if nobody had asked. */
#define ANY_LATENCY 2000000000

#define CLOSE_NS    200000 /* from one request of a thread to the next */
#define CLOSE_COUNT 16	   /* of them before anything is asked for */
#define TICK_NS	    1000000
#define QUIET_TICKS 2 /* without a request, before it is taken back */

int latency_open(int32_t microseconds, struct latency *latency)
{
	auto_fd fd = open(LATENCY_DEVICE, O_WRONLY | O_CLOEXEC);
	int wake;

	if (fd < 0)
		return -errno;
	wake = eventfd(0, EFD_CLOEXEC);
	if (wake < 0)
		return -errno;
	*latency = (struct latency){
		.fd = steal_fd(&fd),
		.microseconds = microseconds,
		.wake = wake,
	};
	return 0;
}

void latency_close(struct latency *latency)
{
	if (latency->fd > 0)
		(void)close(latency->fd); /* takes the request back as well */
	if (latency->wake > 0)
		(void)close(latency->wake);
}

static void ask(const struct latency *latency, int32_t microseconds)
{
	/* A request that is not heard costs time, nothing else. */
	(void)!write(latency->fd, &microseconds, sizeof(microseconds));
}

/* Until there have been no requests for some ticks. */
static void wait_for_quiet(struct latency *latency)
{
	static const struct timespec tick = { .tv_nsec = TICK_NS };
	unsigned seen = 0, quiet = 0;

	while (quiet < QUIET_TICKS && !atomic_load(&latency->stop)) {
		unsigned served;

		(void)nanosleep(&tick, NULL); /* all signals are blocked */
		served = atomic_load(&latency->served);
		quiet = served == seen ? quiet + 1 : 0;
		seen = served;
	}
}

static void *attend(void *data)
{
	struct latency *latency = data;
	eventfd_t count;

	while (eventfd_read(latency->wake, &count) == 0 &&
	       !atomic_load(&latency->stop)) {
		ask(latency, latency->microseconds);
		wait_for_quiet(latency);
		ask(latency, ANY_LATENCY);
		atomic_store(&latency->busy, false);
	}
	return NULL;
}

int latency_start(struct latency *latency)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&latency->thread, NULL, attend, latency);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

void latency_stop(struct latency *latency)
{
	atomic_store(&latency->stop, true);
	(void)eventfd_write(latency->wake, 1); /* its counter cannot be full */
	pthread_join(latency->thread, NULL);
}

void latency_note(struct latency *latency)
{
	static _Thread_local uint64_t last;
	static _Thread_local unsigned in_a_row;
	uint64_t now;

	if (atomic_load_explicit(&latency->busy, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&latency->served, 1,
					  memory_order_relaxed);
		return;
	}
	now = clock_now();
	in_a_row = now - last < CLOSE_NS ? in_a_row + 1 : 0;
	last = now;
	if (in_a_row < CLOSE_COUNT || atomic_exchange(&latency->busy, true))
		return;
	in_a_row = 0;
	(void)eventfd_write(latency->wake, 1);
}
