/* SPDX-License-Identifier: MIT */
/*
 * What can keep a mount from working, found out before it is tried: each
 * cause has one line that says what to do about it.
 */
#ifndef SHMFS_PREFLIGHT_H
#define SHMFS_PREFLIGHT_H

#include "options.h"

/* 0, or -errno after a line that says what is in the way. */
int preflight(const struct options *options);

#endif
