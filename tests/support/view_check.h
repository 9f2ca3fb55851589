/* SPDX-License-Identifier: MIT */
/*
 * What a view promises about any set of names, checked against names that
 * need not exist anywhere: each object in view is listed exactly once, what is
 * not in view nowhere, and each listed path leads to the object that it is
 * listed for.
 */
#ifndef SHMFS_TESTS_VIEW_CHECK_H
#define SHMFS_TESTS_VIEW_CHECK_H

#include <stddef.h>

#include "tree.h"
#include "view.h"

/* A kind of store that can list these names and nothing else. */
struct store {
	const char *const *names;
	size_t count;
};
extern const struct store_kind view_check_kind;

/* NULL, or what is wrong. The names differ, and the view allows none twice. */
const char *view_check(const struct view *view, const char *const *names,
		       size_t count);

/*
 * The same for a text of lines: prefix, separator, include and exclude glob
 * (each may be empty), then names. What is no option or no name is passed
 * over.
 */
const char *view_check_text(const char *text, size_t len);

#endif
