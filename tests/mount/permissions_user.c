/* SPDX-License-Identifier: MIT */
/*
 * A mount that an ordinary user made for herself: all answers she gets are
 * those of /dev/shm, and all that the others get is EACCES, root included.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "actors.h"
#include "fixture.h"
#include "perm_cell.h"

static struct actor actors[ACTORS];
static struct perm_bench bench;
static struct fixture own;	/* alice's, in her process */
static struct fixture *fixture; /* what she tells of it, in shared memory */

static const struct {
	uid_t uid;
	gid_t gid;
} owners[] = { { 0, 0 },	  { 0, SHARED }, { ALICE, ALICE },
	       { ALICE, SHARED }, { BOB, BOB },	 { BOB, SHARED },
	       { ALICE, 0 } };
static const mode_t modes[] = { 0600, 0640, 0644,  0660,  0666,
				0400, 0000, 04755, 06775, 0070 };
/* May be written or executed, but not read. */
static const mode_t unreadable[] = { 0200, 0220, 0622, 0111, 0711, 06771 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int alice_starts(void *arg, int fd)
{
	fixture_start(&own, NULL);
	*(struct fixture *)arg = own;
	return 0;
}

static int alice_stops(void *arg, int fd)
{
	return fixture_stop(&own);
}

static int start(void **state)
{
	if (actor_run(&actors[ACTOR_ALICE], alice_starts, fixture, -1) < 0)
		return -1;
	bench.dir = fixture->dir;
	bench.prefix = fixture->prefix;
	bench.may = &actors[ACTOR_ALICE];
	return 0;
}

static int stop(void **state)
{
	perm_bench_clear(&bench);
	return actor_run(&actors[ACTOR_ALICE], alice_stops, NULL, -1);
}

static int reset(void **state)
{
	bench.cells = bench.differing = 0;
	bench.never_more = false;
	return 0;
}

static void finish(const char *table)
{
	printf("# %s: %u cells, %u differ\n", table, bench.cells,
	       bench.differing);
	fflush(stdout);
	assert_true(bench.cells > 0);
	assert_int_equal(bench.differing, 0);
}

static void check_all(const struct perm_cell *c)
{
	perm_table_check(&bench, c, perm_object_ops);
	perm_table_check(&bench, c, perm_name_ops);
	perm_table_check(&bench, c, perm_create_ops);
	perm_table_check(&bench, c, perm_dir_ops);
}

static void check_owners(const mode_t *mode, size_t count)
{
	struct perm_cell c = { .actor = &actors[ACTOR_ALICE],
			       .umask = 027,
			       .dir_mode = 01777 };

	for (; count--; mode++)
		for (size_t o = 0; o < COUNT(owners); o++) {
			c.uid = owners[o].uid;
			c.gid = owners[o].gid;
			c.mode = *mode;
			check_all(&c);
		}
}

static void test_own(void **state)
{
	check_owners(modes, COUNT(modes));
	finish("the mount's owner");
}

/*
 * The daemon has alice's rights and no others. It maps what is written and
 * reads what is executed, which takes the right to read.
 */
static void test_unreadable(void **state)
{
	bench.never_more = true;
	check_owners(unreadable, COUNT(unreadable));
	finish("unreadable objects");
}

static void test_directory(void **state)
{
	static const mode_t dir_modes[] = { 0777, 0755, 01770, 0700, 03777 };
	static const struct {
		uid_t uid;
		gid_t gid;
	} dir_owners[] = { { 0, 0 }, { 0, SHARED }, { ALICE, SHARED } };
	struct perm_cell c = { .actor = &actors[ACTOR_ALICE],
			       .uid = BOB,
			       .gid = SHARED,
			       .mode = 0666 };

	for (size_t o = 0; o < COUNT(dir_owners); o++)
		for (size_t m = 0; m < COUNT(dir_modes); m++) {
			c.dir_uid = dir_owners[o].uid;
			c.dir_gid = dir_owners[o].gid;
			c.dir_mode = dir_modes[m];
			check_all(&c);
		}
	finish("the directory");
}

static void test_others(void **state)
{
	static const int others[] = { ACTOR_ROOT, ACTOR_BOB };

	for (size_t a = 0; a < COUNT(others); a++)
		for (size_t o = 0; o < COUNT(owners); o++) {
			struct perm_cell c = { .actor = &actors[others[a]],
					       .uid = owners[o].uid,
					       .gid = owners[o].gid,
					       .mode = 0666,
					       .dir_mode = 01777 };

			check_all(&c);
		}
	finish("the others");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_own, reset),
		cmocka_unit_test_setup(test_unreadable, reset),
		cmocka_unit_test_setup(test_directory, reset),
		cmocka_unit_test_setup(test_others, reset),
	};
	int failed, err = perm_bench_init(&bench);

	fixture = actor_share(sizeof(*fixture));
	if (!err && !fixture)
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
	failed = cmocka_run_group_tests(tests, start, stop);
	actors_stop(actors);
	return failed != 0;
}
