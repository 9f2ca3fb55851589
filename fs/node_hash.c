// SPDX-License-Identifier: MIT
/*
 * Chained hash tables whose sizes are powers of two.
 */
#include "node_hash.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 1024

/* Counters both: the low bits are as good as any hash. */
static size_t bucket(const struct node_hash *hash, uint64_t number)
{
	return number & (hash->buckets - 1);
}

int node_hash_init(struct node_hash *hash)
{
	*hash = (struct node_hash){
		.by_id = calloc(BUCKETS_MIN, sizeof(struct node_link *)),
		.by_ino = calloc(BUCKETS_MIN, sizeof(struct node_link *)),
		.buckets = BUCKETS_MIN,
	};
	if (hash->by_id && hash->by_ino)
		return 0;
	node_hash_destroy(hash);
	return -ENOMEM;
}

void node_hash_destroy(struct node_hash *hash)
{
	free(hash->by_id);
	free(hash->by_ino);
	*hash = (struct node_hash){ 0 };
}

static void link_in(struct node_hash *hash, struct node_link *node)
{
	struct node_link **id_slot = &hash->by_id[bucket(hash, node->id)];
	struct node_link **ino_slot = &hash->by_ino[bucket(hash, node->ino)];

	node->id_next = *id_slot;
	*id_slot = node;
	node->ino_next = *ino_slot;
	*ino_slot = node;
}

static void link_out(struct node_hash *hash, struct node_link *node)
{
	struct node_link **link = &hash->by_id[bucket(hash, node->id)];

	while (*link != node)
		link = &(*link)->id_next;
	*link = node->id_next;

	link = &hash->by_ino[bucket(hash, node->ino)];
	while (*link != node)
		link = &(*link)->ino_next;
	*link = node->ino_next;
}

/*
 * Gives the tables another size. Without memory for it the old size stays:
 * slower, not wrong.
 */
static void resize(struct node_hash *hash, size_t buckets)
{
	struct node_link **by_id = calloc(buckets, sizeof(struct node_link *));
	struct node_link **by_ino = calloc(buckets, sizeof(struct node_link *));
	struct node_link **old = hash->by_id;
	size_t old_buckets = hash->buckets;

	if (!by_id || !by_ino) {
		free(by_id);
		free(by_ino);
		return;
	}
	free(hash->by_ino);
	hash->by_id = by_id;
	hash->by_ino = by_ino;
	hash->buckets = buckets;
	for (size_t i = 0; i < old_buckets; i++) {
		struct node_link *node = old[i];

		while (node) {
			struct node_link *next = node->id_next;

			link_in(hash, node);
			node = next;
		}
	}
	free(old);
}

void node_hash_insert(struct node_hash *hash, struct node_link *node)
{
	if (++hash->count > hash->buckets)
		resize(hash, hash->buckets * 4);
	link_in(hash, node);
}

bool node_hash_remove(struct node_hash *hash, struct node_link *node)
{
	link_out(hash, node);
	hash->count--;
	if (hash->buckets <= BUCKETS_MIN || hash->count > hash->buckets / 8)
		return false;
	resize(hash, hash->buckets / 4);
	return true;
}

struct node_link *node_hash_pop(struct node_hash *hash)
{
	for (; hash->popped < hash->buckets; hash->popped++) {
		struct node_link *node = hash->by_id[hash->popped];

		if (!node)
			continue;
		link_out(hash, node);
		hash->count--;
		return node;
	}
	return NULL;
}

struct node_link *node_hash_find(const struct node_hash *hash, uint64_t id)
{
	struct node_link *node = hash->by_id[bucket(hash, id)];

	while (node && node->id != id)
		node = node->id_next;
	return node;
}

struct node_link *node_hash_first(const struct node_hash *hash, uint64_t ino)
{
	struct node_link *node = hash->by_ino[bucket(hash, ino)];

	while (node && node->ino != ino)
		node = node->ino_next;
	return node;
}

struct node_link *node_hash_next(const struct node_link *node)
{
	uint64_t ino = node->ino;

	do {
		node = node->ino_next;
	} while (node && node->ino != ino);
	return (struct node_link *)(uintptr_t)node;
}
