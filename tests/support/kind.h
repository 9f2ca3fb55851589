/* SPDX-License-Identifier: MIT */
/*
 * For tests that are the same for every kind of shared memory: objects of the
 * kind under test ($SHMFS_KIND, posix if not set), known by the names of
 * fixture.h and reached without the mount. A System V segment's key is made
 * from the name.
 */
#ifndef SHMFS_TESTS_KIND_H
#define SHMFS_TESTS_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "fixture.h"

/* True if it is `kind`. */
bool kind_is(const char *kind);

/* The file name in the mount of fixture_path(). Static buffers, as there. */
const char *kind_file(const struct fixture *f, const char *name);

/* Makes an object that was not there, of this size > 0: 0 or -errno. */
int kind_make(const struct fixture *f, const char *name, size_t size);
int kind_remove(const struct fixture *f, const char *name);

/* The object's bytes, mapped as long as the test lives, or NULL. */
char *kind_map(const struct fixture *f, const char *name, size_t size);

#endif
