/* SPDX-License-Identifier: MIT */
/*
 * The native data path: FUSE passthrough. An object that is registered as
 * backing file is read, written and mapped by the kernel itself, without us
 * (Documentation/filesystems/fuse-passthrough.rst in the kernel).
 *
 * Whether it can be had is found out by trying, once: it takes CAP_SYS_ADMIN
 * in the initial user namespace and Linux 6.9, and the capability offered by
 * the kernel says nothing about the permission.
 */
#ifndef SHMFS_BACKING_H
#define SHMFS_BACKING_H

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>

#include "store.h"

enum backing_state { BACKING_UNTRIED, BACKING_NATIVE, BACKING_DIRECT };

struct backing {
	bool wanted;	  /* io=auto or io=native */
	bool offered;	  /* by the kernel, at FUSE_INIT */
	char reason[128]; /* why not, once tried (lock) */
	pthread_mutex_t lock;
	enum backing_state state; /* lock, until it is no more UNTRIED */
};

void backing_init(struct backing *backing, bool wanted);

/* True if this mount's data path is the native one; tries, the first time. */
bool backing_is_native(struct backing *backing, fuse_req_t req);

/*
 * Registers an object. Returns its backing id, > 0, for backing_close(); 0 if
 * this object has to be served directly. All openings of an object must use
 * the same id, or none.
 */
int backing_open(struct backing *backing, fuse_req_t req,
		 struct object *object);
void backing_close(fuse_req_t req, int id);

#endif
