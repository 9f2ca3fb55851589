// SPDX-License-Identifier: MIT
/*
 * Counting. A thread takes a slot when it counts for the first time; with more
 * threads than slots some share one, which is right as well, only slower.
 */
#include "stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"
#include "fs.h"

#define SLOTS	   32
#define CACHE_LINE 64
#define ERRORS	   134 /* errno(3): the last is 133, EHWPOISON */

struct slot {
	_Alignas(CACHE_LINE) atomic_uint_fast64_t counts[STATS_COUNTERS];
	atomic_uint_fast64_t errors[ERRORS]; /* 0: of unknown numbers */
};

struct stats {
	struct slot slots[SLOTS];
	atomic_uint threads; /* that have counted */
	struct timespec start;
};

int stats_create(struct stats **ret_stats)
{
	struct stats *stats = aligned_alloc(CACHE_LINE, sizeof(*stats));

	if (!stats)
		return -ENOMEM;
	memset(stats, 0, sizeof(*stats));
	clock_gettime(CLOCK_MONOTONIC, &stats->start);
	*ret_stats = stats;
	return 0;
}

void stats_destroy(struct stats *stats)
{
	free(stats);
}

static struct slot *this_threads(struct stats *stats)
{
	static _Thread_local unsigned number; /* 0: has none yet */

	if (!number)
		number = atomic_fetch_add(&stats->threads, 1) + 1;
	return &stats->slots[number % SLOTS];
}

void stats_add(struct stats *stats, enum stats_counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&this_threads(stats)->counts[counter], n,
				  memory_order_relaxed);
}

void stats_add_error(struct stats *stats, int error)
{
	size_t number = error < 0 && error > -ERRORS ? (size_t)-error : 0;

	atomic_fetch_add_explicit(&this_threads(stats)->errors[number], 1,
				  memory_order_relaxed);
}

static uint64_t sum(struct stats *stats, enum stats_counter counter)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += atomic_load_explicit(&stats->slots[i].counts[counter],
					  memory_order_relaxed);
	return n;
}

static uint64_t sum_errors(struct stats *stats, size_t number)
{
	uint64_t n = 0;

	for (size_t i = 0; i < SLOTS; i++)
		n += atomic_load_explicit(&stats->slots[i].errors[number],
					  memory_order_relaxed);
	return n;
}

static void print(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, "%s: %" PRIu64 "\n", key, value);
}

static void print_requests(FILE *out, struct stats *stats)
{
	static const char *const keys[] = {
#define STATS_OPERATION(op) "op_" #op,
		STATS_OPERATIONS(STATS_OPERATION)
#undef STATS_OPERATION
	};
	uint64_t all = 0;

	for (size_t i = 0; i < STATS_IO_URING; i++)
		all += sum(stats, (enum stats_counter)i);
	print(out, "requests", all);
	print(out, "requests_io_uring", sum(stats, STATS_IO_URING));
	for (size_t i = 0; i < STATS_IO_URING; i++)
		print(out, keys[i], sum(stats, (enum stats_counter)i));
}

/* Those that have happened: there are more than anybody wants to read. */
static void print_errors(FILE *out, struct stats *stats)
{
	uint64_t all = 0;

	for (size_t i = 0; i < ERRORS; i++)
		all += sum_errors(stats, i);
	print(out, "errors", all);
	for (size_t i = 0; i < ERRORS; i++) {
		const char *name = i ? strerrorname_np((int)i) : NULL;
		uint64_t n = sum_errors(stats, i);

		if (n)
			fprintf(out, "error_%s: %" PRIu64 "\n",
				name ? name : "other", n);
	}
}

/* How many threads this process has: proc(5), each is a directory. */
static uint64_t count_threads(void)
{
	struct stat st;

	if (stat("/proc/self/task", &st) || st.st_nlink < 2)
		return 0;
	return st.st_nlink - 2;
}

static void print_now(FILE *out, struct fs *fs)
{
	struct stats *stats = fs->stats;
	uint64_t opened = sum(stats, STATS_OPENED_NATIVE) +
			  sum(stats, STATS_OPENED_MAPPED) +
			  sum(stats, STATS_OPENED_DIRECT);
	uint64_t closed = sum(stats, STATS_CLOSED);
	struct node_counts nodes;
	struct timespec now;

	node_count(fs->nodes, &nodes);
	clock_gettime(CLOCK_MONOTONIC, &now);
	print(out, "known_objects", nodes.known);
	print(out, "open_objects", nodes.open);
	/* Counted one after the other: one may have been closed in between. */
	print(out, "open_files", closed < opened ? opened - closed : 0);
	print(out, "backings", nodes.backings);
	print(out, "windows",
	      fs->kind->windows ? fs->kind->windows(fs->store) : 0);
	print(out, "threads", count_threads());
	print(out, "seconds", (uint64_t)(now.tv_sec - stats->start.tv_sec));
}

int stats_print(struct fs *fs, char **ret_text)
{
	static const struct {
		const char *key;
		enum stats_counter counter;
	} rest[] = {
		{ "bytes_read", STATS_BYTES_READ },
		{ "bytes_written", STATS_BYTES_WRITTEN },
		{ "bytes_written_back", STATS_BYTES_WRITTEN_BACK },
		{ "bytes_copied", STATS_BYTES_COPIED },
		{ "opened_native", STATS_OPENED_NATIVE },
		{ "opened_mapped", STATS_OPENED_MAPPED },
		{ "opened_direct", STATS_OPENED_DIRECT },
		{ "epochs", STATS_EPOCHS },
	};
	auto_heap char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	print_requests(out, fs->stats);
	print_errors(out, fs->stats);
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		print(out, rest[i].key, sum(fs->stats, rest[i].counter));
	print_now(out, fs);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret_text = steal_pointer(&text);
	return 0;
}
