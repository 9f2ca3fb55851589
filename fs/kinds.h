/* SPDX-License-Identifier: MIT */
/*
 * The kinds of shared memory as words on the command line.
 */
#ifndef SHMFS_KINDS_H
#define SHMFS_KINDS_H

#include "store.h"

/* The kind of this name; NULL: none is. */
const struct store_kind *kinds_find(const char *name);
/* Says so, and what is accepted instead. */
void kinds_complain(const char *name);
/* For --help: a line for each. */
void kinds_print(void);

#endif
