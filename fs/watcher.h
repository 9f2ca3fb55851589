/* SPDX-License-Identifier: MIT */
/*
 * auto_unmount: a process that waits for the daemon's end, and then unmounts
 * what is dead. libfuse has fusermount3(1) do that. Older releases of it do not
 * know the option that libfuse gives them for root, and end without having
 * unmounted for others; nobody is told of either.
 */
#ifndef SHMFS_WATCHER_H
#define SHMFS_WATCHER_H

/*
 * Starts it; before there are threads, other processes, and the mount. It
 * learns of the end by *ret_fd, which is never to be closed. 0 or -errno.
 */
int watcher_start(const char *mountpoint, int *ret_fd);

#endif
