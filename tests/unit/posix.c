// SPDX-License-Identifier: MIT
/*
 * The POSIX kind through its interface, on the machine's own /dev/shm with
 * names of this process: bytes, holes, sizes, names. What needs a mount, full
 * memory or several users is tested there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

#include "guard.h"
#include "store.h"

#define MIB ((off_t)1 << 20)

struct fixture {
	struct store *store;
	struct store_caller me;
	char name[32];
	struct object *object;
	char buf[4 * 1024 * 1024];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || guard_install() || posix_kind.open(&f->store))
		return -1;
	f->me = (struct store_caller){ .uid = geteuid(), .gid = getegid() };
	snprintf(f->name, sizeof(f->name), "shmfs-unit.%d", getpid());
	*state = f;
	return posix_kind.create(f->store, f->name, 0600, &f->me, &f->object);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	object_put(f->object);
	(void)posix_kind.unlink(f->store, f->name, &f->me); /* may be gone */
	posix_kind.close(f->store);
	free(f);
	return 0;
}

static struct stat attr_of(struct fixture *f)
{
	struct stat st;

	assert_int_equal(posix_kind.get_attr(f->object, &st), 0);
	return st;
}

static void set_size(struct fixture *f, off_t size)
{
	struct store_attr attr = { .set = STORE_SET_SIZE, .size = size };

	assert_int_equal(posix_kind.set_attr(f->object, &attr), 0);
}

static void write_at(struct fixture *f, const char *text, off_t off)
{
	ssize_t len = (ssize_t)strlen(text);

	assert_true(posix_kind.write(f->object, text, (size_t)len, off, 0) ==
		    len);
}

static ssize_t read_at(struct fixture *f, size_t len, off_t off)
{
	memset(f->buf, '?', sizeof(f->buf));
	return posix_kind.read(f->object, f->buf, len, off);
}

static void reads_what_was_written(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_at(f, 10, 0), 0);
	write_at(f, "hello", 0);
	write_at(f, "world", 4093); /* over a page boundary */
	assert_int_equal(attr_of(f).st_size, 4098);
	assert_int_equal(read_at(f, 100, 0), 100);
	assert_memory_equal(f->buf, "hello\0\0\0", 8);
	assert_int_equal(read_at(f, 100, 4090), 8);
	assert_memory_equal(f->buf, "\0\0\0world", 8);
	assert_int_equal(read_at(f, 1, 4098), 0);
	assert_int_equal(read_at(f, 1, INT64_MAX - 1), 0);
}

static void crosses_windows(void **state)
{
	struct fixture *f = *state;
	static char data[10 * 1024 * 1024];
	ssize_t len = (ssize_t)sizeof(data);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 4096);
	assert_true(posix_kind.write(f->object, data, sizeof(data), 3, 0) ==
		    len);
	for (off_t off = 0; off < len; off += 3 * MIB) {
		size_t want = sizeof(f->buf);

		if ((off_t)want > len - off)
			want = (size_t)(len - off);
		assert_int_equal(read_at(f, want, off + 3), want);
		assert_memory_equal(f->buf, data + off, want);
	}
}

static void holes_are_zeros_and_stay_holes(void **state)
{
	struct fixture *f = *state;

	set_size(f, 1024 * 1024 * MIB);
	assert_int_equal(read_at(f, sizeof(f->buf), 512 * MIB + 1),
			 sizeof(f->buf));
	for (size_t i = 0; i < sizeof(f->buf); i++)
		assert_int_equal(f->buf[i], 0);
	assert_int_equal(attr_of(f).st_blocks, 0);

	/* every fourth page there, the rest not */
	for (off_t page = 0; page < 256; page += 4)
		write_at(f, "data", 512 * MIB + page * 4096 + 100);
	assert_int_equal(read_at(f, MIB, 512 * MIB), MIB);
	for (off_t page = 0; page < 256; page++)
		assert_memory_equal(
			f->buf + page * 4096 + 98,
			page % 4 ? "\0\0\0\0\0\0\0\0" : "\0\0data\0\0", 8);
	assert_int_equal(attr_of(f).st_blocks, 64 * 8);
	assert_int_equal(posix_kind.seek(f->object, 0, SEEK_DATA), 512 * MIB);
	assert_int_equal(posix_kind.seek(f->object, 512 * MIB, SEEK_HOLE),
			 512 * MIB + 4096);
}

/* Every pattern of six pages there or not, read in ranges of any shape. */
static void any_pattern_of_holes_is_read(void **state)
{
	enum { PAGES = 6, PAGE = 4096, SIZE = PAGES * PAGE };
	struct fixture *f = *state;
	char expected[SIZE];

	for (int pattern = 0; pattern < 1 << PAGES; pattern++) {
		set_size(f, 0);
		set_size(f, SIZE);
		memset(expected, 0, sizeof(expected));
		for (int page = 0; page < PAGES; page++) {
			if (!(pattern & 1 << page))
				continue;
			memset(expected + page * PAGE, 'a' + page, PAGE);
			posix_kind.write(f->object, expected + page * PAGE,
					 PAGE, page * PAGE, 0);
		}
		for (int i = 0; i < 50; i++) {
			off_t off = rand() % SIZE;
			size_t len = (size_t)(rand() % (SIZE - off)) + 1;

			assert_int_equal(read_at(f, len, off), len);
			assert_memory_equal(f->buf, expected + off, len);
		}
	}
}

static void appends_at_the_end_there_is(void **state)
{
	struct fixture *f = *state;

	write_at(f, "one", 0);
	assert_int_equal(posix_kind.write(f->object, "two", 3, 0, STORE_APPEND),
			 3);
	set_size(f, 8);
	assert_int_equal(
		posix_kind.write(f->object, "three", 5, 1, STORE_APPEND), 5);
	assert_int_equal(read_at(f, 100, 0), 13);
	assert_memory_equal(f->buf, "onetwo\0\0three", 13);
}

static void stores_past_the_end_are_dropped(void **state)
{
	struct fixture *f = *state;

	write_at(f, "0123456789", 0);
	assert_int_equal(
		posix_kind.write(f->object, "abcdef", 6, 7, STORE_NOGROW), 6);
	assert_int_equal(
		posix_kind.write(f->object, "abcdef", 6, 10, STORE_NOGROW), 6);
	assert_int_equal(read_at(f, 100, 0), 10);
	assert_memory_equal(f->buf, "0123456abc", 10);
}

static void offsets_have_an_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(posix_kind.write(f->object, "x", 1, -1, 0), -EINVAL);
	assert_int_equal(posix_kind.write(f->object, "x", 1, INT64_MAX, 0),
			 -EFBIG);
	assert_int_equal(read_at(f, 1, -1), -EINVAL);
	write_at(f, "far", INT64_MAX - 8191);
	assert_int_equal(read_at(f, 100, INT64_MAX - 8191), 3);
	assert_memory_equal(f->buf, "far", 3);
	assert_int_equal(attr_of(f).st_blocks, 8);
}

static void writes_touch_mtime_and_privileges(void **state)
{
	struct fixture *f = *state;
	struct store_attr attr = {
		.set = STORE_SET_MODE | STORE_SET_TIMES,
		.mode = 06755,
		.atime = { .tv_sec = 1000 },
		.mtime = { .tv_sec = 1000 },
	};

	assert_int_equal(posix_kind.set_attr(f->object, &attr), 0);
	assert_int_equal(attr_of(f).st_mtim.tv_sec, 1000);
	assert_int_equal(posix_kind.write(f->object, "x", 1, 0, 0), 1);
	assert_true(attr_of(f).st_mtim.tv_sec > 1000);
	assert_int_equal(attr_of(f).st_mode & 07777, 06755);
	assert_int_equal(posix_kind.write(f->object, "x", 1, 0, STORE_NOPRIV),
			 1);
	assert_int_equal(attr_of(f).st_mode & 07777, 0755);
}

/* However short ago it was written before, and whatever was set meanwhile. */
static void every_write_is_in_the_present(void **state)
{
	struct fixture *f = *state;
	struct store_attr past = {
		.set = STORE_SET_TIMES,
		.atime = { .tv_nsec = UTIME_OMIT },
		.mtime = { .tv_sec = 1000 },
	};
	struct store_attr future = past;
	struct timespec now;

	future.mtime.tv_sec = time(NULL) + 1000;
	write_at(f, "first", 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(
			posix_kind.set_attr(f->object, i % 2 ? &past : &future),
			0);
		assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
		write_at(f, "again", 0);
		assert_true(attr_of(f).st_mtim.tv_sec >= now.tv_sec);
		assert_true(attr_of(f).st_mtim.tv_sec < now.tv_sec + 900);
	}
}

static void a_name_that_leads_elsewhere_is_stale(void **state)
{
	struct fixture *f = *state;
	struct object *object;
	uint64_t ino = attr_of(f).st_ino;
	char shm_name[40];

	snprintf(shm_name, sizeof(shm_name), "/%s", f->name);
	for (int access = STORE_ATTR; access <= STORE_WRITE; access++) {
		assert_int_equal(posix_kind.open_object(
					 f->store, f->name, ino,
					 (enum store_access)access, &object),
				 0);
		object_put(object);
		assert_int_equal(posix_kind.open_object(
					 f->store, f->name, ino + 1,
					 (enum store_access)access, &object),
				 -ESTALE);
	}
	assert_int_equal(shm_unlink(shm_name), 0);
	assert_int_equal(posix_kind.open_object(f->store, f->name, ino,
						STORE_WRITE, &object),
			 -ESTALE);
	/* the open one goes on */
	write_at(f, "still here", 0);
	assert_int_equal(attr_of(f).st_nlink, 0);
}

static void listing_can_be_asked_again(void **state)
{
	struct fixture *f = *state;
	struct store_entry entry, again;
	struct store_dir *dir;
	off_t off = 0;
	int found = 0;

	assert_int_equal(posix_kind.dir_open(f->store, &dir), 0);
	while (posix_kind.dir_next(dir, off, &entry) == 1) {
		char name[STORE_NAME_MAX + 1];

		strcpy(name, entry.name);
		found += !strcmp(name, f->name);
		assert_int_equal(posix_kind.dir_next(dir, off, &again), 1);
		assert_string_equal(again.name, name);
		assert_int_equal(again.next, entry.next);
		off = entry.next;
	}
	assert_int_equal(found, 1);
	posix_kind.dir_close(dir);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(reads_what_was_written),
		CASE(crosses_windows),
		CASE(holes_are_zeros_and_stay_holes),
		CASE(any_pattern_of_holes_is_read),
		CASE(appends_at_the_end_there_is),
		CASE(stores_past_the_end_are_dropped),
		CASE(offsets_have_an_end),
		CASE(writes_touch_mtime_and_privileges),
		CASE(every_write_is_in_the_present),
		CASE(a_name_that_leads_elsewhere_is_stale),
		CASE(listing_can_be_asked_again),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
