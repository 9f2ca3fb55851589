// SPDX-License-Identifier: MIT
/*
 * One tree and the stamp that was taken before its names were read. Who needs
 * a tree while another thread makes one waits for that one.
 */
#include "forest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct forest {
	struct tree_source source;
	pthread_mutex_t lock; /* of all below; held while a tree is made */
	struct tree *last;
	struct store_stamp stamp; /* of the last one */
	bool stamped;
};

int forest_create(const struct store_kind *kind, struct store *store,
		  const struct view *view, struct forest **ret_forest)
{
	struct forest *forest = calloc(1, sizeof(*forest));

	if (!forest)
		return -ENOMEM;
	forest->source.kind = kind;
	forest->source.store = store;
	forest->source.view = view;
	forest->source.key = hash_new_key();
	pthread_mutex_init(&forest->lock, NULL);
	*ret_forest = forest;
	return 0;
}

void forest_destroy(struct forest *forest)
{
	if (!forest)
		return;
	tree_put(forest->last);
	pthread_mutex_destroy(&forest->lock);
	free(forest);
}

static bool is_same(const struct store_stamp *a, const struct store_stamp *b)
{
	return a->time.tv_sec == b->time.tv_sec &&
	       a->time.tv_nsec == b->time.tv_nsec && a->size == b->size;
}

/* Makes the last one anew, unless it still holds. */
static int update(struct forest *forest)
{
	const struct tree_source *source = &forest->source;
	struct store_stamp stamp;
	/* Before the names are read: a change in between is then noticed. */
	bool stamped = source->kind->stamp &&
		       source->kind->stamp(source->store, &stamp) == 0;

	if (forest->last && stamped && forest->stamped &&
	    is_same(&stamp, &forest->stamp))
		return 0;
	tree_put(forest->last);
	forest->last = NULL;
	forest->stamped = stamped;
	if (stamped)
		forest->stamp = stamp;
	return tree_make(&forest->source, &forest->last);
}

int forest_tree(struct forest *forest, struct tree **ret_tree)
{
	int error;

	pthread_mutex_lock(&forest->lock);
	error = update(forest);
	if (!error)
		*ret_tree = tree_get(forest->last);
	pthread_mutex_unlock(&forest->lock);
	return error;
}

int forest_lend_tree(struct forest *forest, struct tree **ret_tree)
{
	if (atomic_load(&forest->source.bytes) > TREES_MAX / 2)
		return -ENOMEM;
	return forest_tree(forest, ret_tree);
}
