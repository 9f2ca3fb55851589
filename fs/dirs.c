// SPDX-License-Identifier: MIT
/*
 * Three hash tables over the same directories, one lock. The inode number of
 * a directory is a hash of its name when the kernel first hears of it, with
 * the highest bit set, which those of objects do not have: so it is the same
 * when the kernel has forgotten the directory in between.
 */
#include "dirs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define DIRECTORY_BIT ((uint64_t)1 << 63)
#define BUCKETS_MIN   64

enum { BY_ID, BY_INO, BY_NAME, TABLES };

struct dir {
	uint64_t keys[TABLES]; /* id, inode number, hash of the name */
	struct dir *next[TABLES];
	uint64_t lookups;
	bool removed; /* only BY_ID still finds it */
	char *name;
};

struct dirs {
	struct hash_key key;
	pthread_mutex_t lock; /* of all below */
	uint64_t next_id;
	struct dir **buckets[TABLES];
	size_t size; /* of each table, a power of two */
	size_t count;
};

static struct dir **bucket(const struct dirs *dirs, int table, uint64_t key)
{
	return &dirs->buckets[table][key & (dirs->size - 1)];
}

static void insert(struct dirs *dirs, struct dir *dir, int table)
{
	struct dir **slot = bucket(dirs, table, dir->keys[table]);

	dir->next[table] = *slot;
	*slot = dir;
}

static void extract(struct dirs *dirs, struct dir *dir, int table)
{
	struct dir **link = bucket(dirs, table, dir->keys[table]);

	while (*link && *link != dir)
		link = &(*link)->next[table];
	if (*link)
		*link = dir->next[table];
}

static struct dir *find(const struct dirs *dirs, int table, uint64_t key)
{
	struct dir *dir = *bucket(dirs, table, key);

	while (dir && dir->keys[table] != key)
		dir = dir->next[table];
	return dir;
}

static uint64_t hash_name(const struct dirs *dirs, const char *name)
{
	return hash_bytes(&dirs->key, name, strlen(name));
}

static struct dir *find_name(const struct dirs *dirs, const char *name)
{
	struct dir *dir = *bucket(dirs, BY_NAME, hash_name(dirs, name));

	while (dir && strcmp(dir->name, name) != 0)
		dir = dir->next[BY_NAME];
	return dir;
}

/* As dirs_ino(), for one that is not known. */
static uint64_t free_ino(const struct dirs *dirs, const char *name)
{
	uint64_t ino = hash_name(dirs, name) | DIRECTORY_BIT;

	while (find(dirs, BY_INO, ino))
		ino = (ino + 1) | DIRECTORY_BIT;
	return ino;
}

static bool allocate(struct dir **buckets[TABLES], size_t size)
{
	bool all = true;

	for (int i = 0; i < TABLES; i++) {
		buckets[i] = calloc(size, sizeof(struct dir *));
		all = all && buckets[i];
	}
	return all;
}

static void release(struct dir **buckets[TABLES])
{
	for (int i = 0; i < TABLES; i++)
		free(buckets[i]);
}

/* Without memory for it the old size stays: slower, not wrong. */
static void resize(struct dirs *dirs, size_t size)
{
	struct dir **old[TABLES], **fresh[TABLES];
	size_t old_size = dirs->size;

	if (!allocate(fresh, size)) {
		release(fresh);
		return;
	}
	memcpy(old, dirs->buckets, sizeof(old));
	memcpy(dirs->buckets, fresh, sizeof(fresh));
	dirs->size = size;
	for (size_t i = 0; i < old_size; i++) {
		struct dir *dir = old[BY_ID][i];

		while (dir) {
			struct dir *next = dir->next[BY_ID];

			for (int t = 0; t < (dir->removed ? 1 : TABLES); t++)
				insert(dirs, dir, t);
			dir = next;
		}
	}
	release(old);
}

int dirs_create(struct dirs **ret_dirs)
{
	struct dirs *dirs = calloc(1, sizeof(*dirs));

	if (!dirs)
		return -ENOMEM;
	if (!allocate(dirs->buckets, BUCKETS_MIN)) {
		release(dirs->buckets);
		free(dirs);
		return -ENOMEM;
	}
	dirs->size = BUCKETS_MIN;
	dirs->key = hash_new_key();
	dirs->next_id = DIRECTORY_BIT + 1;
	pthread_mutex_init(&dirs->lock, NULL);
	*ret_dirs = dirs;
	return 0;
}

static void free_dir(struct dir *dir)
{
	free(dir->name);
	free(dir);
}

void dirs_destroy(struct dirs *dirs)
{
	if (!dirs)
		return;
	for (size_t i = 0; i < dirs->size; i++) {
		while (dirs->buckets[BY_ID][i]) {
			struct dir *dir = dirs->buckets[BY_ID][i];

			dirs->buckets[BY_ID][i] = dir->next[BY_ID];
			free_dir(dir);
		}
	}
	release(dirs->buckets);
	pthread_mutex_destroy(&dirs->lock);
	free(dirs);
}

static struct dir *new_dir(struct dirs *dirs, const char *name)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return NULL;
	dir->name = strdup(name);
	if (!dir->name) {
		free(dir);
		return NULL;
	}
	dir->keys[BY_ID] = dirs->next_id++;
	dir->keys[BY_INO] = free_ino(dirs, name);
	dir->keys[BY_NAME] = hash_name(dirs, name);
	if (++dirs->count > dirs->size)
		resize(dirs, dirs->size * 4);
	for (int i = 0; i < TABLES; i++)
		insert(dirs, dir, i);
	return dir;
}

int dirs_lookup(struct dirs *dirs, const char *name, uint64_t *ret_id,
		uint64_t *ret_ino)
{
	struct dir *dir;

	pthread_mutex_lock(&dirs->lock);
	dir = find_name(dirs, name);
	if (!dir)
		dir = new_dir(dirs, name);
	if (dir) {
		dir->lookups++;
		*ret_id = dir->keys[BY_ID];
		*ret_ino = dir->keys[BY_INO];
	}
	pthread_mutex_unlock(&dirs->lock);
	return dir ? 0 : -ENOMEM;
}

/* Not to be found by name or inode number any more. */
static void detach(struct dirs *dirs, struct dir *dir)
{
	if (dir->removed)
		return;
	extract(dirs, dir, BY_INO);
	extract(dirs, dir, BY_NAME);
	dir->removed = true;
}

void dirs_forget(struct dirs *dirs, uint64_t id, uint64_t count)
{
	struct dir *dir;

	pthread_mutex_lock(&dirs->lock);
	dir = find(dirs, BY_ID, id);
	if (dir) {
		dir->lookups -= count < dir->lookups ? count : dir->lookups;
		if (!dir->lookups) {
			detach(dirs, dir);
			extract(dirs, dir, BY_ID);
			free_dir(dir);
			dirs->count--;
			if (dirs->size > BUCKETS_MIN &&
			    dirs->count < dirs->size / 8)
				resize(dirs, dirs->size / 4);
		}
	}
	pthread_mutex_unlock(&dirs->lock);
}

int dirs_get(struct dirs *dirs, uint64_t id, struct dir_ref *ret_ref)
{
	struct dir *dir;

	pthread_mutex_lock(&dirs->lock);
	dir = find(dirs, BY_ID, id);
	if (dir) {
		ret_ref->ino = dir->keys[BY_INO];
		ret_ref->removed = dir->removed;
		strcpy(ret_ref->name, dir->name);
	}
	pthread_mutex_unlock(&dirs->lock);
	return dir ? 0 : -ESTALE;
}

uint64_t dirs_ino(struct dirs *dirs, const char *name)
{
	const struct dir *dir;
	uint64_t ino;

	pthread_mutex_lock(&dirs->lock);
	dir = find_name(dirs, name);
	ino = dir ? dir->keys[BY_INO] : free_ino(dirs, name);
	pthread_mutex_unlock(&dirs->lock);
	return ino;
}

void dirs_removed(struct dirs *dirs, const char *name)
{
	struct dir *dir;

	pthread_mutex_lock(&dirs->lock);
	dir = find_name(dirs, name);
	if (dir)
		detach(dirs, dir);
	pthread_mutex_unlock(&dirs->lock);
}

/*
 * Gives a directory in `from` its name in `to`. Another one of that name is
 * gone; so is this one where its new name has no memory, or no room: then
 * nothing was in it.
 */
static void move(struct dirs *dirs, struct dir *dir, const char *from,
		 const char *to)
{
	const char *rest = dir->name + strlen(from);
	size_t len = strlen(to) + strlen(rest);
	char *name = len > STORE_NAME_MAX ? NULL : malloc(len + 1);
	struct dir *other;

	if (!name) {
		detach(dirs, dir);
		return;
	}
	strcpy(stpcpy(name, to), rest);
	other = find_name(dirs, name);
	if (other)
		detach(dirs, other);
	extract(dirs, dir, BY_NAME);
	free(dir->name);
	dir->name = name;
	dir->keys[BY_NAME] = hash_name(dirs, name);
	insert(dirs, dir, BY_NAME);
}

void dirs_renamed(struct dirs *dirs, const char *from, const char *to)
{
	size_t len = strlen(from);

	pthread_mutex_lock(&dirs->lock);
	for (size_t i = 0; i < dirs->size; i++) {
		struct dir *dir = dirs->buckets[BY_ID][i];

		for (; dir; dir = dir->next[BY_ID])
			if (!dir->removed && !strncmp(dir->name, from, len))
				move(dirs, dir, from, to);
	}
	pthread_mutex_unlock(&dirs->lock);
}
