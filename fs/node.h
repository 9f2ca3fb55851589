/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows: nodes, found by the number given to the kernel and
 * by the object's inode number. A node is a name and a count, nothing that
 * costs a descriptor or a mapping; only while an object is open through the
 * mount does its node lead to it.
 *
 * A node's name is the one the object was last seen under. It is a hint: the
 * store checks it against the inode number before anything is done.
 *
 * All functions may be called from any thread.
 */
#ifndef SHMFS_NODE_H
#define SHMFS_NODE_H

#include <stdint.h>

#include "store.h"

struct node_table;

/* What an operation needs to know of a node, copied out of the table. */
struct node_ref {
	uint64_t ino;
	struct object *object; /* referenced, or NULL: not open */
	char name[STORE_NAME_MAX + 1];
};

/*
 * A table whose node `root_id` is the namespace itself, always open.
 * References root. -ENOMEM.
 */
int node_table_create(uint64_t root_id, struct object *root,
		      struct node_table **ret_table);
/* Drops all nodes, whatever their counts. */
void node_table_destroy(struct node_table *table);

/*
 * Raises the lookup count of the object's node, made if need be, for an
 * entry about to be delivered to the kernel, and notes its name.
 */
int node_lookup(struct node_table *table, const char *name, uint64_t ino,
		uint64_t *ret_id);
/* Lowers it again: FUSE_FORGET, or an entry that was not delivered. */
void node_forget(struct node_table *table, uint64_t id, uint64_t count);

/* -ESTALE for a number that is not in the table. node_unref() afterwards. */
int node_get(struct node_table *table, uint64_t id, struct node_ref *ret_ref);
void node_unref(struct node_ref *ref);

/*
 * Counts one more opening of a node, by a caller that got `object` open for
 * it. All openings share one object: returns that with a reference, which is
 * the given one unless the node has one already that will do. Takes over the
 * caller's reference on `object`.
 */
struct object *node_opened(struct node_table *table, uint64_t id,
			   struct object *object);
/* The end of an opening; gives back its reference. */
void node_closed(struct node_table *table, uint64_t id, struct object *object);

/* The object now has this name: it was renamed through the mount. */
void node_renamed(struct node_table *table, uint64_t ino, const char *name);

#endif
