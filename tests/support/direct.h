/* SPDX-License-Identifier: MIT */
/*
 * Objects made, looked at and removed as other programs do it, by name, and
 * paths in a mount beside them. For tests with a namespace of their own: no
 * prefix is added. Assert (cmocka) where they do not say otherwise.
 */
#ifndef SHMFS_TESTS_DIRECT_H
#define SHMFS_TESTS_DIRECT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "fixture.h"

/* dir/path in a static buffer, per thread, four uses. */
const char *path_in(const struct fixture *f, const char *path);

/* Makes an object of `size` bytes with shm_open(3). */
void direct_make(const char *name, off_t size);
void direct_remove(const char *name);
/* The object's inode number, or 0 if there is none. */
ino_t direct_ino(const char *name);
struct stat direct_stat(const char *name);

/* How many objects there are, and how many entries, each without dots. */
int direct_count(void);
int count_entries(const char *dir);
/* How often an entry is listed, and with what type (DT_*) in the end. */
int times_listed(const char *dir, const char *name, int *ret_type);

/* Requires that a call failed with this error. */
#define assert_fails(call, error)                 \
	do {                                      \
		assert_int_equal((call), -1);     \
		assert_int_equal(errno, (error)); \
	} while (0)

/* Removes all objects. */
void direct_clear(void);

#endif
