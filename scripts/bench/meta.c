/* SPDX-License-Identifier: MIT */
/*
 * meta --dir DIR --prefix STR --count N [--seconds S] [--parts P] OP...
 *
 * Times operations on the names STR0 .. STR(N-1) in DIR, from one process,
 * each a system call on the full path as a program would make it. OP is one of
 *
 *	warm      stat of DIR, to wake who serves it; not of any object
 *	known     stat of all names, not timed: as after ls -l
 *	create    open(O_CREAT | O_EXCL) and close
 *	first     stat, by another name: of objects not looked at before
 *	stat, truncate (to 4096 bytes), unlink
 *	open      open(O_RDWR) and close
 *	readdir   the whole directory; one entry is one operation. Repeated
 *		  until it has taken READDIR_SECONDS
 *
 * Operations run in the order given, each on all names: create in their order,
 * the others spread over them. An operation that has taken S seconds ends
 * early. It is timed in P equal parts (1); for each the line "OP operations
 * seconds" goes to stdout.
 * Exit status 0, or 1 with a message when a call fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WARM_CALLS	2000
#define READDIR_SECONDS 0.05
#define CLOCK_EVERY	64 /* calls between two looks at the clock */

struct job {
	const char *dir, *prefix;
	unsigned long count, parts;
	double seconds; /* 0: no limit */
};

struct operation {
	const char *name;
	int (*call)(const char *path);
};

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_close(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int call_create(const char *path)
{
	return open_close(path, O_RDWR | O_CREAT | O_EXCL);
}

static int call_open(const char *path)
{
	return open_close(path, O_RDWR);
}

static int call_stat(const char *path)
{
	struct stat st;

	return stat(path, &st);
}

static int call_truncate(const char *path)
{
	return truncate(path, 4096);
}

static const struct operation operations[] = {
	{ "create", call_create },     { "first", call_stat },
	{ "stat", call_stat },	       { "open", call_open },
	{ "truncate", call_truncate }, { "unlink", unlink },
};

static int fail(const char *what, const char *path)
{
	fprintf(stderr, "meta: %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

/* A step through 0 .. count-1 that meets each of them once. */
static unsigned long stride_of(unsigned long count)
{
	unsigned long stride = (unsigned long)((double)count * 0.618) | 1;
	unsigned long a, b;

	for (;; stride += 2) {
		for (a = stride, b = count; b;) {
			unsigned long rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

static int run_calls(const struct job *job, const struct operation *op)
{
	bool in_order = op->call == call_create;
	unsigned long stride = in_order ? 1 : stride_of(job->count);
	unsigned long part = job->count / job->parts;
	unsigned long i = 0, done = 0;
	double first = now(), start = first;
	bool late = false;
	char path[4096];

	while (i < job->count && !late) {
		unsigned long name = i * stride % job->count;

		snprintf(path, sizeof(path), "%s/%s%lu", job->dir, job->prefix,
			 name);
		if (op->call(path)) {
			fprintf(stderr, "meta: %s %s, call %lu: %s\n", op->name,
				path, i + 1, strerror(errno));
			return 1;
		}
		i++;
		done++;
		if (job->seconds > 0 && i % CLOCK_EVERY == 0)
			late = now() - first > job->seconds;
		if (done == part || i == job->count || late) {
			double end = now();

			printf("%s %lu %.9f\n", op->name, done, end - start);
			done = 0;
			start = end;
		}
	}
	return 0;
}

static int run_warm(const struct job *job)
{
	for (int i = 0; i < WARM_CALLS; i++)
		if (call_stat(job->dir))
			return fail("stat", job->dir);
	return 0;
}

static int run_known(const struct job *job)
{
	char path[4096];

	for (unsigned long i = 0; i < job->count; i++) {
		snprintf(path, sizeof(path), "%s/%s%lu", job->dir, job->prefix,
			 i);
		if (call_stat(path))
			return fail("stat", path);
	}
	return 0;
}

/* Adds the entries of one pass, or of its start when the time is over. */
static int list_once(const struct job *job, double start,
		     unsigned long *entries)
{
	DIR *dir = opendir(job->dir);

	if (!dir)
		return fail("opendir", job->dir);
	errno = 0;
	while (readdir(dir)) {
		if (++*entries % CLOCK_EVERY == 0 && job->seconds > 0 &&
		    now() - start > job->seconds)
			break;
	}
	if (errno)
		return fail("readdir", job->dir);
	return closedir(dir);
}

static int run_readdir(const struct job *job)
{
	unsigned long entries = 0;
	double start = now(), taken;

	do {
		if (list_once(job, start, &entries))
			return 1;
		taken = now() - start;
	} while (taken < READDIR_SECONDS);
	printf("readdir %lu %.9f\n", entries, taken);
	return 0;
}

static int run(const struct job *job, const char *name)
{
	if (!strcmp(name, "warm"))
		return run_warm(job);
	if (!strcmp(name, "known"))
		return run_known(job);
	if (!strcmp(name, "readdir"))
		return run_readdir(job);
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (!strcmp(name, operations[i].name))
			return run_calls(job, &operations[i]);
	fprintf(stderr, "meta: no operation '%s'\n", name);
	return 1;
}

static bool parse(int argc, char *argv[], struct job *job)
{
	static const struct option table[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "prefix", required_argument, NULL, 'x' },
		{ "count", required_argument, NULL, 'c' },
		{ "seconds", required_argument, NULL, 's' },
		{ "parts", required_argument, NULL, 'p' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'd')
			job->dir = optarg;
		else if (c == 'x')
			job->prefix = optarg;
		else if (c == 'c')
			job->count = strtoul(optarg, NULL, 10);
		else if (c == 's')
			job->seconds = strtod(optarg, NULL);
		else if (c == 'p')
			job->parts = strtoul(optarg, NULL, 10);
		else
			return false;
	}
	return job->dir && job->prefix && job->parts &&
	       job->count >= job->parts && optind < argc;
}

int main(int argc, char *argv[])
{
	struct job job = { .parts = 1 };
	int status = 0;

	if (!parse(argc, argv, &job)) {
		fprintf(stderr, "usage: meta --dir DIR --prefix STR --count N "
				"[--seconds S] [--parts P] OP...\n");
		return 1;
	}
	while (!status && optind < argc)
		status = run(&job, argv[optind++]);
	return status;
}
