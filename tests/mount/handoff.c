/* SPDX-License-Identifier: MIT */
/*
 * The promise of coherence: what one process does to an object directly,
 * another finds through the mount as soon as it is told, and the other way
 * round, also for objects that are held open. tests/clients/handoff.c does
 * it; here it is run with one pair of processes and with four at once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"

static void run_client(const struct fixture *f, const char *pairs)
{
	const char *count = getenv("SHMFS_LONG") ? "100000" : "4000";
	char client[512], seed[24], expected[64], *output;
	const char *const argv[] = {
		client,
		"--dir",
		f->dir,
		"--prefix",
		f->prefix,
		"--shm-prefix",
		f->object_prefix,
		"--count",
		count,
		"--pairs",
		pairs,
		"--seed",
		seed,
		NULL,
	};
	int status;

	assert_non_null(getenv("SHMFS_BUILD"));
	snprintf(client, sizeof(client), "%s/tests/handoff_client",
		 getenv("SHMFS_BUILD"));
	snprintf(seed, sizeof(seed), "%llu",
		 (unsigned long long)rng_seed("handoff"));
	snprintf(expected, sizeof(expected), "\n%s hand-offs, 0 wrong\n",
		 count);
	status = run_command(argv, &output);
	print_message("%s", output);
	assert_int_equal(status, 0);
	assert_non_null(strstr(output, expected));
	free(output);
}

static void one_pair(void **state)
{
	run_client(*state, "1");
}

static void four_pairs_at_once(void **state)
{
	run_client(*state, "4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_pair, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(
			four_pairs_at_once, fixture_setup, fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
