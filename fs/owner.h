/* SPDX-License-Identifier: MIT */
/*
 * Ownership as the mount shows it, where uid=, gid= or umask= say so.
 *
 * On such a mount the kernel checks permissions by what is shown, and what it
 * let through is done with the daemon's own rights: what is shown may have
 * nothing to do with the object's own owner and mode. It stays what it is:
 * nobody can change what is shown, nor use this to give an object a mode that
 * lends rights out (S_ISUID, S_ISGID), nor change the namespace directory.
 */
#ifndef SHMFS_OWNER_H
#define SHMFS_OWNER_H

#include <stdbool.h>

#include "store.h"

struct owner {
	bool has_uid, has_gid, has_umask;
	uid_t uid;
	gid_t gid;
	mode_t umask;
};

static inline bool owner_is_shown(const struct owner *owner)
{
	return owner->has_uid || owner->has_gid || owner->has_umask;
}

/* Makes an object's attributes, or the root's, those that are shown. */
void owner_show(const struct owner *owner, struct stat *st);

/*
 * Takes out of a change what is shown like that already. -EPERM if the rest
 * may not be changed; `st` is the object's own.
 */
int owner_filter(const struct owner *owner, const struct stat *st,
		 struct store_attr *attr);

/*
 * Gives an object just made to who asked for it, if the daemon can; else it
 * stays the daemon's own.
 */
int owner_give(struct object *object, uid_t uid, gid_t gid);

#endif
