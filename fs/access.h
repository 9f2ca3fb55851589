/* SPDX-License-Identifier: MIT */
/*
 * What the callers of a mount may do whose permissions the kernel does not
 * check. Only root gets into such a mount, and root may do anything, thanks to
 * capabilities(7): a process that gave them up, or a container that never had
 * them, may only do what uid 0 may as a user. They are asked for only where
 * they decide, since asking takes longer than most operations.
 *
 * All functions return 0 at once where the kernel checks (fs->kernel_checks).
 * Where the rights on objects are not those on files it does so only by an
 * owner that is shown instead (owner.h); else everybody gets in, and the kind
 * judges (permit in store.h).
 */
#ifndef SHMFS_ACCESS_H
#define SHMFS_ACCESS_H

#include "fs.h"

/*
 * Whether the caller may use the object's data: `want` is R_OK, W_OK, X_OK of
 * access(2), joined. -EACCES.
 */
int access_check(fuse_req_t req, struct object *object, int want);

/*
 * Whether the caller may set all of this but the size; where setting it would
 * clear a bit for want of a capability, the answer is no. -EPERM, -EACCES.
 */
int access_set(fuse_req_t req, struct object *object,
	       const struct store_attr *attr);

/*
 * Notes whether a caller whose rights the kind judges is root without its
 * capabilities.
 */
void access_note_bare(fuse_req_t req, struct store_caller *caller);

#endif
