/* SPDX-License-Identifier: MIT */
/*
 * Eight threads do everything to the same few names at once. No call may
 * fail in a way that it could not on tmpfs (or, of segments, for what they
 * are), and afterwards the daemon holds as many descriptors and mappings as
 * before.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "kind.h"
#include "rng.h"

#define THREADS 8
#define NAMES	5
#define SECONDS 8
#define SIZE	(300 * 1024)

struct job {
	const struct fixture *f;
	atomic_bool *stop;
	atomic_int *wrong;
	uint64_t rng;
	unsigned long rounds;
	char buffer[70000];
};

/* Counts what went wrong, and says the first few. */
static void expect(struct job *j, bool fine, const char *what)
{
	int err = errno;

	if (!fine && atomic_fetch_add(j->wrong, 1) < 5)
		fprintf(stderr, "%s: %s\n", what, strerror(err));
}

/*
 * The same where a segment may say no: its key and size do not change, and it
 * is made when a file is closed, which somebody else may have done by then.
 * Nor can one that is removed be held for whoever was about to open it, so
 * that a name that changes hands twice at once is ESTALE.
 */
static void expect_or_no(struct job *j, bool fine, const char *what)
{
	bool no = errno == EPERM || errno == EFBIG || errno == EOPNOTSUPP ||
		  errno == EEXIST || errno == EINVAL || errno == ESTALE;

	expect(j, fine || (no && kind_is("sysv")), what);
}

static const char *job_path(struct job *j)
{
	static const char *const names[NAMES] = { "a", "b", "c", "d", "e" };

	return fixture_path(j->f, names[rng_below(&j->rng, NAMES)]);
}

/* -1 if the name is not there just now. */
static int job_open(struct job *j, int flags)
{
	int fd = open(job_path(j), flags | O_CLOEXEC, 0600);

	expect_or_no(j, fd >= 0 || errno == ENOENT, "open");
	return fd;
}

static void job_read(struct job *j)
{
	int fd = job_open(j, O_RDONLY);
	off_t offset = (off_t)rng_below(&j->rng, SIZE);
	ssize_t n;

	if (fd < 0)
		return;
	n = pread(fd, j->buffer, rng_below(&j->rng, sizeof(j->buffer)), offset);
	expect(j, n >= 0, "pread");
	for (ssize_t i = 0; i < n; i += 97)
		expect(j, !j->buffer[i] || j->buffer[i] == 'w', "bytes");
	expect(j, !close(fd), "close");
}

static void job_write(struct job *j)
{
	int fd = job_open(j, rng_chance(&j->rng, 30) ? O_WRONLY | O_APPEND
						     : O_WRONLY);
	size_t length = rng_below(&j->rng, sizeof(j->buffer));
	off_t offset = (off_t)rng_below(&j->rng, SIZE);
	ssize_t n;

	if (fd < 0)
		return;
	memset(j->buffer, 'w', length);
	n = pwrite(fd, j->buffer, length, offset);
	if (n > 0 && kind_is("sysv")) /* up to its end */
		length = (size_t)n;
	expect_or_no(j, n == (ssize_t)length, "pwrite");
	expect_or_no(j, !close(fd), "close");
}

static void job_truncate(struct job *j)
{
	off_t size = (off_t)rng_below(&j->rng, SIZE);
	int fd;

	if (rng_chance(&j->rng, 50)) {
		expect_or_no(j, !truncate(job_path(j), size) || errno == ENOENT,
			     "truncate");
		return;
	}
	fd = job_open(j, rng_chance(&j->rng, 50) ? O_RDWR | O_TRUNC : O_RDWR);
	if (fd < 0)
		return;
	expect_or_no(j, !ftruncate(fd, size), "ftruncate");
	expect_or_no(j, !close(fd), "close");
}

static void job_create(struct job *j)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC;
	int fd;

	if (rng_chance(&j->rng, 50))
		flags |= O_EXCL;
	fd = open(job_path(j), flags, 0600);
	expect_or_no(j, fd >= 0 || (errno == EEXIST && flags & O_EXCL),
		     "create");
	if (fd < 0)
		return;
	expect(j, write(fd, "www", 3) == 3 || kind_is("sysv"), "write");
	expect_or_no(j, !close(fd), "close");
}

static void job_unlink(struct job *j)
{
	expect(j, !unlink(job_path(j)) || errno == ENOENT, "unlink");
}

static void job_rename(struct job *j)
{
	static const unsigned int flags[] = { 0, 0, RENAME_NOREPLACE,
					      RENAME_EXCHANGE };
	unsigned int flag = flags[rng_below(&j->rng, 4)];
	const char *from = job_path(j), *to = job_path(j);
	int ret = renameat2(AT_FDCWD, from, AT_FDCWD, to, flag);

	expect_or_no(j,
		     !ret || errno == ENOENT ||
			     (errno == EEXIST && flag == RENAME_NOREPLACE),
		     "rename");
}

static void job_stat(struct job *j)
{
	struct stat st;
	int ret = stat(job_path(j), &st);

	expect(j, !ret || errno == ENOENT, "stat");
	expect(j, ret || S_ISREG(st.st_mode), "type");
	ret = chmod(job_path(j), 0600 | rng_below(&j->rng, 0100));
	expect_or_no(j, !ret || errno == ENOENT, "chmod");
}

static void job_list(struct job *j)
{
	DIR *dir = opendir(j->f->dir);
	struct dirent *e;

	expect(j, dir != NULL, "opendir");
	if (!dir)
		return;
	errno = 0;
	while ((e = readdir(dir)))
		expect(j, e->d_name[0] != '\0', "name");
	expect(j, !errno, "readdir");
	expect(j, !closedir(dir), "closedir");
}

static void job_allocate(struct job *j)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	};
	int fd = job_open(j, O_RDWR);

	if (fd < 0)
		return;
	expect_or_no(j,
		     !fallocate(fd, modes[rng_below(&j->rng, 3)],
				(off_t)rng_below(&j->rng, SIZE),
				(off_t)rng_below(&j->rng, SIZE) + 1),
		     "fallocate");
	expect(j, lseek(fd, 0, SEEK_DATA) >= 0 || errno == ENXIO, "lseek");
	expect_or_no(j, !close(fd), "close");
}

/* Maps without touching: that would be a SIGBUS after a truncation. */
static void job_map(struct job *j)
{
	int fd = job_open(j, O_RDWR);
	void *map;

	if (fd < 0)
		return;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(j, map != MAP_FAILED, "mmap");
	expect_or_no(j, !close(fd), "close");
	if (map != MAP_FAILED)
		expect(j, !munmap(map, SIZE), "munmap");
}

static void job_copy(struct job *j)
{
	int from = job_open(j, O_RDONLY), to = job_open(j, O_WRONLY);
	off_t in = 0, out = (off_t)SIZE;

	if (from >= 0 && to >= 0)
		/* Both may be one object, truncated or grown meanwhile. */
		expect_or_no(j,
			     copy_file_range(from, &in, to, &out, SIZE, 0) >=
					     0 ||
				     errno == EINVAL,
			     "copy_file_range");
	if (from >= 0)
		expect(j, !close(from), "close");
	if (to >= 0)
		expect_or_no(j, !close(to), "close");
}

static void *job_run(void *arg)
{
	static void (*const jobs[])(struct job * j) = {
		job_read,   job_read,	  job_write,  job_write,  job_truncate,
		job_create, job_create,	  job_unlink, job_rename, job_stat,
		job_list,   job_allocate, job_map,    job_copy,
	};
	struct job *j = arg;

	for (; !atomic_load(j->stop); j->rounds++)
		jobs[rng_below(&j->rng, sizeof(jobs) / sizeof(*jobs))](j);
	return NULL;
}

/* Descriptors and mappings of this test's objects. */
static int daemon_objects(const struct fixture *f)
{
	const char *ours = kind_is("sysv") ? "/SYSV" : f->object_prefix;
	char path[300], target[300], line[600];
	struct dirent *e;
	int count = 0;
	FILE *maps;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)f->daemon);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, ours) != NULL;
	fclose(maps);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)f->daemon);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, target,
				       sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		count += strstr(target, ours) != NULL;
	}
	closedir(dir);
	return count;
}

/* All of them, those of the daemon's own included. */
static int daemon_fds(const struct fixture *f)
{
	char path[64];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)f->daemon);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static int run_threads(const struct fixture *f)
{
	static struct job jobs[THREADS];
	uint64_t seed = rng_seed("concurrency");
	pthread_t threads[THREADS];
	atomic_bool stop = false;
	atomic_int wrong = 0;
	double deadline = 0;

	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){ .f = f,
					.stop = &stop,
					.wrong = &wrong,
					.rng = seed + (uint64_t)i };
		assert_int_equal(
			pthread_create(&threads[i], NULL, job_run, &jobs[i]),
			0);
	}
	while (before_deadline(&deadline, SECONDS))
		;
	atomic_store(&stop, true);
	(void)alarm(60); /* a hang in here would be for ever */
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		print_message("thread %d: %lu rounds\n", i, jobs[i].rounds);
		assert_true(jobs[i].rounds > 0);
	}
	(void)alarm(0);
	return atomic_load(&wrong);
}

static void all_at_once(void **state)
{
	struct fixture *f = *state;
	int idle = daemon_fds(f), wrong;
	double deadline = 0;

	assert_int_equal(daemon_objects(f), 0);
	wrong = run_threads(f);
	print_message("%d wrong\n", wrong);
	assert_int_equal(wrong, 0);
	/* Closed files are released after close(2) has returned. */
	while (daemon_objects(f) && before_deadline(&deadline, 20))
		;
	assert_int_equal(daemon_objects(f), 0);
	/* Worker threads may have come to stay, with a descriptor each. */
	assert_in_range(daemon_fds(f), 0, idle + 2 * THREADS);
}

struct slow {
	int fd;
	off_t size;
	atomic_bool done;
};

static void *slow_run(void *data)
{
	struct slow *slow = data;
	int res = fallocate(slow->fd, 0, 0, slow->size);

	atomic_store(&slow->done, true);
	return (void *)(intptr_t)(res < 0 ? errno : 0);
}

/* Requests of one CPU are then served by one thread, in turn. */
static bool over_io_uring(void)
{
	const char *options = getenv("SHMFS_OPTIONS");

	return options && strstr(options, "io_uring");
}

/* A request that takes long is one thread's business, nobody else waits. */
static void a_long_request_stops_nobody(void **state)
{
	struct fixture *f = *state;
	struct slow slow = { .size = (off_t)512 << 20 };
	unsigned long meanwhile = 0;
	int object;
	pthread_t thread;
	struct stat st;
	void *error;

	if (over_io_uring())
		skip();
	if (kind_is("sysv"))
		skip(); /* no call gives a segment its pages */
	slow.fd = open(fixture_path(f, "slow"), O_RDWR | O_CREAT, 0600);
	assert_true(slow.fd >= 0);
	object = shm_open(fixture_name(f, "slow"), O_RDONLY, 0);
	assert_true(object >= 0);
	assert_int_equal(pthread_create(&thread, NULL, slow_run, &slow), 0);
	/* Until the daemon is at it, which the object itself tells. */
	do {
		assert_int_equal(fstat(object, &st), 0);
	} while (st.st_blocks == 0);
	while (!atomic_load(&slow.done)) {
		assert_int_equal(stat(fixture_path(f, "none"), &st), -1);
		assert_int_equal(errno, ENOENT);
		meanwhile++;
	}
	assert_int_equal(pthread_join(thread, &error), 0);
	assert_null(error);
	print_message("%lu meanwhile\n", meanwhile);
	/* more than one that has waited for it */
	assert_true(meanwhile > 2);
	assert_int_equal(close(object), 0);
	assert_int_equal(close(slow.fd), 0);
	assert_int_equal(unlink(fixture_path(f, "slow")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_long_request_stops_nobody,
						fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(all_at_once, fixture_setup,
						fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
