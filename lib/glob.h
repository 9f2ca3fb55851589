/* SPDX-License-Identifier: MIT */
/*
 * Whether a pattern says what its author means. fnmatch(3) takes a pattern
 * that is broken for one that matches next to nothing.
 */
#ifndef SHMFS_GLOB_H
#define SHMFS_GLOB_H

#include <stdbool.h>

/*
 * False for an empty pattern, a '[' that is not closed, an unknown class
 * such as [:digits:], and a backslash at the end.
 */
bool glob_is_sound(const char *glob);

#endif
