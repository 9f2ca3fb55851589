/* SPDX-License-Identifier: MIT */
/*
 * auto_unmount: a process that waits for the daemon's end, and then unmounts
 * what is dead. libfuse has fusermount3(1) do that, of which older releases do
 * not know how for root, and do not do it for others, without an error.
 */
#ifndef SHMFS_WATCHER_H
#define SHMFS_WATCHER_H

/*
 * Starts it; before there are threads, other processes, and the mount. It
 * learns of the end by *ret_fd, which is never to be closed. 0 or -errno.
 */
int watcher_start(const char *mountpoint, int *ret_fd);

#endif
