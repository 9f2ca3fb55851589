/* SPDX-License-Identifier: MIT */
/*
 * Limits of a view: how many bytes its objects may have together (their
 * sizes, st_size, whatever memory they take), and how many objects there may
 * be. What others do directly counts as well.
 *
 * What would pass a limit is refused. Nothing is let through on an old
 * count: what others changed is looked up before anything may grow, by the
 * names that a watch of the namespace reports. Nor is it refused on one: all
 * names are looked at again first. What others do directly is counted, but
 * not prevented: it can pass a limit, and then nothing grows any more.
 *
 * An object that lost its name counts for as long as it is open through the
 * mount: else who unlinks what is open could have any amount.
 *
 * All functions may be called from any thread.
 */
#ifndef SHMFS_BUDGET_H
#define SHMFS_BUDGET_H

#include "store.h"
#include "tally.h"
#include "view.h"

struct budget;

struct budget_config {
	const struct store_kind *kind;
	struct store *store;
	const struct view *view;
	uint64_t size;	  /* bytes; 0: any */
	uint64_t objects; /* 0: any */
};

/* Counts what is there. -ENOMEM, or -errno as dir_open. */
int budget_create(const struct budget_config *config,
		  struct budget **ret_budget);
void budget_destroy(struct budget *budget); /* NULL is allowed */

const struct budget_config *budget_config(const struct budget *budget);

/* What there is now. Errors as budget_create(). */
int budget_used(struct budget *budget, uint64_t *ret_size,
		uint64_t *ret_objects);

/* An opening of an object through the mount, and its end. -ENOMEM. */
int budget_opened(struct budget *budget, struct object *object);
void budget_closed(struct budget *budget, struct object *object);

/* An operation that may give an object another size. */
struct budget_growth {
	struct object *object;
	struct tally_claim claim; /* how long it may get */
	struct tally_entry *entry;
};

/*
 * Before such an operation, and after it, however it went. -ENOSPC if it is
 * not to be: then it has not begun.
 */
int budget_begin(struct budget *budget, struct budget_growth *growth);
void budget_settle(struct budget *budget, struct budget_growth *growth);

/*
 * The same for making an object. -EEXIST rather than -ENOSPC if the name is
 * taken.
 */
int budget_begin_object(struct budget *budget, const char *name);
void budget_settle_object(struct budget *budget, const char *name);

#endif
