// SPDX-License-Identifier: MIT
/*
 * Who may do what to a System V segment: for root and two users, and segments
 * of all owners, creators and modes, what the mount answers is what shmat(2)
 * and shmctl(2) answer, and leaves the segment as these would. On root's
 * mount for all, and on one that alice has made for herself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors.h"
#include "fixture.h"

#define KEY	     0x7001
#define SIZE	     100
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What an actor is asked to do; shared memory. */
struct job {
	char path[128];
	int shmid;
	mode_t mode;
};

static struct actor actors[ACTORS];
static struct job *job;
static struct fixture own;	/* of whoever mounted, in that process */
static struct fixture *fixture; /* what is told of it, in shared memory */
static unsigned int cells, differing;

static int attach(int flags)
{
	void *base = shmat(job->shmid, NULL, flags);

	if (base == (void *)-1)
		return -errno;
	return shmdt(base) ? -errno : 0;
}

static int direct_read(void *arg, int fd)
{
	return attach(SHM_RDONLY);
}

static int direct_write(void *arg, int fd)
{
	return attach(0);
}

static int opened(int flags)
{
	int fd = open(job->path, flags | O_CLOEXEC);
	char byte = 1;
	int error = 0;

	if (fd < 0)
		return -errno;
	if (flags != O_WRONLY && pread(fd, &byte, 1, 0) != 1)
		error = -EIO;
	if (flags != O_RDONLY && pwrite(fd, &byte, 1, 0) != 1)
		error = -EIO;
	close(fd);
	return error;
}

static int mount_read(void *arg, int fd)
{
	return opened(O_RDONLY);
}

static int mount_write(void *arg, int fd)
{
	return opened(O_RDWR);
}

static int mount_write_only(void *arg, int fd)
{
	return opened(O_WRONLY);
}

static int mount_access_read(void *arg, int fd)
{
	return access(job->path, R_OK) ? -errno : 0;
}

static int mount_access_write(void *arg, int fd)
{
	return access(job->path, W_OK) ? -errno : 0;
}

static int mount_truncate(void *arg, int fd)
{
	return truncate(job->path, SIZE) ? -errno : 0;
}

static int set(unsigned mode, uid_t uid, gid_t gid)
{
	struct shmid_ds ds;

	if (shmctl(job->shmid, SHM_STAT_ANY, &ds) < 0)
		return -errno;
	if (mode)
		ds.shm_perm.mode = (unsigned short)mode;
	if (uid)
		ds.shm_perm.uid = uid;
	if (gid)
		ds.shm_perm.gid = gid;
	return shmctl(job->shmid, IPC_SET, &ds) ? -errno : 0;
}

static int direct_chmod(void *arg, int fd)
{
	return set(0751, 0, 0);
}

static int mount_chmod(void *arg, int fd)
{
	return chmod(job->path, 0751) ? -errno : 0;
}

static int direct_chown(void *arg, int fd)
{
	return set(0, BOB, 0);
}

static int mount_chown(void *arg, int fd)
{
	return chown(job->path, BOB, (gid_t)-1) ? -errno : 0;
}

static int direct_chgrp(void *arg, int fd)
{
	return set(0, 0, SHARED);
}

static int mount_chgrp(void *arg, int fd)
{
	return chown(job->path, (uid_t)-1, SHARED) ? -errno : 0;
}

static int direct_remove(void *arg, int fd)
{
	return shmctl(job->shmid, IPC_RMID, NULL) ? -errno : 0;
}

static int mount_remove(void *arg, int fd)
{
	return unlink(job->path) ? -errno : 0;
}

static const struct {
	const char *name;
	actor_fn direct, mount;
} operations[] = {
	{ "read", direct_read, mount_read },
	{ "write", direct_write, mount_write },
	{ "write only", direct_write, mount_write_only },
	{ "access(R_OK)", direct_read, mount_access_read },
	{ "access(W_OK)", direct_write, mount_access_write },
	{ "truncate", direct_write, mount_truncate },
	{ "chmod", direct_chmod, mount_chmod },
	{ "chown", direct_chown, mount_chown },
	{ "chgrp", direct_chgrp, mount_chgrp },
	{ "remove", direct_remove, mount_remove },
};

static const mode_t modes[] = { 0000, 0400, 0200, 0600, 0640, 0644,
				0660, 0666, 0604, 0606, 0060, 0006,
				0040, 0004, 0444, 0222, 0420, 0777 };
static const struct {
	uid_t uid;
	gid_t gid;
} owners[] = { { 0, 0 },      { ALICE, ALICE }, { BOB, BOB },	{ BOB, SHARED },
	       { 0, SHARED }, { 4999, 4999 },	{ 4999, ALICE } };

static int create(void *arg, int fd)
{
	int shmid = shmget(KEY, SIZE, IPC_CREAT | IPC_EXCL | 0600);

	return shmid < 0 ? -errno : shmid;
}

static void remove_segment(void)
{
	int shmid = shmget(KEY, 0, 0);

	if (shmid >= 0)
		assert_int_equal(shmctl(shmid, IPC_RMID, NULL), 0);
}

/* What it is to begin with: who made it gives it away. */
static void make_segment(int creator, size_t owner, mode_t mode)
{
	struct shmid_ds ds = { 0 };

	remove_segment();
	job->shmid = actor_run(&actors[creator], create, NULL, -1);
	assert_true(job->shmid >= 0);
	ds.shm_perm.uid = owners[owner].uid;
	ds.shm_perm.gid = owners[owner].gid;
	ds.shm_perm.mode = (unsigned short)mode;
	assert_int_equal(shmctl(job->shmid, IPC_SET, &ds), 0);
}

/* What has become of it: "gone", or its owners and mode. */
static void describe(char text[80])
{
	struct shmid_ds ds;

	if (shmget(KEY, 0, 0) < 0 ||
	    shmctl(job->shmid, SHM_STAT_ANY, &ds) != job->shmid)
		snprintf(text, 80, "gone");
	else
		snprintf(text, 80, "%u:%u by %u:%u, %o, %lu attached",
			 ds.shm_perm.uid, ds.shm_perm.gid, ds.shm_perm.cuid,
			 ds.shm_perm.cgid, ds.shm_perm.mode, ds.shm_nattch);
}

/* The daemon hears of the last close a little later than who closed. */
static void wait_detached(void)
{
	double deadline = 0;
	struct shmid_ds ds;

	while (shmctl(job->shmid, SHM_STAT_ANY, &ds) == job->shmid &&
	       ds.shm_nattch)
		assert_true(before_deadline(&deadline, 10));
}

static void check_cell(int actor, int creator, size_t owner, mode_t mode,
		       size_t op)
{
	char direct[80], mount[80];
	int expected, answer;

	make_segment(creator, owner, mode);
	expected = actor_run(&actors[actor], operations[op].direct, NULL, -1);
	describe(direct);
	make_segment(creator, owner, mode);
	answer = actor_run(&actors[actor], operations[op].mount, NULL, -1);
	wait_detached();
	describe(mount);
	cells++;
	if (answer == expected && !strcmp(direct, mount))
		return;
	differing++;
	printf("# %s, %u:%u by %s, %04o, %s: %s, %s; mount: %s, %s\n",
	       actors[actor].name, owners[owner].uid, owners[owner].gid,
	       actors[creator].name, mode, operations[op].name,
	       strerror(-expected), direct, strerror(-answer), mount);
}

static void check_actor(int actor)
{
	for (int creator = 0; creator < ACTORS; creator++)
		for (size_t owner = 0; owner < COUNT(owners); owner++)
			for (size_t m = 0; m < COUNT(modes); m++)
				for (size_t op = 0; op < COUNT(operations);
				     op++)
					check_cell(actor, creator, owner,
						   modes[m], op);
}

static void finish(void)
{
	printf("# %u cells, %u differ\n", cells, differing);
	fflush(stdout);
	assert_true(cells > 0);
	assert_int_equal(differing, 0);
	cells = 0;
}

static int mount_create(void *arg, int unused)
{
	int fd, error = 0;

	(void)umask(027);
	fd = open(job->path, O_RDWR | O_CREAT | O_EXCL, job->mode);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, SIZE))
		error = -errno;
	close(fd);
	return error;
}

static int direct_create(void *arg, int fd)
{
	int flags = IPC_CREAT | IPC_EXCL | (int)(job->mode & ~027u);

	return shmget(KEY, SIZE, flags) < 0 ? -errno : 0;
}

/* A new one is the same as shmget(2) makes it. */
static void check_creating(int actor)
{
	for (size_t m = 0; m < COUNT(modes); m++) {
		char direct[80], mount[80];

		job->mode = modes[m];
		remove_segment();
		assert_int_equal(
			actor_run(&actors[actor], direct_create, NULL, -1), 0);
		job->shmid = shmget(KEY, 0, 0);
		describe(direct);
		remove_segment();
		assert_int_equal(
			actor_run(&actors[actor], mount_create, NULL, -1), 0);
		job->shmid = shmget(KEY, 0, 0);
		wait_detached();
		describe(mount);
		assert_string_equal(direct, mount);
	}
}

static void on_a_mount_for_all(void **state)
{
	fixture_mount_sysv(&own, "allow_other");
	*fixture = own;
	assert_int_equal(chmod(fixture->dir, 0755), -1);
	assert_int_equal(errno, EPERM); /* the directory stays everybody's */
	snprintf(job->path, sizeof(job->path), "%s/0x%x", fixture->dir, KEY);
	for (int actor = 0; actor < ACTORS; actor++) {
		check_actor(actor);
		check_creating(actor);
	}
	finish();
	assert_int_equal(fixture_stop(&own), 0);
}

static int alice_starts(void *arg, int fd)
{
	fixture_mount_sysv(&own, NULL);
	*fixture = own;
	return 0;
}

static int alice_stops(void *arg, int fd)
{
	return fixture_stop(&own);
}

static void on_a_mount_of_her_own(void **state)
{
	const struct actor *alice = &actors[ACTOR_ALICE];

	assert_int_equal(actor_run(alice, alice_starts, NULL, -1), 0);
	snprintf(job->path, sizeof(job->path), "%s/0x%x", fixture->dir, KEY);
	check_actor(ACTOR_ALICE);
	check_creating(ACTOR_ALICE);
	finish();
	assert_int_equal(actor_run(&actors[ACTOR_BOB], mount_read, NULL, -1),
			 -EACCES);
	assert_int_equal(actor_run(alice, alice_stops, NULL, -1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_a_mount_for_all),
		cmocka_unit_test(on_a_mount_of_her_own),
	};
	int failed, err = unshare(CLONE_NEWIPC) ? -errno : 0;

	job = actor_share(sizeof(*job));
	fixture = actor_share(sizeof(*fixture));
	if (!err && (!job || !fixture))
		err = -ENOMEM;
	if (!err)
		err = actors_enter_namespace();
	if (!err)
		err = actors_start(actors);
	if (err) {
		fprintf(stderr, "# cannot set the users up: %s\n",
			strerror(-err));
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	actors_stop(actors);
	return failed != 0;
}
