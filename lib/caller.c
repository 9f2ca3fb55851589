// SPDX-License-Identifier: MIT
/*
 * fsuid and fsgid of the calling thread. setfsuid(2) reports no errors, only
 * the id that was in force before: asking with an id that cannot be (-1)
 * tells whether the change took place.
 *
 * The C library's setresuid(3) and the like change all threads of a process;
 * the system calls themselves change the calling one.
 */
#include "caller.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY_AT_ALL ((id_t)-1)

/* setgroups(2) of this thread alone; the C library's changes all threads. */
static int set_groups(size_t count, const gid_t *groups)
{
	return syscall(SYS_setgroups, count, groups) < 0 ? -errno : 0;
}

static int take_groups(const struct store_caller *caller,
		       struct caller_saved *saved)
{
	saved->group_count =
		getgroups(sizeof(saved->groups) / sizeof(saved->groups[0]),
			  saved->groups);
	if (saved->group_count < 0)
		return -EPERM; /* more than could be given back */
	return set_groups(caller->group_count, caller->groups);
}

void caller_leave(const struct caller_saved *saved)
{
	int error = errno;

	if (saved->changed) {
		/* Back to ids the process holds: cannot fail. uid first, it
		 * brings back the capability that the gid needs. */
		(void)setfsuid(saved->uid);
		(void)setfsgid(saved->gid);
		if (saved->group_count >= 0)
			(void)set_groups((size_t)saved->group_count,
					 saved->groups);
	}
	errno = error;
}

int caller_enter(const struct store_caller *caller,
		 struct caller_saved *ret_saved)
{
	struct caller_saved *saved = ret_saved;
	int error = 0;

	saved->uid = geteuid();
	saved->gid = getegid();
	saved->group_count = -1;
	saved->gid_kept = false;
	saved->changed = caller->uid != saved->uid || caller->gid != saved->gid;
	if (!saved->changed)
		return 0;
	/* An ordinary user has nobody else's groups, and needs none. */
	if (caller->groups && saved->uid == 0)
		error = take_groups(caller, saved);
	(void)setfsgid(caller->gid);
	(void)setfsuid(caller->uid);
	saved->gid_kept = (gid_t)setfsgid(NOBODY_AT_ALL) != caller->gid;
	if (error || (uid_t)setfsuid(NOBODY_AT_ALL) != caller->uid ||
	    (saved->gid_kept && caller->uid != saved->uid)) {
		caller_leave(saved);
		return -EPERM;
	}
	return 0;
}

#define CAPABILITY_WORDS 2 /* _LINUX_CAPABILITY_VERSION_3 */

/*
 * Takes this thread's capabilities out of effect, or puts all it may have back
 * (capset(2)).
 */
static int set_bare(bool bare)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct words[CAPABILITY_WORDS];

	if (syscall(SYS_capget, &header, words) < 0)
		return -errno;
	for (int i = 0; i < CAPABILITY_WORDS; i++)
		words[i].effective = bare ? 0 : words[i].permitted;
	return syscall(SYS_capset, &header, words) < 0 ? -errno : 0;
}

static int set_effective(uid_t uid, gid_t gid)
{
	if (syscall(SYS_setresgid, -1, gid, -1) < 0 ||
	    syscall(SYS_setresuid, -1, uid, -1) < 0)
		return -errno;
	return 0;
}

void caller_leave_ipc(const struct caller_saved *saved)
{
	int error = errno;

	if (saved->bare)
		(void)set_bare(false); /* it had them before */
	if (saved->changed) {
		/* Back to ids the process holds: cannot fail. uid first, it
		 * brings back the capabilities that the others need. */
		(void)syscall(SYS_setresuid, -1, saved->uid, -1);
		(void)syscall(SYS_setresgid, -1, saved->gid, -1);
		if (saved->group_count >= 0)
			(void)set_groups((size_t)saved->group_count,
					 saved->groups);
	}
	errno = error;
}

int caller_enter_ipc(const struct store_caller *caller,
		     struct caller_saved *ret_saved)
{
	struct caller_saved *saved = ret_saved;
	int error = 0;

	saved->uid = geteuid();
	saved->gid = getegid();
	saved->group_count = -1;
	saved->gid_kept = saved->uid != 0 && caller->gid != saved->gid;
	saved->changed = saved->uid == 0 && (caller->uid != saved->uid ||
					     caller->gid != saved->gid);
	saved->bare = false;
	if (saved->uid != 0 && caller->uid != saved->uid)
		return -EPERM;
	if (saved->changed && caller->groups)
		error = take_groups(caller, saved);
	if (!error && saved->changed)
		error = set_effective(caller->uid, caller->gid);
	if (!error && caller->bare && saved->uid == 0) {
		saved->bare = true;
		error = set_bare(true);
	}
	if (error)
		caller_leave_ipc(saved);
	return error;
}
