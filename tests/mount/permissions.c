/* SPDX-License-Identifier: MIT */
/*
 * Two ordinary users and root on one allow_other mount of root's: who may do
 * what to whose objects is what it is in /dev/shm, cell by cell.
 */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors.h"
#include "fixture.h"
#include "perm_cell.h"

static struct actor actors[ACTORS];
static struct perm_bench bench;
static struct fixture fixture;

static const struct {
	uid_t uid;
	gid_t gid;
} owners[] = {
	{ 0, 0 },
	{ 0, SHARED },
	{ ALICE, ALICE },
	{ ALICE, SHARED },
	{ BOB, SHARED },
	/* Its owner is not in its group. */
	{ BOB, 0 },
};
static const mode_t modes[] = { 0600, 0640, 0644,  0660,  0666, 0400,
				0200, 0000, 04755, 06771, 0111, 0070 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct perm_cell cell_of(const struct actor *actor)
{
	return (struct perm_cell){ .actor = actor,
				   .uid = ALICE,
				   .gid = ALICE,
				   .mode = 0600,
				   .umask = 022,
				   .dir_mode = 01777 };
}

static int start(void **state)
{
	fixture_start(&fixture, "allow_other");
	bench.dir = fixture.dir;
	bench.prefix = fixture.prefix;
	return 0;
}

static int stop(void **state)
{
	perm_bench_clear(&bench);
	return fixture_stop(&fixture);
}

static void finish(const char *table)
{
	printf("# %s: %u cells, %u differ\n", table, bench.cells,
	       bench.differing);
	fflush(stdout);
	assert_true(bench.cells > 0);
	assert_int_equal(bench.differing, 0);
}

static int reset(void **state)
{
	bench.cells = bench.differing = 0;
	bench.never_more = false;
	return 0;
}

static void test_objects(void **state)
{
	for (int a = 0; a < ACTORS; a++)
		for (size_t o = 0; o < COUNT(owners); o++)
			for (size_t m = 0; m < COUNT(modes); m++) {
				struct perm_cell c = cell_of(&actors[a]);

				c.uid = owners[o].uid;
				c.gid = owners[o].gid;
				c.mode = modes[m];
				perm_table_check(&bench, &c, perm_object_ops);
			}
	finish("objects");
}

static void test_names(void **state)
{
	static const mode_t few[] = { 0600, 0666, 0000 };

	for (int a = 0; a < ACTORS; a++)
		for (size_t o = 0; o < COUNT(owners); o++)
			for (size_t m = 0; m < COUNT(few); m++) {
				struct perm_cell c = cell_of(&actors[a]);

				c.uid = owners[o].uid;
				c.gid = owners[o].gid;
				c.mode = few[m];
				perm_table_check(&bench, &c, perm_name_ops);
			}
	finish("names");
}

static void test_create(void **state)
{
	static const mode_t masks[] = { 0, 022, 027, 077, 0777 };

	for (int a = 0; a < ACTORS; a++)
		for (size_t m = 0; m < COUNT(masks); m++) {
			struct perm_cell c = cell_of(&actors[a]);

			c.umask = masks[m];
			perm_table_check(&bench, &c, perm_create_ops);
		}
	finish("creating");
}

/* The directory's own mode and owner decide as they do in /dev/shm. */
static void test_directory(void **state)
{
	static const mode_t dir_modes[] = { 01777, 0777, 0755,	01770,
					    0711,  0700, 03777, 0733 };
	static const struct {
		uid_t uid;
		gid_t gid;
	} dir_owners[] = { { 0, 0 }, { 0, SHARED }, { ALICE, SHARED } };

	for (int a = 0; a < ACTORS; a++)
		for (size_t o = 0; o < COUNT(dir_owners); o++)
			for (size_t m = 0; m < COUNT(dir_modes); m++) {
				struct perm_cell c = cell_of(&actors[a]);

				c.mode = 0666;
				c.dir_uid = dir_owners[o].uid;
				c.dir_gid = dir_owners[o].gid;
				c.dir_mode = dir_modes[m];
				perm_table_check(&bench, &c, perm_dir_ops);
				perm_table_check(&bench, &c, perm_name_ops);
				perm_table_check(&bench, &c, perm_create_ops);
				if (o > 0)
					continue;
				c.gid = SHARED;
				perm_table_check(&bench, &c, perm_object_ops);
			}
	finish("directory");
}

/* linux/posix_acl_xattr.h: a version, then entries of tag, permissions, id,
 * all little-endian. The tags are owner, user bob, group, mask, others. */
struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entries[5];
};

static struct acl acl(uint16_t owner, uint16_t bob, uint16_t group,
		      uint16_t mask, uint16_t other)
{
	static const uint16_t tags[] = { 0x01, 0x02, 0x04, 0x10, 0x20 };
	const uint16_t perms[] = { owner, bob, group, mask, other };
	struct acl acl = { .version = htole32(2) };

	for (size_t i = 0; i < COUNT(tags); i++) {
		acl.entries[i].tag = htole16(tags[i]);
		acl.entries[i].perm = htole16(perms[i]);
		acl.entries[i].id = htole32(i == 1 ? BOB : UINT32_MAX);
	}
	return acl;
}

static void check_acl(const struct perm_acl *acl)
{
	for (int a = 0; a < ACTORS; a++) {
		struct perm_cell c = cell_of(&actors[a]);

		c.gid = SHARED;
		c.acl = acl;
		perm_table_check(&bench, &c, perm_object_ops);
		perm_table_check(&bench, &c, perm_create_ops);
	}
}

/* ACLs that objects were given by direct calls count. */
static void test_acl(void **state)
{
	static const char access[] = "system.posix_acl_access";
	const struct acl may = acl(6, 6, 0, 6, 0);
	const struct acl not = acl(6, 0, 6, 6, 6);
	const struct acl masked = acl(6, 6, 6, 4, 0);
	const struct perm_acl acls[] = {
		{ "ACL: bob may", access, &may, sizeof(may) },
		{ "ACL: bob may not", access, &not, sizeof(not ) },
		{ "ACL: masked", access, &masked, sizeof(masked) },
	};

	for (size_t i = 0; i < COUNT(acls); i++)
		check_acl(&acls[i]);
	finish("ACLs");
}

/*
 * One of the directory's is inherited in place of the umask; here the kernel
 * has applied the umask before anybody asks for the ACL.
 */
static void test_default_acl(void **state)
{
	const struct acl inherited = acl(7, 6, 5, 7, 1);
	const struct perm_acl acl = { "default ACL", "system.posix_acl_default",
				      &inherited, sizeof(inherited) };

	bench.never_more = true;
	check_acl(&acl);
	finish("a default ACL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_objects, reset),
		cmocka_unit_test_setup(test_names, reset),
		cmocka_unit_test_setup(test_create, reset),
		cmocka_unit_test_setup(test_directory, reset),
		cmocka_unit_test_setup(test_acl, reset),
		cmocka_unit_test_setup(test_default_acl, reset),
	};
	int failed, err = perm_bench_init(&bench);

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
