/* SPDX-License-Identifier: MIT */
/*
 * O_APPEND with several writers, two through the mount and two directly:
 * every record is there once, whole, and those of one writer in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"
#include "workers.h"

#define WRITERS	    4
#define RECORDS	    1500
#define PAYLOAD_MAX 9000

struct record {
	uint32_t magic; /* MAGIC */
	uint32_t writer;
	uint32_t number;
	uint32_t length; /* of the payload */
	unsigned char payload[PAYLOAD_MAX];
};

#define MAGIC  0x5265636fu
#define HEADER offsetof(struct record, payload)

static size_t record_make(struct record *r, uint32_t writer, uint32_t number)
{
	uint64_t rng = (uint64_t)writer << 32 | number;

	r->magic = MAGIC;
	r->writer = writer;
	r->number = number;
	/* Most are lines, some are several pages. */
	r->length = (uint32_t)rng_below(
		&rng, rng_chance(&rng, 80) ? 200 : PAYLOAD_MAX);
	for (uint32_t i = 0; i < r->length; i++)
		r->payload[i] = (unsigned char)(number + writer * 50 + i);
	return HEADER + r->length;
}

static int append_records(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;
	int fd = me % 2 ? open(fixture_path(f, "log"), O_WRONLY | O_APPEND)
			: shm_open(fixture_name(f, "log"), O_RDWR, 0);
	struct record r;

	/* shm_open(3) leaves O_APPEND away: set it as a program would. */
	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND))
		return WORKER_WRONG("open: %s", strerror(errno));
	for (uint32_t i = 0; i < RECORDS; i++) {
		size_t length = record_make(&r, (uint32_t)me, i);
		ssize_t n = write(fd, &r, length);

		if (n != (ssize_t)length)
			return WORKER_WRONG("write: %zd of %zu", n, length);
		workers_go_on(w, me);
	}
	return 0;
}

/* The next record of the log; false at its end. */
static bool record_read(FILE *log, struct record *r)
{
	size_t n = fread(r, 1, HEADER, log);

	if (!n)
		return false;
	assert_int_equal(n, HEADER);
	assert_int_equal(r->magic, MAGIC);
	assert_true(r->length <= PAYLOAD_MAX);
	assert_int_equal(fread(r->payload, 1, r->length, log), r->length);
	return true;
}

static void check_log(FILE *log)
{
	static struct record r, expected;
	uint32_t next[WRITERS] = { 0 };

	assert_non_null(log);
	while (record_read(log, &r)) {
		assert_true(r.writer < WRITERS);
		assert_int_equal(r.number, next[r.writer]);
		record_make(&expected, r.writer, next[r.writer]++);
		assert_int_equal(r.length, expected.length);
		assert_memory_equal(r.payload, expected.payload, r.length);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(next[i], RECORDS);
	fclose(log);
}

static void nothing_lost_or_torn(void **state)
{
	struct fixture *f = *state;
	unsigned long expected = (unsigned long)WRITERS * RECORDS;
	double deadline = 0;
	struct workers w;
	int fd;

	fd = shm_open(fixture_name(f, "log"), O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	close(fd);
	workers_init(&w);
	for (int i = 0; i < WRITERS; i++)
		workers_start(&w, append_records, f);
	while (workers_progress(&w, -1) < expected &&
	       before_deadline(&deadline, 120))
		;
	assert_int_equal(workers_stop(&w, 20), 0);
	check_log(fopen(fixture_path(f, "log"), "re"));
	fd = shm_open(fixture_name(f, "log"), O_RDONLY, 0);
	assert_return_code(fd, errno);
	check_log(fdopen(fd, "r"));
}

/*
 * Where the record went, the object's end, is right whatever was done
 * directly. The position it leaves is the kernel's own reckoning from the
 * size that it knows of, on any FUSE file system: right after an fstat(2).
 */
static void end_found_anew(void **state)
{
	struct fixture *f = *state;
	int fd = open(fixture_path(f, "p"), O_RDWR | O_CREAT | O_APPEND, 0600);
	int direct = shm_open(fixture_name(f, "p"), O_RDWR, 0);
	char bytes[32] = "";
	struct stat st;

	assert_return_code(fd, errno);
	assert_return_code(direct, errno);
	assert_int_equal(write(fd, "one", 3), 3);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
	assert_int_equal(pwrite(direct, "two", 3, 3), 3);
	assert_int_equal(write(fd, "three", 5), 5);
	assert_int_equal(pread(direct, bytes, sizeof(bytes), 0), 11);
	assert_string_equal(bytes, "onetwothree");
	assert_return_code(ftruncate(direct, 3), errno);
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(write(fd, "four", 4), 4);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 7);
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(pread(direct, bytes, sizeof(bytes), 0), 7);
	assert_string_equal(bytes, "onefour");
	close(fd);
	close(direct);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_lost_or_torn, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(end_found_anew, fixture_setup,
						fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
