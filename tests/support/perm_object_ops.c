/* SPDX-License-Identifier: MIT */
/*
 * Owns the operations of the permission tests on one object. Everything here
 * runs in an actor's process and asserts nothing.
 */
#include "perm_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "actors.h"

enum { GRP_SHARED, GRP_BOB, GRP_ROOT };

static int op_open(const struct perm_job *job, int unused)
{
	int fd = open(job->object, job->op->arg | O_CLOEXEC, 0640);
	int ret;

	(void)unused;
	if (fd < 0)
		return -errno;
	ret = job->op->act ? job->op->act(fd) : 0;
	close(fd);
	return ret;
}

static int op_lent(const struct perm_job *job, int fd)
{
	return job->op->act(fd);
}

static int op_truncate(const struct perm_job *job, int fd)
{
	return perm_answer(truncate(job->object, job->op->arg));
}

static int op_chmod(const struct perm_job *job, int fd)
{
	return perm_answer(chmod(job->object, (mode_t)job->op->arg));
}

static int op_chown(const struct perm_job *job, int fd)
{
	uid_t uid = perm_user(job->op->arg);

	return perm_answer(lchown(job->object, uid, (gid_t)-1));
}

static int op_chown_both(const struct perm_job *job, int fd)
{
	return perm_answer(
		lchown(job->object, perm_user(job->op->arg), SHARED));
}

static int op_chgrp(const struct perm_job *job, int fd)
{
	static const gid_t ids[] = {
		[GRP_SHARED] = SHARED, [GRP_BOB] = BOB, [GRP_ROOT] = 0
	};

	return perm_answer(lchown(job->object, (uid_t)-1, ids[job->op->arg]));
}

static int op_times(const struct perm_job *job, int fd)
{
	return perm_answer(utimensat(AT_FDCWD, job->object,
				     perm_times(job->op->arg),
				     AT_SYMLINK_NOFOLLOW));
}

static int op_access(const struct perm_job *job, int fd)
{
	return perm_answer(access(job->object, job->op->arg));
}

static int op_eaccess(const struct perm_job *job, int fd)
{
	return perm_answer(
		faccessat(AT_FDCWD, job->object, job->op->arg, AT_EACCESS));
}

static int op_setxattr(const struct perm_job *job, int fd)
{
	return perm_answer(
		setxattr(job->object, "user.t", "new", 3, job->op->arg));
}

static int op_setxattr_fresh(const struct perm_job *job, int fd)
{
	return perm_answer(
		setxattr(job->object, "user.u", "new", 3, job->op->arg));
}

static int op_getxattr(const struct perm_job *job, int fd)
{
	char buf[16];

	return perm_answer(
		getxattr(job->object, "user.t", buf, (size_t)job->op->arg));
}

static int op_getxattr_none(const struct perm_job *job, int fd)
{
	char buf[16];

	return perm_answer(
		getxattr(job->object, "user.none", buf, sizeof(buf)));
}

static int op_removexattr(const struct perm_job *job, int fd)
{
	return perm_answer(removexattr(job->object, "user.t"));
}

static int op_removexattr_none(const struct perm_job *job, int fd)
{
	return perm_answer(removexattr(job->object, "user.none"));
}

static int op_stat(const struct perm_job *job, int fd)
{
	struct stat st;

	return perm_answer(lstat(job->object, &st));
}

static int op_readlink(const struct perm_job *job, int fd)
{
	char buf[16];

	return perm_answer(readlink(job->object, buf, sizeof(buf)));
}

static int op_exec(const struct perm_job *job, int fd)
{
	char *argv[] = { strdup("program"), NULL }, *envp[] = { NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(job->object, argv, envp);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : status;
}

const struct perm_op perm_object_ops[] = {
	{ "open r, read", op_open, O_RDONLY, perm_act_read },
	{ "open w, write", op_open, O_WRONLY, perm_act_write },
	{ "open rw, write", op_open, O_RDWR, perm_act_write },
	{ "open append, write", op_open, O_WRONLY | O_APPEND, perm_act_write },
	{ "open r+trunc", op_open, O_RDONLY | O_TRUNC },
	{ "open w+trunc", op_open, O_WRONLY | O_TRUNC },
	{ "open rw+creat", op_open, O_RDWR | O_CREAT, perm_act_write },
	{ "open r+creat", op_open, O_RDONLY | O_CREAT, perm_act_read },
	{ "open w+creat+trunc", op_open, O_WRONLY | O_CREAT | O_TRUNC },
	{ "open creat+excl", op_open, O_RDWR | O_CREAT | O_EXCL },
	{ "open as directory", op_open, O_RDONLY | O_DIRECTORY },
	{ "open path, chmod", op_open, O_PATH, perm_act_chmod },
	{ "open r, truncate", op_open, O_RDONLY, perm_act_cut },
	{ "open w, truncate", op_open, O_WRONLY, perm_act_cut },
	{ "open rw, grow", op_open, O_RDWR, perm_act_grow },
	{ "open r, chmod", op_open, O_RDONLY, perm_act_chmod },
	{ "open w, chown bob", op_open, O_WRONLY, perm_act_chown },
	{ "open r, chgrp", op_open, O_RDONLY, perm_act_chgrp },
	{ "open r, times now", op_open, O_RDONLY, perm_act_now },
	{ "open w, times now", op_open, O_WRONLY, perm_act_now },
	{ "open w, times", op_open, O_WRONLY, perm_act_times },
	{ "open r, setxattr", op_open, O_RDONLY, perm_act_setxattr },
	{ "open w, getxattr", op_open, O_WRONLY, perm_act_getxattr },
	{ "open r, map", op_open, O_RDONLY, perm_act_map },
	{ "open r, map for write", op_open, O_RDONLY, perm_act_map_write },
	{ "open w, map", op_open, O_WRONLY, perm_act_map },
	{ "open rw, map for write", op_open, O_RDWR, perm_act_map_write },
	{ "open rw, mode 0, write", op_open, O_RDWR, perm_act_lock_out },
	{ "open append, mode 0, write", op_open, O_RDWR | O_APPEND,
	  perm_act_lock_out },
	{ "open w, allocate", op_open, O_WRONLY, perm_act_allocate },
	{ "open r, allocate", op_open, O_RDONLY, perm_act_allocate },
	{ "open rw, punch", op_open, O_RDWR, perm_act_punch },
	{ "open rw, copy", op_open, O_RDWR, perm_act_copy },
	{ "open append, allocate", op_open, O_WRONLY | O_APPEND,
	  perm_act_allocate },
	{ "lent: read", op_lent, 0, perm_act_read, PERM_LEND },
	{ "lent: write", op_lent, 0, perm_act_write, PERM_LEND },
	{ "lent: truncate", op_lent, 0, perm_act_cut, PERM_LEND },
	{ "lent: grow", op_lent, 0, perm_act_grow, PERM_LEND },
	{ "lent: chmod", op_lent, 0, perm_act_chmod, PERM_LEND },
	{ "lent: chown bob", op_lent, 0, perm_act_chown, PERM_LEND },
	{ "lent: chgrp", op_lent, 0, perm_act_chgrp, PERM_LEND },
	{ "lent: times now", op_lent, 0, perm_act_now, PERM_LEND },
	{ "lent: times", op_lent, 0, perm_act_times, PERM_LEND },
	{ "lent: setxattr", op_lent, 0, perm_act_setxattr, PERM_LEND },
	{ "lent: getxattr", op_lent, 0, perm_act_getxattr, PERM_LEND },
	{ "lent: map for write", op_lent, 0, perm_act_map_write, PERM_LEND },
	{ "truncate shorter", op_truncate, 3 },
	{ "truncate longer", op_truncate, 5000 },
	{ "truncate negative", op_truncate, -1 },
	{ "chmod 0640", op_chmod, 0640 },
	{ "chmod 0000", op_chmod, 0 },
	{ "chmod 06755", op_chmod, 06755 },
	{ "chmod 02600", op_chmod, 02600 },
	{ "chown nothing", op_chown, IDS_NONE, NULL, PERM_VAIN },
	{ "chown self", op_chown, IDS_SELF },
	{ "chown alice", op_chown, IDS_ALICE },
	{ "chown bob", op_chown, IDS_BOB },
	{ "chown root", op_chown, IDS_ROOT },
	{ "chown self:shared", op_chown_both, IDS_SELF },
	{ "chown bob:shared", op_chown_both, IDS_BOB },
	{ "chgrp shared", op_chgrp, GRP_SHARED },
	{ "chgrp bob", op_chgrp, GRP_BOB },
	{ "chgrp root", op_chgrp, GRP_ROOT },
	{ "times now", op_times, TIMES_NOW },
	{ "times", op_times, TIMES_SET },
	{ "times, one now", op_times, TIMES_MIXED },
	{ "times, none", op_times, TIMES_NEITHER, NULL, PERM_IDLE },
	{ "access f", op_access, F_OK },
	{ "access r", op_access, R_OK },
	{ "access w", op_access, W_OK },
	{ "access x", op_access, X_OK },
	{ "access rw", op_access, R_OK | W_OK },
	{ "eaccess r", op_eaccess, R_OK },
	{ "eaccess w", op_eaccess, W_OK },
	{ "eaccess x", op_eaccess, X_OK },
	{ "setxattr", op_setxattr, 0 },
	{ "setxattr create", op_setxattr, XATTR_CREATE },
	{ "setxattr replace", op_setxattr, XATTR_REPLACE },
	{ "setxattr new", op_setxattr_fresh, 0 },
	{ "setxattr new replace", op_setxattr_fresh, XATTR_REPLACE },
	{ "getxattr", op_getxattr, 16 },
	{ "getxattr size", op_getxattr, 0 },
	{ "getxattr small", op_getxattr, 1 },
	{ "getxattr none", op_getxattr_none },
	{ "removexattr", op_removexattr },
	{ "removexattr none", op_removexattr_none },
	{ "stat", op_stat },
	{ "readlink", op_readlink },
	{ "exec", op_exec, 0, NULL, PERM_EXEC },
	{ NULL },
};
