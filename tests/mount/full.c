/* SPDX-License-Identifier: MIT */
/*
 * Memory that is full: a /dev/shm of 16 MiB of the test's own is filled to
 * the last page through the mount. Every answer must be that of a plain
 * tmpfs of the same size, to the byte; the daemon must survive, and what was
 * acknowledged must be there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "twin.h"

#define PAGE  4096
#define MEGA  (1024 * 1024)
#define TOTAL (16 * MEGA)

struct full {
	struct fixture f;
	struct twin twin;
};

static unsigned char value_at(off_t offset)
{
	return (unsigned char)(offset * 13 + offset / PAGE) | 1;
}

static void fill(unsigned char *bytes, off_t offset, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = value_at(offset + (off_t)i);
}

static int make(const struct place *p, const char *name, int flags)
{
	int fd = open(place_path(p, name), O_RDWR | O_CREAT | O_EXCL | flags,
		      0600);

	note(p, "create", fd < 0 ? -1 : 0);
	return fd;
}

static long pages_free(const struct place *p, long *ret_total)
{
	struct statvfs st;

	if (statvfs(p->dir, &st))
		return -1;
	*ret_total = (long)st.f_blocks;
	return (long)st.f_bfree;
}

static void note_free(const struct place *p)
{
	long total = 0;

	note(p, "free pages", pages_free(p, &total));
	note(p, "of", total);
}

/*
 * Waits until that many are free: FUSE lets go of a closed file, and so of
 * a removed object, after close(2) has returned.
 */
static void await_free(const struct place *p, long pages)
{
	double deadline = 0;
	long total;

	while (pages_free(p, &total) < pages && before_deadline(&deadline, 20))
		;
	note_free(p);
}

static void drop(const struct place *p, const char *name, int fd)
{
	note_stat(p, "at last", fd);
	note(p, "close", close(fd));
	note(p, "unlink", unlink(place_path(p, name)));
}

/* Writes length bytes at a time until that fails; notes each answer. */
static off_t write_all(const struct place *p, int fd, size_t length)
{
	unsigned char *bytes = malloc(length);
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (!bytes)
		abort();
	do {
		fill(bytes, end, length);
		n = note(p, "write", write(fd, bytes, length));
		end += n > 0 ? n : 0;
	} while (n > 0 && end < 2 * TOTAL);
	free(bytes);
	return end;
}

static void note_content(const struct place *p, int fd)
{
	unsigned char *bytes = malloc(TOTAL + MEGA);
	ssize_t n;

	if (!bytes)
		abort();
	n = pread(fd, bytes, TOTAL + MEGA, 0);
	note_bytes(p, "content", bytes, n < 0 ? 0 : (size_t)n);
	free(bytes);
}

static void scenario_write(const struct place *p, size_t length, int flags)
{
	int fd = make(p, "written", flags);

	write_all(p, fd, length);
	note_stat(p, "full", fd);
	note_free(p);
	note_content(p, fd);
	note(p, "once more", write(fd, "more", 4));
	note(p, "in place", pwrite(fd, "over", 4, 12345));
	note(p, "shrink", ftruncate(fd, TOTAL - 3 * PAGE - 5));
	note_free(p);
	write_all(p, fd, length);
	note_content(p, fd);
	drop(p, "written", fd);
	await_free(p, TOTAL / PAGE);
}

static void write_pages(const struct place *p)
{
	scenario_write(p, PAGE, 0);
}

static void write_large(const struct place *p)
{
	scenario_write(p, 3 * MEGA, 0);
}

static void write_odd(const struct place *p)
{
	scenario_write(p, 100001, 0);
}

static void append_odd(const struct place *p)
{
	scenario_write(p, 77777, O_APPEND);
}

/* Three pages of every eight, the writes not aligned with pages. */
static void write_into_holes(const struct place *p)
{
	static unsigned char bytes[3 * PAGE];
	int fd = make(p, "holes", 0);
	off_t offset = 1000;
	ssize_t n;

	note(p, "truncate", ftruncate(fd, 8 * TOTAL));
	do {
		fill(bytes, offset, sizeof(bytes));
		n = note(p, "pwrite", pwrite(fd, bytes, sizeof(bytes), offset));
		offset += 8 * PAGE;
	} while (n == (ssize_t)sizeof(bytes) && offset < 8 * TOTAL);
	note_stat(p, "full", fd);
	note_content(p, fd);
	note(p, "next", pwrite(fd, bytes, sizeof(bytes), offset));
	note(p, "end", pwrite(fd, bytes, sizeof(bytes), 8 * TOTAL - 1));
	note(p, "past", pwrite(fd, bytes, sizeof(bytes), 9 * TOTAL));
	note(p, "empty object", close(make(p, "empty", 0)));
	note(p, "unlink", unlink(place_path(p, "empty")));
	drop(p, "holes", fd);
	await_free(p, TOTAL / PAGE);
}

/* With n pages free: what a write from inside a page says and leaves. */
static void write_across_the_end(const struct place *p)
{
	static unsigned char bytes[16 * PAGE];
	int ballast = make(p, "ballast", 0);
	int fd = make(p, "across", 0);

	for (int n = 0; n < 6; n++) {
		off_t end = (n % 3) * 1000;

		note(p, "pages free", n);
		note(p, "empty", ftruncate(fd, 0));
		note(p, "make room", ftruncate(ballast, 0));
		note(p, "fallocate",
		     fallocate(ballast, 0, 0, TOTAL - n * PAGE));
		fill(bytes, end, sizeof(bytes));
		note(p, "pwrite", pwrite(fd, bytes, sizeof(bytes), end));
		note_stat(p, "after pwrite", fd);
		note_content(p, fd);
		note(p, "again", pwrite(fd, bytes, sizeof(bytes), 0));
		note_stat(p, "after again", fd);
	}
	drop(p, "across", fd);
	drop(p, "ballast", ballast);
	await_free(p, TOTAL / PAGE);
}

static void allocate(const struct place *p)
{
	int fd = make(p, "allocated", 0);
	int other = make(p, "other", 0);

	note(p, "8 MiB", fallocate(fd, 0, 0, 8 * MEGA));
	note_stat(p, "8 MiB", fd);
	note(p, "4 MiB kept",
	     fallocate(fd, FALLOC_FL_KEEP_SIZE, 8 * MEGA, 4 * MEGA));
	note_stat(p, "4 MiB kept", fd);
	note(p, "8 MiB more", fallocate(other, 0, 0, 8 * MEGA));
	note_stat(p, "8 MiB more", other);
	note(p, "overlapping", fallocate(fd, 0, 11 * MEGA, 6 * MEGA));
	note_stat(p, "overlapping", fd);
	write_all(p, other, MEGA);
	note(p, "one page", fallocate(fd, 0, 20 * MEGA, 1));
	note(p, "write allocated", pwrite(fd, "there", 5, 9 * MEGA));
	note(p, "punch",
	     fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       2 * MEGA));
	note_free(p);
	write_all(p, other, MEGA);
	drop(p, "allocated", fd);
	drop(p, "other", other);
	await_free(p, TOTAL / PAGE);
}

static void read_holes(const struct place *p)
{
	int fd = make(p, "sparse", 0);
	int ballast;

	note(p, "truncate", ftruncate(fd, TOTAL));
	note(p, "pwrite", pwrite(fd, "island", 6, 5 * MEGA + 7));
	note_content(p, fd);
	note_stat(p, "read with memory free", fd);
	ballast = make(p, "ballast", 0);
	write_all(p, ballast, MEGA);
	note_content(p, fd);
	note_stat(p, "read with memory full", fd);
	note_free(p);
	note(p, "unlink", unlink(place_path(p, "ballast")));
	note(p, "write", pwrite(fd, "no", 2, 9 * MEGA));
	note(p, "close", close(ballast));
	await_free(p, TOTAL / PAGE - 1);
	note(p, "write", pwrite(fd, "yes", 3, 9 * MEGA));
	drop(p, "sparse", fd);
	await_free(p, TOTAL / PAGE);
}

static void copy_into_full(const struct place *p)
{
	int from = make(p, "from", 0), to = make(p, "to", 0);
	off_t in = 0, out = 0;
	ssize_t n;

	note(p, "fallocate", fallocate(from, 0, 0, 10 * MEGA));
	note(p, "first", pwrite(from, "first", 5, 0));
	note(p, "last", pwrite(from, "last", 4, 6 * MEGA - 4));
	do {
		n = copy_file_range(from, &in, to, &out, 10 * MEGA - (size_t)in,
				    0);
	} while (n > 0 && in < 10 * MEGA);
	note(p, "copy ends", n);
	note(p, "at", (long)out);
	note_content(p, to);
	drop(p, "from", from);
	drop(p, "to", to);
	await_free(p, TOTAL / PAGE);
}

static void same_as_tmpfs(void **state)
{
	static const scenario_fn scenarios[] = {
		write_pages, write_large,      write_odd,
		append_odd,  write_into_holes, write_across_the_end,
		allocate,    read_holes,       copy_into_full,
	};
	struct full *full = *state;

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		twin_same(&full->f, &full->twin, scenarios[i]);
}

/* What the mount said is written is found directly, byte by byte. */
static void acknowledged_is_there(void **state)
{
	struct full *full = *state;
	static unsigned char bytes[50000];
	int fd = open(fixture_path(&full->f, "kept"), O_RDWR | O_CREAT, 0600);
	off_t end = 0;
	ssize_t n;

	assert_return_code(fd, errno);
	do {
		fill(bytes, end, sizeof(bytes));
		n = write(fd, bytes, sizeof(bytes));
		end += n > 0 ? n : 0;
	} while (n > 0);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(end, TOTAL);
	close(fd);
	fd = shm_open(fixture_name(&full->f, "kept"), O_RDONLY, 0);
	assert_return_code(fd, errno);
	for (off_t at = 0; at < end; at += n) {
		n = read(fd, bytes, sizeof(bytes));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], value_at(at + i));
	}
	close(fd);
	assert_return_code(unlink(fixture_path(&full->f, "kept")), errno);
}

/* 0 where msync(2) reports it, a signal where the store does, else 1. */
static int store_in_child(int fd)
{
	unsigned char *map;
	int status;
	pid_t pid = fork();

	if (!pid) {
		(void)signal(SIGBUS, SIG_DFL); /* not cmocka's handler */
		map = mmap(NULL, MEGA, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0);
		if (map == MAP_FAILED)
			_exit(2);
		memset(map, 1, MEGA);
		_exit(msync(map, MEGA, MS_SYNC) ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A mapped store for which there is no memory costs the storer, not us. */
static void mapped_store_when_full(void **state)
{
	struct full *full = *state;
	int fd = open(fixture_path(&full->f, "mapped"), O_RDWR | O_CREAT, 0600);
	int ballast = shm_open(fixture_name(&full->f, "ballast"),
			       O_RDWR | O_CREAT, 0600);
	int status;

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, MEGA), errno);
	assert_return_code(fallocate(ballast, 0, 0, TOTAL), errno);
	status = store_in_child(fd);
	print_message("the storer's status: %x\n", status);
	assert_true(!status ||
		    (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
	(void)close(fd); /* may say ENOSPC for what was stored */
	close(ballast);
	assert_return_code(shm_unlink(fixture_name(&full->f, "ballast")),
			   errno);
	assert_return_code(unlink(fixture_path(&full->f, "mapped")), errno);
}

static int full_start(void **state)
{
	struct full *full = calloc(1, sizeof(*full));

	*state = full;
	if (!full)
		return -1;
	twin_start(&full->twin, "16m");
	fixture_start_private(&full->f, NULL, "size=16m,mode=1777");
	return 0;
}

static int full_stop(void **state)
{
	struct full *full = *state;
	int code = fixture_stop(&full->f);

	twin_stop(&full->twin);
	free(full);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same_as_tmpfs, full_start,
						full_stop),
		cmocka_unit_test_setup_teardown(acknowledged_is_there,
						full_start, full_stop),
		cmocka_unit_test_setup_teardown(mapped_store_when_full,
						full_start, full_stop),
	};
	int failed;

	if (!twin_possible("full"))
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
