// SPDX-License-Identifier: MIT
/*
 * The loop: workers that receive and process requests, ended by a signal that
 * wakes the one that waits.
 *
 * One worker at a time, the receiver, waits for a request: for each request
 * the kernel wakes a thread that sleeps in read(2), whether or not another
 * one is looking already. It stays the receiver while it processes what it
 * got, so that a request wakes nobody else. The role goes to another worker,
 * started if need be, when that one could do something meanwhile: requests of
 * several tasks are there, or this one takes longer than a tick (WATCH_MS). Of
 * that the main thread takes care, which sleeps when nothing is asked.
 *
 * Signals that end the session are handled by the thread that called
 * loop_run(); the workers block all signals.
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
#include "follow.h"

#define WAKE_SIGNAL SIGURG /* by default it does nothing at all */
#define WATCH_MS    2
#define QUIET_TICKS 50	  /* without a request, and the watch ends */
#define LARGE	    65536 /* bytes to copy that are worth another thread */

struct loop {
	struct fuse_session *session;
	const struct loop_config *config;
	int event; /* eventfd(2): the end, or a watch to be kept */
	atomic_int error;
	atomic_bool watched; /* the main thread keeps a watch */

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t turn;  /* there is no receiver */
	struct worker *receiver;
	unsigned count;
	unsigned waiting; /* for their turn */
	bool stopping;
	struct worker *workers;
};

struct worker {
	struct loop *loop;
	struct worker *next;
	pthread_t thread;
	struct fuse_buf buf;
	struct follow follow;
	uint32_t task;	    /* whose request was the last */
	atomic_uint begun;  /* requests */
	atomic_uint served; /* of these */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_pending(struct loop *loop)
{
	struct pollfd device = {
		.fd = fuse_session_fd(loop->session),
		.events = POLLIN,
	};

	return poll(&device, 1, 0) != 0;
}

/*
 * Until a request is there, or for as long as we may. Not on the CPU of who
 * is to send it, who would have to wait for us.
 */
static void spin(const struct worker *worker)
{
	uint64_t end;

	if (!worker->loop->config->spin || worker->follow.there)
		return;
	end = now_ns() + worker->loop->config->spin * (uint64_t)1000;
	while (!is_pending(worker->loop) && now_ns() < end)
		;
}

static int start_worker(struct loop *loop);

/*
 * Called with the lock held. Where there can be no other worker, or somebody
 * else has seen to it already, nothing changes.
 */
static void pass_on(struct loop *loop, const struct worker *receiver)
{
	if (loop->receiver != receiver)
		return;
	if (loop->waiting == 0 &&
	    (loop->count >= loop->config->max_threads || start_worker(loop)))
		return;
	loop->receiver = NULL;
	pthread_cond_signal(&loop->turn);
}

/* Makes this worker the receiver, in its turn. False: it is to end. */
static bool await_turn(struct worker *worker)
{
	struct loop *loop = worker->loop;
	bool go_on;

	pthread_mutex_lock(&loop->lock);
	if (loop->receiver && loop->receiver != worker)
		follow_end(&worker->follow);
	loop->waiting++;
	while (!loop->stopping && loop->receiver && loop->receiver != worker)
		pthread_cond_wait(&loop->turn, &loop->lock);
	loop->waiting--;
	loop->receiver = worker;
	go_on = !loop->stopping;
	pthread_mutex_unlock(&loop->lock);
	return go_on;
}

/* Has the main thread look after us for a while. */
static void ask_for_watch(struct loop *loop)
{
	if (!atomic_load(&loop->watched) &&
	    !atomic_exchange(&loop->watched, true))
		(void)eventfd_write(loop->event, 1); /* cannot be full */
}

static size_t bytes_to_copy(const struct fuse_in_header *in)
{
	const struct fuse_read_in *read = (const void *)(in + 1);

	return in->opcode == FUSE_READ ? read->size : in->len;
}

/* What the kernel asks by itself, after a task has gone on. */
static bool is_kernels(const struct fuse_in_header *in)
{
	return in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET ||
	       in->opcode == FUSE_RELEASE || in->opcode == FUSE_RELEASEDIR;
}

/*
 * True if another worker could do something while this request is processed:
 * there are several tasks that ask. Their number is 0 if we cannot see them.
 */
static bool is_shared(struct worker *worker, const struct fuse_in_header *in)
{
	bool same = in->pid != 0 && in->pid == worker->task;

	if (same || is_kernels(in))
		return false;
	worker->task = in->pid;
	return bytes_to_copy(in) >= LARGE || is_pending(worker->loop);
}

/* Before it: other threads get what they need to go on meanwhile. */
static void prepare(struct worker *worker)
{
	struct loop *loop = worker->loop;
	const struct fuse_in_header *in = worker->buf.mem;

	if (in->opcode == FUSE_INIT)
		return; /* must run alone */
	ask_for_watch(loop);
	follow_request(&worker->follow, in->pid);
	if (!is_shared(worker, in))
		return;
	pthread_mutex_lock(&loop->lock);
	pass_on(loop, worker);
	pthread_mutex_unlock(&loop->lock);
}

static void process(struct worker *worker)
{
	/* Before we look whether somebody watches: see end_watch(). */
	atomic_fetch_add(&worker->begun, 1);
	prepare(worker);
	fuse_session_process_buf(worker->loop->session, &worker->buf);
	atomic_fetch_add(&worker->served, 1);
}

static void *work(void *data)
{
	struct worker *worker = data;
	struct loop *loop = worker->loop;

	follow_init(&worker->follow);
	while (await_turn(worker) && !fuse_session_exited(loop->session)) {
		int res;

		spin(worker);
		res = fuse_session_receive_buf(loop->session, &worker->buf);
		if (res == -EINTR)
			continue;
		if (res < 0)
			atomic_store(&loop->error, res);
		if (res <= 0)
			break;
		process(worker);
	}
	fuse_session_exit(loop->session);
	(void)eventfd_write(loop->event, 1); /* its counter cannot be full */
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
	sigdelset(&all, WAKE_SIGNAL);
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
	return 0;
}

static bool is_waiting(const struct worker *worker)
{
	return atomic_load(&worker->served) == atomic_load(&worker->begun);
}

/*
 * Until it has ended. A signal may come just before it sleeps, so there may
 * have to be another one; but none to a worker that is still busy, whose
 * system calls would fail.
 */
static void join(struct worker *worker)
{
	struct timespec until;

	do {
		if (is_waiting(worker))
			(void)pthread_kill(worker->thread, WAKE_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += WATCH_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(worker->thread, NULL, &until));
}

static void stop_workers(struct loop *loop)
{
	struct worker *worker;

	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	pthread_cond_broadcast(&loop->turn);
	worker = loop->workers;
	pthread_mutex_unlock(&loop->lock);

	while (worker) {
		struct worker *next = worker->next;

		join(worker);
		free(worker->buf.mem);
		free(worker);
		worker = next;
	}
}

/* What the main thread has seen of the receiver. */
struct watch {
	const struct worker *receiver;
	unsigned begun;
	unsigned quiet; /* ticks without a request */
};

/* Is the receiver still busy with what it was busy with a tick ago? */
static void keep_watch(struct loop *loop, struct watch *watch)
{
	struct worker *receiver;
	unsigned begun = 0;

	pthread_mutex_lock(&loop->lock);
	receiver = loop->receiver;
	if (receiver)
		begun = atomic_load(&receiver->begun);
	if (receiver != watch->receiver || begun != watch->begun)
		watch->quiet = 0;
	else if (receiver && atomic_load(&receiver->served) != begun)
		pass_on(loop, receiver);
	else
		watch->quiet++;
	pthread_mutex_unlock(&loop->lock);
	watch->receiver = receiver;
	watch->begun = begun;
}

/*
 * Sleeps until there is something to do. Signals are let in while we sleep
 * only: one that comes before is seen by the caller's condition, or wakes us
 * at once.
 */
static void sleep_until_event(struct loop *loop, const sigset_t *signals)
{
	static const struct timespec tick = { .tv_nsec = WATCH_MS * 1000000 };
	struct pollfd event = { .fd = loop->event, .events = POLLIN };
	bool watched = atomic_load(&loop->watched);
	eventfd_t value;

	/* EINTR is the point. */
	if (ppoll(&event, 1, watched ? &tick : NULL, signals) > 0)
		(void)eventfd_read(loop->event, &value); /* it is there */
}

/* Unless a request has come that still took the watch for granted. */
static void end_watch(struct loop *loop, struct watch *watch)
{
	atomic_store(&loop->watched, false);
	keep_watch(loop, watch);
	if (watch->quiet == 0)
		atomic_store(&loop->watched, true);
	watch->quiet = 0;
}

static void wait_for_end(struct loop *loop)
{
	struct watch watch = { 0 };
	sigset_t blocked, before;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	while (!fuse_session_exited(loop->session)) {
		sleep_until_event(loop, &before);
		keep_watch(loop, &watch);
		if (watch.quiet >= QUIET_TICKS)
			end_watch(loop, &watch);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wake_up(int signal)
{
}

int loop_run(struct fuse_session *session, const struct loop_config *config)
{
	auto_fd event = eventfd(0, EFD_CLOEXEC);
	struct loop loop = {
		.session = session,
		.config = config,
		.event = event,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER,
	};
	/* Without SA_RESTART, so that read(2) ends. */
	struct sigaction wake = { .sa_handler = wake_up };
	struct sigaction before;
	int error;

	if (event < 0 || sigaction(WAKE_SIGNAL, &wake, &before) < 0)
		return -errno;
	pthread_mutex_lock(&loop.lock);
	error = start_worker(&loop);
	pthread_mutex_unlock(&loop.lock);
	if (error)
		return error;
	wait_for_end(&loop);
	stop_workers(&loop);
	(void)sigaction(WAKE_SIGNAL, &before, NULL); /* worked before */
	return atomic_load(&loop.error);
}
