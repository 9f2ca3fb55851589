/* SPDX-License-Identifier: MIT */
/*
 * All handles the kernel holds, so that what they hold is given back when the
 * session ends without a RELEASE for each: the daemon is told to end, or the
 * mount is taken away, while files are open. They are counted by user, so that
 * none can take all that the daemon may have open.
 */
#ifndef SHMFS_HANDLES_H
#define SHMFS_HANDLES_H

#include <pthread.h>
#include <stdbool.h>

#include <sys/types.h>

struct fs;

#define HANDLES_BUCKETS 64

/* What one user holds; there is one as long as that is something. */
struct share {
	struct share *next; /* in its bucket */
	uid_t uid;
	unsigned long count;
};

/* First member of every handle. */
struct handle {
	struct handle *prev, *next; /* the list's lock */
	void (*end)(struct fs *fs, struct handle *handle);
	struct share *share; /* NULL: not counted */
};

struct handles {
	pthread_mutex_t lock;
	struct handle first;	 /* of a ring */
	unsigned long share_max; /* of one user; 0: nobody is counted */
	struct share *shares[HANDLES_BUCKETS];
};

/*
 * With shared, as others get in, each user can have half of the descriptors
 * there may be (RLIMIT_NOFILE, as it is now), root and we ourselves all.
 */
void handles_init(struct handles *handles, bool shared);
/* Adds the handle of this user's. -ENFILE: it would be too many; -ENOMEM. */
int handles_add(struct handles *handles, struct handle *handle, uid_t uid);
void handles_remove(struct handles *handles, struct handle *handle);

/* Ends all that are left. No operation may be running any more. */
void handles_end(struct handles *handles, struct fs *fs);

#endif
