// SPDX-License-Identifier: MIT
/*
 * System V segments through the mount, held against shmget(2), shmat(2) and
 * shmctl(2): both see the same bytes through read, write and mmap, whoever
 * stored them; files become segments; and what is attached is let go.
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
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"

#define PAGE 4096
#define KEY  0x1234
#define NAME "0x1234"

static int segment(key_t key, size_t size, int mode)
{
	int shmid = shmget(key, size, IPC_CREAT | IPC_EXCL | mode);

	assert_return_code(shmid, errno);
	return shmid;
}

static char *attach(int shmid)
{
	char *base = shmat(shmid, NULL, 0);

	assert_ptr_not_equal(base, (void *)-1);
	return base;
}

static int open_file(const struct fixture *f, const char *name, int flags)
{
	int fd = open(fixture_path(f, name), flags | O_CLOEXEC, 0640);

	assert_return_code(fd, errno);
	return fd;
}

static bool is_native(const struct fixture *f)
{
	char path[16] = "";

	assert_true(getxattr(f->dir, "user.shmfs.io", path, sizeof(path)) > 0);
	return !strcmp(path, "native");
}

static unsigned long attached(int shmid)
{
	struct shmid_ds ds;

	assert_return_code(shmctl(shmid, IPC_STAT, &ds), errno);
	return ds.shm_nattch;
}

/* The daemon hears of the last close a little later than who closed. */
static void wait_detached(int shmid, unsigned long count)
{
	double deadline = 0;

	while (attached(shmid) != count)
		assert_true(before_deadline(&deadline, 10));
}

static char *map_file(int fd, size_t size)
{
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(m, MAP_FAILED);
	return m;
}

/* One change by one of the ways there are, and what all of them see. */
struct views {
	char *base; /* shmat(2) */
	int fd;	    /* of the file */
	char *map;  /* of that, if it shares the pages, or NULL */
	size_t size;
};

static void store(const struct views *v, int way, const char *data, size_t len,
		  off_t off)
{
	if (way == 0)
		memcpy(v->base + off, data, len);
	else if (way == 1)
		assert_int_equal(pwrite(v->fd, data, len, off), len);
	else
		memcpy(v->map + off, data, len);
}

static void compare(const struct views *v, const char *data, size_t len,
		    off_t off)
{
	static char buf[3 * PAGE];

	assert_memory_equal(v->base + off, data, len);
	assert_int_equal(pread(v->fd, buf, len, off), len);
	assert_memory_equal(buf, data, len);
	if (v->map)
		assert_memory_equal(v->map + off, data, len);
}

static void all_see_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	uint64_t rng = rng_seed("segments");
	struct views v = { .size = 50 * PAGE + 123 };
	int shmid = segment(KEY, v.size, 0600);
	static char data[3 * PAGE];

	v.base = attach(shmid);
	v.fd = open_file(f, NAME, O_RDWR);
	if (is_native(f))
		v.map = map_file(v.fd, v.size);
	for (int i = 0; i < 3000; i++) {
		size_t len = rng_below(&rng, sizeof(data)) + 1;
		off_t off = (off_t)rng_below(&rng, v.size - len);

		for (size_t at = 0; at < len; at++)
			data[at] = (char)rng_next(&rng);
		store(&v, (int)rng_below(&rng, v.map ? 3 : 2), data, len, off);
		compare(&v, data, len, off);
	}
	assert_int_equal(attached(shmid), 2);
	if (v.map)
		munmap(v.map, v.size);
	close(v.fd);
	wait_detached(shmid, 1);
	shmdt(v.base);
}

/* Where it is a copy, it is filled by an open and written back by msync(2). */
static void a_mapping_reaches_the_segment(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 3 * PAGE, 0600);
	char *base = attach(shmid);
	int fd;
	char *m;

	strcpy(base + PAGE, "stored before");
	fd = open_file(f, NAME, O_RDWR);
	m = map_file(fd, 3 * PAGE);
	assert_string_equal(m + PAGE, "stored before");
	strcpy(m + 2 * PAGE, "through the mapping");
	assert_return_code(msync(m, 3 * PAGE, MS_SYNC), errno);
	assert_string_equal(base + 2 * PAGE, "through the mapping");
	close(fd);
	strcpy(m, "after close");
	munmap(m, 3 * PAGE);
	wait_detached(shmid, 1);
	assert_string_equal(base, "after close");
	shmdt(base);
}

static void its_size_is_its_size(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 10000, 0600);
	int fd = open_file(f, NAME, O_RDWR);
	char buf[20000];
	struct stat st;

	memset(buf, 'x', sizeof(buf));
	assert_int_equal(read(fd, buf, sizeof(buf)), 10000);
	assert_int_equal(read(fd, buf, 1), 0);
	assert_int_equal(pwrite(fd, buf, 5000, 9000), 1000);
	assert_int_equal(pwrite(fd, buf, 1, 10000), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(ftruncate(fd, 9999), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 10000), 0);
	assert_int_equal(truncate(fixture_path(f, NAME), 20000), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(open(fixture_path(f, NAME), O_RDWR | O_TRUNC), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fallocate(fd, 0, 0, 20000), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(lseek(fd, 0, SEEK_END), 10000);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 10000);
	close(fd);
	wait_detached(shmid, 0);
}

static void removed_while_open(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 2 * PAGE, 0600), other;
	int fd = open_file(f, NAME, O_RDWR);
	struct shmid_ds ds;
	double deadline = 0;
	char name[32], byte;
	struct stat st;

	assert_return_code(shmctl(shmid, IPC_RMID, NULL), errno);
	assert_int_equal(stat(fixture_path(f, NAME), &st), -1);
	assert_int_equal(errno, ENOENT);
	snprintf(name, sizeof(name), "private-%d", shmid);
	assert_int_equal(stat(fixture_path(f, name), &st), 0);
	assert_int_equal(st.st_nlink, 0);
	/* another one under its key is none of its business */
	other = segment(KEY, 99, 0600);
	assert_int_equal(pwrite(fd, "y", 1, PAGE), 1);
	assert_int_equal(pread(fd, &byte, 1, PAGE), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 2 * PAGE);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(stat(fixture_path(f, NAME), &st), 0);
	assert_int_equal(st.st_size, 99);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(fd);
	while (shmctl(shmid, IPC_STAT, &ds) == 0)
		assert_true(before_deadline(&deadline, 10));
	assert_int_equal(attached(other), 0);
}

static void a_size_makes_it(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, NAME, O_RDWR | O_CREAT | O_EXCL);
	struct shmid_ds ds;
	int shmid, again;
	struct stat st, by_name;
	char *m;

	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(ftruncate(fd, 5 * PAGE + 7), 0);
	shmid = shmget(KEY, 0, 0);
	assert_return_code(shmctl(shmid, IPC_STAT, &ds), errno);
	assert_int_equal(ds.shm_segsz, 5 * PAGE + 7);
	assert_int_equal(ds.shm_perm.mode & 0777, 0640);
	assert_int_equal(pwrite(fd, "here", 4, PAGE), 4);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(stat(fixture_path(f, "0x00001234"), &by_name), 0);
	assert_true(st.st_ino == by_name.st_ino);
	/* opened again, it is mapped like any other */
	again = open_file(f, NAME, O_RDWR);
	m = map_file(again, 5 * PAGE);
	assert_memory_equal(m + PAGE, "here", 4);
	munmap(m, 5 * PAGE);
	close(again);
	close(fd);
	wait_detached(shmid, 0);
}

static void closing_makes_it(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, NAME, O_WRONLY | O_CREAT | O_EXCL);
	int copy = dup(fd);
	struct shmid_ds ds;
	int shmid, status;
	pid_t pid;
	char *base;

	/* a child that ends is not who opened it */
	pid = fork();
	if (pid == 0)
		_exit(write(fd, "one", 3) != 3);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(write(copy, "two", 3), 3);
	assert_int_equal(close(fd), 0);
	shmid = shmget(KEY, 0, 0);
	assert_return_code(shmctl(shmid, IPC_STAT, &ds), errno);
	assert_int_equal(ds.shm_segsz, 6);
	/* what is still open is the segment */
	assert_int_equal(pwrite(copy, "T", 1, 3), 1);
	close(copy);
	wait_detached(shmid, 0);
	base = attach(shmid);
	assert_memory_equal(base, "oneTwo", 6);
	shmdt(base);
}

static void set_limit(const char *name, const char *value)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

/* Of this IPC namespace, like the limits. */
static void close_tells_of_limits(void **state)
{
	struct fixture *f = *state;
	static char data[65536];
	struct stat st;
	int fd;

	set_limit("shmall", "15");
	fd = open_file(f, NAME, O_WRONLY | O_CREAT);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	assert_int_equal(close(fd), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(stat(fixture_path(f, NAME), &st), -1);
	set_limit("shmall", "1000");
	set_limit("shmmax", "65535");
	fd = open_file(f, NAME, O_WRONLY | O_CREAT);
	assert_int_equal(write(fd, data, sizeof(data)), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(ftruncate(fd, sizeof(data)), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ftruncate(fd, 65535), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(fixture_path(f, NAME)), 0);
	set_limit("shmmni", "1");
	segment(1, 1, 0600);
	fd = open_file(f, NAME, O_WRONLY | O_CREAT);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(close(fd), 0);
	/* it never got a size, and waits for one */
	assert_int_equal(stat(fixture_path(f, NAME), &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlink(fixture_path(f, NAME)), 0);
}

static void a_killed_daemon_lets_go(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, PAGE, 0600);
	int fd = open_file(f, NAME, O_RDWR);

	assert_int_equal(attached(shmid), 1);
	assert_int_equal(pwrite(fd, "kept", 4, 0), 4);
	fixture_kill(f);
	assert_int_equal(attached(shmid), 0);
	assert_memory_equal(attach(shmid), "kept", 4);
	close(fd);
}

static void a_stopped_daemon_lets_go(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, PAGE, 0600);
	int fd = open_file(f, NAME, O_RDWR);
	char *m = map_file(fd, PAGE);

	assert_int_equal(fixture_stop(f), 0);
	assert_int_equal(attached(shmid), 0);
	munmap(m, PAGE);
	close(fd);
}

int main(void)
{
#define CASE(test)                                                \
	cmocka_unit_test_setup_teardown(test, fixture_setup_sysv, \
					fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(all_see_the_same_bytes),
		CASE(a_mapping_reaches_the_segment),
		CASE(its_size_is_its_size),
		CASE(removed_while_open),
		CASE(a_size_makes_it),
		CASE(closing_makes_it),
		CASE(close_tells_of_limits),
		CASE(a_killed_daemon_lets_go),
		CASE(a_stopped_daemon_lets_go),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
