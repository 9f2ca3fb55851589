/* SPDX-License-Identifier: MIT */
/*
 * All handles the kernel holds, so that what they hold is given back when the
 * session ends without a RELEASE for each: the daemon is told to end, or the
 * mount is taken away, while files are open.
 */
#ifndef SHMFS_HANDLES_H
#define SHMFS_HANDLES_H

#include <pthread.h>

struct fs;

/* First member of every handle. */
struct handle {
	struct handle *prev, *next; /* the list's lock */
	void (*end)(struct fs *fs, struct handle *handle);
};

struct handles {
	pthread_mutex_t lock;
	struct handle first; /* of a ring */
};

void handles_init(struct handles *handles);
void handles_add(struct handles *handles, struct handle *handle);
void handles_remove(struct handles *handles, struct handle *handle);

/* Ends all that are left. No operation may be running any more. */
void handles_end(struct handles *handles, struct fs *fs);

#endif
