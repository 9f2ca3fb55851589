/* SPDX-License-Identifier: MIT */
/*
 * Replies that are not an operation's own. All errors go through here, where
 * they are counted.
 */
#ifndef SHMFS_REPLY_H
#define SHMFS_REPLY_H

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>
#include <sys/types.h>

/* The end of every operation without a result: error is 0 or -errno. */
void reply_status(fuse_req_t req, int error);

/* That of one that gives n bytes of data, or n is -errno. */
void reply_data(fuse_req_t req, ssize_t n, const char *data);

/* That of one that took n bytes, or n is -errno. */
void reply_count(fuse_req_t req, ssize_t n);

#endif
