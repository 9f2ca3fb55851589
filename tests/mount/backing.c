/* SPDX-License-Identifier: MIT */
/*
 * 10 000 opens and closes of one name from eight threads, while its object is
 * removed and made anew: no backing id, descriptor or mapping may stay. Each
 * of these would hold its object's inode, and the private /dev/shm counts
 * those.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define THREADS 8
#define OPENS	10000

static struct fixture fixture;
static atomic_int opens, wrong;
static atomic_bool stop;

static void complain(const char *what)
{
	if (atomic_fetch_add(&wrong, 1) < 10)
		fprintf(stderr, "# %s: %s\n", what, strerror(errno));
}

static void use(int fd)
{
	char byte = 'x';
	void *map;

	if (pwrite(fd, &byte, 1, 0) != 1 || pread(fd, &byte, 1, 0) != 1)
		complain("write and read");
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		complain("mmap");
	else
		(void)munmap(map, 4096); /* what was just mapped */
	if (close(fd))
		complain("close");
}

static void *open_and_close(void *arg)
{
	const char *path = arg;

	while (atomic_fetch_add(&opens, 1) < OPENS) {
		int fd = open(path, O_RDWR | O_CREAT, 0600);

		if (fd >= 0)
			use(fd);
		/* twice replaced in one walk: see LIMITS in shmfs(8) */
		else if (errno != ESTALE)
			complain("open");
	}
	return NULL;
}

/* Directly and through the mount in turns. */
static void *remove_again_and_again(void *arg)
{
	const char *path = arg;

	for (int i = 0; !atomic_load(&stop); i++) {
		int ret = i % 2 ? unlink(path)
				: shm_unlink(fixture_name(&fixture, "x"));

		if (ret < 0 && errno != ENOENT)
			complain("unlink");
		usleep(200);
	}
	return NULL;
}

static unsigned long inodes_used(void)
{
	struct statvfs st;

	assert_int_equal(statvfs("/dev/shm", &st), 0);
	return st.f_files - st.f_ffree;
}

static void nothing_stays(void **state)
{
	pthread_t threads[THREADS], remover;
	unsigned long before = inodes_used();
	double deadline = 0;
	char path[256];

	snprintf(path, sizeof(path), "%s", fixture_path(&fixture, "x"));
	assert_int_equal(
		pthread_create(&remover, NULL, remove_again_and_again, path),
		0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, open_and_close, path),
			0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, true);
	pthread_join(remover, NULL);
	(void)unlink(path); /* may be gone already */
	assert_int_equal(atomic_load(&wrong), 0);
	/* Closed files are released after close(2) has returned. */
	while (inodes_used() > before)
		assert_true(before_deadline(&deadline, 20));
}

static int start(void **state)
{
	fixture_start_private(&fixture, NULL, "size=16m");
	return 0;
}

static int end(void **state)
{
	return fixture_stop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_stays, start, end),
	};
	int failed;

	if (geteuid() != 0) {
		fprintf(stderr, "# a private /dev/shm takes root\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
