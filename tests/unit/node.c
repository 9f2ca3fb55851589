// SPDX-License-Identifier: MIT
/*
 * The node table: counts, names, openings, growth and shrinking.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the headers it needs */
#include <cmocka.h>

#include "node.h"

#define ROOT 1

static unsigned closed;

static void count_close(struct object *object)
{
	closed++;
	free(object);
}

static const struct store_kind fake_kind = { .close_object = count_close };

static struct object *fake_object(bool writable)
{
	struct object *object = calloc(1, sizeof(*object));

	assert_non_null(object);
	object->kind = &fake_kind;
	object->refs = 1;
	object->writable = writable;
	return object;
}

static int setup(void **state)
{
	struct object *root = fake_object(false);

	closed = 0;
	if (node_table_create(ROOT, root, 4, 3, (struct node_table **)state))
		return -1;
	object_put(root);
	return 0;
}

static int teardown(void **state)
{
	node_table_destroy(*state);
	return 0;
}

static uint64_t look_up(struct node_table *table, const char *name,
			uint64_t ino)
{
	uint64_t id;

	assert_int_equal(node_lookup(table, name, ino, NULL, &id), 0);
	return id;
}

static struct object *open_node(struct node_table *table, uint64_t id,
				struct object *object)
{
	int backing;

	return node_opened(table, id, object, NULL, NULL, &backing);
}

static void numbers_are_not_used_twice(void **state)
{
	uint64_t first = look_up(*state, "a", 7);
	uint64_t second;

	assert_int_not_equal(first, ROOT);
	assert_int_equal(look_up(*state, "a", 7), first);
	node_forget(*state, first, 2);
	second = look_up(*state, "a", 7);
	assert_int_not_equal(second, first);
	node_forget(*state, second, 1);
}

static void node_lives_as_long_as_its_count(void **state)
{
	uint64_t id = look_up(*state, "a", 7);
	struct node_ref ref;

	look_up(*state, "b", 7);
	node_forget(*state, id, 1);
	assert_int_equal(node_get(*state, id, &ref), 0);
	assert_string_equal(ref.name, "b"); /* where it was seen last */
	assert_int_equal(ref.ino, 7);
	assert_null(ref.object);
	node_unref(&ref);
	node_forget(*state, id, 1);
	assert_int_equal(node_get(*state, id, &ref), -ESTALE);
	node_forget(*state, id, 1); /* a number that is gone: ignored */
	assert_int_equal(node_get(*state, 12345, &ref), -ESTALE);
}

static void openings_share_one_object(void **state)
{
	uint64_t id = look_up(*state, "a", 7);
	struct object *one = fake_object(true);
	struct node_ref ref;

	assert_ptr_equal(open_node(*state, id, one), one);
	assert_ptr_equal(open_node(*state, id, fake_object(true)), one);
	assert_int_equal(closed, 1); /* the second was not needed */
	assert_int_equal(node_get(*state, id, &ref), 0);
	assert_ptr_equal(ref.object, one);
	node_unref(&ref);

	/* forgotten while open: lives on until closed */
	node_forget(*state, id, 1);
	node_closed(*state, id, one);
	assert_int_equal(closed, 1);
	node_closed(*state, id, one);
	assert_int_equal(closed, 2);
	assert_int_equal(node_get(*state, id, &ref), -ESTALE);
}

static void writable_replaces_read_only(void **state)
{
	uint64_t id = look_up(*state, "a", 7);
	struct object *readable = fake_object(false);
	struct object *writable = fake_object(true);
	struct node_ref ref;

	open_node(*state, id, readable);
	assert_ptr_equal(open_node(*state, id, writable), writable);
	/* who only reads is given the writable one too */
	assert_ptr_equal(open_node(*state, id, fake_object(false)), writable);
	assert_int_equal(node_get(*state, id, &ref), 0);
	assert_ptr_equal(ref.object, writable);
	node_unref(&ref);
	node_closed(*state, id, readable);
	node_closed(*state, id, writable);
	node_closed(*state, id, writable);
	assert_int_equal(closed, 3);
	node_forget(*state, id, 1);
}

static void not_all_may_be_open(void **state)
{
	struct object *objects[3];
	uint64_t ids[4];

	for (uint64_t i = 0; i < 4; i++)
		ids[i] = look_up(*state, "a", 10 + i);
	for (int i = 0; i < 3; i++)
		objects[i] = open_node(*state, ids[i], fake_object(true));
	assert_null(open_node(*state, ids[3], fake_object(true)));
	assert_int_equal(closed, 1);
	/* what is open may be opened again */
	assert_ptr_equal(open_node(*state, ids[0], object_get(objects[0])),
			 objects[0]);
	node_closed(*state, ids[0], objects[0]);
	node_closed(*state, ids[1], objects[1]);
	objects[1] = open_node(*state, ids[3], fake_object(true));
	assert_non_null(objects[1]);
	node_closed(*state, ids[3], objects[1]);
	node_closed(*state, ids[0], objects[0]);
	node_closed(*state, ids[2], objects[2]);
	for (int i = 0; i < 4; i++)
		node_forget(*state, ids[i], 1);
	assert_int_equal(closed, 5);
}

static void recent_objects_are_let_go_in_turn(void **state)
{
	struct node_ref ref;
	uint64_t ids[6];

	for (uint64_t i = 0; i < 6; i++) {
		ids[i] = look_up(*state, "a", 10 + i);
		node_remember(*state, ids[i], fake_object(false));
	}
	assert_int_equal(closed, 2); /* four are kept */
	for (int i = 0; i < 6; i++) {
		assert_int_equal(node_get(*state, ids[i], &ref), 0);
		assert_true(i < 2 ? !ref.recent : !!ref.recent);
		node_unref(&ref);
	}
	/* once more: stays, however often the others come */
	node_remember(*state, ids[2], fake_object(false));
	assert_int_equal(closed, 3); /* only its old one: same place */
	node_remember(*state, ids[4], fake_object(false));
	assert_int_equal(closed, 5);
	assert_int_equal(node_get(*state, ids[2], &ref), 0);
	assert_non_null(ref.recent);
	node_unref(&ref);

	node_forget(*state, ids[2], 1); /* gone with its node */
	node_forget_recent(*state);
	node_remember(*state, 12345, fake_object(false)); /* no such node */
	assert_int_equal(closed, 9);
	for (int i = 0; i < 6; i++)
		node_forget(*state, ids[i], 1);
}

static void renamed_node_has_its_new_name(void **state)
{
	uint64_t id = look_up(*state, "a", 7);
	struct node_ref ref;

	node_renamed(*state, 7, "b");
	node_renamed(*state, 8, "c"); /* not known: ignored */
	assert_int_equal(node_get(*state, id, &ref), 0);
	assert_string_equal(ref.name, "b");
	node_unref(&ref);
	node_forget(*state, id, 1);
}

static bool look_up_to_keep(struct node_table *table, const char *name,
			    uint64_t ino, uint64_t *ret_id)
{
	bool kept;

	assert_int_equal(node_lookup(table, name, ino, &kept, ret_id), 0);
	return kept;
}

static void end_epoch(struct node_table *table)
{
	node_epoch_ended(table, node_epoch_ending(table));
}

static void a_node_has_one_kept_name(void **state)
{
	struct node_ref ref;
	uint64_t a, b, c;

	assert_false(node_any_kept(*state));
	assert_true(look_up_to_keep(*state, "a", 7, &a));
	assert_true(node_any_kept(*state));
	assert_true(look_up_to_keep(*state, "a", 7, &b));
	assert_int_equal(a, b);
	assert_true(look_up_to_keep(*state, "b", 7, &b));
	assert_int_not_equal(a, b);
	/* renamed through the mount, where the kernel still has both */
	node_renamed(*state, 7, "c");
	assert_int_equal(node_get(*state, a, &ref), 0);
	assert_string_equal(ref.name, "a");
	node_unref(&ref);

	end_epoch(*state);
	assert_false(node_any_kept(*state));
	assert_true(look_up_to_keep(*state, "c", 7, &c));
	assert_true(c == a || c == b);
}

static void an_open_node_is_not_kept(void **state)
{
	struct object *object;
	uint64_t id, again;

	assert_true(look_up_to_keep(*state, "a", 7, &id));
	assert_int_equal(node_open_begin(*state, id), 1);
	/* a second opening must not rely on the first one's end of it */
	assert_int_equal(node_open_begin(*state, id), 1);
	end_epoch(*state);
	assert_false(look_up_to_keep(*state, "a", 7, &again));
	assert_int_equal(id, again);
	object = open_node(*state, id, fake_object(true));
	node_open_end(*state, id);
	node_open_end(*state, id);
	assert_false(look_up_to_keep(*state, "b", 7, &again));
	assert_int_equal(id, again); /* whatever its name */
	assert_int_equal(node_open_begin(*state, id), 0);
	node_open_end(*state, id);
	node_closed(*state, id, object);
	assert_int_equal(node_open_begin(*state, 12345), -ESTALE);
}

/* Names delivered while an epoch ends count as kept in any case. */
static void an_epoch_ends_with_its_notification(void **state)
{
	uint64_t before, meanwhile, epoch;

	assert_true(look_up_to_keep(*state, "a", 7, &before));
	epoch = node_epoch_ending(*state);
	assert_true(look_up_to_keep(*state, "b", 8, &meanwhile));
	assert_int_equal(node_open_begin(*state, before), 1);
	node_open_end(*state, before);
	node_epoch_ended(*state, epoch);
	assert_int_equal(node_open_begin(*state, before), 0);
	node_open_end(*state, before);
	assert_int_equal(node_open_begin(*state, meanwhile), 1);
	node_open_end(*state, meanwhile);
}

static void what_was_only_opened_is_not_kept(void **state)
{
	struct node_ref ref;
	uint64_t id;

	assert_true(look_up_to_keep(*state, "a", 7, &id));
	end_epoch(*state);
	node_closed(*state, id, open_node(*state, id, fake_object(true)));
	assert_false(look_up_to_keep(*state, "a", 7, &id));
	assert_int_equal(node_get(*state, id, &ref), 0); /* by stat(2), say */
	node_unref(&ref);
	assert_true(look_up_to_keep(*state, "a", 7, &id));
}

static void grows_and_shrinks(void **state)
{
	enum { COUNT = 50000 };
	uint64_t *ids = calloc(COUNT, sizeof(*ids));
	struct node_ref ref;

	assert_non_null(ids);
	for (int i = 0; i < COUNT; i++) {
		char name[32];

		snprintf(name, sizeof(name), "object-%d", i);
		ids[i] = look_up(*state, name, 1000 + (uint64_t)i);
	}
	for (int i = 0; i < COUNT; i++) {
		char name[32];

		snprintf(name, sizeof(name), "object-%d", i);
		assert_int_equal(node_get(*state, ids[i], &ref), 0);
		assert_string_equal(ref.name, name);
		assert_int_equal(ref.ino, 1000 + i);
		node_unref(&ref);
	}
	for (int i = 0; i < COUNT - 1; i++)
		node_forget(*state, ids[i], 1);
	assert_int_equal(node_get(*state, ids[0], &ref), -ESTALE);
	assert_int_equal(node_get(*state, ids[COUNT - 1], &ref), 0);
	node_unref(&ref);
	free(ids);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(numbers_are_not_used_twice),
		CASE(node_lives_as_long_as_its_count),
		CASE(openings_share_one_object),
		CASE(writable_replaces_read_only),
		CASE(not_all_may_be_open),
		CASE(recent_objects_are_let_go_in_turn),
		CASE(renamed_node_has_its_new_name),
		CASE(a_node_has_one_kept_name),
		CASE(an_open_node_is_not_kept),
		CASE(an_epoch_ends_with_its_notification),
		CASE(what_was_only_opened_is_not_kept),
		CASE(grows_and_shrinks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
