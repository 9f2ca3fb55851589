/* SPDX-License-Identifier: MIT */
/*
 * The directories the kernel knows: numbers, names, and what becomes of both
 * when directories are removed, renamed and forgotten.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dirs.h"

static int setup(void **state)
{
	struct dirs *dirs = NULL;
	int error = dirs_create(&dirs);

	*state = dirs;
	return error;
}

static int teardown(void **state)
{
	dirs_destroy(*state);
	return 0;
}

static uint64_t lookup(struct dirs *dirs, const char *name)
{
	uint64_t id, ino;

	assert_int_equal(dirs_lookup(dirs, name, &id, &ino), 0);
	assert_true(dirs_is_id(id));
	assert_true(ino >> 63);
	assert_int_equal(dirs_ino(dirs, name), ino);
	return id;
}

static struct dir_ref get(struct dirs *dirs, uint64_t id)
{
	struct dir_ref ref;

	assert_int_equal(dirs_get(dirs, id, &ref), 0);
	return ref;
}

static void assert_unknown(struct dirs *dirs, uint64_t id)
{
	struct dir_ref ref;

	assert_int_equal(dirs_get(dirs, id, &ref), -ESTALE);
}

static void counted(void **state)
{
	struct dirs *dirs = *state;
	uint64_t a = lookup(dirs, "a:");
	uint64_t ino = get(dirs, a).ino;

	assert_int_equal(lookup(dirs, "a:"), a);
	assert_int_not_equal(lookup(dirs, "b:"), a);
	dirs_forget(dirs, a, 1);
	assert_string_equal(get(dirs, a).name, "a:");
	dirs_forget(dirs, a, 1);
	assert_unknown(dirs, a);
	dirs_forget(dirs, a, 1); /* not known: nothing happens */
	/* The same inode number, but never the same node number. */
	assert_int_equal(dirs_ino(dirs, "a:"), ino);
	assert_int_not_equal(lookup(dirs, "a:"), a);
	assert_int_equal(dirs_ino(dirs, "a:"), ino);
}

static void removed(void **state)
{
	struct dirs *dirs = *state;
	uint64_t a = lookup(dirs, "a:");
	uint64_t again;

	dirs_removed(dirs, "a:");
	dirs_removed(dirs, "none:");
	assert_true(get(dirs, a).removed);
	again = lookup(dirs, "a:");
	assert_int_not_equal(again, a);
	assert_false(get(dirs, again).removed);
	dirs_forget(dirs, a, 1);
	assert_unknown(dirs, a);
	assert_int_equal(lookup(dirs, "a:"), again);
}

static void renamed(void **state)
{
	struct dirs *dirs = *state;
	uint64_t a = lookup(dirs, "a:"), ab = lookup(dirs, "a:b:");
	uint64_t aa = lookup(dirs, "aa:"), z = lookup(dirs, "z:");
	uint64_t zb = lookup(dirs, "z:b:");
	uint64_t ino = get(dirs, a).ino;

	dirs_renamed(dirs, "a:", "z:");
	assert_string_equal(get(dirs, a).name, "z:");
	assert_string_equal(get(dirs, ab).name, "z:b:");
	assert_string_equal(get(dirs, aa).name, "aa:");
	assert_true(get(dirs, z).removed);
	assert_true(get(dirs, zb).removed);
	assert_int_equal(lookup(dirs, "z:"), a);
	assert_int_equal(get(dirs, a).ino, ino);
	/* Its old name is another directory's, with another inode number. */
	assert_int_not_equal(dirs_ino(dirs, "a:"), ino);
	assert_int_not_equal(lookup(dirs, "a:"), a);
}

/* A name that cannot be: nothing can have been in it. */
static void renamed_too_long(void **state)
{
	struct dirs *dirs = *state;
	char name[STORE_NAME_MAX + 1];
	uint64_t deep;

	memset(name, 'n', sizeof(name));
	memcpy(name, "a:", 2);
	name[STORE_NAME_MAX - 1] = ':';
	name[STORE_NAME_MAX] = '\0';
	deep = lookup(dirs, name);
	dirs_renamed(dirs, "a:", "abc:");
	assert_true(get(dirs, deep).removed);
}

static void many(void **state)
{
	struct dirs *dirs = *state;
	static uint64_t ids[5000];
	char name[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "d:%d:", i);
		ids[i] = lookup(dirs, name);
	}
	dirs_renamed(dirs, "d:", "e:");
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "e:%d:", i);
		assert_string_equal(get(dirs, ids[i]).name, name);
		if (i % 100 == 0)
			dirs_removed(dirs, name);
	}
	for (int i = 0; i < 5000; i++)
		dirs_forget(dirs, ids[i], 1);
	for (int i = 0; i < 5000; i++)
		assert_unknown(dirs, ids[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counted, setup, teardown),
		cmocka_unit_test_setup_teardown(removed, setup, teardown),
		cmocka_unit_test_setup_teardown(renamed, setup, teardown),
		cmocka_unit_test_setup_teardown(renamed_too_long, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
