/* SPDX-License-Identifier: MIT */
/*
 * Names that the kernel keeps must never answer for another object. A few
 * names change hands at random, by direct calls and through the mount, by
 * renames, exchanges, hard links and replacements, while some of the objects
 * are held open and the names are stat'ed again and again, which is what makes
 * the kernel keep them. After each step the mount must say of each name what
 * /dev/shm says, and held files must still be what was opened.
 *
 * SHMFS_SEED=N repeats a run.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"

#define NAMES 4
#define HELD  3

struct held {
	int fd; /* through the mount, or -1 */
	ino_t ino;
};

struct game {
	struct fixture *f;
	uint64_t rng;
	uint64_t seed;
	struct held held[HELD];
	unsigned long made; /* objects so far: the size of the next */
	unsigned long step;
	char last[128]; /* what the step did, for the reader of a failure */
};

enum place { DIRECT, MOUNTED };

static const char *path_of(const struct game *g, enum place place, unsigned n)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s%c",
		 place == DIRECT ? "/dev/shm" : g->f->dir, g->f->prefix,
		 'a' + (char)n);
	return p;
}

/* Says what the step is, and goes on with it. */
static int log_step(struct game *g, const char *what, enum place place,
		    unsigned a, unsigned b, int ret)
{
	snprintf(g->last, sizeof(g->last), "%s %s %c %c: %s", what,
		 place == DIRECT ? "directly" : "through the mount", 'a' + a,
		 'a' + b, ret < 0 ? strerror(errno) : "done");
	return ret;
}

/* A new object there, put in place of what there is. */
static int replace(struct game *g, enum place place, unsigned n)
{
	char path[256], fresh[300];
	int fd;

	snprintf(path, sizeof(path), "%s", path_of(g, place, n));
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -1;
	assert_int_equal(ftruncate(fd, (off_t)++g->made), 0);
	close(fd);
	return rename(fresh, path);
}

static int create(struct game *g, enum place place, unsigned n, int flags)
{
	int fd = open(path_of(g, place, n), O_RDWR | O_CREAT | flags, 0600);

	if (fd < 0)
		return -1;
	assert_int_equal(ftruncate(fd, (off_t)++g->made), 0);
	return close(fd);
}

static void change(struct game *g)
{
	enum place place = rng_below(&g->rng, 3) ? DIRECT : MOUNTED;
	unsigned a = (unsigned)rng_below(&g->rng, NAMES);
	unsigned b = (unsigned)rng_below(&g->rng, NAMES);
	const char *from = path_of(g, place, a);
	const char *to = path_of(g, place, b);

	switch (rng_below(&g->rng, 8)) {
	case 0:
		log_step(g, "unlink", place, a, a, unlink(from));
		break;
	case 1:
		log_step(g, "create", place, a, a, create(g, place, a, 0));
		break;
	case 2:
		log_step(g, "create new", place, a, a,
			 create(g, place, a, O_EXCL));
		break;
	case 3:
		log_step(g, "link", DIRECT, a, b,
			 link(path_of(g, DIRECT, a), path_of(g, DIRECT, b)));
		break;
	case 4:
		log_step(g, "exchange", place, a, b,
			 renameat2(AT_FDCWD, from, AT_FDCWD, to,
				   RENAME_EXCHANGE));
		break;
	case 5:
		log_step(g, "replace", place, a, a, replace(g, place, a));
		break;
	default:
		log_step(g, "rename", place, a, b, rename(from, to));
	}
}

static void assert_same(struct game *g, bool same, const char *what, unsigned n)
{
	if (same)
		return;
	fail_msg("seed %llu, step %lu, %s of %c after %s",
		 (unsigned long long)g->seed, g->step, what, 'a' + n, g->last);
}

static bool equal(int ret, const struct stat *st, int direct_ret,
		  const struct stat *direct)
{
	if (ret < 0 || direct_ret < 0)
		return ret == direct_ret;
	return st->st_ino == direct->st_ino && st->st_size == direct->st_size &&
	       st->st_mode == direct->st_mode &&
	       st->st_nlink == direct->st_nlink;
}

static void check_stat(struct game *g, unsigned n)
{
	struct stat st, direct;
	int direct_ret = stat(path_of(g, DIRECT, n), &direct);
	int ret = stat(path_of(g, MOUNTED, n), &st);

	assert_same(g, equal(ret, &st, direct_ret, &direct), "stat", n);
}

static void check_open(struct game *g, unsigned n)
{
	struct stat st, direct;
	int direct_ret = stat(path_of(g, DIRECT, n), &direct);
	int fd = open(path_of(g, MOUNTED, n), O_RDWR);
	int ret = fd < 0 ? -1 : fstat(fd, &st);

	assert_same(g, equal(ret, &st, direct_ret, &direct), "open", n);
	if (fd >= 0)
		close(fd);
}

static void check_truncate(struct game *g, unsigned n)
{
	off_t size = (off_t)++g->made;
	int ret = truncate(path_of(g, MOUNTED, n), size);
	struct stat direct;
	int direct_ret = stat(path_of(g, DIRECT, n), &direct);

	assert_same(g, ret == direct_ret, "truncate", n);
	if (ret == 0)
		assert_same(g, direct.st_size == size, "truncated size", n);
}

/* Takes hold of what a name leads to, or lets go of what is held. */
static void hold(struct game *g)
{
	struct held *held = &g->held[rng_below(&g->rng, HELD)];
	unsigned n = (unsigned)rng_below(&g->rng, NAMES);
	struct stat st;

	if (held->fd >= 0) {
		close(held->fd);
		held->fd = -1;
		return;
	}
	held->fd = open(path_of(g, MOUNTED, n), O_RDWR);
	if (held->fd < 0)
		return;
	assert_int_equal(stat(path_of(g, DIRECT, n), &st), 0);
	held->ino = st.st_ino;
}

static void check_held(struct game *g)
{
	for (unsigned i = 0; i < HELD; i++) {
		struct stat st;

		if (g->held[i].fd < 0)
			continue;
		assert_int_equal(fstat(g->held[i].fd, &st), 0);
		assert_same(g, st.st_ino == g->held[i].ino, "held", i);
		assert_int_equal(fchmod(g->held[i].fd, st.st_mode & 0777), 0);
	}
}

static void step(struct game *g)
{
	static void (*const checks[])(struct game *, unsigned) = {
		check_stat, check_stat, check_stat,
		check_stat, check_open, check_truncate,
	};
	uint64_t kinds = sizeof(checks) / sizeof(checks[0]);

	if (rng_below(&g->rng, 3) == 0)
		change(g);
	if (rng_below(&g->rng, 8) == 0)
		hold(g);
	for (int i = 0; i < 3; i++)
		checks[rng_below(&g->rng, kinds)](
			g, (unsigned)rng_below(&g->rng, NAMES));
	check_held(g);
}

/*
 * Many short games, each on a mount of its own: for a while after a kept name
 * has proved wrong, names are not kept.
 */
static void play(struct game *g)
{
	for (int i = 0; i < HELD; i++)
		g->held[i].fd = -1;
	for (int i = 0; i < 150; i++, g->step++)
		step(g);
	for (int i = 0; i < HELD; i++)
		if (g->held[i].fd >= 0)
			close(g->held[i].fd);
}

static void names_lead_where_they_should(void **state)
{
	int rounds = getenv("SHMFS_LONG") ? 5000 : 120;
	struct fixture fixture;
	struct game g = { .f = &fixture };

	g.rng = g.seed = rng_seed("kept_names");
	while (rounds--) {
		fixture_start(&fixture, NULL);
		play(&g);
		assert_int_equal(fixture_stop(&fixture), 0);
	}
}

/* Directly: an object of this size. */
static void make(const struct game *g, unsigned n, off_t size)
{
	int fd = open(path_of(g, DIRECT, n), O_RDWR | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static off_t size_of(const struct game *g, unsigned n)
{
	struct stat st;

	return stat(path_of(g, MOUNTED, n), &st) < 0 ? -1 : st.st_size;
}

/* Makes the kernel keep the name. */
static void keep(const struct game *g, unsigned n, off_t size)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(size_of(g, n), size);
}

static void move(const struct game *g, enum place place, unsigned from,
		 unsigned to)
{
	assert_int_equal(rename(path_of(g, place, from), path_of(g, place, to)),
			 0);
}

enum { A, B, C };

static void replaced(void **state)
{
	struct game g = { .f = *state };

	make(&g, A, 1);
	make(&g, B, 2);
	keep(&g, A, 1);
	move(&g, DIRECT, B, A);
	assert_int_equal(size_of(&g, A), 2);
	assert_int_equal(size_of(&g, B), -1);
}

/* One object, two names after each other, both of them kept. */
static void renamed_and_back(void **state)
{
	struct game g = { .f = *state };

	make(&g, A, 1);
	keep(&g, A, 1);
	move(&g, DIRECT, A, B);
	keep(&g, B, 1);
	assert_int_equal(size_of(&g, A), -1);
	keep(&g, B, 1);
	move(&g, DIRECT, B, A);
	assert_int_equal(size_of(&g, B), -1);
	keep(&g, A, 1);
}

static void replaced_while_held(void **state)
{
	struct game g = { .f = *state };
	struct stat st;
	int fd;

	make(&g, A, 1);
	make(&g, B, 2);
	keep(&g, A, 1);
	fd = open(path_of(&g, MOUNTED, A), O_RDWR);
	assert_true(fd >= 0);
	move(&g, DIRECT, B, A);
	assert_int_equal(size_of(&g, A), 2);
	assert_int_equal(ftruncate(fd, 3), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(size_of(&g, A), 2);
	close(fd);
}

/*
 * The kernel moves the entry of a name that it keeps, though that object is
 * not the one that was renamed, and then the name gets its object back.
 */
static void renamed_by_a_wrong_entry(void **state)
{
	struct game g = { .f = *state };

	make(&g, A, 1);
	keep(&g, A, 1);
	move(&g, DIRECT, A, C);
	make(&g, A, 2);
	move(&g, MOUNTED, A, B);
	move(&g, DIRECT, C, A);
	assert_int_equal(size_of(&g, B), 2);
	assert_int_equal(size_of(&g, A), 1);
}

/* open(2) of what exists by a name that was to be created. */
static void opened_by_creating(void **state)
{
	struct game g = { .f = *state };
	struct stat st;
	int fd;

	make(&g, A, 1);
	make(&g, B, 2);
	keep(&g, A, 1);
	move(&g, DIRECT, B, A);
	fd = open(path_of(&g, MOUNTED, A), O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2);
	assert_int_equal(unlink(path_of(&g, DIRECT, A)), 0);
	assert_int_equal(size_of(&g, A), -1);
	assert_int_equal(fstat(fd, &st), 0);
	close(fd);
	fd = open(path_of(&g, MOUNTED, A), O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
#define CASE(test) \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(replaced),
		CASE(renamed_and_back),
		CASE(replaced_while_held),
		CASE(renamed_by_a_wrong_entry),
		CASE(opened_by_creating),
		cmocka_unit_test(names_lead_where_they_should),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
