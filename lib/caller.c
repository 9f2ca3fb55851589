// SPDX-License-Identifier: MIT
/*
 * fsuid and fsgid of the calling thread. setfsuid(2) reports no errors, only
 * the id that was in force before: asking with an id that cannot be (-1)
 * tells whether the change took place.
 */
#include "caller.h"

#include <errno.h>
#include <sys/fsuid.h>
#include <unistd.h>

#define NOBODY_AT_ALL ((id_t)-1)

void caller_leave(const struct caller_saved *saved)
{
	int error = errno;

	if (saved->changed) {
		/* Back to ids the process holds: cannot fail. uid first, it
		 * brings back the capability that the gid needs. */
		(void)setfsuid(saved->uid);
		(void)setfsgid(saved->gid);
	}
	errno = error;
}

int caller_enter(const struct store_caller *caller,
		 struct caller_saved *ret_saved)
{
	struct caller_saved saved = {
		.uid = geteuid(),
		.gid = getegid(),
	};

	saved.changed = caller->uid != saved.uid || caller->gid != saved.gid;
	if (saved.changed) {
		(void)setfsgid(caller->gid);
		(void)setfsuid(caller->uid);
		saved.gid_kept = (gid_t)setfsgid(NOBODY_AT_ALL) != caller->gid;
		if ((uid_t)setfsuid(NOBODY_AT_ALL) != caller->uid ||
		    (saved.gid_kept && caller->uid != saved.uid)) {
			caller_leave(&saved);
			return -EPERM;
		}
	}
	*ret_saved = saved;
	return 0;
}
