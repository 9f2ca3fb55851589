/* SPDX-License-Identifier: MIT */
/*
 * Rights that change by direct calls while somebody has an object open: what
 * they may do with the descriptor, and with the directory that they have
 * looked at before, depends on what is so now.
 *
 * The kernel remembers the owner and the mode it was told last, and asks for
 * them only with fstat(2) or on the way along a path. So who gained a right
 * may have to look first; who lost one has lost it at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors.h"
#include "fixture.h"
#include "perm_ops.h"

#define SHM   "/dev/shm"
#define SHOWN 40

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct rights {
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

struct act {
	const char *name;
	int (*run)(int fd);
};

/* In shared memory: what an actor is asked to do. */
struct job {
	char path[192];
	const struct act *act;
	bool look; /* fstat(2) first */
};

static const struct rights before[] = {
	{ BOB, BOB, 0600 },	{ BOB, SHARED, 0660 }, { ALICE, SHARED, 0660 },
	{ ALICE, ALICE, 0666 }, { BOB, BOB, 06775 },
};
static const struct rights after[] = {
	{ ALICE, ALICE, 0600 }, { ALICE, SHARED, 0640 }, { ALICE, ALICE, 0666 },
	{ BOB, BOB, 0 },	{ BOB, SHARED, 0640 },	 { 0, 0, 0 },
	{ 0, SHARED, 0660 },	{ BOB, 0, 02770 },
};
static const int flags[] = { O_RDONLY, O_WRONLY, O_RDWR };
static const struct act acts[] = {
	{ "read", perm_act_read },
	{ "write", perm_act_write },
	{ "truncate", perm_act_cut },
	{ "grow", perm_act_grow },
	{ "chmod", perm_act_chmod },
	{ "chown bob", perm_act_chown },
	{ "chgrp shared", perm_act_chgrp },
	{ "times now", perm_act_now },
	{ "times", perm_act_times },
	{ "setxattr", perm_act_setxattr },
	{ "getxattr", perm_act_getxattr },
	{ "map for write", perm_act_map_write },
};

static struct actor actors[ACTORS];
static struct fixture fixture;
static struct job *job;
static unsigned int cells, refused, differing;

/* In the actor. */
static int held = -1;

static int hold(void *arg, int fd)
{
	held = dup(fd);
	return held < 0 ? -errno : 0;
}

static int act(void *arg, int fd)
{
	const struct job *j = arg;
	struct stat st;

	if (j->look && fstat(held, &st) < 0)
		return -errno;
	return j->act->run(held);
}

static int drop(void *arg, int fd)
{
	close(held);
	held = -1;
	return 0;
}

static int set(const char *path, const struct rights *r)
{
	/* The mode last: changing the owner clears suid and sgid. */
	if (chown(path, r->uid, r->gid) < 0 || chmod(path, r->mode) < 0)
		return -errno;
	return 0;
}

/* Opens for the actor, so that what the actor holds is what was asked for. */
static void make_and_hold(const struct actor *a, const char *direct,
			  const char *path, int flag, const struct rights *r)
{
	int fd;

	(void)unlink(direct); /* of the cell before */
	fd = open(direct, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "object", 6), 6);
	close(fd);
	assert_int_equal(set(direct, r), 0);
	fd = open(path, flag | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(actor_run(a, hold, NULL, fd), 0);
	close(fd);
}

struct result {
	int answer;
	struct stat st;
};

static struct result play(const struct actor *a, const char *path, int flag,
			  const struct rights *from, const struct rights *to,
			  const struct act *what)
{
	const char *direct = strrchr(path, '/') + 1;
	struct result r = { 0 };
	char name[192];

	snprintf(name, sizeof(name), SHM "/%.150s", direct);
	make_and_hold(a, name, path, flag, from);
	assert_int_equal(set(name, to), 0);
	job->act = what;
	r.answer = actor_run(a, act, job, -1);
	assert_int_equal(actor_run(a, drop, NULL, -1), 0);
	assert_int_equal(stat(name, &r.st), 0);
	return r;
}

/* In the native data path root's writes clear what they may leave. */
static bool same_mode(mode_t want, mode_t got)
{
	return got == want || got == (want & ~(mode_t)(S_ISUID | S_ISGID));
}

static bool same(const struct result *want, const struct result *got)
{
	return want->answer == got->answer &&
	       same_mode(want->st.st_mode, got->st.st_mode) &&
	       want->st.st_uid == got->st.st_uid &&
	       want->st.st_gid == got->st.st_gid &&
	       want->st.st_size == got->st.st_size;
}

static bool untouched(const struct result *got, const struct rights *now)
{
	return (got->answer == -EPERM || got->answer == -EACCES) &&
	       (got->st.st_mode & 07777) == now->mode &&
	       got->st.st_uid == now->uid && got->st.st_gid == now->gid &&
	       got->st.st_size == 6;
}

static void check(const struct actor *a, int flag, const struct rights *from,
		  const struct rights *to, const struct act *what)
{
	const char *mounted = fixture_path(&fixture, "held");
	struct result want, got;
	char direct[192];

	snprintf(direct, sizeof(direct), SHM "%.150s",
		 fixture_name(&fixture, "held"));
	want = play(a, direct, flag, from, to, what);
	got = play(a, mounted, flag, from, to, what);
	cells++;
	if (same(&want, &got))
		return;
	if (!job->look && untouched(&got, to)) {
		refused++;
		return;
	}
	if (differing++ < SHOWN)
		printf("# %s holds %u:%u %04o open (%d), now %u:%u %04o: %s: "
		       "wanted %d and %u:%u %04o, got %d and %u:%u %04o\n",
		       a->name, from->uid, from->gid, from->mode, flag, to->uid,
		       to->gid, to->mode, what->name, want.answer,
		       want.st.st_uid, want.st.st_gid, want.st.st_mode & 07777,
		       got.answer, got.st.st_uid, got.st.st_gid,
		       got.st.st_mode & 07777);
}

static void check_changes(const struct actor *a, int flag,
			  const struct act *what)
{
	for (size_t f = 0; f < COUNT(before); f++)
		for (size_t t = 0; t < COUNT(after); t++)
			check(a, flag, &before[f], &after[t], what);
}

static void check_all(bool look)
{
	job->look = look;
	cells = refused = differing = 0;
	for (int a = 0; a < ACTORS; a++)
		for (size_t o = 0; o < COUNT(flags); o++)
			for (size_t i = 0; i < COUNT(acts); i++)
				check_changes(&actors[a], flags[o], &acts[i]);
	printf("# %u cells, %u refused for having been so, %u differ\n", cells,
	       refused, differing);
	fflush(stdout);
	assert_int_equal(differing, 0);
}

static void test_looked(void **state)
{
	check_all(true);
}

static void test_unseen(void **state)
{
	check_all(false);
}

static int chmod_dir(void *arg, int fd)
{
	return perm_answer(chmod(((const struct job *)arg)->path, 01777));
}

static int look_at_dir(void *arg, int fd)
{
	struct stat st;

	return perm_answer(stat(((const struct job *)arg)->path, &st));
}

/* The namespace was alice's when she looked, and is root's when she acts. */
static void test_directory(void **state)
{
	const struct actor *alice = &actors[ACTOR_ALICE];
	struct stat st;

	snprintf(job->path, sizeof(job->path), "%s", fixture.dir);
	assert_int_equal(chown(SHM, ALICE, 0), 0);
	assert_int_equal(actor_run(alice, look_at_dir, job, -1), 0);
	assert_int_equal(actor_run(alice, chmod_dir, job, -1), 0);
	assert_int_equal(chown(SHM, 0, 0), 0);
	assert_int_equal(chmod(SHM, 0755), 0);
	(void)actor_run(alice, chmod_dir, job, -1);
	assert_int_equal(stat(SHM, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(actor_run(alice, chmod_dir, job, -1), -EPERM);
	/* And the other way round: what has become hers. */
	assert_int_equal(chown(SHM, ALICE, 0), 0);
	assert_int_equal(actor_run(alice, look_at_dir, job, -1), 0);
	assert_int_equal(actor_run(alice, chmod_dir, job, -1), 0);
}

static int start(void **state)
{
	fixture_start(&fixture, "allow_other");
	return 0;
}

static int stop(void **state)
{
	return fixture_stop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_looked),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_directory),
	};
	int failed, err;

	job = actor_share(sizeof(*job));
	err = job ? actors_enter_namespace() : -ENOMEM;
	if (!err)
		err = actors_start(actors);
	if (err) {
		fprintf(stderr, "# cannot set the users up: %s\n",
			strerror(-err));
		return 1;
	}
	failed = cmocka_run_group_tests(tests, start, stop);
	actors_stop(actors);
	return failed != 0;
}
