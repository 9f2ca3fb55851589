/* SPDX-License-Identifier: MIT */
/*
 * The threads that serve requests read from /dev/fuse.
 */
#ifndef SHMFS_LOOP_H
#define SHMFS_LOOP_H

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>

struct loop_config {
	unsigned max_threads; /* at least 1 */
	unsigned spin;	      /* microseconds; 0: never */
};

/*
 * Serves until the session ends: unmounted, or fuse_session_exit() called by
 * a signal handler on this thread. Returns 0 or -errno.
 *
 * Most of what a small request costs is waking the thread that serves it. So
 * one thread, and one only, that has just served a request looks for the next
 * one for `spin` microseconds before it sleeps. A mount that is not used
 * costs nothing: nobody looks again until a request has come.
 *
 * Each request also wakes a thread that waits for one in the kernel, to no
 * avail if another is looking. So when requests come one by one, as from one
 * caller, one thread receives and serves them alone, until more wait than it
 * can serve, or it is held up by one for a millisecond, or none has come for
 * two.
 */
int loop_run(struct fuse_session *session, const struct loop_config *config);

#endif
