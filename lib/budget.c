// SPDX-License-Identifier: MIT
/*
 * The budget. One lock holds the tally; no operation runs under it.
 * An operation first claims what it may need, then runs, then settles: the
 * object is asked for its size, and the claim goes.
 *
 * Whether a claim fits is decided on three numbers: what the objects' sizes
 * add up to, what that may become by the claims of others in progress, and
 * the limit. If it fits beside all of them, it is let through. If it does not
 * fit beside the sizes alone, it is refused. In between it waits for others
 * to settle, which never wait for anything but the machine.
 */
#include "budget.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"

/*
 * How long to wait for the kernel to let go of what lost its name, which it
 * does shortly after close(2) has returned.
 */
#define RELEASE_NANOSECONDS 100000000

/*
 * With a watch, looking at every name again is for what the watch cannot see
 * (posix_watch.c): it may take one part in so many of the time.
 */
#define SCAN_SHARE 20

struct budget {
	struct budget_config config;
	pthread_mutex_t lock;
	pthread_cond_t settled;	   /* a claim has gone, or a file was closed */
	struct tally tally;	   /* lock, as all that follows */
	size_t creating;	   /* claims to make an object */
	struct store_watch *watch; /* or NULL */
	uint64_t next_scan;	   /* when it may be; see clock_now() */
};

/* One object more, or an object's growth. */
struct request {
	struct tally_entry *entry; /* NULL: an object */
	const struct tally_claim *claim;
};

/* Looks at what a name leads to. */
static int note_name(struct budget *budget, const char *name)
{
	const struct budget_config *config = &budget->config;
	struct stat st = { 0 };
	int error;

	if (!view_contains(config->view, name))
		return 0;
	error = config->kind->stat(config->store, name, &st);
	if (error && error != -ENOENT)
		return error;
	return tally_set_name(&budget->tally, name, error ? 0 : st.st_ino,
			      (uint64_t)st.st_size);
}

static int note_all(struct budget *budget, struct store_dir *dir)
{
	const struct store_kind *kind = budget->config.kind;
	struct store_entry entry = { 0 };
	int more;

	while ((more = kind->dir_next(dir, entry.next, &entry)) > 0) {
		int error = note_name(budget, entry.name);

		if (error)
			return error;
	}
	return more;
}

static int scan(struct budget *budget)
{
	const struct budget_config *config = &budget->config;
	uint64_t start = clock_now();
	struct store_dir *dir;
	int error = config->kind->dir_open(config->store, &dir);

	if (error)
		return error;
	tally_scan_begin(&budget->tally);
	error = note_all(budget, dir);
	if (!error)
		tally_scan_end(&budget->tally);
	config->kind->dir_close(dir);
	budget->next_scan = clock_now() + SCAN_SHARE * (clock_now() - start);
	return error;
}

/* Looks at all that has changed since the last time. */
static int catch_up(struct budget *budget)
{
	const struct store_kind *kind = budget->config.kind;
	const char *name;
	int more = -EOVERFLOW;

	while (budget->watch &&
	       (more = kind->watch_next(budget->watch, &name)) > 0) {
		int error = note_name(budget, name);

		if (error)
			return error;
	}
	/* Without a watch that can be relied on there is no other way. */
	return more ? scan(budget) : 0;
}

/* Looks at everything, be it known or not. */
static int look_again(struct budget *budget)
{
	int error = catch_up(budget);

	if (error || !budget->watch || clock_now() < budget->next_scan)
		return error;
	return scan(budget);
}

/* True if the request fits beside what may be, or only beside what is. */
static bool fits(const struct budget *budget, const struct request *request,
		 bool may)
{
	const struct tally *tally = &budget->tally;

	if (!request->entry)
		return tally->objects + (may ? budget->creating : 0) <
		       budget->config.objects;
	if (may)
		return tally_sum_fits(
			tally->may,
			tally_claim_cost(request->entry, request->claim),
			budget->config.size);
	return tally_sum_fits(
		tally->is, tally_claim_growth(request->entry, request->claim),
		budget->config.size);
}

/* True if it would fit were it not for what is open without a name. */
static bool fits_but_for_nameless(const struct budget *budget,
				  const struct request *request)
{
	const struct tally *tally = &budget->tally;
	struct tally_sum is = tally->is;
	uint64_t more;

	if (!request->entry)
		return tally->objects - tally->nameless <
		       budget->config.objects;
	more = tally_claim_growth(request->entry, request->claim);
	is.high -= tally->lost.high;
	tally_sum_subtract(&is, tally->lost.low);
	if (!request->entry->names) /* itself it stays */
		tally_sum_add(&is, request->entry->size);
	return tally_sum_fits(is, more, budget->config.size);
}

/* Waits for something to settle, until a time of clock_now()'s. */
static int wait_until(struct budget *budget, uint64_t time)
{
	struct timespec until = {
		.tv_sec = (time_t)(time / 1000000000),
		.tv_nsec = (long)(time % 1000000000),
	};

	return pthread_cond_timedwait(&budget->settled, &budget->lock, &until);
}

/*
 * Decides on what does not fit at first sight, with the lock held except
 * while it waits.
 */
static int consider(struct budget *budget, const struct request *request)
{
	uint64_t patience = clock_now() + RELEASE_NANOSECONDS;
	int error = look_again(budget);
	int timeout = 0;

	while (!error && !fits(budget, request, true)) {
		if (fits(budget, request, false)) {
			pthread_cond_wait(&budget->settled, &budget->lock);
		} else if (!timeout && fits_but_for_nameless(budget, request)) {
			timeout = wait_until(budget, patience);
		} else {
			return -ENOSPC;
		}
		error = catch_up(budget);
	}
	return error;
}

static int admit(struct budget *budget, const struct request *request)
{
	int error = catch_up(budget);

	if (error || fits(budget, request, true))
		return error;
	return consider(budget, request);
}

int budget_begin(struct budget *budget, struct budget_growth *growth)
{
	struct object *object = growth->object;
	struct request request = { .claim = &growth->claim };
	struct stat st;
	int error;

	pthread_mutex_lock(&budget->lock);
	error = object->kind->get_attr(object, &st);
	if (!error)
		error = tally_open(&budget->tally, st.st_ino,
				   (uint64_t)st.st_size, &growth->entry);
	if (error) {
		pthread_mutex_unlock(&budget->lock);
		return error;
	}
	request.entry = growth->entry;
	if (tally_claim_cost(growth->entry, &growth->claim))
		error = admit(budget, &request);
	if (error)
		tally_close(&budget->tally, growth->entry);
	else
		tally_claim(&budget->tally, growth->entry, &growth->claim);
	pthread_mutex_unlock(&budget->lock);
	return error;
}

void budget_settle(struct budget *budget, struct budget_growth *growth)
{
	struct object *object = growth->object;
	struct stat st;

	pthread_mutex_lock(&budget->lock);
	/* Cannot fail for what is open; the size known would stay. */
	if (object->kind->get_attr(object, &st) == 0)
		tally_set_size(&budget->tally, growth->entry,
			       (uint64_t)st.st_size);
	tally_unclaim(&budget->tally, growth->entry, &growth->claim);
	tally_close(&budget->tally, growth->entry);
	pthread_cond_broadcast(&budget->settled);
	pthread_mutex_unlock(&budget->lock);
}

int budget_begin_object(struct budget *budget, const char *name)
{
	const struct budget_config *config = &budget->config;
	const struct request request = { 0 };
	struct stat st;
	int error = 0;

	pthread_mutex_lock(&budget->lock);
	if (config->objects)
		error = admit(budget, &request);
	if (!error)
		budget->creating++;
	pthread_mutex_unlock(&budget->lock);
	if (error == -ENOSPC &&
	    config->kind->stat(config->store, name, &st) == 0)
		error = -EEXIST;
	return error;
}

void budget_settle_object(struct budget *budget, const char *name)
{
	pthread_mutex_lock(&budget->lock);
	budget->creating--;
	/* Failing that, the watch or the next scan tells of it. */
	(void)note_name(budget, name);
	pthread_cond_broadcast(&budget->settled);
	pthread_mutex_unlock(&budget->lock);
}

int budget_opened(struct budget *budget, struct object *object)
{
	struct tally_entry *entry;
	struct stat st;
	int error;

	pthread_mutex_lock(&budget->lock);
	error = object->kind->get_attr(object, &st);
	if (!error)
		error = tally_open(&budget->tally, st.st_ino,
				   (uint64_t)st.st_size, &entry);
	pthread_mutex_unlock(&budget->lock);
	return error;
}

void budget_closed(struct budget *budget, struct object *object)
{
	struct tally_entry *entry;
	struct stat st;

	pthread_mutex_lock(&budget->lock);
	/* It is there, so there is nothing to fail. */
	if (object->kind->get_attr(object, &st) == 0 &&
	    tally_open(&budget->tally, st.st_ino, (uint64_t)st.st_size,
		       &entry) == 0) {
		tally_close(&budget->tally, entry);
		tally_close(&budget->tally, entry);
	}
	pthread_cond_broadcast(&budget->settled);
	pthread_mutex_unlock(&budget->lock);
}

int budget_used(struct budget *budget, uint64_t *ret_size,
		uint64_t *ret_objects)
{
	int error;

	pthread_mutex_lock(&budget->lock);
	error = look_again(budget);
	if (!error) {
		*ret_size = budget->tally.is.high ? UINT64_MAX
						  : budget->tally.is.low;
		*ret_objects = budget->tally.objects;
	}
	pthread_mutex_unlock(&budget->lock);
	return error;
}

int budget_create(const struct budget_config *config,
		  struct budget **ret_budget)
{
	struct budget *budget = calloc(1, sizeof(*budget));
	pthread_condattr_t attr;
	int error = -ENOMEM;

	if (!budget || tally_init(&budget->tally)) {
		free(budget);
		return error;
	}
	budget->config = *config;
	pthread_mutex_init(&budget->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&budget->settled, &attr);
	pthread_condattr_destroy(&attr);
	/* Failing that, every growth looks at everything: slow, not wrong. */
	if (config->kind->watch_open)
		(void)config->kind->watch_open(config->store, &budget->watch);
	error = scan(budget);
	if (error)
		budget_destroy(budget);
	else
		*ret_budget = budget;
	return error;
}

void budget_destroy(struct budget *budget)
{
	if (!budget)
		return;
	if (budget->watch)
		budget->config.kind->watch_close(budget->watch);
	tally_destroy(&budget->tally);
	pthread_cond_destroy(&budget->settled);
	pthread_mutex_destroy(&budget->lock);
	free(budget);
}

const struct budget_config *budget_config(const struct budget *budget)
{
	return &budget->config;
}
