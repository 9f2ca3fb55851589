// SPDX-License-Identifier: MIT
/*
 * The loop: workers that receive and process requests, started one by one as
 * long as all of them are busy, ended by cancelling them while they wait (as
 * libfuse's own loop does; unlike that one, this one can spin, and knows when
 * one worker is enough).
 *
 * The thread that called loop_run() handles the signals that end the session;
 * the workers block all signals. It is also the watch: while a worker serves
 * alone, it looks each millisecond whether that one gets on.
 */
#include "loop.h"

#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "cleanup.h"
#include "clock.h"

#define ENOUGH	    16 /* requests in a row, to judge by */
#define BACKLOG	    16 /* requests that had to wait, before it has help again */
#define TICK_NS	    1000000
#define QUIET_TICKS 2 /* without a request, before nobody looks any more */

/* Instead of the pid of a caller. */
#define NOBODY	 0
#define SOMEBODY UINT32_MAX

struct loop {
	struct fuse_session *session;
	const struct loop_config *config;
	int events;	      /* eventfd(2), for what the watch must see */
	atomic_flag spinning; /* a worker is */
	atomic_int error;

	pthread_mutex_t lock; /* of all below, and of the workers' fields */
	unsigned count;
	unsigned idle; /* waiting for a request */
	bool greeted;  /* FUSE_INIT, which must run alone, is through */
	bool stopping;
	bool watched; /* by the watch: since a worker served alone */
	bool alone;   /* one worker serves: the others park when they can */
	unsigned parked;
	unsigned single; /* requests, one closely after the other */
	unsigned backlog;
	uint64_t near;	 /* until then the next request follows closely */
	uint32_t caller; /* of the last request */
	uint64_t requests;
	struct worker *workers;
	pthread_cond_t park;
	unsigned leave; /* how many of the parked may leave */
};

struct worker {
	struct loop *loop;
	struct worker *next;
	pthread_t thread;
	struct fuse_buf buf;
	uint64_t look_until;
	bool was_there; /* the request, when it came back for one */
};

/* Looks until a request is there, or for as long as we may. */
static void look(struct worker *worker)
{
	struct loop *loop = worker->loop;
	struct pollfd device = {
		.fd = fuse_session_fd(loop->session),
		.events = POLLIN,
	};

	worker->was_there = false;
	if (!loop->config->spin || atomic_flag_test_and_set(&loop->spinning))
		return;
	worker->was_there = poll(&device, 1, 0) != 0;
	if (!worker->was_there)
		while (clock_now() < worker->look_until &&
		       poll(&device, 1, 0) == 0)
			;
	atomic_flag_clear(&loop->spinning);
}

static int start_worker(struct loop *loop);

/* Called with the lock held. One more that waits for requests, if there can. */
static void add_worker(struct loop *loop)
{
	if (loop->parked > 0) {
		loop->parked--;
		loop->idle++;
		loop->leave++;
		pthread_cond_signal(&loop->park);
	} else if (loop->count < loop->config->max_threads) {
		(void)start_worker(loop); /* we go on with what we have */
	}
}

/* Called with the lock held. */
static void get_help(struct loop *loop)
{
	loop->alone = false;
	loop->single = 0;
	add_worker(loop);
}

/* The thread that waits for the answer, NOBODY, or SOMEBODY if not known. */
static uint32_t caller_of(const struct worker *worker)
{
	const struct fuse_in_header *header = worker->buf.mem;

	if (worker->buf.flags & FUSE_BUF_IS_FD)
		return SOMEBODY; /* it was spliced, and cannot be seen */
	switch (header->opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_INTERRUPT:
		return NOBODY;
	default:
		/* 0: in a pid namespace that is none of ours */
		return header->pid ? header->pid : SOMEBODY;
	}
}

/*
 * Called with the lock held, by a worker that has got a request. One is enough
 * for one caller. It is not if requests of others are always there already
 * when it comes back; what the same caller or nobody waits for, such as a
 * RELEASE, does not count.
 */
static void judge(struct loop *loop, struct worker *worker)
{
	uint32_t caller = caller_of(worker);
	bool other = caller != NOBODY &&
		     (caller == SOMEBODY || caller != loop->caller);

	if (caller != NOBODY)
		loop->caller = caller;
	if (loop->alone) {
		if (worker->was_there && other)
			loop->backlog++;
		else if (loop->backlog > 0)
			loop->backlog--;
		if (loop->backlog > BACKLOG)
			get_help(loop);
		return;
	}
	if (loop->count - loop->idle - loop->parked > 1 ||
	    clock_now() >= loop->near) {
		loop->single = 0;
		return;
	}
	loop->single++;
	if (loop->single < ENOUGH)
		return;
	loop->alone = true;
	loop->backlog = 0;
	if (!loop->watched) {
		loop->watched = true;
		(void)eventfd_write(loop->events, 1); /* cannot be full */
	}
}

static void became_busy(struct worker *worker)
{
	struct loop *loop = worker->loop;

	pthread_mutex_lock(&loop->lock);
	loop->requests++;
	loop->idle--;
	judge(loop, worker);
	if (!loop->alone && loop->idle == 0 && loop->greeted)
		add_worker(loop);
	pthread_mutex_unlock(&loop->lock);
}

/*
 * One that waits in the kernel cannot be called back without the risk that it
 * has a request in its hands. So it is who comes back that parks, and the one
 * that waits serves alone from the next request on.
 */
static void became_idle(struct worker *worker)
{
	struct loop *loop = worker->loop;

	pthread_mutex_lock(&loop->lock);
	loop->greeted = true;
	if (loop->alone && loop->idle > 0) {
		loop->parked++;
		while (loop->leave == 0 && !loop->stopping)
			pthread_cond_wait(&loop->park, &loop->lock);
		if (loop->leave > 0)
			loop->leave--;
	} else {
		loop->idle++;
	}
	worker->look_until = clock_now() + loop->config->spin * (uint64_t)1000;
	loop->near = worker->look_until;
	pthread_mutex_unlock(&loop->lock);
}

/* The one place where a worker waits, and may be cancelled. */
static int receive(struct worker *worker)
{
	int res;

	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	res = fuse_session_receive_buf(worker->loop->session, &worker->buf);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return res;
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct loop *loop = worker->loop;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (!fuse_session_exited(loop->session)) {
		int res = receive(worker);

		if (res == -EINTR)
			continue;
		if (res < 0)
			atomic_store(&loop->error, res);
		if (res <= 0)
			break;
		became_busy(worker);
		fuse_session_process_buf(loop->session, &worker->buf);
		became_idle(worker);
		look(worker);
	}
	fuse_session_exit(loop->session);
	(void)eventfd_write(loop->events, 1); /* its counter cannot be full */
	return NULL;
}

/* Called with the lock held. */
static int start_worker(struct loop *loop)
{
	struct worker *worker;
	sigset_t all, old;
	int error;

	if (loop->stopping)
		return -ECANCELED;
	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return -ENOMEM;
	worker->loop = loop;
	sigfillset(&all);
	/* a fault must still reach the guard */
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	error = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error) {
		free(worker);
		return -error;
	}
	worker->next = loop->workers;
	loop->workers = worker;
	loop->count++;
	loop->idle++;
	return 0;
}

static void stop_workers(struct loop *loop)
{
	struct worker *worker;

	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	worker = loop->workers;
	pthread_cond_broadcast(&loop->park);
	pthread_mutex_unlock(&loop->lock);

	for (struct worker *w = worker; w; w = w->next)
		pthread_cancel(w->thread);
	while (worker) {
		struct worker *next = worker->next;

		pthread_join(worker->thread, NULL);
		free(worker->buf.mem);
		free(worker);
		worker = next;
	}
}

/* Called with the lock held, each tick. `seen` is the watch's own. */
static void check(struct loop *loop, uint64_t *seen, unsigned *quiet)
{
	if (loop->requests != *seen) {
		*seen = loop->requests;
		*quiet = 0;
		return;
	}
	/* One request for a whole tick: others must not wait for its end. */
	if (loop->alone && loop->idle == 0)
		get_help(loop);
	if (++*quiet < QUIET_TICKS)
		return;
	*quiet = 0;
	loop->watched = false;
	if (loop->alone)
		get_help(loop);
}

/*
 * Until the session ends. Signals are let in while we sleep only: one that
 * comes before is seen by the condition, or wakes us at once.
 */
static void watch(struct loop *loop)
{
	static const struct timespec tick = { .tv_nsec = TICK_NS };
	struct pollfd events = { .fd = loop->events, .events = POLLIN };
	uint64_t seen = 0;
	unsigned quiet = 0;
	sigset_t blocked, before;
	eventfd_t count;
	bool watched;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	while (!fuse_session_exited(loop->session)) {
		pthread_mutex_lock(&loop->lock);
		if (loop->watched)
			check(loop, &seen, &quiet);
		watched = loop->watched;
		pthread_mutex_unlock(&loop->lock);
		/* EINTR is the point */
		(void)ppoll(&events, 1, watched ? &tick : NULL, &before);
		(void)eventfd_read(loop->events, &count); /* may be empty */
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int loop_run(struct fuse_session *session, const struct loop_config *config)
{
	auto_fd events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct loop loop = {
		.session = session,
		.config = config,
		.events = events,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.park = PTHREAD_COND_INITIALIZER,
		.spinning = ATOMIC_FLAG_INIT,
	};
	int error;

	if (events < 0)
		return -errno;
	pthread_mutex_lock(&loop.lock);
	error = start_worker(&loop);
	pthread_mutex_unlock(&loop.lock);
	if (error)
		return error;
	watch(&loop);
	stop_workers(&loop);
	return atomic_load(&loop.error);
}
