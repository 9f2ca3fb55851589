/* SPDX-License-Identifier: MIT */
/*
 * One caller is served by one thread alone (fs/loop.h). That must not be seen:
 * a second caller is answered while the first one's request takes long, callers
 * that come and go in any number all get their answers, and one that is held
 * up again and again leaves the mount as usable as before.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define LONG_SIZE (off_t)(512 << 20) /* takes many milliseconds to allocate */
#define TRIES	  10
#define CALLERS	  8

/* Enough requests, one after the other, for one thread to serve alone. */
static void come_alone(const struct fixture *f)
{
	struct stat st;

	for (int i = 0; i < 200; i++)
		assert_int_equal(stat(f->mount, &st), 0);
}

struct allocation {
	int fd;
	atomic_bool done;
	int res;
};

static void *allocate(void *data)
{
	struct allocation *a = data;

	a->res = fallocate(a->fd, 0, 0, LONG_SIZE);
	atomic_store(&a->done, true);
	return NULL;
}

/* Whether a stat() is answered while an fallocate() is under way. */
static bool overtakes(const struct fixture *f)
{
	struct allocation a = { .fd = -1 };
	char object[128];
	struct stat st;
	pthread_t thread;
	double deadline = 0;
	bool during;

	snprintf(object, sizeof(object), "/dev/shm%s", fixture_name(f, "long"));
	a.fd = open(fixture_path(f, "long"), O_RDWR | O_CREAT, 0600);
	assert_true(a.fd >= 0);
	come_alone(f);
	assert_int_equal(pthread_create(&thread, NULL, allocate, &a), 0);
	do {
		assert_int_equal(stat(object, &st), 0);
	} while (st.st_blocks == 0 && !atomic_load(&a.done) &&
		 before_deadline(&deadline, 20));
	assert_int_equal(stat(f->mount, &st), 0);
	during = !atomic_load(&a.done);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(a.res, 0);
	assert_int_equal(close(a.fd), 0);
	assert_int_equal(unlink(object), 0);
	return during;
}

/* What was removed is gone once the kernel has told that it was closed. */
static bool is_room(void)
{
	double deadline = 0;
	struct statvfs st;

	do {
		assert_int_equal(statvfs("/dev/shm", &st), 0);
		if (st.f_bavail == st.f_blocks)
			return true;
	} while (before_deadline(&deadline, 20));
	return false;
}

/*
 * The request that is waited for can be over just then; not each time, unless
 * others do wait for it.
 */
static void test_second_caller_does_not_wait(void **state)
{
	struct fixture *f = *state;
	int during = 0;

	for (int i = 0; i < TRIES; i++) {
		during += overtakes(f);
		assert_true(is_room());
	}
	assert_in_range(during, TRIES / 2, TRIES);
}

struct caller {
	const struct fixture *f;
	pthread_t thread;
	unsigned n;
	unsigned rounds;
	const char *wrong;
};

/* Requests in bursts, with breaks for the others to be alone in. */
static void *call(void *data)
{
	static const struct timespec pause = { .tv_nsec = 3000000 };
	struct caller *c = data;
	char path[128];

	snprintf(path, sizeof(path), "%s/%sc%u", c->f->mount, c->f->prefix,
		 c->n);
	for (unsigned i = 0; i < c->rounds && !c->wrong; i++) {
		struct stat st;
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0 || write(fd, "abc", 3) != 3 || fstat(fd, &st) ||
		    st.st_size != 3)
			c->wrong = "a file that was made";
		else if (stat(path, &st) || st.st_size != 3)
			c->wrong = "its name";
		else if (close(fd) || unlink(path) || stat(path, &st) == 0)
			c->wrong = "a name that was removed";
		if (i % (40 + 10 * c->n) == 0)
			(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static void test_callers_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct caller callers[CALLERS];

	for (unsigned n = 0; n < CALLERS; n++) {
		callers[n] = (struct caller){
			.f = f,
			.n = n,
			.rounds = 300 * (n + 1),
		};
		assert_int_equal(pthread_create(&callers[n].thread, NULL, call,
						&callers[n]),
				 0);
	}
	for (unsigned n = 0; n < CALLERS; n++)
		assert_int_equal(pthread_join(callers[n].thread, NULL), 0);
	for (unsigned n = 0; n < CALLERS; n++)
		if (callers[n].wrong)
			fail_msg("caller %u: %s", n, callers[n].wrong);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f)); /* freed by teardown */

	assert_non_null(f);
	*state = f;
	fixture_start_private(f, NULL, "size=1g");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_caller_does_not_wait),
		cmocka_unit_test(test_callers_come_and_go),
	};

	return cmocka_run_group_tests(tests, setup, fixture_teardown) != 0;
}
