// SPDX-License-Identifier: MIT
/*
 * mmap(2) of files under the mount, as far as every data path goes: what is
 * stored and written back is the object's, what others stored before an open
 * is seen by a fresh mapping, a private mapping stays private, programs run.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PAGE 4096

/* Opens the object by its shm name, or its file; made if need be. */
static int open_direct(const struct fixture *f, const char *name)
{
	int fd = shm_open(fixture_name(f, name), O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	return fd;
}

static int open_file(const struct fixture *f, const char *name)
{
	int fd =
		open(fixture_path(f, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static char *map(int fd, size_t size, int prot, int flags)
{
	char *m = mmap(NULL, size, prot, flags, fd, 0);

	assert_ptr_not_equal(m, MAP_FAILED);
	return m;
}

static char *map_shared(int fd, size_t size)
{
	return map(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static void store_and_msync(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a"), fd;
	char *object, *m, buf[16] = "";

	assert_int_equal(ftruncate(direct, 3 * PAGE), 0);
	object = map_shared(direct, 3 * PAGE);
	fd = open_file(f, "a");
	m = map_shared(fd, 3 * PAGE);
	for (int i = 0; i < 20; i++) {
		memset(m + PAGE - 4, 'a' + i, 8);
		assert_int_equal(msync(m, 3 * PAGE, MS_SYNC), 0);
		for (int j = -4; j < 4; j++)
			assert_int_equal(object[PAGE + j], 'a' + i);
		assert_int_equal(pread(fd, buf, 8, PAGE - 4), 8);
		assert_int_equal(memcmp(buf, m + PAGE - 4, 8), 0);
	}
	munmap(m, 3 * PAGE);
	munmap(object, 3 * PAGE);
	close(fd);
	close(direct);
}

/* Without msync, read(2) through the mount sees the store all the same. */
static void store_and_read(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a"), other = open_file(f, "a");
	char *m, buf[6] = "";

	assert_int_equal(ftruncate(fd, PAGE), 0);
	m = map_shared(fd, PAGE);
	strcpy(m, "first");
	assert_int_equal(pread(fd, buf, 6, 0), 6);
	assert_string_equal(buf, "first");
	strcpy(m, "later");
	assert_int_equal(pread(other, buf, 6, 0), 6);
	assert_string_equal(buf, "later");
	assert_int_equal(pwrite(other, "write", 6, 0), 6);
	assert_string_equal(m, "write");
	munmap(m, PAGE);
	close(other);
	close(fd);
}

/* What a mapping holds is written back when it ends. */
static void store_and_close(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a");
	char *object, *m;

	assert_int_equal(ftruncate(direct, 2 * PAGE), 0);
	object = map_shared(direct, 2 * PAGE);
	for (int i = 0; i < 20; i++) {
		int fd = open_file(f, "a");

		m = map_shared(fd, 2 * PAGE);
		m[PAGE + i] = (char)(1 + i);
		munmap(m, 2 * PAGE);
		close(fd);
		assert_int_equal(object[PAGE + i], 1 + i);
	}
	munmap(object, 2 * PAGE);
	close(direct);
}

/* A store to the object, then open and mmap: the mapping shows it. */
static void direct_store_before_open(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a");
	char *object;

	assert_int_equal(ftruncate(direct, 4 * PAGE), 0);
	object = map_shared(direct, 4 * PAGE);
	for (int i = 0; i < 200; i++) {
		int fd;
		char *m;

		memset(object, i, 4 * PAGE);
		fd = open_file(f, "a");
		m = map(fd, 4 * PAGE, PROT_READ, MAP_SHARED);
		for (int page = 0; page < 4; page++)
			assert_int_equal(m[page * PAGE + 7], (char)i);
		munmap(m, 4 * PAGE);
		close(fd);
	}
	munmap(object, 4 * PAGE);
	close(direct);
}

/* The same while an older mapping of the file is there. */
static void direct_store_beside_old_mapping(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a"), old;
	char *object, *o;

	assert_int_equal(ftruncate(direct, PAGE), 0);
	object = map_shared(direct, PAGE);
	old = open_file(f, "a");
	o = map(old, PAGE, PROT_READ, MAP_SHARED);
	for (int i = 1; i < 100; i++) {
		int fd;
		char *m;

		assert_int_equal(o[0], (char)(i - 1));
		object[0] = (char)i;
		fd = open_file(f, "a");
		m = map(fd, PAGE, PROT_READ, MAP_SHARED);
		assert_int_equal(m[0], (char)i);
		munmap(m, PAGE);
		close(fd);
	}
	munmap(o, PAGE);
	munmap(object, PAGE);
	close(old);
	close(direct);
}

/*
 * A file that is held open maps what its object has grown to since, for
 * those who look at its size first: the kernel learns it from fstat(2).
 */
static void grown_while_open(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a"), fd = open_file(f, "a");

	for (int pages = 1; pages < 20; pages++) {
		struct stat st;
		char *m;

		assert_int_equal(ftruncate(direct, pages * PAGE), 0);
		assert_int_equal(pwrite(direct, &pages, sizeof(pages),
					(pages - 1) * PAGE),
				 sizeof(pages));
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, pages * PAGE);
		m = map_shared(fd, (size_t)st.st_size);
		assert_int_equal(m[(pages - 1) * PAGE], pages);
		munmap(m, (size_t)st.st_size);
	}
	close(fd);
	close(direct);
}

static void private_mapping(void **state)
{
	struct fixture *f = *state;
	int direct = open_direct(f, "a"), fd;
	char *m, buf[8] = "";

	assert_int_equal(pwrite(direct, "object", 7, 0), 7);
	fd = open(fixture_path(f, "a"), O_RDONLY);
	assert_true(fd >= 0);
	m = map(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	assert_string_equal(m, "object");
	strcpy(m, "mine");
	assert_int_equal(pread(direct, buf, 7, 0), 7);
	assert_string_equal(buf, "object");
	assert_int_equal(pread(fd, buf, 7, 0), 7);
	assert_string_equal(buf, "object");
	assert_string_equal(m, "mine");
	munmap(m, PAGE);
	close(fd);
	close(direct);
}

/* What may be mapped follows from how the file was opened. */
static void protection(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a"), ro, wo;

	assert_int_equal(ftruncate(fd, PAGE), 0);
	ro = open(fixture_path(f, "a"), O_RDONLY);
	wo = open(fixture_path(f, "a"), O_WRONLY);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, ro, 0),
			 MAP_FAILED);
	assert_int_equal(errno, EACCES);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, wo, 0),
			 MAP_FAILED);
	assert_int_equal(errno, EACCES);
	assert_ptr_equal(mmap(NULL, 0, PROT_READ, MAP_SHARED, ro, 0),
			 MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	munmap(map(ro, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED), PAGE);
	close(ro);
	close(wo);
	close(fd);
}

/* In a child: touches address `at` of a mapping; the signal, or 0. */
static int touch(volatile char *at)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGBUS, SIG_DFL);
		*at = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* The tail of the last page is the mapping's; beyond there is nothing. */
static void past_the_end(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a");
	struct stat st;
	char *m;

	assert_int_equal(ftruncate(fd, PAGE + 10), 0);
	m = map_shared(fd, 4 * PAGE);
	for (int i = 0; i < PAGE; i++)
		assert_int_equal(m[PAGE + i], 0);
	assert_int_equal(touch(m + PAGE + 100), 0);
	assert_int_equal(touch(m + 2 * PAGE), SIGBUS);
	m[PAGE + 9] = 'x';
	assert_int_equal(msync(m, 4 * PAGE, MS_SYNC), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, PAGE + 10);
	assert_int_equal(ftruncate(fd, 3 * PAGE), 0);
	assert_int_equal(m[PAGE + 9], 'x');
	for (int i = PAGE; i < 2 * PAGE; i++)
		assert_int_equal(m[PAGE + i], 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(touch(m + PAGE), SIGBUS);
	munmap(m, 4 * PAGE);
	close(fd);
}

/* A mapping lives on when the name is gone and the file is closed. */
static void unlinked(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a"), direct = open_direct(f, "a");
	char *m, buf[8] = "";

	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	m = map_shared(fd, 2 * PAGE);
	close(fd);
	assert_int_equal(unlink(fixture_path(f, "a")), 0);
	strcpy(m + PAGE, "lives");
	assert_int_equal(msync(m, 2 * PAGE, MS_SYNC), 0);
	assert_int_equal(pread(direct, buf, 6, PAGE), 6);
	assert_string_equal(buf, "lives");
	munmap(m, 2 * PAGE);
	close(direct);
}

/* Waits until the byte has the value that the other process stores. */
static bool wait_value(char *at, char value)
{
	double deadline = 0;

	for (int n = 0; __atomic_load_n(at, __ATOMIC_ACQUIRE) != value; n++)
		if (n < 10000)
			sched_yield();
		else if (!before_deadline(&deadline, 30))
			return false;
	return true;
}

/* Answers each 1 in the file's first byte by a 2. */
static void answer(const char *path)
{
	int fd = open(path, O_RDWR);
	char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	for (int i = 0; m != MAP_FAILED && i < 1000; i++) {
		if (!wait_value(m, 1))
			_exit(2);
		__atomic_store_n(m, 2, __ATOMIC_RELEASE);
	}
	_exit(m == MAP_FAILED);
}

/* Two mappings of a file, in two processes of the mount, are one memory. */
static void two_processes(void **state)
{
	struct fixture *f = *state;
	int fd = open_file(f, "a"), status;
	char *m;
	pid_t pid;

	assert_int_equal(ftruncate(fd, PAGE), 0);
	m = map_shared(fd, PAGE);
	pid = fork();
	if (pid == 0)
		answer(fixture_path(f, "a"));
	for (int i = 0; i < 1000; i++) {
		__atomic_store_n(m, 1, __ATOMIC_RELEASE);
		assert_true(wait_value(m, 2));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(m, PAGE);
	close(fd);
}

/* More than any window: every page of 64 MiB carries its number. */
static void large(void **state)
{
	struct fixture *f = *state;
	const size_t size = 64 << 20;
	int fd = open_file(f, "a"), direct;
	uint32_t *m, *object;

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	m = (uint32_t *)map_shared(fd, size);
	for (size_t i = 0; i < size / 4; i += PAGE / 4)
		m[i] = (uint32_t)i + 1;
	assert_int_equal(msync(m, size, MS_SYNC), 0);
	direct = open_direct(f, "a");
	object = (uint32_t *)map_shared(direct, size);
	for (size_t i = 0; i < size / 4; i += PAGE / 4)
		assert_int_equal(object[i], i + 1);
	assert_int_equal(madvise(m, size, MADV_DONTNEED), 0);
	for (size_t i = 0; i < size / 4; i += PAGE / 4)
		assert_int_equal(m[i], i + 1);
	munmap(m, size);
	munmap(object, size);
	close(fd);
	close(direct);
}

static void programs_run(void **state)
{
	struct fixture *f = *state;
	const char *cp[] = { "cp", "/bin/echo", fixture_path(f, "prog"), NULL };
	const char *echo[] = { fixture_path(f, "prog"), "it", "runs", NULL };
	char *output;

	assert_int_equal(run_command(cp, NULL), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(run_command(echo, &output), 0);
		assert_string_equal(output, "it runs\n");
		free(output);
	}
	assert_int_equal(chmod(fixture_path(f, "prog"), 0644), 0);
	assert_int_equal(run_command(echo, NULL), 127);
}

/* A program that was replaced directly is the new one at its next start. */
static void replaced_program_runs(void **state)
{
	struct fixture *f = *state;
	char direct[1024], *output;
	const char *run[] = { fixture_path(f, "prog"), "hello", NULL };

	strcpy(direct, "/dev/shm");
	strcat(direct, fixture_name(f, "prog"));
	for (int i = 0; i < 6; i++) {
		const char *program = i % 2 ? "/bin/echo" : "/bin/true";
		const char *cp[] = { "cp", program, direct, NULL };

		assert_int_equal(run_command(cp, NULL), 0);
		assert_int_equal(run_command(run, &output), 0);
		assert_string_equal(output, i % 2 ? "hello\n" : "");
		free(output);
	}
}

#define MOUNT_TEST(test) \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNT_TEST(store_and_msync),
		MOUNT_TEST(store_and_read),
		MOUNT_TEST(store_and_close),
		MOUNT_TEST(direct_store_before_open),
		MOUNT_TEST(direct_store_beside_old_mapping),
		MOUNT_TEST(grown_while_open),
		MOUNT_TEST(private_mapping),
		MOUNT_TEST(protection),
		MOUNT_TEST(past_the_end),
		MOUNT_TEST(unlinked),
		MOUNT_TEST(two_processes),
		MOUNT_TEST(large),
		MOUNT_TEST(programs_run),
		MOUNT_TEST(replaced_program_runs),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
