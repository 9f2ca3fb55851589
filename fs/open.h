/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing what operations work on.
 */
#ifndef SHMFS_OPEN_H
#define SHMFS_OPEN_H

#include "fs.h"
#include "options.h"

/*
 * Fills all of fs but the session and what is to be called when it is ready.
 * 0, or -errno after one line that says what is wrong.
 */
int fs_open(const struct options *options, struct fs *fs);
/* No operation may be running any more. */
void fs_close(struct fs *fs);

#endif
