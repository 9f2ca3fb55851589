/* SPDX-License-Identifier: MIT */
/*
 * The tree as it is now, of the objects there are: it is never older than the
 * last change, however quickly one follows another, and not made anew without
 * one where the store can tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "forest.h"

#define ROUNDS 3000

struct grove {
	struct store *store;
	struct view view;
	struct forest *forest;
	char prefix[64];
};

static int setup(void **state)
{
	static struct grove g;
	int error = posix_kind.open(&g.store);

	snprintf(g.prefix, sizeof(g.prefix), "shmfs-test.%d.", getpid());
	if (!error)
		error = view_set_prefix(&g.view, g.prefix);
	if (!error)
		error = view_set_separator(&g.view, ":");
	if (!error)
		error = forest_create(&posix_kind, g.store, &g.view, &g.forest);
	*state = &g;
	return error;
}

static int teardown(void **state)
{
	struct grove *g = *state;

	forest_destroy(g->forest);
	posix_kind.close(g->store);
	return 0;
}

static const char *named(const struct grove *g, const char *name)
{
	static char names[2][128];
	static unsigned int next;
	char *full = names[next++ % 2];

	snprintf(full, sizeof(names[0]), "%s%s", g->prefix, name);
	return full;
}

static void make(const struct grove *g, const char *name)
{
	int fd = shm_open(named(g, name), O_RDWR | O_CREAT | O_EXCL, 0600);

	assert_return_code(fd, errno);
	close(fd);
}

static bool exists(const struct grove *g, const char *directory)
{
	struct tree *tree;
	int number;

	assert_int_equal(forest_tree(g->forest, &tree), 0);
	number = tree_find(tree, named(g, directory));
	tree_put(tree);
	return number >= 0;
}

static void never_old(void **state)
{
	const struct grove *g = *state;
	char from[128], to[128];

	snprintf(from, sizeof(from), "/dev/shm/%s", named(g, "d:x"));
	snprintf(to, sizeof(to), "/dev/shm/%s", named(g, "e:x"));
	for (int i = 0; i < ROUNDS; i++) {
		assert_false(exists(g, "d:"));
		make(g, "d:x");
		assert_true(exists(g, "d:"));
		assert_return_code(rename(from, to), errno);
		assert_false(exists(g, "d:"));
		assert_true(exists(g, "e:"));
		assert_return_code(shm_unlink(named(g, "e:x")), errno);
		assert_false(exists(g, "e:"));
	}
}

/* Two changes with no look in between, which leave as many names. */
static void never_old_by_two(void **state)
{
	const struct grove *g = *state;

	make(g, "d:x");
	for (int i = 0; i < ROUNDS; i++) {
		assert_true(exists(g, "d:"));
		assert_return_code(shm_unlink(named(g, "d:x")), errno);
		make(g, "e:x");
		assert_false(exists(g, "d:"));
		assert_return_code(shm_unlink(named(g, "e:x")), errno);
		make(g, "d:x");
	}
	assert_return_code(shm_unlink(named(g, "d:x")), errno);
}

static struct tree *tree_now(const struct grove *g)
{
	struct tree *tree;

	assert_int_equal(forest_tree(g->forest, &tree), 0);
	return tree;
}

/* Others change the namespace too: now and then nobody does. */
static void used_again(void **state)
{
	const struct grove *g = *state;
	int same = 0;

	for (int i = 0; i < 200 && !same; i++) {
		struct tree *first, *second;

		usleep(10000); /* past any tick of the clock */
		first = tree_now(g);
		second = tree_now(g);
		same = first == second;
		tree_put(first);
		tree_put(second);
	}
	assert_true(same);
}

/* One that is in use stays as it is, and outlives its successors. */
static void constant(void **state)
{
	const struct grove *g = *state;
	struct tree_entry entry;
	struct tree *tree;
	int number;

	make(g, "d:x");
	tree = tree_now(g);
	assert_return_code(shm_unlink(named(g, "d:x")), errno);
	assert_false(exists(g, "d:"));
	number = tree_find(tree, named(g, "d:"));
	assert_true(number > 0);
	assert_true(tree_next(tree, number, 0, &entry));
	assert_string_equal(entry.name, "x");
	assert_false(tree_next(tree, number, entry.next, &entry));
	tree_put(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_old),
		cmocka_unit_test(never_old_by_two),
		cmocka_unit_test(used_again),
		cmocka_unit_test(constant),
	};

	return cmocka_run_group_tests(tests, setup, teardown) != 0;
}
