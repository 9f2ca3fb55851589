/* SPDX-License-Identifier: MIT */
/*
 * Telling a service manager that the mount answers, by the protocol of
 * sd_notify(3): one datagram to the socket that NOTIFY_SOCKET names.
 */
#ifndef SHMFS_NOTIFY_H
#define SHMFS_NOTIFY_H

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>

/*
 * Says READY=1 and which data path there is, if anybody has asked for it. What
 * cannot be sent is logged, and no failure. Waits for room in the socket for as
 * long as the session lasts.
 */
void notify_ready(struct fuse_session *session, const char *data_path);

#endif
