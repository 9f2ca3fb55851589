/* SPDX-License-Identifier: MIT */
/*
 * Offsets and lengths at and past every edge: each scenario runs on the
 * mount and on a plain tmpfs, and must be answered alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "twin.h"

#define FAR  ((off_t)1 << 62)
#define LAST INT64_MAX
#define TERA ((off_t)1 << 40)
/*
 * mmap(2) refuses the page after this, which the largest offset lies in; a
 * mount that copies through mappings cannot store there (last_page below).
 */
#define MAPPABLE (LAST - 4095)
#define KEEP	 FALLOC_FL_KEEP_SIZE
#define HOLE	 (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static int make(const struct place *p, const char *name, int flags)
{
	int fd = open(place_path(p, name), O_RDWR | O_CREAT | O_EXCL | flags,
		      0600);

	note(p, "create", fd < 0 ? -1 : 0);
	return fd;
}

static void drop(const struct place *p, const char *name, int fd)
{
	note_stat(p, name, fd);
	note(p, "close", close(fd));
	note(p, "unlink", unlink(place_path(p, name)));
}

static void note_read(const struct place *p, int fd, size_t length,
		      off_t offset)
{
	char what[64];
	char *bytes = calloc(1, length + 1);
	ssize_t n;

	if (!bytes)
		abort();
	snprintf(what, sizeof(what), "pread %zu at %lld", length,
		 (long long)offset);
	n = note(p, what, pread(fd, bytes, length, offset));
	note_bytes(p, "read", bytes, n > 0 ? (size_t)n : 0);
	free(bytes);
}

static off_t before(off_t offset, off_t distance)
{
	return offset < INT64_MIN + distance ? INT64_MIN : offset - distance;
}

static void reads(const struct place *p)
{
	static const off_t offsets[] = {
		0,    1,   4999,     5000, 5001, 8191,
		8192, FAR, LAST - 1, LAST, -1,	 INT64_MIN,
	};
	static const size_t lengths[] = { 0, 1, 4096, 100000 };
	int fd = make(p, "r", 0);

	note_read(p, fd, 10, 0);
	note(p, "pwrite", pwrite(fd, "something", 9, 4991));
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
		for (size_t j = 0; j < sizeof(lengths) / sizeof(*lengths); j++)
			note_read(p, fd, lengths[j], offsets[i]);
	note(p, "bad buffer", pread(fd, (char *)4096, 5000, 0));
	drop(p, "r", fd);
}

static void writes(const struct place *p)
{
	static const off_t offsets[] = {
		0,
		4095,
		70000,
		TERA - 1,
		FAR,
		MAPPABLE - 5000,
		MAPPABLE - 1,
		LAST - 3,
		LAST - 1,
		LAST,
		-1,
		INT64_MIN,
	};
	static const size_t lengths[] = { 0, 1, 2, 5, 4096, 5000 };
	static char bytes[5000];
	int fd = make(p, "w", 0);
	char what[64];

	memset(bytes, 'w', sizeof(bytes));
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
		for (size_t j = 0; j < sizeof(lengths) / sizeof(*lengths);
		     j++) {
			if (offsets[i] > MAPPABLE - (off_t)lengths[j] &&
			    offsets[i] < LAST)
				continue;
			note(p, "empty", ftruncate(fd, 0));
			snprintf(what, sizeof(what), "pwrite %zu at %lld",
				 lengths[j], (long long)offsets[i]);
			note(p, what,
			     pwrite(fd, bytes, lengths[j], offsets[i]));
			note_stat(p, "after", fd);
			note_read(p, fd, 5000, offsets[i]);
			if (offsets[i] >= 0)
				note_read(p, fd, 5000,
					  before(offsets[i], 2000));
		}
	note(p, "bad buffer", pwrite(fd, (char *)4096, 10, 0));
	/* That allocates a page of tmpfs, for nothing. */
	note(p, "empty", ftruncate(fd, 0));
	drop(p, "w", fd);
}

static void truncates(const struct place *p)
{
	static const off_t sizes[] = { 1,    4096, TERA, FAR,	    LAST - 1,
				       LAST, 0,	   -1,	 INT64_MIN, 10 };
	int fd = make(p, "t", 0);
	char what[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(what, sizeof(what), "to %lld", (long long)sizes[i]);
		note(p, what, ftruncate(fd, sizes[i]));
		note_stat(p, what, fd);
		note(p, what, truncate(place_path(p, "t"), sizes[i]));
		note_read(p, fd, 100, before(sizes[i], 50));
		note(p, "end", lseek(fd, 0, SEEK_END));
		note(p, "past it", lseek(fd, 1, SEEK_END));
	}
	/* What was cut off must not come back. */
	note(p, "pwrite", pwrite(fd, "0123456789abcdef", 16, 4090));
	note(p, "cut", ftruncate(fd, 4093));
	note(p, "regrow", ftruncate(fd, 9000));
	note_read(p, fd, 9000, 0);
	drop(p, "t", fd);
}

static void append_at_the_end(const struct place *p)
{
	int fd = make(p, "a", O_APPEND);

	note(p, "grow", ftruncate(fd, LAST));
	note(p, "more", write(fd, "abcde", 5));
	note(p, "grow", ftruncate(fd, TERA));
	note(p, "append", write(fd, "abcde", 5));
	note(p, "at", lseek(fd, 0, SEEK_CUR));
	note(p, "pwrite appends", pwrite(fd, "fghij", 5, 0));
	note(p, "nothing", write(fd, "", 0));
	note_stat(p, "after", fd);
	note_read(p, fd, 20, TERA - 3);
	drop(p, "a", fd);
}

static void allocations(const struct place *p)
{
	static const int modes[] = {
		0,     KEEP, HOLE, FALLOC_FL_ZERO_RANGE, FALLOC_FL_PUNCH_HOLE,
		0x1000
	};
	static const off_t ranges[][2] = {
		{ 0, 0 },	 { 0, -1 },	   { -1, 10 },
		{ 100, 1 },	 { 4000, 200 },	   { 0, 20000 },
		{ 19000, 9000 }, { 300000, 4096 }, { LAST, 1 },
		{ LAST - 1, 1 }, { LAST, LAST },   { 1, LAST },
		{ FAR, 4096 },	 { 0, FAR },
	};
	int fd = make(p, "f", 0);
	char what[64];

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		for (size_t j = 0; j < sizeof(ranges) / sizeof(*ranges); j++) {
			note(p, "empty", ftruncate(fd, 0));
			note(p, "pwrite", pwrite(fd, "0123456789", 10, 4090));
			note(p, "pwrite", pwrite(fd, "0123456789", 10, 12284));
			snprintf(what, sizeof(what), "mode %d, %lld+%lld",
				 modes[i], (long long)ranges[j][0],
				 (long long)ranges[j][1]);
			note(p, what,
			     fallocate(fd, modes[i], ranges[j][0],
				       ranges[j][1]));
			note_stat(p, what, fd);
			note_read(p, fd, 20000, 0);
		}
	drop(p, "f", fd);
}

static void note_copy(const struct place *p, int in, off_t from, int out,
		      off_t to, size_t length, unsigned int flags)
{
	char what[96];
	ssize_t n;

	snprintf(what, sizeof(what), "copy %lld to %lld, %zu", (long long)from,
		 (long long)to, length);
	n = copy_file_range(in, &from, out, &to, length, flags);
	note(p, what, n);
	note(p, "from is", (long)from);
	note(p, "to is", (long)to);
	note_stat(p, what, out);
	note_read(p, out, 30000, 0);
}

static void copies(const struct place *p)
{
	int a = make(p, "a", 0), b = make(p, "b", 0);
	int reader = open(place_path(p, "a"), O_RDONLY);
	int appender = open(place_path(p, "b"), O_RDWR | O_APPEND);
	static char bytes[10000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i % 251);
	note(p, "pwrite", pwrite(a, bytes, sizeof(bytes), 0));
	note_copy(p, a, 0, b, 0, 10000, 0);
	note_copy(p, a, 1, b, 20000, 5000, 0);
	note_copy(p, a, 9000, b, 100, 5000, 0);
	note_copy(p, a, 10000, b, 0, 5, 0);
	note_copy(p, a, 10001, b, 0, 5, 0);
	note_copy(p, a, 0, b, 0, 0, 0);
	note_copy(p, a, 0, a, 0, 10, 0);
	note_copy(p, a, 0, a, 9, 10, 0);
	note_copy(p, a, 9, a, 0, 10, 0);
	note_copy(p, a, 0, a, 10, 10, 0);
	note_copy(p, a, 5000, a, 10000, 5000, 0);
	note_copy(p, a, -1, b, 0, 10, 0);
	note_copy(p, a, 0, b, -1, 10, 0);
	note_copy(p, a, 0, b, LAST - 3, 10, 0);
	note_copy(p, a, 0, b, LAST, 10, 0);
	note_copy(p, a, LAST - 5, b, 0, 10, 0);
	note_copy(p, a, 0, b, 0, 10, 1);
	note_copy(p, a, 0, reader, 0, 10, 0);
	note_copy(p, a, 0, appender, 0, 10, 0);
	note_copy(p, reader, 3, b, 30, 10, 0);
	close(reader);
	close(appender);
	drop(p, "a", a);
	drop(p, "b", b);
}

static void seeks(const struct place *p)
{
	static const off_t offsets[] = { 0,	   1,	     8191,  8192,
					 10000,	   12287,    12288, TERA,
					 TERA + 5, TERA + 6, LAST,  -1 };
	static const int whences[] = { SEEK_DATA, SEEK_HOLE, SEEK_SET, SEEK_END,
				       99 };
	int fd = make(p, "s", 0);
	char what[64];

	for (int full = 0; full < 2; full++) {
		for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
			for (size_t j = 0; j < 5; j++) {
				snprintf(what, sizeof(what), "%lld by %d",
					 (long long)offsets[i], whences[j]);
				note(p, what,
				     lseek(fd, offsets[i], whences[j]));
			}
		note(p, "pwrite", pwrite(fd, "data", 4, 10000));
		note(p, "pwrite", pwrite(fd, "data", 4, TERA));
		note(p, "grow", ftruncate(fd, TERA + 6));
	}
	drop(p, "s", fd);
}

static void sparse_terabyte(const struct place *p)
{
	int fd = make(p, "sparse", 0);

	note(p, "grow", ftruncate(fd, TERA));
	note_read(p, fd, 20 << 20, TERA / 2);
	note_stat(p, "read a hole", fd);
	for (off_t at = 0; at < TERA; at += TERA / 16)
		note(p, "pwrite", pwrite(fd, "island", 6, at + 4093));
	for (off_t at = 0; at < TERA; at += TERA / 16)
		note_read(p, fd, 3 << 20, at);
	note_read(p, fd, 3 << 20, TERA - 1000);
	note(p, "punch", fallocate(fd, HOLE, 1, TERA - 100000));
	note_stat(p, "punched", fd);
	note_read(p, fd, 10000, 0);
	drop(p, "sparse", fd);
}

static void vectors(const struct place *p)
{
	static char bytes[1024][7];
	struct iovec iov[1024];
	int fd = make(p, "v", 0);

	for (int i = 0; i < 1024; i++) {
		iov[i].iov_base = bytes[i];
		iov[i].iov_len = (size_t)i % 8 < 7 ? (size_t)i % 8 : 0;
		memset(bytes[i], i, sizeof(bytes[i]));
	}
	note(p, "pwritev", pwritev(fd, iov, 1024, 4090));
	note_read(p, fd, 10000, 0);
	memset(bytes, 0, sizeof(bytes));
	note(p, "preadv", preadv(fd, iov, 1024, 1));
	note_bytes(p, "vectors", bytes, sizeof(bytes));
	note(p, "none", pwritev(fd, iov, 0, 0));
	note(p, "append", pwritev2(fd, iov, 100, 0, RWF_APPEND));
	note(p, "in place", pwritev2(fd, iov, 100, 5, RWF_SYNC));
	note_read(p, fd, 10000, 0);
	drop(p, "v", fd);
}

static void wrong_access(const struct place *p)
{
	int fd = make(p, "x", 0);
	int reader = open(place_path(p, "x"), O_RDONLY);
	int writer = open(place_path(p, "x"), O_WRONLY);
	int path = open(place_path(p, "x"), O_PATH);
	char byte = 'x';

	note(p, "write to reader", pwrite(reader, &byte, 1, 0));
	note(p, "read from writer", pread(writer, &byte, 1, 0));
	note(p, "ftruncate reader", ftruncate(reader, 5));
	note(p, "ftruncate writer", ftruncate(writer, 5));
	note(p, "fallocate reader", fallocate(reader, 0, 0, 5));
	note(p, "read from path", pread(path, &byte, 1, 0));
	note(p, "fchmod reader", fchmod(reader, 0640));
	note(p, "fchmod path", fchmod(path, 0600));
	note_stat(p, "path", path);
	close(reader);
	close(writer);
	close(path);
	drop(p, "x", fd);
}

static void file_size_limit(const struct place *p)
{
	struct rlimit old, small;
	int fd = make(p, "l", 0);

	(void)signal(SIGXFSZ, SIG_IGN); /* cannot fail */
	note(p, "getrlimit", getrlimit(RLIMIT_FSIZE, &old));
	small = (struct rlimit){ .rlim_cur = 5000, .rlim_max = old.rlim_max };
	note(p, "setrlimit", setrlimit(RLIMIT_FSIZE, &small));
	note(p, "across", pwrite(fd, "0123456789", 10, 4995));
	note(p, "past", pwrite(fd, "0123456789", 10, 5000));
	note(p, "ftruncate", ftruncate(fd, 5001));
	note(p, "fallocate", fallocate(fd, 0, 0, 6000));
	note(p, "setrlimit", setrlimit(RLIMIT_FSIZE, &old));
	drop(p, "l", fd);
}

static void same_as_tmpfs(void **state)
{
	static const scenario_fn scenarios[] = {
		reads,	     writes,	   truncates,	    append_at_the_end,
		allocations, copies,	   seeks,	    sparse_terabyte,
		vectors,     wrong_access, file_size_limit,
	};
	struct beside *b = *state;

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		twin_same(&b->fixture, &b->twin, scenarios[i]);
}

/* Stored and read back, or refused with EFBIG: nothing in between. */
static void last_page(void **state)
{
	static const off_t starts[] = { MAPPABLE - 3, MAPPABLE, LAST - 3 };
	struct beside *b = *state;
	const char *path = fixture_path(&b->fixture, "last");
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	char bytes[8] = "";
	struct stat st;
	ssize_t n;

	assert_return_code(fd, errno);
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		assert_return_code(ftruncate(fd, 0), errno);
		n = pwrite(fd, "abcdefg", starts[i] > MAPPABLE ? 3 : 7,
			   starts[i]);
		if (n < 0)
			assert_int_equal(errno, EFBIG);
		assert_true(n == -1 || n == 3 || n == 7);
		assert_return_code(fstat(fd, &st), errno);
		assert_int_equal(st.st_size, n < 0 ? 0 : starts[i] + n);
		assert_return_code(ftruncate(fd, LAST), errno);
		if (starts[i] < MAPPABLE)
			assert_int_equal(pread(fd, bytes, 3, starts[i]), 3);
		if (n == 3)
			assert_memory_equal(bytes, "abc", 3);
	}
	close(fd);
	assert_return_code(unlink(path), errno);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(same_as_tmpfs, beside_setup,
						beside_teardown),
		cmocka_unit_test_setup_teardown(last_page, beside_setup,
						beside_teardown),
	};
	int failed;

	if (!twin_possible("ranges"))
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
