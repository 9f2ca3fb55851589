// SPDX-License-Identifier: MIT
/*
 * The window pool: a hash table of mapped windows by object and position, and
 * a list of the unused ones, oldest first, from which windows are unmapped
 * once there are too many.
 *
 * mmap and munmap run outside the lock, so that a thread that maps never
 * makes others wait; two threads that map the same window at once agree
 * afterwards on the one that came first.
 */
#include "window.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t bucket_of(const struct window_source *source, off_t start)
{
	uint64_t key = (uint64_t)(uintptr_t)source / 64 +
		       (uint64_t)(start / WINDOW_SIZE);

	return (key * 0x9e3779b97f4a7c15u >> 32) % WINDOW_BUCKETS;
}

static size_t length_of(const struct window *window)
{
	return (size_t)(window->end - window->start);
}

void window_pool_init(struct window_pool *pool, unsigned max)
{
	*pool = (struct window_pool){ .max = max };
	pthread_mutex_init(&pool->lock, NULL);
}

void window_pool_destroy(struct window_pool *pool)
{
	assert(pool->count == 0);
	pthread_mutex_destroy(&pool->lock);
}

unsigned window_count(struct window_pool *pool)
{
	unsigned count;

	pthread_mutex_lock(&pool->lock);
	count = pool->count;
	pthread_mutex_unlock(&pool->lock);
	return count;
}

static void lru_append(struct window_pool *pool, struct window *window)
{
	window->lru_prev = pool->lru_last;
	window->lru_next = NULL;
	if (pool->lru_last)
		pool->lru_last->lru_next = window;
	else
		pool->lru_first = window;
	pool->lru_last = window;
}

static void lru_remove(struct window_pool *pool, struct window *window)
{
	if (window->lru_prev)
		window->lru_prev->lru_next = window->lru_next;
	else
		pool->lru_first = window->lru_next;
	if (window->lru_next)
		window->lru_next->lru_prev = window->lru_prev;
	else
		pool->lru_last = window->lru_prev;
}

static struct window *find(struct window_pool *pool,
			   const struct window_source *source, off_t start)
{
	struct window *window = pool->buckets[bucket_of(source, start)];

	while (window && (window->source != source || window->start != start))
		window = window->bucket_next;
	return window;
}

static void insert(struct window_pool *pool, struct window *window)
{
	size_t bucket = bucket_of(window->source, window->start);

	window->bucket_next = pool->buckets[bucket];
	pool->buckets[bucket] = window;
	window->source_next = window->source->windows;
	window->source->windows = window;
	pool->count++;
}

/* Takes an unused window out of the pool; the caller unmaps it. */
static void extract(struct window_pool *pool, struct window *window)
{
	struct window **link;

	link = &pool->buckets[bucket_of(window->source, window->start)];
	while (*link != window)
		link = &(*link)->bucket_next;
	*link = window->bucket_next;

	link = &window->source->windows;
	while (*link != window)
		link = &(*link)->source_next;
	*link = window->source_next;

	lru_remove(pool, window);
	pool->count--;
}

static void unmap(struct window *window)
{
	if (!window)
		return;
	/* Fails only for a range that was never mapped. */
	(void)munmap(window->base, length_of(window));
	free(window);
}

static int map(struct window_source *source, off_t start,
	       struct window **ret_window)
{
	int prot = source->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct window *window = calloc(1, sizeof(*window));

	if (!window)
		return -ENOMEM;
	window->source = source;
	window->start = start;
	window->end = start > WINDOW_END_MAX - WINDOW_SIZE
			      ? WINDOW_END_MAX
			      : start + WINDOW_SIZE;
	window->base = mmap(NULL, length_of(window), prot, MAP_SHARED,
			    source->fd, start);
	if (window->base == MAP_FAILED) {
		int error = -errno;

		free(window);
		return error;
	}
	*ret_window = window;
	return 0;
}

static struct window *use(struct window_pool *pool, struct window *window)
{
	if (window && window->users++ == 0)
		lru_remove(pool, window);
	return window;
}

int window_get(struct window_pool *pool, struct window_source *source,
	       off_t off, struct window **ret_window)
{
	off_t start = off - off % WINDOW_SIZE;
	struct window *window, *made = NULL;
	int error;

	pthread_mutex_lock(&pool->lock);
	window = use(pool, find(pool, source, start));
	pthread_mutex_unlock(&pool->lock);
	if (window) {
		*ret_window = window;
		return 0;
	}

	error = map(source, start, &made);
	if (error)
		return error;

	pthread_mutex_lock(&pool->lock);
	window = use(pool, find(pool, source, start));
	if (!window) {
		window = made;
		made = NULL;
		window->users = 1;
		insert(pool, window);
	}
	pthread_mutex_unlock(&pool->lock);
	unmap(made);
	*ret_window = window;
	return 0;
}

void window_put(struct window_pool *pool, struct window *window)
{
	struct window *victim = NULL;

	pthread_mutex_lock(&pool->lock);
	if (--window->users == 0)
		lru_append(pool, window);
	if (pool->count > pool->max && pool->lru_first) {
		victim = pool->lru_first;
		extract(pool, victim);
	}
	pthread_mutex_unlock(&pool->lock);
	unmap(victim);
}

#define POPULATED_PART (WINDOW_SIZE / 64)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

void window_populate(struct window *window, off_t off, size_t len)
{
	off_t first = (off - window->start) / POPULATED_PART;
	off_t last = (off - window->start + (off_t)len - 1) / POPULATED_PART;
	uint64_t parts = UINT64_MAX >> (63 - (last - first)) << first;
	off_t skip = (off - window->start) % sysconf(_SC_PAGESIZE);
	uint64_t before;

	if (len < (size_t)POPULATED_PART)
		return;
	before = atomic_load_explicit(&window->populated, memory_order_relaxed);
	if ((before & parts) == parts)
		return;
	/*
	 * As for reading: what is there is mapped many pages at a time
	 * (fault-around), and writable, because tmpfs does not ask to be told
	 * of the first write to a page.
	 */
	(void)madvise(window->base + (off - window->start - skip),
		      len + (size_t)skip, MADV_POPULATE_READ);
	atomic_fetch_or_explicit(&window->populated, parts,
				 memory_order_relaxed);
}

void window_drop(struct window_pool *pool, struct window_source *source)
{
	struct window *all = NULL;

	pthread_mutex_lock(&pool->lock);
	while (source->windows) {
		struct window *window = source->windows;

		assert(window->users == 0);
		extract(pool, window);
		window->source_next = all;
		all = window;
	}
	pthread_mutex_unlock(&pool->lock);

	while (all) {
		struct window *next = all->source_next;

		unmap(all);
		all = next;
	}
}
