/* SPDX-License-Identifier: MIT */
/*
 * Two hash tables over the same nodes, by their number and by their object's
 * inode number, of which several nodes may have the same. They grow and shrink
 * with the number of nodes. No locking: node.c's lock.
 */
#ifndef SHMFS_NODE_HASH_H
#define SHMFS_NODE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of a node. */
struct node_link {
	uint64_t id;
	uint64_t ino;
	struct node_link *id_next;
	struct node_link *ino_next;
};

struct node_hash {
	struct node_link **by_id;
	struct node_link **by_ino;
	size_t buckets; /* of each table, a power of two */
	size_t count;
	size_t popped; /* buckets that node_hash_pop() has emptied */
};

/* -ENOMEM. */
int node_hash_init(struct node_hash *hash);
/*
 * Takes a node out, any one, or returns NULL if none is left. After the first
 * call nothing may be inserted.
 */
struct node_link *node_hash_pop(struct node_hash *hash);
/* No node may be left. */
void node_hash_destroy(struct node_hash *hash);

void node_hash_insert(struct node_hash *hash, struct node_link *node);
/* Returns true if the tables shrank with it. */
bool node_hash_remove(struct node_hash *hash, struct node_link *node);

/* NULL if there is none. */
struct node_link *node_hash_find(const struct node_hash *hash, uint64_t id);
/* The first of the nodes of an inode number, and the one after it. */
struct node_link *node_hash_first(const struct node_hash *hash, uint64_t ino);
struct node_link *node_hash_next(const struct node_link *node);

#endif
