/* SPDX-License-Identifier: MIT */
/*
 * size= and objects=: every way to make an object longer, or one more, goes
 * to the limit to the byte and no further; what others do directly counts;
 * df tells. The truth is what fstat(2) says of the objects in a /dev/shm of
 * the test's own.
 */
#include <dirent.h>
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
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define PAGE	4096
#define LIMIT	(1 << 20)
#define OBJECTS 5

static const char *mounted(const struct fixture *f, const char *name)
{
	static char path[2][256];
	static int turn;
	char *p = path[turn++ % 2];

	snprintf(p, sizeof(path[0]), "%s/%s", f->dir, name);
	return p;
}

static int open_file(const struct fixture *f, const char *name, int flags)
{
	int fd = open(mounted(f, name), O_RDWR | O_CREAT | O_CLOEXEC | flags,
		      0600);

	assert_return_code(fd, errno);
	return fd;
}

/* Directly: an object of this size, made if need be. */
static void put(const char *name, off_t size)
{
	int fd = shm_open(name, O_RDWR | O_CREAT, 0600);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
}

static struct stat state_of(int fd)
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	return st;
}

enum way {
	WRITE,
	APPEND,
	WRITEV,
	FTRUNCATE,
	TRUNCATE,
	FALLOCATE,
	COPY,
	SPLICE,
	WAYS
};

struct growing {
	const struct fixture *f;
	const char *name;
	int fd, append; /* both are the object `name` */
	int source;	/* long enough to copy from */
	int other;	/* takes what is not to be left */
};

static ssize_t grow_by_splice(const struct growing *g, off_t size, size_t more)
{
	static char bytes[2 * PAGE];
	int ends[2], error;
	ssize_t n;

	assert_return_code(pipe(ends), errno);
	assert_int_equal(write(ends[1], bytes, more), more);
	n = splice(ends[0], NULL, g->fd, &size, more, 0);
	error = errno;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return n;
}

/* Makes the object `more` > 0 bytes longer than `size`. */
static ssize_t grow(const struct growing *g, enum way way, off_t size,
		    size_t more)
{
	static char bytes[2 * LIMIT];
	struct iovec parts[2] = { { bytes, more / 2 },
				  { bytes, more - more / 2 } };
	off_t end = size + (off_t)more, from = 0;

	switch (way) {
	case WRITE:
		return pwrite(g->fd, bytes, more, size);
	case APPEND:
		return write(g->append, bytes, more);
	case WRITEV:
		return pwritev(g->fd, parts, 2, size);
	case FTRUNCATE:
		return ftruncate(g->fd, end);
	case TRUNCATE:
		return truncate(mounted(g->f, g->name), end);
	case FALLOCATE:
		return fallocate(g->fd, 0, size, (off_t)more);
	case COPY:
		return copy_file_range(g->source, &from, g->fd, &size, more, 0);
	default:
		return grow_by_splice(g, size, more);
	}
}

/* With `room` bytes left: that much goes, one byte more does not. */
static void grow_into(const struct growing *g, enum way way, off_t room)
{
	off_t size = 12345 + room;
	struct stat before, after;

	assert_return_code(ftruncate(g->other, 0), errno);
	assert_return_code(ftruncate(g->fd, size), errno);
	assert_return_code(ftruncate(g->other, LIMIT - 2 * PAGE - size - room),
			   errno);
	before = state_of(g->fd);
	assert_int_equal(grow(g, way, size, (size_t)room + 1), -1);
	assert_int_equal(errno, ENOSPC);
	after = state_of(g->fd);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_blocks, before.st_blocks);
	if (room) {
		assert_return_code(grow(g, way, size, (size_t)room), errno);
		assert_int_equal(state_of(g->fd).st_size, size + room);
		assert_int_equal(grow(g, way, size + room, 1), -1);
		assert_int_equal(errno, ENOSPC);
	}
}

static void every_way_of_growing(void **state)
{
	static const off_t rooms[] = { 0, 1, 100, PAGE - 1, PAGE };
	struct fixture *f = *state;
	struct growing g = { .f = f, .name = "grown" };

	g.fd = open_file(f, g.name, 0);
	g.append = open_file(f, g.name, O_APPEND);
	g.source = open_file(f, "source", 0);
	g.other = open_file(f, "other", 0);
	assert_return_code(ftruncate(g.source, 2 * PAGE), errno);
	for (int way = 0; way < WAYS; way++)
		for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++)
			grow_into(&g, way, rooms[i]);
	close(g.fd);
	close(g.append);
	close(g.source);
	close(g.other);
}

/* At the limit everything goes that does not make an object longer. */
static void at_the_limit(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "full", 0), append;
	static char bytes[2 * PAGE];
	off_t from = 0, to = PAGE;

	assert_return_code(ftruncate(fd, LIMIT), errno);
	assert_int_equal(pwrite(fd, bytes, PAGE, LIMIT - PAGE), PAGE);
	assert_int_equal(pwrite(fd, bytes, PAGE, LIMIT - PAGE + 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(pwrite(fd, bytes, 1, 100L * LIMIT), -1);
	assert_int_equal(errno, ENOSPC);
	assert_return_code(fallocate(fd, 0, 0, LIMIT), errno);
	assert_return_code(fallocate(fd, FALLOC_FL_KEEP_SIZE, LIMIT, PAGE),
			   errno);
	assert_return_code(fallocate(fd,
				     FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
				     0, PAGE),
			   errno);
	assert_int_equal(copy_file_range(fd, &from, fd, &to, PAGE, 0), PAGE);
	append = open_file(f, "full", O_APPEND);
	assert_int_equal(write(append, bytes, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_return_code(ftruncate(fd, LIMIT - 1), errno);
	assert_int_equal(write(append, bytes, 2), -1);
	assert_int_equal(write(append, bytes, 1), 1);
	close(append);
	append = open_file(f, "full", O_TRUNC);
	assert_int_equal(pwrite(fd, bytes, PAGE, 0), PAGE);
	assert_int_equal(state_of(fd).st_size, PAGE);
	close(append);
	close(fd);
}

static void assert_df(const struct fixture *f, long used, int objects)
{
	double deadline = 0;
	struct statvfs st;

	/* A closed file goes a moment after close(2) has returned. */
	do {
		assert_return_code(statvfs(f->dir, &st), errno);
	} while ((long)(st.f_files - st.f_ffree) != objects &&
		 before_deadline(&deadline, 20));
	assert_int_equal(st.f_blocks * st.f_frsize, LIMIT);
	assert_int_equal((st.f_blocks - st.f_bfree) * st.f_frsize,
			 (used + PAGE - 1) / PAGE * PAGE);
	assert_int_equal(st.f_bavail, st.f_bfree);
	assert_int_equal(st.f_files, OBJECTS);
	assert_int_equal(st.f_files - st.f_ffree, objects);
}

/* Whatever was made, removed, renamed, made longer or shorter directly. */
static void counts_what_others_do(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "mine", 0);

	assert_df(f, 0, 1);
	put("theirs", LIMIT - 10);
	assert_int_equal(ftruncate(fd, 11), -1);
	assert_int_equal(errno, ENOSPC);
	assert_df(f, LIMIT - 10, 2);
	put("theirs", 10);
	assert_return_code(ftruncate(fd, LIMIT - 10), errno);
	assert_df(f, LIMIT, 2);
	put("theirs", 11); /* nobody keeps them from it */
	assert_int_equal(ftruncate(fd, LIMIT - 9), -1);
	assert_return_code(ftruncate(fd, LIMIT - 20), errno);
	assert_int_equal(ftruncate(fd, LIMIT - 10), -1);
	assert_return_code(shm_unlink("theirs"), errno);
	assert_return_code(ftruncate(fd, LIMIT), errno);
	put("sem.no", 100); /* not in view */
	assert_df(f, LIMIT, 1);
	assert_return_code(rename("/dev/shm/sem.no", "/dev/shm/yes"), errno);
	assert_df(f, LIMIT, 2);
	assert_return_code(ftruncate(fd, LIMIT - 100), errno);
	assert_int_equal(ftruncate(fd, LIMIT - 99), -1);
	assert_return_code(shm_unlink("yes"), errno);
	assert_return_code(ftruncate(fd, LIMIT), errno);
	close(fd);
	assert_return_code(shm_unlink("mine"), errno);
	assert_df(f, 0, 0);
}

static int make(const struct fixture *f, const char *name)
{
	int fd = open(mounted(f, name), O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -errno : 0;
}

static void counts_objects(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(make(f, "1"), 0);
	assert_return_code(mknod(mounted(f, "2"), S_IFREG | 0600, 0), errno);
	put("3", 0);
	assert_int_equal(make(f, "4"), 0);
	assert_int_equal(make(f, "5"), 0);
	assert_df(f, 0, 5);
	assert_int_equal(make(f, "6"), -ENOSPC);
	assert_int_equal(make(f, "5"), -EEXIST);
	assert_int_equal(mknod(mounted(f, "6"), S_IFREG | 0600, 0), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(access("/dev/shm/6", F_OK), -1);
	close(open_file(f, "5", 0));
	assert_return_code(rename(mounted(f, "5"), mounted(f, "6")), errno);
	assert_int_equal(make(f, "5"), -ENOSPC);
	assert_return_code(rename(mounted(f, "6"), mounted(f, "4")), errno);
	assert_int_equal(make(f, "5"), 0);
	put("6", 0); /* one too many, by others */
	assert_df(f, 0, 5);
	assert_return_code(unlink(mounted(f, "1")), errno);
	assert_int_equal(make(f, "1"), -ENOSPC);
	assert_return_code(shm_unlink("2"), errno);
	assert_int_equal(make(f, "1"), 0);
	for (int i = 0; i < 500; i++) { /* right after it was closed */
		assert_return_code(unlink(mounted(f, "1")), errno);
		assert_int_equal(make(f, "1"), 0);
	}
}

/* Unlinked while it is open it counts until it is closed. */
static void counts_what_lost_its_name(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a", 0), other = open_file(f, "b", 0);

	assert_return_code(ftruncate(fd, 1000), errno);
	assert_return_code(unlink(mounted(f, "a")), errno);
	assert_return_code(ftruncate(fd, LIMIT - 10), errno);
	assert_int_equal(ftruncate(other, 11), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(ftruncate(fd, LIMIT + 1), -1);
	assert_df(f, LIMIT - 10, 2);
	close(fd);
	assert_return_code(ftruncate(other, LIMIT), errno);
	close(other);
}

/* A mapping is the object's own memory also where each write is counted. */
static void maps_the_object(void **state)
{
	struct fixture *f = *state;
	char path[16] = "", byte;
	char *file, *object;
	int fd, direct;

	assert_true(getxattr(f->dir, "user.shmfs.io", path, 15) > 0);
	if (strcmp(path, "native") != 0)
		skip();
	fd = open_file(f, "a", 0);
	assert_return_code(ftruncate(fd, 2 * PAGE), errno);
	direct = shm_open("a", O_RDWR, 0);
	file = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	object = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      direct, 0);
	assert_ptr_not_equal(file, MAP_FAILED);
	assert_ptr_not_equal(object, MAP_FAILED);
	for (int i = 1; i < 100; i++) {
		file[i] = (char)i;
		assert_int_equal(object[i], i);
		object[PAGE + i] = (char)i;
		assert_int_equal(file[PAGE + i], i);
		assert_int_equal(pread(fd, &byte, 1, PAGE + i), 1);
		assert_int_equal(byte, i);
		byte = (char)(i + 1);
		assert_int_equal(pwrite(fd, &byte, 1, i), 1);
		assert_int_equal(file[i], i + 1);
	}
	assert_int_equal(ftruncate(fd, LIMIT + 1), -1);
	assert_int_equal(file[99], 100);
	assert_return_code(munmap(file, 2 * PAGE), errno);
	assert_return_code(munmap(object, 2 * PAGE), errno);
	close(direct);
	close(fd);
}

static int start(void **state)
{
	static char options[64];
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	snprintf(options, sizeof(options), "size=1m,objects=%d", OBJECTS);
	fixture_start_private(f, options, "size=16m,mode=1777");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_way_of_growing, start,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(at_the_limit, start,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(counts_what_others_do, start,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(counts_objects, start,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(counts_what_lost_its_name,
						start, fixture_teardown),
		cmocka_unit_test_setup_teardown(maps_the_object, start,
						fixture_teardown),
	};
	int failed;

	if (geteuid() != 0) {
		print_message("limits: only root can have its own /dev/shm\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
