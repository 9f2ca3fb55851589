/* SPDX-License-Identifier: MIT */
/*
 * Owns what the operations of the permission tests have in common: the calls
 * on a descriptor, and what the numbers in their tables stand for.
 */
#include "perm_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "actors.h"

static const struct timespec explicit[2] = { { .tv_sec = PERM_SET },
					     { .tv_sec = PERM_SET } };
static const struct timespec mixed[2] = { { .tv_nsec = UTIME_NOW },
					  { .tv_nsec = UTIME_OMIT } };
static const struct timespec neither[2] = { { .tv_nsec = UTIME_OMIT },
					    { .tv_nsec = UTIME_OMIT } };

int perm_answer(ssize_t n)
{
	return n < 0 ? -errno : (int)n;
}

uid_t perm_user(int arg)
{
	static const uid_t ids[] = {
		[IDS_NONE] = (uid_t)-1,
		[IDS_BOB] = BOB,
		[IDS_ALICE] = ALICE,
		[IDS_ROOT] = 0,
	};

	return arg == IDS_SELF ? geteuid() : ids[arg];
}

const struct timespec *perm_times(int arg)
{
	static const struct timespec *const times[] = {
		[TIMES_NOW] = NULL,
		[TIMES_SET] = explicit,
		[TIMES_MIXED] = mixed,
		[TIMES_NEITHER] = neither,
	};

	return times[arg];
}

int perm_act_read(int fd)
{
	char buf[4];

	return perm_answer(read(fd, buf, sizeof(buf)));
}

int perm_act_write(int fd)
{
	return perm_answer(write(fd, "w", 1));
}

int perm_act_cut(int fd)
{
	return perm_answer(ftruncate(fd, 3));
}

int perm_act_grow(int fd)
{
	return perm_answer(ftruncate(fd, 5000));
}

int perm_act_chmod(int fd)
{
	return perm_answer(fchmod(fd, 06711));
}

int perm_act_chown(int fd)
{
	return perm_answer(fchown(fd, BOB, (gid_t)-1));
}

int perm_act_chgrp(int fd)
{
	return perm_answer(fchown(fd, (uid_t)-1, SHARED));
}

int perm_act_now(int fd)
{
	return perm_answer(futimens(fd, NULL));
}

int perm_act_times(int fd)
{
	return perm_answer(futimens(fd, explicit));
}

int perm_act_setxattr(int fd)
{
	return perm_answer(fsetxattr(fd, "user.t", "new", 3, 0));
}

int perm_act_getxattr(int fd)
{
	char buf[16];

	return perm_answer(fgetxattr(fd, "user.t", buf, sizeof(buf)));
}

static int map(int fd, int prot)
{
	char *p = mmap(NULL, 4096, prot, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? -errno : perm_answer(munmap(p, 4096));
}

int perm_act_map(int fd)
{
	return map(fd, PROT_READ);
}

int perm_act_map_write(int fd)
{
	return map(fd, PROT_READ | PROT_WRITE);
}

int perm_act_allocate(int fd)
{
	return perm_answer(fallocate(fd, 0, 0, 6000));
}

int perm_act_punch(int fd)
{
	return perm_answer(fallocate(
		fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 6));
}

int perm_act_copy(int fd)
{
	off_t from = 0, to = 3;

	return perm_answer(copy_file_range(fd, &from, fd, &to, 2, 0));
}

int perm_act_lock_out(int fd)
{
	/* What was opened stays usable when the mode is gone. */
	if (fchmod(fd, 0) < 0)
		return -errno;
	if (write(fd, "0123", 4) < 0 || ftruncate(fd, 2) < 0)
		return -errno;
	return perm_act_setxattr(fd);
}

int perm_run(void *arg, int fd)
{
	const struct perm_job *job = arg;
	mode_t before = umask(job->umask);
	int ret = job->op->run(job, fd);

	umask(before);
	return ret;
}
