// SPDX-License-Identifier: MIT
/*
 * The loop: workers that receive and process requests, started one by one as
 * long as all of them are busy, ended by cancelling them while they wait (as
 * libfuse's own loop does; unlike that one, this one can spin).
 *
 * Signals that end the session are handled by the thread that called
 * loop_run(); the workers block all signals.
 */
#include "loop.h"

#include <errno.h>
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

struct loop {
	struct fuse_session *session;
	const struct loop_config *config;
	int ended;	      /* eventfd(2), for a worker that saw the end */
	atomic_flag spinning; /* a worker is */
	atomic_int error;

	pthread_mutex_t lock; /* of all below */
	unsigned count;
	unsigned idle; /* waiting for a request */
	bool greeted;  /* FUSE_INIT, which must run alone, is through */
	bool stopping;
	struct worker *workers;
};

struct worker {
	struct loop *loop;
	struct worker *next;
	pthread_t thread;
	struct fuse_buf buf;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Until a request is there, or for as long as we may. */
static void spin(struct loop *loop)
{
	struct pollfd device = {
		.fd = fuse_session_fd(loop->session),
		.events = POLLIN,
	};
	uint64_t end;

	if (!loop->config->spin || atomic_flag_test_and_set(&loop->spinning))
		return;
	end = now_ns() + loop->config->spin * (uint64_t)1000;
	while (poll(&device, 1, 0) == 0 && now_ns() < end)
		;
	atomic_flag_clear(&loop->spinning);
}

static int start_worker(struct loop *loop);

/* Another worker if all are busy; without one we go on with what we have. */
static void became_busy(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	if (--loop->idle == 0 && loop->greeted &&
	    loop->count < loop->config->max_threads)
		(void)start_worker(loop);
	pthread_mutex_unlock(&loop->lock);
}

static void became_idle(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->idle++;
	loop->greeted = true;
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
		became_busy(loop);
		fuse_session_process_buf(loop->session, &worker->buf);
		became_idle(loop);
		spin(loop);
	}
	fuse_session_exit(loop->session);
	(void)eventfd_write(loop->ended, 1); /* its counter cannot be full */
	return NULL;
}

/* Called with the lock held, or before there are workers. */
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

/*
 * Until the session ends. Signals are let in while we sleep only: one that
 * comes before is seen by the condition, or wakes us at once.
 */
static void wait_for_end(struct loop *loop)
{
	struct pollfd ended = { .fd = loop->ended, .events = POLLIN };
	sigset_t blocked, before;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	while (!fuse_session_exited(loop->session))
		(void)ppoll(&ended, 1, NULL, &before); /* EINTR is the point */
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int loop_run(struct fuse_session *session, const struct loop_config *config)
{
	auto_fd ended = eventfd(0, EFD_CLOEXEC);
	struct loop loop = {
		.session = session,
		.config = config,
		.ended = ended,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.spinning = ATOMIC_FLAG_INIT,
	};
	int error;

	if (ended < 0)
		return -errno;
	pthread_mutex_lock(&loop.lock);
	error = start_worker(&loop);
	pthread_mutex_unlock(&loop.lock);
	if (error)
		return error;
	wait_for_end(&loop);
	stop_workers(&loop);
	return atomic_load(&loop.error);
}
