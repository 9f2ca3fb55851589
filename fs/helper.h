/* SPDX-License-Identifier: MIT */
/*
 * The program as mount(8)'s helper: called as mount.shmfs or mount.fuse.shmfs,
 * with arguments as in mount(8), EXTERNAL HELPERS.
 */
#ifndef SHMFS_HELPER_H
#define SHMFS_HELPER_H

#include <stdbool.h>

struct helper {
	bool called; /* as one; else the rest is false */
	bool fake;   /* -f: check, but do not mount */
	bool sloppy; /* -s: options that are not known are no error */
};

/* Whether a program of this name, or path, is the helper. */
bool helper_is(const char *program);

/*
 * For getopt(3), from now on: the helper's letters, and those that both have,
 * wherever they stand. To be called while there is one thread.
 */
const char *helper_letters(void);

/*
 * A letter that getopt(3) has found. 0 if it was the helper's, 1 if not, or
 * -errno after one line.
 */
int helper_set_letter(struct helper *helper, int letter, const char *value);

/* What mount(8) expects to be told for the exit status of shmfs. */
int helper_status(int status);

#endif
