/* SPDX-License-Identifier: MIT */
/*
 * Bob works through root's mount on a name that flips, by direct calls,
 * between an object of his and one of alice's, or something that is no object
 * at all. What the kernel checked and what the daemon then meets can be two
 * things; whatever the timing, nothing of alice's or root's may be opened,
 * changed or removed by him. He also gets no answer that /dev/shm would not
 * give him, but for one: Linux walks a path again when the name has come to
 * lead elsewhere, but only once; who then meets the next change gets ESTALE.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors.h"
#include "fixture.h"

#define SECRET "/mnt/secret" /* in the actors' namespace, root's */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FLIP, PARK, NEXT, OWN, AWAY, PATHS };

struct paths {
	char of[PATHS][128];
};

/* Shared by all processes. */
static struct race {
	struct paths direct, mounted;
	bool kinds; /* other things than objects come up: odder errors */
	_Atomic unsigned long attacks, hits, stale, wrong, stolen;
	_Atomic bool stop;
} * race;

static struct actor actors[ACTORS], more[ACTORS];
static const struct actor *running[2]; /* whose answers are still to come */
static struct fixture fixture;

/* Attacks: each returns 0 or -errno. */

static int answer(int n)
{
	return n < 0 ? -errno : 0;
}

static void complain(const char *what, int value)
{
	printf("# bob: %s (%d)\n", what, value);
	fflush(stdout);
	race->stolen++;
}

/* What bob got a descriptor of must be his. */
static int check_open(int fd)
{
	struct stat st;
	char byte = 'b';

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		complain("fstat failed", errno);
	else if (st.st_uid != BOB)
		complain("has opened an object of", (int)st.st_uid);
	/* Nul: bob has grown it himself. */
	if (read(fd, &byte, 1) == 1 && byte != 'b' && byte)
		complain("has read", byte);
	close(fd);
	return 0;
}

static int attack_open(const struct paths *p)
{
	return check_open(open(p->of[FLIP], O_RDWR | O_CLOEXEC));
}

static int attack_read(const struct paths *p)
{
	return check_open(open(p->of[FLIP], O_RDONLY | O_CLOEXEC));
}

static int attack_trunc(const struct paths *p)
{
	return check_open(open(p->of[FLIP], O_RDWR | O_TRUNC | O_CLOEXEC));
}

static int attack_creat(const struct paths *p)
{
	return check_open(
		open(p->of[FLIP], O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static int attack_creat_trunc(const struct paths *p)
{
	return check_open(open(p->of[FLIP],
			       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

static int attack_write(const struct paths *p)
{
	int fd = open(p->of[FLIP], O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (pwrite(fd, "bbbb", 4, 0) < 0 || ftruncate(fd, 2) < 0 ||
	    fchmod(fd, 0640) < 0 || futimens(fd, NULL) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int attack_truncate(const struct paths *p)
{
	return answer(truncate(p->of[FLIP], 0));
}

static int attack_chmod(const struct paths *p)
{
	return answer(chmod(p->of[FLIP], 0666));
}

static int attack_chgrp(const struct paths *p)
{
	return answer(chown(p->of[FLIP], (uid_t)-1, SHARED));
}

static int attack_times(const struct paths *p)
{
	static const struct timespec times[2] = { { .tv_sec = 1 },
						  { .tv_sec = 1 } };

	return answer(utimensat(AT_FDCWD, p->of[FLIP], times, 0));
}

static int attack_setxattr(const struct paths *p)
{
	return answer(setxattr(p->of[FLIP], "user.t", "bob", 3, 0));
}

static int attack_unlink(const struct paths *p)
{
	return answer(unlink(p->of[FLIP]));
}

static int attack_rename(const struct paths *p)
{
	return answer(rename(p->of[FLIP], p->of[AWAY]));
}

static int make_own(const struct paths *p)
{
	int fd = open(p->of[OWN], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int ret = fd < 0 ? -errno : 0;

	if (fd >= 0 && write(fd, "bob", 3) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int attack_replace(const struct paths *p)
{
	int err = make_own(p);

	return err ? err : answer(rename(p->of[OWN], p->of[FLIP]));
}

static int attack_exchange(const struct paths *p)
{
	int err = make_own(p);

	return err ? err
		   : answer(renameat2(AT_FDCWD, p->of[OWN], AT_FDCWD,
				      p->of[FLIP], RENAME_EXCHANGE));
}

static const struct attack {
	const char *name;
	int (*run)(const struct paths *p);
	bool creates; /* then ENOENT is a wrong answer */
} attacks[] = {
	{ "open", attack_open },
	{ "read", attack_read },
	{ "open and truncate", attack_trunc },
	{ "open or create", attack_creat, true },
	{ "truncate or create", attack_creat_trunc, true },
	{ "write", attack_write },
	{ "truncate", attack_truncate },
	{ "chmod", attack_chmod },
	{ "chgrp", attack_chgrp },
	{ "times", attack_times },
	{ "setxattr", attack_setxattr },
	{ "unlink", attack_unlink },
	{ "rename", attack_rename },
	{ "replace", attack_replace },
	{ "exchange", attack_exchange },
};

static bool plausible(const struct attack *a, int ret)
{
	if (ret == 0 || ret == -EACCES || ret == -EPERM)
		return true;
	/* A name that is hidden can be neither created nor opened. */
	if (race->kinds && (ret == -EEXIST || ret == -EISDIR || ret == -ENOENT))
		return true;
	return ret == -ENOENT && !a->creates;
}

/* A process of bob's. */
static void attack(unsigned int seed)
{
	while (!race->stop) {
		const struct attack *a =
			&attacks[(unsigned int)rand_r(&seed) % COUNT(attacks)];
		int ret = a->run(&race->mounted);

		race->attacks++;
		if (ret == 0)
			race->hits++;
		if (ret == -ESTALE)
			race->stale++;
		if (ret == -ESTALE || plausible(a, ret))
			continue;
		if (race->wrong++ < 20)
			printf("# bob: %s: %s\n", a->name, strerror(-ret));
		fflush(stdout);
	}
}

/* Bob's actor: two processes, or he might never meet the moment. */
static int bob_attacks(void *arg, int fd)
{
	pid_t pid = fork();
	int status = 0;

	attack(pid == 0 ? 1 : 2);
	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -ECHILD;
	return status ? -EIO : 0;
}

/* The flipping, and what must stay as it was. */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int make(const char *path, const char *data, uid_t uid)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, strlen(data)), strlen(data));
	assert_int_equal(fchown(fd, uid, uid), 0);
	return fd;
}

/* Whether the file behind fd is as make(…, data, …) left it. */
static void assert_untouched(int fd, const struct stat *before,
			     const char *data)
{
	char buf[16] = "";
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, before->st_size);
	assert_int_equal(st.st_mode, before->st_mode);
	assert_int_equal(st.st_uid, before->st_uid);
	assert_int_equal(st.st_gid, before->st_gid);
	assert_memory_equal(&st.st_mtim, &before->st_mtim, sizeof(st.st_mtim));
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), strlen(data));
	assert_string_equal(buf, data);
	assert_int_equal(fgetxattr(fd, "user.t", buf, sizeof(buf)), -1);
}

/* Mostly as long as one request takes, at times long enough for several. */
static void linger(unsigned int *seed)
{
	int n = rand_r(seed) % (rand_r(seed) % 8 ? 1 << 14 : 1 << 18);

	while (n-- > 0)
		atomic_signal_fence(memory_order_seq_cst);
}

/* Alice's object is at FLIP before and after; bob's in between. */
static void flip(const struct paths *p, unsigned int *seed)
{
	close(make(p->of[NEXT], "bob", BOB));
	assert_int_equal(rename(p->of[FLIP], p->of[PARK]), 0);
	linger(seed);
	assert_int_equal(rename(p->of[NEXT], p->of[FLIP]), 0);
	linger(seed);
	if (renameat2(AT_FDCWD, p->of[FLIP], AT_FDCWD, p->of[PARK],
		      RENAME_EXCHANGE) < 0) {
		assert_int_equal(errno, ENOENT); /* bob removed his own */
		assert_int_equal(rename(p->of[PARK], p->of[FLIP]), 0);
	}
	linger(seed);
	(void)unlink(p->of[PARK]); /* bob's old one, if there is one */
}

static void name_paths(struct paths *p, const char *dir, const char *prefix)
{
	static const char *const names[PATHS] = { "flip", "park", "next", "own",
						  "away" };

	for (int i = 0; i < PATHS; i++)
		snprintf(p->of[i], sizeof(p->of[i]), "%s/%s%s", dir, prefix,
			 names[i]);
}

static void begin(bool kinds)
{
	name_paths(&race->direct, "/dev/shm", fixture.prefix);
	name_paths(&race->mounted, fixture.dir, fixture.prefix);
	for (int i = 0; i < PATHS; i++)
		(void)remove(race->direct.of[i]); /* of the test before */
	race->kinds = kinds;
	race->attacks = race->hits = race->stale = 0;
	race->wrong = race->stolen = 0;
	race->stop = false;
}

static void stop_all(void)
{
	race->stop = true;
	for (size_t i = 0; i < COUNT(running); i++) {
		const struct actor *a = running[i];

		running[i] = NULL;
		if (a)
			assert_int_equal(actor_end(a), 0);
	}
}

static void start_bob(size_t i, const struct actor *bob, actor_fn fn)
{
	actor_begin(bob, fn, NULL, -1);
	running[i] = bob;
}

static void finish(unsigned long rounds)
{
	printf("# %lu rounds, %lu attacks, %lu of them done, %lu stale\n",
	       rounds, race->attacks, race->hits, race->stale);
	assert_int_equal(race->stolen, 0);
	assert_int_equal(race->wrong, 0);
	assert_true(race->hits > 0 && race->hits < race->attacks);
}

static double deadline(void)
{
	return now() + (getenv("SHMFS_LONG") ? 60 : 4);
}

static void test_owners(void **state)
{
	unsigned int seed = 3;
	unsigned long rounds = 0;
	struct stat before;
	double end;
	int alice;

	begin(false);
	alice = make(race->direct.of[FLIP], "alice", ALICE);
	assert_int_equal(fstat(alice, &before), 0);
	start_bob(0, &actors[ACTOR_BOB], bob_attacks);
	for (end = deadline(); now() < end; rounds++) {
		flip(&race->direct, &seed);
		assert_untouched(alice, &before, "alice");
	}
	stop_all();
	assert_untouched(alice, &before, "alice");
	close(alice);
	finish(rounds);
}

/* What bob puts at FLIP by himself: objects, and traps for the daemon. */
static int bob_plants(void *arg, int fd)
{
	const struct paths *p = &race->direct;
	unsigned int seed = 4;

	while (!race->stop) {
		int kind = rand_r(&seed) % 6, ret;

		if (kind == 0)
			ret = symlink(SECRET, p->of[NEXT]);
		else if (kind == 1)
			ret = symlink(p->of[PARK], p->of[NEXT]);
		else if (kind == 2)
			ret = mkfifo(p->of[NEXT], 0666);
		else if (kind == 3)
			ret = mkdir(p->of[NEXT], 0777);
		else
			ret = mknod(p->of[NEXT], S_IFREG | 0600, 0);
		(void)ret; /* left from before: as well */
		linger(&seed);
		if (rename(p->of[NEXT], p->of[FLIP]) < 0)
			(void)remove(p->of[FLIP]); /* a directory in the way */
		linger(&seed);
	}
	return 0;
}

static void test_kinds(void **state)
{
	struct stat secret_st, alice_st;
	unsigned long rounds = 0;
	int secret, alice;
	double end;

	begin(true);
	secret = make(SECRET, "secret", 0);
	alice = make(race->direct.of[PARK], "alice", ALICE);
	assert_int_equal(fstat(secret, &secret_st), 0);
	assert_int_equal(fstat(alice, &alice_st), 0);
	start_bob(0, &actors[ACTOR_BOB], bob_attacks);
	start_bob(1, &more[ACTOR_BOB], bob_plants);
	for (end = deadline(); now() < end; rounds++) {
		assert_untouched(secret, &secret_st, "secret");
		assert_untouched(alice, &alice_st, "alice");
		sched_yield();
	}
	stop_all();
	assert_untouched(secret, &secret_st, "secret");
	assert_untouched(alice, &alice_st, "alice");
	close(secret);
	close(alice);
	finish(rounds);
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

/* Also after a test that failed half-way. */
static int calm(void **state)
{
	stop_all();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_owners, calm),
		cmocka_unit_test_teardown(test_kinds, calm),
	};
	int failed, err;

	race = actor_share(sizeof(*race));
	err = race ? actors_enter_namespace() : -ENOMEM;
	if (!err)
		err = actors_start(actors);
	if (!err)
		err = actors_start(more);
	if (err) {
		fprintf(stderr, "# cannot set the users up: %s\n",
			strerror(-err));
		return 1;
	}
	failed = cmocka_run_group_tests(tests, start, stop);
	actors_stop(more);
	actors_stop(actors);
	return failed != 0;
}
