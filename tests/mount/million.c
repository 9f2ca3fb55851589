/* SPDX-License-Identifier: MIT */
/*
 * A million objects (SHMFS_LONG=1; else twenty thousand) in a /dev/shm of
 * the test's own, for a daemon that may have 1024 descriptors: all listed,
 * all stat'ed, a thousand open at once; it stays under 400 MB, and gives the
 * memory back when the kernel forgets the names.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

#define FEW	     20000
#define MILLION	     1000000
#define OPEN_AT_ONCE 1000
#define RESIDENT_MAX (400 * 1000 * 1000L)
/* Of malloc, over the idle daemon; ASan keeps freed memory for long. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREED_MEMORY 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define KEEPS_FREED_MEMORY 1
#endif
#ifdef KEEPS_FREED_MEMORY
#define RESIDENT_SLACK RESIDENT_MAX
#else
#define RESIDENT_SLACK (16 << 20)
#endif

struct million {
	struct fixture f;
	int count;
	long idle; /* resident bytes before anything was done */
	double start;
};

static const char *numbered(int i)
{
	static char names[2][16];
	static unsigned int next;
	char *name = names[next++ % 2];

	snprintf(name, sizeof(names[0]), "%d", i);
	return name;
}

static long daemon_resident(const struct million *m)
{
	char path[64], line[256];
	long kilobytes = -1;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)m->f.daemon);
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "VmRSS:", 6))
			kilobytes = strtol(line + 6, NULL, 10);
	fclose(status);
	assert_true(kilobytes > 0);
	return kilobytes * 1024;
}

/* For whoever watches: what is done, when, with how much memory. */
static void report(struct million *m, const char *what)
{
	struct timespec now;
	double seconds;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	seconds = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
	if (m->start == 0)
		m->start = seconds;
	print_message("%6.1f s: %s; daemon %ld KiB\n", seconds - m->start, what,
		      daemon_resident(m) / 1024);
}

/* Every object has a size of its own, the first thousand have bytes. */
static void make_all(const struct million *m)
{
	for (int i = 0; i < m->count; i++) {
		int fd = shm_open(fixture_name(&m->f, numbered(i)),
				  O_RDWR | O_CREAT | O_EXCL, 0600);

		assert_return_code(fd, errno);
		if (i < OPEN_AT_ONCE)
			assert_int_equal(write(fd, &i, sizeof(i)), sizeof(i));
		assert_return_code(ftruncate(fd, i + 4), errno);
		close(fd);
	}
}

static void list_all(const struct million *m)
{
	unsigned char *seen = calloc(1, (size_t)m->count);
	size_t prefix = strlen(m->f.prefix);
	DIR *dir = opendir(m->f.dir);
	struct dirent *e;
	int count = 0;

	assert_non_null(seen);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		int i;

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(strncmp(e->d_name, m->f.prefix, prefix), 0);
		i = atoi(e->d_name + prefix);
		assert_in_range(i, 0, m->count - 1);
		assert_int_equal(seen[i]++, 0);
		count++;
	}
	closedir(dir);
	free(seen);
	assert_int_equal(count, m->count);
}

static void stat_all(const struct million *m)
{
	struct stat st;

	for (int i = 0; i < m->count; i++) {
		assert_return_code(lstat(fixture_path(&m->f, numbered(i)), &st),
				   errno);
		assert_int_equal(st.st_size, i + 4);
	}
}

static void open_a_thousand(const struct million *m)
{
	int fds[OPEN_AT_ONCE], content;

	for (int i = 0; i < OPEN_AT_ONCE; i++) {
		fds[i] = open(fixture_path(&m->f, numbered(i)), O_RDWR);
		if (fds[i] < 0)
			fail_msg("open of the %dth: %s", i + 1,
				 strerror(errno));
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < OPEN_AT_ONCE; i++) {
			assert_int_equal(pread(fds[i], &content, 4, 0), 4);
			assert_int_equal(content, i + round);
			content++;
			assert_int_equal(pwrite(fds[i], &content, 4, 0), 4);
		}
	for (int i = 0; i < OPEN_AT_ONCE; i++)
		assert_return_code(close(fds[i]), errno);
}

/* As root's echo 2 >/proc/sys/vm/drop_caches: names and inodes. */
static void drop_names(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "2", 1), 1);
	close(fd);
}

/*
 * The daemon has given its memory back. With a sanitizer it never does: its
 * allocator keeps what is freed, to find who still uses it.
 */
static bool is_back(const struct million *m)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return daemon_resident(m) <= m->idle + RESIDENT_SLACK;
#endif
}

static void everything(void **state)
{
	struct million *m = *state;
	double deadline = 0;

	report(m, "mounted");
	m->idle = daemon_resident(m);
	make_all(m);
	report(m, "objects made");
	list_all(m);
	report(m, "all listed");
	stat_all(m);
	report(m, "all stat'ed");
	open_a_thousand(m);
	report(m, "a thousand opened at once");
	assert_true(daemon_resident(m) < RESIDENT_MAX);
	do {
		drop_names();
	} while (!is_back(m) && before_deadline(&deadline, 60));
	report(m, "names forgotten");
	assert_true(is_back(m));
	list_all(m);
	report(m, "all listed once more");
}

/* The daemon inherits the limit; the test itself gets by with it too. */
static int million_start(void **state)
{
	const struct rlimit limit = { 1024, 1024 };
	struct million *m = calloc(1, sizeof(*m));

	*state = m;
	if (!m)
		return -1;
	m->count = getenv("SHMFS_LONG") ? MILLION : FEW;
	assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
	fixture_start_private(&m->f, NULL, "nr_inodes=0,mode=1777");
	return 0;
}

static int million_stop(void **state)
{
	struct million *m = *state;
	int code = fixture_stop(&m->f);

	free(m);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything, million_start,
						million_stop),
	};
	int failed;

	if (geteuid()) {
		fprintf(stderr, "million: skipped: needs root for a /dev/shm "
				"of its own\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
