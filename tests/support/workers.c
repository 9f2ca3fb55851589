/* SPDX-License-Identifier: MIT */
/*
 * Owns the worker processes of a test: starting, watching, ending them.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "workers.h"

void *workers_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("workers: mmap");
		abort();
	}
	return p;
}

void workers_init(struct workers *w)
{
	memset(w, 0, sizeof(*w));
	w->board = workers_share(sizeof(*w->board));
}

void workers_start(struct workers *w, worker_fn fn, void *arg)
{
	int me = w->count;
	pid_t parent = getpid();
	pid_t pid;

	if (me == WORKERS_MAX)
		abort();
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("workers: fork");
		abort();
	}
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail */
		if (getppid() != parent)
			_exit(1);
		_exit(fn(w, me, arg) ? 1 : 0);
	}
	w->pids[me] = pid;
	w->count++;
}

bool workers_go_on(struct workers *w, int me)
{
	atomic_fetch_add(&w->board->progress[me], 1);
	return !atomic_load(&w->board->stop);
}

unsigned long workers_progress(const struct workers *w, int i)
{
	unsigned long sum = 0;

	if (i >= 0)
		return atomic_load(&w->board->progress[i]);
	for (i = 0; i < w->count; i++)
		sum += atomic_load(&w->board->progress[i]);
	return sum;
}

/* Collects the status of those that have ended; how many still run. */
static int workers_reap(struct workers *w)
{
	int alive = 0;

	for (int i = 0; i < w->count; i++) {
		if (!w->pids[i])
			continue;
		if (waitpid(w->pids[i], &w->exits[i], WNOHANG))
			w->pids[i] = 0;
		else
			alive++;
	}
	return alive;
}

static void workers_print_file(pid_t pid, const char *file)
{
	char path[64], text[2048];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	if (!f)
		return;
	n = fread(text, 1, sizeof(text), f);
	fprintf(stderr, "%s:\n%.*s\n", path, (int)n, text);
	fclose(f);
}

static void workers_print_stuck(const struct workers *w, int i)
{
	fprintf(stderr, "workers: %d makes no progress after %lu rounds\n", i,
		workers_progress(w, i));
	workers_print_file(w->pids[i], "wchan");
	workers_print_file(w->pids[i], "stack");
}

bool workers_watch(struct workers *w, double seconds, double stall)
{
	unsigned long seen[WORKERS_MAX] = { 0 };
	double since[WORKERS_MAX] = { 0 };
	double end = 0;

	while (before_deadline(&end, seconds)) {
		if (workers_reap(w) != w->count) {
			fprintf(stderr, "workers: one has ended early\n");
			return false;
		}
		for (int i = 0; i < w->count; i++) {
			if (workers_progress(w, i) != seen[i]) {
				seen[i] = workers_progress(w, i);
				since[i] = 0;
			}
			if (!before_deadline(&since[i], stall)) {
				workers_print_stuck(w, i);
				return false;
			}
		}
	}
	return true;
}

static void workers_kill(struct workers *w)
{
	double deadline = 0;

	for (int i = 0; i < w->count; i++) {
		if (!w->pids[i])
			continue;
		workers_print_stuck(w, i);
		(void)kill(w->pids[i], SIGKILL); /* may just have ended */
	}
	while (workers_reap(w) && before_deadline(&deadline, 5))
		;
	for (int i = 0; i < w->count; i++)
		if (w->pids[i])
			w->exits[i] = SIGKILL;
}

int workers_stop(struct workers *w, double seconds)
{
	double deadline = 0;
	int failed = 0;

	if (!w->board)
		return 0;
	atomic_store(&w->board->stop, true);
	while (workers_reap(w) && before_deadline(&deadline, seconds))
		;
	workers_kill(w);
	for (int i = 0; i < w->count; i++)
		if (w->exits[i])
			failed++;
	(void)munmap(w->board, sizeof(*w->board)); /* mapped by us */
	w->board = NULL;
	w->count = 0;
	return failed;
}
