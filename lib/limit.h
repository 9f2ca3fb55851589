/* SPDX-License-Identifier: MIT */
/*
 * The store's operations that make objects or give them another size, within
 * the limits of a view (budget.h). Where they would pass one they fail with
 * -ENOSPC and change nothing; else they are what the store's are. With
 * `budget` NULL there are no limits. All may be called from any thread.
 */
#ifndef SHMFS_LIMIT_H
#define SHMFS_LIMIT_H

#include "budget.h"
#include "store.h"

int limit_create_object(struct budget *budget, const struct store_kind *kind,
			struct store *store, const char *name, mode_t mode,
			const struct store_caller *caller,
			struct object **ret_object);
int limit_set_attr(struct budget *budget, struct object *object,
		   const struct store_attr *attr);
ssize_t limit_write(struct budget *budget, struct object *object,
		    const void *buf, size_t len, off_t off, unsigned flags);
int limit_allocate(struct budget *budget, struct object *object, int mode,
		   off_t off, off_t len);
ssize_t limit_copy(struct budget *budget, struct object *from, off_t from_off,
		   struct object *to, off_t to_off, size_t len);

/* Puts the limits, and what is left, into the namespace's own numbers. */
int limit_statfs(struct budget *budget, struct statvfs *fs);

#endif
