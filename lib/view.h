/* SPDX-License-Identifier: MIT */
/*
 * Which of a namespace's objects are in view. A name outside the view cannot
 * be seen, made or removed through it.
 */
#ifndef SHMFS_VIEW_H
#define SHMFS_VIEW_H

#include <stdbool.h>

struct view {
	bool semaphores; /* also glibc's named semaphores: sem_overview(7) */
};

bool view_contains(const struct view *view, const char *name);

#endif
