/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows: nodes, found by the number given to the kernel and
 * by the object's inode number. A node is a name and a count, nothing that
 * costs a descriptor or a mapping; only while an object is open through the
 * mount does its node lead to it.
 *
 * The nodes looked up last keep their object within reach as well, opened for
 * its attributes: the operation that a lookup was for finds it even if its
 * name leads elsewhere by then. They are few, and let go in turn.
 *
 * A node's name is the one the object was last seen under. It is a hint: the
 * store checks it against the inode number before anything is done.
 *
 * Names that the kernel keeps. An entry can be delivered for the kernel to
 * keep, so that the next walk of that path comes without a lookup, straight
 * with the node's number. What it comes for is then checked by the node's
 * name and answered ESTALE if that leads elsewhere, which makes Linux look
 * the name up after all. Two things must hold for that:
 * - a node has one kept name at most, and that is its name: an object that is
 *   found under a second name gets a second node meanwhile;
 * - the name of an open object is not kept: fstat(2) and stat(2) of a node are
 *   one request, and only while nothing is open is it stat's for sure. Kept
 *   names are given up all at once, by ending the kernel's epoch
 *   (FUSE_NOTIFY_INC_EPOCH: entries asked for before it are kept no more).
 *
 * All functions may be called from any thread.
 */
#ifndef SHMFS_NODE_H
#define SHMFS_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

struct node_table;

/* What an operation needs to know of a node, copied out of the table. */
struct node_ref {
	uint64_t ino;
	struct object *object; /* referenced, or NULL: not open */
	/* Referenced, STORE_ATTR only; NULL also while its name is kept. */
	struct object *recent;
	char name[STORE_NAME_MAX + 1];
};

/*
 * A table whose node `root_id` is the namespace itself, always open.
 * References root. Keeps at most `recent` > 0 objects that are not open
 * within reach, a descriptor each, and has at most `open_max` open. -ENOMEM.
 */
int node_table_create(uint64_t root_id, struct object *root, unsigned recent,
		      size_t open_max, struct node_table **ret_table);
/* Drops all nodes, whatever their counts. */
void node_table_destroy(struct node_table *table);

/*
 * Raises the lookup count of the object's node, made if need be, for an
 * entry about to be delivered to the kernel, and notes its name. With
 * ret_kept the kernel may keep the entry if this sets *ret_kept: not one that
 * is open, nor one that was only opened, which is likely to come again; ending
 * an epoch each time would be no help to the others. -ENOMEM.
 */
int node_lookup(struct node_table *table, const char *name, uint64_t ino,
		bool *ret_kept, uint64_t *ret_id);
/* Lowers it again: FUSE_FORGET, or an entry that was not delivered. */
void node_forget(struct node_table *table, uint64_t id, uint64_t count);

/* Keeps a node's object within reach; takes over the reference. */
void node_remember(struct node_table *table, uint64_t id,
		   struct object *object);
/* Lets go of all of them: descriptors are short. */
void node_forget_recent(struct node_table *table);

/* -ESTALE for a number that is not in the table. node_unref() afterwards. */
int node_get(struct node_table *table, uint64_t id, struct node_ref *ret_ref);
void node_unref(struct node_ref *ref);

/*
 * An epoch ends: node_epoch_ending(), then the notification, then
 * node_epoch_ended() with what the first returned. What was kept before the
 * first is not kept after the last; what is delivered in between counts as
 * kept, whether the kernel does so or not.
 */
uint64_t node_epoch_ending(struct node_table *table);
void node_epoch_ended(struct node_table *table, uint64_t epoch);
/* Whether any name may be kept by the kernel now. */
bool node_any_kept(struct node_table *table);

/*
 * Between these two an opening is under way: the node's name is not delivered
 * to be kept. The first returns 1 if it is kept already: the epoch has to end
 * before the name is checked and the object opened. -ESTALE as node_get().
 */
int node_open_begin(struct node_table *table, uint64_t id);
void node_open_end(struct node_table *table, uint64_t id);

/*
 * Registers an object as backing file when its first opening begins: returns
 * an id > 0, or 0 for none. Called with the table's lock held, which keeps
 * one id per object right under concurrent openings: must not call back.
 */
typedef int (*node_register)(void *data, struct object *object);

/*
 * Counts one more opening of a node, by a caller that got `object` open for
 * it. All openings share one object: returns that with a reference, which is
 * the given one unless the node has one already that will do. Takes over the
 * caller's reference on `object`. All openings share one backing id as well.
 * NULL if too many objects are open: some descriptors must be left for
 * looking at others.
 */
struct object *node_opened(struct node_table *table, uint64_t id,
			   struct object *object, node_register enroll,
			   void *data, int *ret_backing);
/*
 * The end of an opening; gives back its reference. Returns the backing id
 * that ended with it, for the caller to close, or 0.
 */
int node_closed(struct node_table *table, uint64_t id, struct object *object);

/* How many there are, without the namespace itself. */
struct node_counts {
	size_t known;	 /* nodes */
	size_t open;	 /* with an object */
	size_t backings; /* with a backing id */
};
void node_count(struct node_table *table, struct node_counts *ret_counts);

/*
 * The name last seen, for people: unlike node_get() this says nothing about
 * what the node is wanted for. -ESTALE.
 */
int node_name(struct node_table *table, uint64_t id,
	      char ret_name[STORE_NAME_MAX + 1]);

/*
 * The object now has this name: it was renamed through the mount. For nodes
 * whose name is not kept.
 */
void node_renamed(struct node_table *table, uint64_t ino, const char *name);

#endif
