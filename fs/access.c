// SPDX-License-Identifier: MIT
/*
 * Root's capabilities and groups, read from /proc: the caller waits for our
 * answer, so that its pid is its own and its credentials stay as they are.
 * Without capabilities uid 0 is a user like any other.
 */
#include "access.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define CAPABILITY(number) (UINT64_C(1) << (number))

/*
 * In a user namespace of its own a process has all capabilities, and they are
 * worth nothing here (user_namespaces(7)).
 */
static bool shares_user_namespace(pid_t pid)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return stat("/proc/self/ns/user", &ours) == 0 &&
	       stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
	       ours.st_ino == theirs.st_ino;
}

/* What decides beside the uid. */
struct powers {
	uint64_t capabilities;
	bool in_group; /* in the one that was asked for */
};

/* A line "Groups:\t0 4242 \n" of proc_pid_status(5). */
static bool names_group(const char *line, gid_t gid)
{
	const char *rest = line + strlen("Groups:");
	char *end;

	for (;;) {
		unsigned long group = strtoul(rest, &end, 10);

		if (end == rest)
			return false;
		if (group == gid)
			return true;
		rest = end;
	}
}

static void read_powers(pid_t pid, gid_t gid, struct powers *powers)
{
	auto_heap char *line = NULL;
	size_t size = 0;
	char path[64];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return;
	while (getline(&line, &size, status) > 0) {
		unsigned long long effective;

		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			powers->capabilities = effective;
		else if (!strncmp(line, "Groups:", 7))
			powers->in_group |= names_group(line, gid);
	}
	(void)fclose(status); /* was only read */
}

static struct powers powers_of(fuse_req_t req, gid_t gid)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct powers powers = { .in_group = ctx->gid == gid };

	/* 0: it is in a pid namespace that we cannot look into. */
	if (ctx->pid == 0)
		return powers;
	read_powers(ctx->pid, gid, &powers);
	if (!shares_user_namespace(ctx->pid))
		powers.capabilities = 0;
	return powers;
}

static bool is_checked_elsewhere(fuse_req_t req)
{
	return fs_of(req)->kernel_checks;
}

static bool has_acl(struct object *object)
{
	return object->kind->get_xattr(object, "system.posix_acl_access", NULL,
				       0) > 0;
}

/* The bits of access(2) that a user who is not the owner has. */
static int bits_of_others(struct object *object, mode_t mode, bool in_group)
{
	int group = (int)(mode >> 3 & 7);
	int other = (int)(mode & 7);

	/* Who is named in an ACL, we leave open: the least of all (acl(5)). */
	if (has_acl(object))
		return group & other;
	return in_group ? group : other;
}

static bool may_override(const struct stat *st, int want, uint64_t capabilities)
{
	uint64_t enough = CAPABILITY(CAP_DAC_OVERRIDE);

	/* Nobody may execute what has no x at all. */
	if ((want & X_OK) && S_ISREG(st->st_mode) && !(st->st_mode & 0111))
		return false;
	if (want == R_OK)
		enough |= CAPABILITY(CAP_DAC_READ_SEARCH);
	return capabilities & enough;
}

/* A kind that judges by itself, all but capabilities. */
static int ask_kind(fuse_req_t req, struct object *object, int want)
{
	const struct store_kind *kind = object->kind;
	auto_heap gid_t *groups = NULL;
	struct store_caller caller;
	int error = fs_caller_and_groups(req, &caller, &groups);

	if (!error)
		error = kind->permit(object, &caller, want);
	if (error == -EACCES && (powers_of(req, caller.gid).capabilities &
				 CAPABILITY(kind->override)))
		return 0;
	return error;
}

void access_note_bare(fuse_req_t req, struct store_caller *caller)
{
	if (fs_of(req)->kind->permit && caller->uid == 0 &&
	    !is_checked_elsewhere(req))
		caller->bare = !(powers_of(req, 0).capabilities &
				 CAPABILITY(CAP_SYS_ADMIN));
}

int access_check(fuse_req_t req, struct object *object, int want)
{
	struct powers powers;
	struct stat st;
	int error, bits;

	if (is_checked_elsewhere(req))
		return 0;
	if (object->kind->permit)
		return ask_kind(req, object, want);
	error = object->kind->get_attr(object, &st);
	if (error)
		return error;
	bits = (int)(st.st_mode >> 6 & 7);
	if (st.st_uid == 0 && (bits & want) == want)
		return 0;
	powers = powers_of(req, st.st_gid);
	if (may_override(&st, want, powers.capabilities))
		return 0;
	if (st.st_uid != 0)
		bits = bits_of_others(object, st.st_mode, powers.in_group);
	return (bits & want) == want ? 0 : -EACCES;
}

/* Both times to now, as utimensat(2) lets everybody who may write. */
static bool is_touch(const struct store_attr *attr)
{
	return (attr->set & STORE_SET_TIMES) &&
	       attr->atime.tv_nsec == UTIME_NOW &&
	       attr->mtime.tv_nsec == UTIME_NOW;
}

/*
 * The capabilities that these changes take, beyond being uid 0: see chmod(2),
 * chown(2), utimensat(2). Root may give what it owns to a group it is in.
 */
static uint64_t needed_to_set(const struct stat *st,
			      const struct store_attr *attr, bool in_group)
{
	bool owner = st->st_uid == 0;
	bool touch = is_touch(attr);
	uint64_t needed = 0;

	if (!owner && ((attr->set & STORE_SET_MODE) ||
		       ((attr->set & STORE_SET_TIMES) && !touch)))
		needed |= CAPABILITY(CAP_FOWNER);
	if ((attr->set & STORE_SET_MODE) && (attr->mode & S_ISGID) && !in_group)
		needed |= CAPABILITY(CAP_FSETID);
	if ((attr->set & STORE_SET_UID) && (!owner || attr->uid != 0))
		needed |= CAPABILITY(CAP_CHOWN);
	if ((attr->set & STORE_SET_GID) && !(owner && in_group))
		needed |= CAPABILITY(CAP_CHOWN);
	return needed;
}

int access_set(fuse_req_t req, struct object *object,
	       const struct store_attr *attr)
{
	struct powers powers;
	uint64_t needed;
	struct stat st;
	gid_t group;
	int error;

	/* A kind with rights of its own sets with the caller's. */
	if (is_checked_elsewhere(req) || object->kind->permit)
		return 0;
	if (!(attr->set & (STORE_SET_MODE | STORE_SET_UID | STORE_SET_GID |
			   STORE_SET_TIMES)))
		return 0; /* truncate(2) alone asks nothing of the owner */
	error = object->kind->get_attr(object, &st);
	if (error)
		return error;
	group = attr->set & STORE_SET_GID ? attr->gid : st.st_gid;
	needed = needed_to_set(&st, attr, fuse_req_ctx(req)->gid == group);
	if (needed) {
		powers = powers_of(req, group);
		needed = needed_to_set(&st, attr, powers.in_group);
		if (needed & ~powers.capabilities)
			return -EPERM;
	}
	if (is_touch(attr) && st.st_uid != 0)
		return access_check(req, object, W_OK);
	return 0;
}
