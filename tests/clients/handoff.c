/* SPDX-License-Identifier: MIT */
/*
 * handoff --dir DIR --shm DIR --count N --pairs N --seed N --prefix STR
 *	[--shm-prefix STR] [--observe]
 *
 * Owns the command line, the processes and their turns (see handoff.h). DIR
 * shows the objects of --shm (default /dev/shm), there with --shm-prefix for
 * --prefix, if given. With --observe all changes
 * are direct, and nothing is mapped through DIR: for file systems that cannot
 * do all that shmfs can. Ends with the line "N
 * hand-offs, N wrong" on stdout; exit status 0 when none was wrong, 1 when
 * some were, 2 when it could not run.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handoff.h"
#include "rng.h"

#define PAIRS	     64
#define HANG_SECONDS 60

struct options {
	const char *dir, *shm, *prefix, *shm_prefix;
	bool observe;
	unsigned long count, pairs, seed;
};

static void model_reset(struct pair *p)
{
	for (int i = 0; i < NAMES; i++)
		p->names[i] = NONE;
	for (int i = 0; i < HELD; i++)
		p->held[0][i] = p->held[1][i] = NONE;
	p->failed = false;
}

/* The peer's exit ends us too; its status says why. */
static void side_signal(const struct side *s)
{
	if (write(s->to_peer, "", 1) != 1)
		_exit(2);
}

static void side_await(const struct side *s)
{
	char byte;

	if (read(s->from_peer, &byte, 1) != 1)
		_exit(2);
}

/* After a wrong answer: both let go of everything and begin anew. */
static void side_reset(struct side *s)
{
	for (int i = 0; i < HELD; i++)
		act_drop(s, i);
	for (int i = 0; !s->me && i <= NAMES; i++)
		(void)unlink(side_path(s, i)); /* may not exist */
	side_signal(s);
	side_await(s);
	if (!s->me)
		model_reset(s->pair);
	side_signal(s);
	side_await(s);
}

static void side_act(struct side *s)
{
	memset(s->pair->touched, 0, sizeof(s->pair->touched));
	s->pair->log_length = 0;
	act(s);
	if (rng_chance(&s->rng, 30))
		act_hold(s);
	side_signal(s);
	side_await(s);
}

static void side_check(struct side *s)
{
	side_await(s);
	if (!s->pair->failed)
		check(s);
	if (!s->pair->failed && rng_chance(&s->rng, 40))
		act_hold(s);
	s->pair->step++;
	s->pair->wrong += s->pair->failed;
	side_signal(s);
}

static void side_run(struct side *s, unsigned long count)
{
	uint64_t turns = s->seed + (uint64_t)s->number;

	s->rng = s->seed + (uint64_t)s->number * 2 + (uint64_t)s->me + 1000;
	for (unsigned long i = 0; i < count; i++) {
		(void)alarm(HANG_SECONDS); /* none was set before */
		/* The direct side acts three times of four. */
		if (s->observe ? !s->me : (rng_below(&turns, 4) == 0) == s->me)
			side_act(s);
		else
			side_check(s);
		if (s->pair->failed)
			side_reset(s);
	}
	side_reset(s);
	_exit(0);
}

static pid_t side_start(const struct options *o, struct pair *p, int number,
			int me, int fds[4], unsigned long count)
{
	struct side s = {
		.pair = p,
		.me = me,
		.number = number,
		.dir = me ? o->dir : o->shm,
		.prefix = me || !o->shm_prefix ? o->prefix : o->shm_prefix,
		.shm_open = !me && !strcmp(o->shm, "/dev/shm"),
		.observe = o->observe,
		.seed = o->seed,
		.to_peer = fds[me ? 3 : 1],
		.from_peer = fds[me ? 0 : 2],
	};
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail */
	if (getppid() != parent)
		_exit(2);
	close(fds[me ? 1 : 3]);
	close(fds[me ? 2 : 0]);
	side_run(&s, count);
	return 0;
}

static void pair_start(const struct options *o, struct pair *p, int number,
		       pid_t pids[2])
{
	unsigned long count = o->count / o->pairs;
	int fds[4];

	if ((unsigned long)number < o->count % o->pairs)
		count++;
	model_reset(p);
	if (pipe(fds) || pipe(fds + 2)) {
		perror("handoff: pipe");
		exit(2);
	}
	for (int me = 0; me < 2; me++) {
		pids[me] = side_start(o, p, number, me, fds, count);
		if (pids[me] < 0) {
			perror("handoff: fork");
			exit(2);
		}
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static int side_wait(pid_t pid, const struct pair *p, int number)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!status)
		return 0;
	if (WIFSIGNALED(status))
		fprintf(stderr, "handoff: pair %d: %s in step %lu\n    %s\n",
			number,
			WTERMSIG(status) == SIGALRM
				? "hangs"
				: strsignal(WTERMSIG(status)),
			p->step, p->log[p->step % LOG_STEPS]);
	return 2;
}

static int pairs_run(const struct options *o)
{
	unsigned long steps = 0, wrong = 0, operations = 0;
	struct pair *pairs =
		mmap(NULL, o->pairs * sizeof(*pairs), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[PAIRS][2];
	int result = 0;

	if (pairs == MAP_FAILED) {
		perror("handoff: mmap");
		return 2;
	}
	for (unsigned long i = 0; i < o->pairs; i++)
		pair_start(o, &pairs[i], (int)i, pids[i]);
	for (unsigned long i = 0; i < o->pairs; i++) {
		for (int me = 0; me < 2; me++)
			if (side_wait(pids[i][me], &pairs[i], (int)i))
				result = 2;
		steps += pairs[i].step;
		wrong += pairs[i].wrong;
		operations += pairs[i].operations;
	}
	printf("%lu pairs, %lu operations\n", o->pairs, operations);
	printf("%lu hand-offs, %lu wrong\n", steps, wrong);
	return result ? result : wrong || steps != o->count;
}

int main(int argc, char *argv[])
{
	static const struct option table[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "shm", required_argument, NULL, 's' },
		{ "prefix", required_argument, NULL, 'x' },
		{ "shm-prefix", required_argument, NULL, 'y' },
		{ "count", required_argument, NULL, 'c' },
		{ "pairs", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 'r' },
		{ "observe", no_argument, NULL, 'o' },
		{ 0 },
	};
	struct options o = { .shm = "/dev/shm",
			     .prefix = "handoff.",
			     .count = 4000,
			     .pairs = 1,
			     .seed = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'd')
			o.dir = optarg;
		else if (c == 's')
			o.shm = optarg;
		else if (c == 'x')
			o.prefix = optarg;
		else if (c == 'y')
			o.shm_prefix = optarg;
		else if (c == 'c')
			o.count = strtoul(optarg, NULL, 0);
		else if (c == 'p')
			o.pairs = strtoul(optarg, NULL, 0);
		else if (c == 'o')
			o.observe = true;
		else if (c == 'r')
			o.seed = strtoul(optarg, NULL, 0);
		else
			return 2;
	}
	if (!o.dir || optind != argc || !o.pairs || o.pairs > PAIRS) {
		fprintf(stderr,
			"usage: handoff --dir DIR [--shm DIR] [--count "
			"N] [--pairs 1..%d] [--seed N] [--prefix STR]\n",
			PAIRS);
		return 2;
	}
	(void)umask(0);			/* the modes are what is asked for */
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
	return pairs_run(&o);
}
