/* SPDX-License-Identifier: MIT */
/*
 * The directories that the kernel knows, in a view with a separator: numbers
 * of their own, told apart from those of objects by the highest bit, found by
 * number and by name (view.h: what a directory is written as).
 *
 * A directory is the same as long as the kernel knows it: it keeps its inode
 * number when it is renamed. One that was removed keeps its number for those
 * who still hold it and is never found by name again.
 *
 * All functions may be called from any thread.
 */
#ifndef SHMFS_DIRS_H
#define SHMFS_DIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

struct dirs;

struct dir_ref {
	uint64_t ino;
	bool removed;
	char name[STORE_NAME_MAX + 1]; /* the last one, if removed */
};

/* True for a number that came from here. */
static inline bool dirs_is_id(uint64_t id)
{
	return id >> 63;
}

/* -ENOMEM. */
int dirs_create(struct dirs **ret_dirs);
/* Drops all, whatever their counts. NULL is allowed. */
void dirs_destroy(struct dirs *dirs);

/* As node_lookup() and node_forget(). */
int dirs_lookup(struct dirs *dirs, const char *name, uint64_t *ret_id,
		uint64_t *ret_ino);
void dirs_forget(struct dirs *dirs, uint64_t id, uint64_t count);

/* -ESTALE for a number that is not known. */
int dirs_get(struct dirs *dirs, uint64_t id, struct dir_ref *ret_ref);
/* The inode number of a directory, known or not: no other one has it. */
uint64_t dirs_ino(struct dirs *dirs, const char *name);

/* It was removed through the mount. */
void dirs_removed(struct dirs *dirs, const char *name);
/* It was renamed through the mount, and all that are in it with it. */
void dirs_renamed(struct dirs *dirs, const char *from, const char *to);

#endif
