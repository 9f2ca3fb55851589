/* SPDX-License-Identifier: MIT */
/*
 * -o reserve in a /dev/shm of 16 MiB of the test's own: whatever makes an
 * object longer has its memory afterwards, so that no store into a mapping of
 * it can fail, however full the rest is; or it fails with ENOSPC and leaves
 * the object's size and blocks as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define PAGE  4096
#define MEGA  (1024 * 1024)
#define TOTAL (16 * MEGA)

struct reserve {
	struct fixture f;
	char path[128];
	int fd, append; /* the object under test, made anew for each way */
	int source;	/* of one page, to copy from */
};

typedef ssize_t (*grow_fn)(const struct reserve *r, off_t end);

static ssize_t by_ftruncate(const struct reserve *r, off_t end)
{
	return ftruncate(r->fd, end);
}

static ssize_t by_truncate(const struct reserve *r, off_t end)
{
	return truncate(r->path, end);
}

static ssize_t by_fallocate(const struct reserve *r, off_t end)
{
	return fallocate(r->fd, 0, 0, end);
}

static ssize_t by_fallocate_of_the_end(const struct reserve *r, off_t end)
{
	return fallocate(r->fd, 0, end - 1, 1);
}

static ssize_t by_write_of_the_end(const struct reserve *r, off_t end)
{
	return pwrite(r->fd, "x", 1, end - 1);
}

static ssize_t by_copy(const struct reserve *r, off_t end)
{
	off_t from = PAGE - 1, to = end - 1;

	return copy_file_range(r->source, &from, r->fd, &to, 1, 0);
}

/* Leaves a hole first, that has to be filled as well. */
static ssize_t by_truncate_and_append(const struct reserve *r, off_t end)
{
	ssize_t n = ftruncate(r->fd, end - 1);

	return n ? n : write(r->append, "x", 1);
}

static const struct way {
	const char *name;
	grow_fn grow;
} ways[] = {
	{ "ftruncate", by_ftruncate },
	{ "truncate", by_truncate },
	{ "fallocate", by_fallocate },
	{ "fallocate of the end", by_fallocate_of_the_end },
	{ "write", by_write_of_the_end },
	{ "copy_file_range", by_copy },
	{ "append", by_truncate_and_append },
};

#define WAYS (sizeof(ways) / sizeof(*ways))

static struct stat state_of(const struct reserve *r)
{
	struct stat st;

	assert_return_code(fstat(r->fd, &st), errno);
	return st;
}

static void open_object(struct reserve *r)
{
	snprintf(r->path, sizeof(r->path), "%s/object", r->f.dir);
	r->fd = open(r->path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(r->fd, errno);
	r->append = open(r->path, O_RDWR | O_APPEND);
	assert_return_code(r->append, errno);
}

static void drop_object(struct reserve *r)
{
	assert_return_code(close(r->append), errno);
	assert_return_code(close(r->fd), errno);
	assert_return_code(unlink(r->path), errno);
	(void)truncate("/dev/shm/ballast", 0); /* if there is one */
}

/* Takes memory directly until this many pages are free. */
static void leave_free(long pages)
{
	int fd = shm_open("/ballast", O_RDWR | O_CREAT, 0600);
	double deadline = 0;
	struct statvfs st;
	struct stat has;
	off_t want;

	assert_return_code(fd, errno);
	do {
		assert_return_code(statvfs("/dev/shm", &st), errno);
		assert_return_code(fstat(fd, &has), errno);
		want = has.st_size + ((off_t)st.f_bfree - pages) * PAGE;
		assert_return_code(ftruncate(fd, want), errno);
		assert_return_code(fallocate(fd, 0, 0, want), errno);
		assert_return_code(statvfs("/dev/shm", &st), errno);
		/* FUSE lets go of closed files a moment later. */
	} while ((long)st.f_bfree != pages && before_deadline(&deadline, 20));
	assert_int_equal(st.f_bfree, pages);
	close(fd);
}

/* In a process of its own: stores to every byte of [0, end). */
static void assert_stores_succeed(const struct reserve *r, off_t end)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		unsigned char *map;

		(void)signal(SIGBUS, SIG_DFL); /* not cmocka's handler */
		map = mmap(NULL, (size_t)end, PROT_READ | PROT_WRITE,
			   MAP_SHARED, r->fd, 0);
		if (map == MAP_FAILED)
			_exit(2);
		memset(map, 7, (size_t)end);
		if (msync(map, (size_t)end, MS_SYNC))
			_exit(3);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* An object of `size`, made 3 MiB longer with no memory left but that. */
static void grow_and_store(struct reserve *r, const struct way *way, off_t size)
{
	off_t end = size + 3 * MEGA;
	long pages = (end + PAGE - 1) / PAGE - (size + PAGE - 1) / PAGE;
	unsigned char byte;

	open_object(r);
	assert_return_code(ftruncate(r->fd, size), errno);
	leave_free(pages);
	assert_return_code(way->grow(r, end), errno);
	assert_int_equal(state_of(r).st_size, end);
	assert_int_equal(state_of(r).st_blocks * 512,
			 (end + PAGE - 1) / PAGE * PAGE);
	leave_free(0);
	assert_stores_succeed(r, end);
	for (off_t at = 0; at < end; at += MEGA) {
		assert_int_equal(pread(r->fd, &byte, 1, at), 1);
		assert_int_equal(byte, 7);
	}
	drop_object(r);
}

static void mappings_never_fault(void **state)
{
	static const off_t sizes[] = { 0, 1, PAGE, MEGA + 100 };
	struct reserve *r = *state;

	for (size_t w = 0; w < WAYS; w++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			print_message("%s from %ld\n", ways[w].name,
				      (long)sizes[i]);
			grow_and_store(r, &ways[w], sizes[i]);
		}
}

/* One page too few: nothing has changed, and all of it is free again. */
static void refuse(struct reserve *r, const struct way *way, off_t size)
{
	off_t end = size + 3 * MEGA;
	long pages = (end + PAGE - 1) / PAGE - (size + PAGE - 1) / PAGE - 1;
	struct stat before, after;
	struct statvfs st;

	open_object(r);
	assert_return_code(ftruncate(r->fd, size), errno);
	leave_free(pages);
	before = state_of(r);
	assert_int_equal(way->grow(r, end), -1);
	assert_int_equal(errno, ENOSPC);
	after = state_of(r);
	if (way->grow == by_truncate_and_append && (end - 1) % PAGE == 0) {
		/* all but the last byte had just enough */
		assert_int_equal(after.st_size, end - 1);
	} else {
		assert_int_equal(after.st_size, before.st_size);
		assert_int_equal(after.st_blocks, before.st_blocks);
		assert_return_code(statvfs("/dev/shm", &st), errno);
		assert_int_equal(st.f_bfree, pages);
	}
	drop_object(r);
}

static void failures_change_nothing(void **state)
{
	static const off_t sizes[] = { 0, 1, PAGE, MEGA + 100 };
	struct reserve *r = *state;

	for (size_t w = 0; w < WAYS; w++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			print_message("%s from %ld\n", ways[w].name,
				      (long)sizes[i]);
			refuse(r, &ways[w], sizes[i]);
		}
}

/* More than there is at all; and what is refused leaves the daemon well. */
static void far_too_much(void **state)
{
	struct reserve *r = *state;

	open_object(r);
	assert_int_equal(ftruncate(r->fd, (off_t)1 << 40), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fallocate(r->fd, 0, INT64_MAX - 10, 10), -1);
	assert_int_equal(pwrite(r->fd, "x", 1, (off_t)1 << 40), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(state_of(r).st_size, 0);
	assert_int_equal(state_of(r).st_blocks, 0);
	assert_return_code(ftruncate(r->fd, 10), errno);
	assert_return_code(ftruncate(r->fd, 5), errno);
	assert_int_equal(state_of(r).st_size, 5);
	drop_object(r);
}

static int start(void **state)
{
	struct reserve *r = calloc(1, sizeof(*r));
	char path[128];

	*state = r;
	if (!r)
		return -1;
	fixture_start_private(&r->f, "reserve", "size=16m,mode=1777");
	snprintf(path, sizeof(path), "%s/source", r->f.dir);
	r->source = open(path, O_RDWR | O_CREAT, 0600);
	return r->source < 0 || ftruncate(r->source, PAGE) ? -1 : 0;
}

static int stop(void **state)
{
	struct reserve *r = *state;
	int code;

	close(r->source);
	code = fixture_stop(&r->f);
	free(r);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mappings_never_fault, start,
						stop),
		cmocka_unit_test_setup_teardown(failures_change_nothing, start,
						stop),
		cmocka_unit_test_setup_teardown(far_too_much, start, stop),
	};
	int failed;

	if (geteuid() != 0) {
		print_message("only root can have its own /dev/shm\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
