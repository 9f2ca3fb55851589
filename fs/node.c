// SPDX-License-Identifier: MIT
/*
 * The node table: two hash tables over the same nodes, one lock. The numbers
 * come from a counter and are never used twice, so that the kernel can not
 * mistake a new object for an old one, nor a caller guess an address.
 *
 * The tables grow and shrink with the number of nodes; after shrinking, the
 * memory goes back to the system: a listing of a million objects must not
 * cost a million nodes for ever.
 */
#include "node.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 1024

struct node {
	uint64_t id;
	uint64_t ino;
	uint64_t lookups;
	struct node *id_next;
	struct node *ino_next;
	struct object *object; /* with a reference while openings > 0 */
	unsigned openings;
	struct object *recent; /* with a reference, or NULL */
	unsigned recent_slot;  /* where it stands, if not NULL */
	int backing;	       /* the backing id while openings > 0, or 0 */
	char *name;
};

struct node_table {
	pthread_mutex_t lock; /* of all below and of all nodes */
	struct node **by_id;
	struct node **by_ino;
	size_t buckets; /* of each table, a power of two */
	size_t count;
	uint64_t next_id;
	uint64_t *recent; /* ids of nodes with a recent object, a ring */
	size_t open_max;
	size_t open_count; /* nodes with an object */
	unsigned recent_max;
	unsigned recent_next;
};

/* Counters both: the low bits are as good as any hash. */
static size_t bucket(const struct node_table *table, uint64_t number)
{
	return number & (table->buckets - 1);
}

static struct node *find_id(const struct node_table *table, uint64_t id)
{
	struct node *node = table->by_id[bucket(table, id)];

	while (node && node->id != id)
		node = node->id_next;
	return node;
}

static struct node *find_ino(const struct node_table *table, uint64_t ino)
{
	struct node *node = table->by_ino[bucket(table, ino)];

	while (node && node->ino != ino)
		node = node->ino_next;
	return node;
}

static void insert(struct node_table *table, struct node *node)
{
	struct node **id_slot = &table->by_id[bucket(table, node->id)];
	struct node **ino_slot = &table->by_ino[bucket(table, node->ino)];

	node->id_next = *id_slot;
	*id_slot = node;
	node->ino_next = *ino_slot;
	*ino_slot = node;
}

static void extract(struct node_table *table, struct node *node)
{
	struct node **link = &table->by_id[bucket(table, node->id)];

	while (*link != node)
		link = &(*link)->id_next;
	*link = node->id_next;

	link = &table->by_ino[bucket(table, node->ino)];
	while (*link != node)
		link = &(*link)->ino_next;
	*link = node->ino_next;
}

/*
 * Gives the tables another size. Without memory for it the old size stays:
 * slower, not wrong.
 */
static void resize(struct node_table *table, size_t buckets)
{
	struct node **by_id = calloc(buckets, sizeof(struct node *));
	struct node **by_ino = calloc(buckets, sizeof(struct node *));
	struct node **old = table->by_id;
	size_t old_buckets = table->buckets;

	if (!by_id || !by_ino) {
		free(by_id);
		free(by_ino);
		return;
	}
	free(table->by_ino);
	table->by_id = by_id;
	table->by_ino = by_ino;
	table->buckets = buckets;
	for (size_t i = 0; i < old_buckets; i++) {
		struct node *node = old[i];

		while (node) {
			struct node *next = node->id_next;

			insert(table, node);
			node = next;
		}
	}
	free(old);
}

static void free_node(struct node *node)
{
	object_put(node->object);
	object_put(node->recent);
	free(node->name);
	free(node);
}

/*
 * Frees a node that nobody counts on any more. Returns true if the tables
 * shrank with it.
 */
static bool drop_if_unused(struct node_table *table, struct node *node)
{
	if (node->lookups || node->openings)
		return false;
	extract(table, node);
	free_node(node);
	table->count--;
	if (table->buckets <= BUCKETS_MIN || table->count > table->buckets / 8)
		return false;
	resize(table, table->buckets / 4);
	return true;
}

static struct node *new_node(struct node_table *table, uint64_t id,
			     uint64_t ino, const char *name)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	node->id = id;
	node->ino = ino;
	if (++table->count > table->buckets)
		resize(table, table->buckets * 4);
	insert(table, node);
	return node;
}

int node_table_create(uint64_t root_id, struct object *root, unsigned recent,
		      size_t open_max, struct node_table **ret_table)
{
	struct node_table *table = calloc(1, sizeof(*table));
	struct node *node = NULL;

	if (!table)
		return -ENOMEM;
	pthread_mutex_init(&table->lock, NULL);
	table->next_id = root_id + 1;
	table->buckets = BUCKETS_MIN;
	table->by_id = calloc(BUCKETS_MIN, sizeof(struct node *));
	table->by_ino = calloc(BUCKETS_MIN, sizeof(struct node *));
	table->recent = calloc(recent, sizeof(uint64_t));
	table->recent_max = recent;
	table->open_max = open_max;
	if (table->by_id && table->by_ino && table->recent)
		/* no object has inode number 0 */
		node = new_node(table, root_id, 0, "");
	if (!node) {
		table->buckets = 0;
		node_table_destroy(table);
		return -ENOMEM;
	}
	node->lookups = 1;
	node->openings = 1;
	node->object = object_get(root);
	*ret_table = table;
	return 0;
}

void node_table_destroy(struct node_table *table)
{
	for (size_t i = 0; i < table->buckets; i++) {
		while (table->by_id[i]) {
			struct node *node = table->by_id[i];

			table->by_id[i] = node->id_next;
			free_node(node);
		}
	}
	free(table->by_id);
	free(table->by_ino);
	free(table->recent);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

/* Keeps the old name if there is no memory for the new one: it is a hint. */
static void set_name(struct node *node, const char *name)
{
	char *copy;

	if (!strcmp(node->name, name))
		return;
	copy = strdup(name);
	if (copy) {
		free(node->name);
		node->name = copy;
	}
}

int node_lookup(struct node_table *table, const char *name, uint64_t ino,
		uint64_t *ret_id)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_ino(table, ino);
	if (node)
		set_name(node, name);
	else
		node = new_node(table, table->next_id++, ino, name);
	if (node) {
		node->lookups++;
		*ret_id = node->id;
	}
	pthread_mutex_unlock(&table->lock);
	return node ? 0 : -ENOMEM;
}

void node_forget(struct node_table *table, uint64_t id, uint64_t count)
{
	bool shrank = false;
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node) {
		node->lookups -= count < node->lookups ? count : node->lookups;
		shrank = drop_if_unused(table, node);
	}
	pthread_mutex_unlock(&table->lock);
	if (shrank)
		(void)malloc_trim(0); /* tells whether it found anything */
}

/* Empties a slot of the ring; returns the object it held, or NULL. */
static struct object *take_recent(struct node_table *table, unsigned slot)
{
	struct node *node = find_id(table, table->recent[slot]);
	struct object *object = NULL;

	if (node && node->recent && node->recent_slot == slot) {
		object = node->recent;
		node->recent = NULL;
	}
	table->recent[slot] = 0;
	return object;
}

void node_remember(struct node_table *table, uint64_t id, struct object *object)
{
	struct object *oldest = NULL;
	struct object *unwanted = NULL;
	struct node *node;
	unsigned slot;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node) {
		slot = table->recent_next++ % table->recent_max;
		unwanted = node->recent; /* the same object, looked up before */
		node->recent = NULL;
		oldest = take_recent(table, slot);
		table->recent[slot] = id;
		node->recent = object;
		node->recent_slot = slot;
	} else {
		unwanted = object;
	}
	pthread_mutex_unlock(&table->lock);
	object_put(oldest);
	object_put(unwanted);
}

void node_forget_recent(struct node_table *table)
{
	for (unsigned slot = 0; slot < table->recent_max; slot++) {
		struct object *object;

		pthread_mutex_lock(&table->lock);
		object = take_recent(table, slot);
		pthread_mutex_unlock(&table->lock);
		object_put(object);
	}
}

int node_get(struct node_table *table, uint64_t id, struct node_ref *ret_ref)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node) {
		ret_ref->ino = node->ino;
		ret_ref->object = node->object;
		ret_ref->recent = node->recent;
		if (node->object)
			object_get(node->object);
		if (node->recent)
			object_get(node->recent);
		strcpy(ret_ref->name, node->name);
	}
	pthread_mutex_unlock(&table->lock);
	return node ? 0 : -ESTALE;
}

void node_unref(struct node_ref *ref)
{
	object_put(ref->object);
	object_put(ref->recent);
}

struct object *node_opened(struct node_table *table, uint64_t id,
			   struct object *object, node_register enroll,
			   void *data, int *ret_backing)
{
	struct object *unwanted = NULL;
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	assert(node); /* the kernel holds a lookup count while it opens */
	if (!node->object && table->open_count >= table->open_max) {
		pthread_mutex_unlock(&table->lock);
		object_put(object);
		return NULL;
	}
	if (!node->object)
		table->open_count++;
	if (node->object && (node->object->writable || !object->writable)) {
		unwanted = object;
		object = object_get(node->object);
	} else {
		unwanted = node->object;
		node->object = object_get(object);
	}
	if (node->openings++ == 0)
		node->backing = enroll ? enroll(data, object) : 0;
	*ret_backing = node->backing;
	pthread_mutex_unlock(&table->lock);
	object_put(unwanted);
	return object;
}

int node_closed(struct node_table *table, uint64_t id, struct object *object)
{
	struct object *last = NULL;
	struct node *node;
	int backing = 0;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node && --node->openings == 0) {
		last = node->object;
		backing = node->backing;
		node->object = NULL;
		node->backing = 0;
		table->open_count--;
		(void)drop_if_unused(table, node);
	}
	pthread_mutex_unlock(&table->lock);
	object_put(last);
	object_put(object);
	return backing;
}

void node_renamed(struct node_table *table, uint64_t ino, const char *name)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_ino(table, ino);
	if (node)
		set_name(node, name);
	pthread_mutex_unlock(&table->lock);
}
