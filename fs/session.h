/* SPDX-License-Identifier: MIT */
/*
 * A mount's life: checks, mounting, serving, unmounting.
 */
#ifndef SHMFS_SESSION_H
#define SHMFS_SESSION_H

#include "options.h"

/*
 * Mounts and serves until it is unmounted or told to end (SIGTERM, SIGINT,
 * SIGHUP). Without options->foreground it returns in the parent as soon as
 * the mount answers, the daemon going on in a process of its own. Returns
 * what the process is to exit with; what went wrong has been said.
 */
int session_run(const struct options *options);

#endif
