/* SPDX-License-Identifier: MIT */
/*
 * The directories of a view with a separator. They are nowhere but in the
 * names of the objects, so they are found by reading all names: a tree is an
 * index of one listing of the namespace.
 *
 * In a tree each object in view is one file or one marker. A file is in the
 * directory its name says; or in the root, by its flat name, if its name is
 * no path or a directory on the way has the name of an object.
 */
#ifndef SHMFS_TREE_H
#define SHMFS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include "store.h"
#include "view.h"

struct tree; /* constant; counted references */

#define TREES_MAX ((size_t)1 << 30) /* bytes, of all in use together */

/* What trees are made of; must outlive them. */
struct tree_source {
	const struct store_kind *kind;
	struct store *store;
	const struct view *view;
	struct hash_key key;
	atomic_size_t bytes; /* of all its trees, at most TREES_MAX */
};

/*
 * The tree of the names as one listing tells them, with one reference.
 * -ENOMEM, also if all trees in use together are too large; errors of
 * listing.
 */
int tree_make(struct tree_source *source, struct tree **ret_tree);
struct tree *tree_get(struct tree *tree);
/* NULL is allowed. */
void tree_put(struct tree *tree);

/* A directory's number in a tree; the root's is 0. -ENOENT. */
int tree_find(const struct tree *tree, const char *directory);

struct tree_directory {
	size_t files, subdirs;
	bool marked;
};
struct tree_directory tree_directory(const struct tree *tree, int number);

struct tree_entry {
	const char *object; /* a file's object or a directory; in the tree */
	size_t len;	    /* of a directory; 0: it is a file */
	const char *name;   /* how it is shown */
	size_t name_len;
	uint64_t ino; /* of a file */
	size_t next;  /* where the entry after this one is found */
};

/*
 * The entry of a directory at `from`: 0 for the first, else a
 * tree_entry.next. False at the end.
 */
bool tree_next(const struct tree *tree, int directory, size_t from,
	       struct tree_entry *ret_entry);

/*
 * The objects whose names start with a directory, its marker included and
 * those in its directories as well; as tree_next(), all entries are files,
 * without how they are shown.
 */
bool tree_next_below(const struct tree *tree, const char *directory,
		     size_t from, struct tree_entry *ret_entry);

#endif
