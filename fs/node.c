// SPDX-License-Identifier: MIT
/*
 * The node table: one lock for all. The numbers come from a counter and are
 * never used twice, so that the kernel can not mistake a new object for an old
 * one, nor a caller guess an address.
 *
 * When the hash tables shrink, the memory goes back to the system: a listing
 * of a million objects must not cost a million nodes for ever.
 */
#include "node.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "node_hash.h"

struct node {
	struct node_link link; /* its number, and its object's */
	uint64_t lookups;
	struct object *object; /* with a reference while openings > 0 */
	unsigned openings;
	struct object *recent; /* with a reference, or NULL */
	unsigned recent_slot;  /* where it stands, if not NULL */
	int backing;	       /* the backing id while openings > 0, or 0 */
	unsigned opening;      /* between node_open_begin() and _end() */
	bool was_open;	       /* and nothing else was asked of it since */
	uint64_t kept;	       /* the epoch in which its name was kept, or 0 */
	char *name;
};

struct node_table {
	pthread_mutex_t lock; /* of all below and of all nodes */
	struct node_hash hash;
	uint64_t next_id;
	uint64_t *recent; /* ids of nodes with a recent object, a ring */
	size_t open_max;
	size_t open_count;    /* nodes with an object */
	size_t backing_count; /* nodes with a backing id */
	unsigned recent_max;
	unsigned recent_next;
	uint64_t epoch;	     /* of names that are delivered now */
	uint64_t epoch_over; /* those before this one have ended */
	uint64_t epoch_kept; /* in which a name was last kept, or 0 */
};

static struct node *node_of(struct node_link *link)
{
	return (struct node *)link; /* its first member */
}

static struct node *find_id(const struct node_table *table, uint64_t id)
{
	return node_of(node_hash_find(&table->hash, id));
}

static struct node *first_of(const struct node_table *table, uint64_t ino)
{
	return node_of(node_hash_first(&table->hash, ino));
}

static struct node *next_of(const struct node *node)
{
	return node_of(node_hash_next(&node->link));
}

/* Whether the kernel may have kept the node's name. */
static bool is_kept(const struct node_table *table, const struct node *node)
{
	return node->kept >= table->epoch_over;
}

/*
 * The node that an object found under this name has or may have: the open one
 * if there is one, and none whose kept name is another.
 */
static struct node *find_object(const struct node_table *table, uint64_t ino,
				const char *name)
{
	struct node *found = NULL;

	for (struct node *node = first_of(table, ino); node;
	     node = next_of(node)) {
		if (node->openings)
			return node;
		if (!is_kept(table, node) || !strcmp(node->name, name))
			found = node;
	}
	return found;
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
	bool shrank;

	if (node->lookups || node->openings)
		return false;
	shrank = node_hash_remove(&table->hash, &node->link);
	free_node(node);
	return shrank;
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
	node->link.id = id;
	node->link.ino = ino;
	node_hash_insert(&table->hash, &node->link);
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
	table->epoch = table->epoch_over = 1;
	table->recent = calloc(recent, sizeof(uint64_t));
	table->recent_max = recent;
	table->open_max = open_max;
	if (node_hash_init(&table->hash) == 0 && table->recent)
		/* no object has inode number 0 */
		node = new_node(table, root_id, 0, "");
	if (!node) {
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
	struct node_link *node;

	while ((node = node_hash_pop(&table->hash)))
		free_node(node_of(node));
	node_hash_destroy(&table->hash);
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

/* Notes that a name is about to be kept, if it may be. */
static bool keep(struct node_table *table, struct node *node, const char *name)
{
	if (node->openings || node->opening || node->was_open ||
	    strcmp(node->name, name) != 0) /* no memory for the new one */
		return false;
	node->kept = table->epoch_kept = table->epoch;
	return true;
}

int node_lookup(struct node_table *table, const char *name, uint64_t ino,
		bool *ret_kept, uint64_t *ret_id)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_object(table, ino, name);
	if (node)
		set_name(node, name);
	else
		node = new_node(table, table->next_id++, ino, name);
	if (node) {
		node->lookups++;
		*ret_id = node->link.id;
		if (ret_kept)
			*ret_kept = keep(table, node, name);
	}
	pthread_mutex_unlock(&table->lock);
	return node ? 0 : -ENOMEM;
}

uint64_t node_epoch_ending(struct node_table *table)
{
	uint64_t epoch;

	pthread_mutex_lock(&table->lock);
	epoch = ++table->epoch;
	pthread_mutex_unlock(&table->lock);
	return epoch;
}

void node_epoch_ended(struct node_table *table, uint64_t epoch)
{
	pthread_mutex_lock(&table->lock);
	if (table->epoch_over < epoch)
		table->epoch_over = epoch;
	pthread_mutex_unlock(&table->lock);
}

bool node_any_kept(struct node_table *table)
{
	bool kept;

	pthread_mutex_lock(&table->lock);
	kept = table->epoch_kept >= table->epoch_over;
	pthread_mutex_unlock(&table->lock);
	return kept;
}

int node_open_begin(struct node_table *table, uint64_t id)
{
	struct node *node;
	int kept = -ESTALE;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node) {
		node->opening++;
		kept = is_kept(table, node);
	}
	pthread_mutex_unlock(&table->lock);
	return kept;
}

void node_open_end(struct node_table *table, uint64_t id)
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node)
		node->opening--;
	pthread_mutex_unlock(&table->lock);
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
		if (!node->openings)
			node->was_open = false; /* wanted for its attributes */
		ret_ref->ino = node->link.ino;
		ret_ref->object = node->object;
		ret_ref->recent = is_kept(table, node) ? NULL : node->recent;
		if (ret_ref->object)
			object_get(ret_ref->object);
		if (ret_ref->recent)
			object_get(ret_ref->recent);
		strcpy(ret_ref->name, node->name);
	}
	pthread_mutex_unlock(&table->lock);
	return node ? 0 : -ESTALE;
}

void node_count(struct node_table *table, struct node_counts *ret_counts)
{
	pthread_mutex_lock(&table->lock);
	ret_counts->known = table->hash.count - 1; /* the root is always one */
	ret_counts->open = table->open_count;
	ret_counts->backings = table->backing_count;
	pthread_mutex_unlock(&table->lock);
}

int node_name(struct node_table *table, uint64_t id,
	      char ret_name[STORE_NAME_MAX + 1])
{
	struct node *node;

	pthread_mutex_lock(&table->lock);
	node = find_id(table, id);
	if (node)
		strcpy(ret_name, node->name);
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
	node->was_open = true;
	if (node->openings++ == 0) {
		node->backing = enroll ? enroll(data, object) : 0;
		table->backing_count += node->backing != 0;
	}
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
		table->backing_count -= backing != 0;
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
	for (node = first_of(table, ino); node; node = next_of(node))
		if (!is_kept(table, node))
			set_name(node, name);
	pthread_mutex_unlock(&table->lock);
}
