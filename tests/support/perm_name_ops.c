/* SPDX-License-Identifier: MIT */
/*
 * Owns the operations of the permission tests on names and on the directory.
 * Everything here runs in an actor's process and asserts nothing.
 */
#include "perm_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "actors.h"

static int op_unlink(const struct perm_job *job, int fd)
{
	return perm_answer(unlink(job->object));
}

static int op_rmdir(const struct perm_job *job, int fd)
{
	return perm_answer(rmdir(job->object));
}

static int op_rename_away(const struct perm_job *job, int fd)
{
	return perm_answer(renameat2(AT_FDCWD, job->object, AT_FDCWD,
				     job->fresh, (unsigned int)job->op->arg));
}

static int op_rename_over_mine(const struct perm_job *job, int fd)
{
	return perm_answer(renameat2(AT_FDCWD, job->object, AT_FDCWD, job->mine,
				     (unsigned int)job->op->arg));
}

static int op_rename_mine_over(const struct perm_job *job, int fd)
{
	return perm_answer(renameat2(AT_FDCWD, job->mine, AT_FDCWD, job->object,
				     (unsigned int)job->op->arg));
}

static int op_rename_self(const struct perm_job *job, int fd)
{
	return perm_answer(rename(job->object, job->object));
}

static int op_rename_none(const struct perm_job *job, int fd)
{
	return perm_answer(rename(job->fresh, job->object));
}

static int op_create(const struct perm_job *job, int unused)
{
	int fd = open(job->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		      (mode_t)job->op->arg);
	int ret;

	(void)unused;
	if (fd < 0)
		return -errno;
	ret = job->op->act ? job->op->act(fd) : 0;
	close(fd);
	return ret;
}

static int op_open_fresh(const struct perm_job *job, int unused)
{
	int fd = open(job->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      (mode_t)job->op->arg);

	(void)unused;
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int op_mknod(const struct perm_job *job, int fd)
{
	return perm_answer(mknod(job->fresh, (mode_t)job->op->arg, 0));
}

static int op_unlink_fresh(const struct perm_job *job, int fd)
{
	return perm_answer(unlink(job->fresh));
}

static int op_list(const struct perm_job *job, int fd)
{
	DIR *d = opendir(job->dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		n++;
	closedir(d);
	return n;
}

static int op_chdir(const struct perm_job *job, int fd)
{
	int ret = perm_answer(chdir(job->dir));

	if (ret == 0 && chdir("/") < 0)
		return -errno;
	return ret;
}

static int op_dir_access(const struct perm_job *job, int fd)
{
	return perm_answer(access(job->dir, job->op->arg));
}

static int op_dir_chmod(const struct perm_job *job, int fd)
{
	return perm_answer(chmod(job->dir, (mode_t)job->op->arg));
}

static int op_dir_chown(const struct perm_job *job, int fd)
{
	return perm_answer(chown(job->dir, perm_user(job->op->arg), (gid_t)-1));
}

static int op_dir_chgrp(const struct perm_job *job, int fd)
{
	return perm_answer(chown(job->dir, (uid_t)-1, SHARED));
}

static int op_dir_times(const struct perm_job *job, int fd)
{
	return perm_answer(
		utimensat(AT_FDCWD, job->dir, perm_times(job->op->arg), 0));
}

static int op_dir_setxattr(const struct perm_job *job, int fd)
{
	return perm_answer(setxattr(job->dir, "user.t", "new", 3, 0));
}

const struct perm_op perm_name_ops[] = {
	{ "unlink", op_unlink },
	{ "rmdir", op_rmdir },
	{ "rename away", op_rename_away },
	{ "rename away, noreplace", op_rename_away, RENAME_NOREPLACE },
	{ "rename away, exchange", op_rename_away, RENAME_EXCHANGE },
	{ "rename over mine", op_rename_over_mine },
	{ "rename over mine, noreplace", op_rename_over_mine,
	  RENAME_NOREPLACE },
	{ "exchange with mine", op_rename_over_mine, RENAME_EXCHANGE },
	{ "rename mine over", op_rename_mine_over },
	{ "rename mine over, noreplace", op_rename_mine_over,
	  RENAME_NOREPLACE },
	{ "exchange mine", op_rename_mine_over, RENAME_EXCHANGE },
	{ "rename, bad flags", op_rename_away,
	  RENAME_NOREPLACE | RENAME_EXCHANGE },
	{ "rename to itself", op_rename_self },
	{ "rename what is not", op_rename_none },
	{ NULL },
};

const struct perm_op perm_create_ops[] = {
	{ "create 0666", op_create, 0666, perm_act_write },
	{ "create 0777", op_create, 0777, perm_act_write },
	{ "create 0600", op_create, 0600, perm_act_write },
	{ "create 0400, write", op_create, 0400, perm_act_write },
	{ "create 0000, write", op_create, 0, perm_act_write },
	{ "create 06777", op_create, 06777 },
	{ "create 06777, write", op_create, 06777, perm_act_write },
	{ "create 02755, chmod", op_create, 02755, perm_act_chmod },
	{ "create, chgrp", op_create, 0660, perm_act_chgrp },
	{ "create, chown bob", op_create, 0660, perm_act_chown },
	{ "create 0000, setxattr", op_create, 0, perm_act_setxattr },
	{ "open creat+trunc 0666", op_open_fresh, 0666 },
	{ "open creat+trunc 0200", op_open_fresh, 0200 },
	{ "mknod file 0666", op_mknod, S_IFREG | 0666 },
	{ "mknod file 06751", op_mknod, S_IFREG | 06751 },
	{ "unlink what is not", op_unlink_fresh },
	{ NULL },
};

const struct perm_op perm_dir_ops[] = {
	{ "directory: list", op_list },
	{ "directory: chdir", op_chdir },
	{ "directory: access r", op_dir_access, R_OK },
	{ "directory: access w", op_dir_access, W_OK },
	{ "directory: access wx", op_dir_access, W_OK | X_OK },
	{ "directory: chmod 0755", op_dir_chmod, 0755 },
	{ "directory: chmod 03770", op_dir_chmod, 03770 },
	{ "directory: chown bob", op_dir_chown, IDS_BOB },
	{ "directory: chown nothing", op_dir_chown, IDS_NONE },
	{ "directory: chgrp shared", op_dir_chgrp },
	{ "directory: times now", op_dir_times, TIMES_NOW },
	{ "directory: times", op_dir_times, TIMES_SET },
	{ "directory: times, one now", op_dir_times, TIMES_MIXED },
	{ "directory: setxattr", op_dir_setxattr },
	{ NULL },
};
