/* SPDX-License-Identifier: MIT */
/*
 * The tree as it is now. One is kept and used again for as long as the
 * store's stamp says that the names are the same; it is made anew otherwise.
 */
#ifndef SHMFS_FOREST_H
#define SHMFS_FOREST_H

#include "tree.h"

struct forest; /* the trees of one store and view */

/* The store and the view must outlive it. -ENOMEM. */
int forest_create(const struct store_kind *kind, struct store *store,
		  const struct view *view, struct forest **ret_forest);
/* No tree may be in use any more. NULL is allowed. */
void forest_destroy(struct forest *forest);

/*
 * The tree of the names as they were at some instant since the call began,
 * with a reference. Errors as tree_make().
 */
int forest_tree(struct forest *forest, struct tree **ret_tree);
/*
 * The same for who keeps it until a caller says so. -ENOMEM once those take
 * half of what all may: the rest is for who only looks.
 */
int forest_lend_tree(struct forest *forest, struct tree **ret_tree);

#endif
