/* SPDX-License-Identifier: MIT */
/*
 * Acting as the caller: names are made and removed with the rights and in
 * the name of whoever asked, decided by the kernel in the same instant, so
 * that no check can be overtaken by a change of the namespace.
 */
#ifndef SHMFS_CALLER_H
#define SHMFS_CALLER_H

#include "store.h"

struct caller_saved {
	uid_t uid;
	gid_t gid;
	bool changed;
	bool bare;
	int group_count; /* of saved groups, or -1: unchanged */
	gid_t groups[64];
	bool gid_kept; /* see caller_enter() */
};

/*
 * Gives this thread the caller's fsuid and fsgid until caller_leave()
 * (setfsuid(2): other threads keep theirs; a uid other than 0 also gives up
 * the capabilities that override file permissions). Nothing to do where the
 * thread has these ids already. -EPERM if the process may not; but where only
 * the gid is out of reach (an ordinary user under newgrp(1)) it keeps its own
 * and says so in gid_kept.
 */
int caller_enter(const struct store_caller *caller,
		 struct caller_saved *ret_saved);
/* errno stays what it was. */
void caller_leave(const struct caller_saved *saved);

/*
 * The same with the thread's effective ids, which System V IPC judges by and
 * gives to what it makes (ipcperms() in the kernel's ipc/util.c). The real and
 * the saved ids stay, so that nobody gains a right to signal us (kill(2)). A
 * process that is not root can only be itself: -EPERM. Root without its
 * capabilities has none meanwhile.
 */
int caller_enter_ipc(const struct store_caller *caller,
		     struct caller_saved *ret_saved);
void caller_leave_ipc(const struct caller_saved *saved);

#endif
