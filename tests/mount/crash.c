/* SPDX-License-Identifier: MIT */
/*
 * kill -9 of the daemon in the middle of a mixed load: whatever it had
 * acknowledged is in the objects, every object is whole, the mount is dead
 * until it is unmounted, and a new mount at the same place works.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "workers.h"

#define ROUNDS	3
#define WRITERS 2
#define SLOTS	16
#define RECORD	3000 /* crosses pages */

/* What the workers were told is done. */
struct acknowledged {
	atomic_bool killed;
	atomic_ulong written[WRITERS]; /* records */
	atomic_ulong created, removed; /* objects */
	atomic_ulong renamed;	       /* times */
};

struct load {
	const struct fixture *f;
	struct acknowledged *ack;
};

/* An error is the daemon's death, or else a wrong answer. */
static int ended(const struct load *l, const char *what)
{
	if (atomic_load(&l->ack->killed))
		return 0;
	return WORKER_WRONG("%s: %s", what, strerror(errno));
}

static void record_fill(unsigned char *record, unsigned long number)
{
	for (size_t i = 0; i < RECORD; i++)
		record[i] = (unsigned char)(number * 31 + i) | 1;
}

static int write_records(struct workers *w, int me, void *arg)
{
	const struct load *l = arg;
	unsigned char record[RECORD];
	unsigned long number = 0;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "written%d", me);
	fd = open(fixture_path(l->f, name), O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return ended(l, "open");
	while (workers_go_on(w, me)) {
		record_fill(record, number + 1);
		if (pwrite(fd, record, RECORD,
			   (off_t)(number % SLOTS) * RECORD) != RECORD)
			return ended(l, "pwrite");
		atomic_store(&l->ack->written[me], ++number);
	}
	return 0;
}

static int read_all_the_time(struct workers *w, int me, void *arg)
{
	const struct load *l = arg;
	static unsigned char bytes[SLOTS * RECORD];
	int fd;

	while (workers_go_on(w, me)) {
		fd = open(fixture_path(l->f, "written0"), O_RDONLY);
		if (fd < 0 && errno != ENOENT)
			return ended(l, "open to read");
		if (fd < 0)
			continue;
		if (read(fd, bytes, sizeof(bytes)) < 0)
			return ended(l, "read");
		if (close(fd))
			return ended(l, "close");
	}
	return 0;
}

static const char *numbered(unsigned long number)
{
	static char name[32];

	snprintf(name, sizeof(name), "made%lu", number);
	return name;
}

/* Makes objects, removes them again some time later. */
static int create_objects(struct workers *w, int me, void *arg)
{
	const struct load *l = arg;

	for (unsigned long n = 0; workers_go_on(w, me); n++) {
		int fd = open(fixture_path(l->f, numbered(n)),
			      O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0)
			return ended(l, "create");
		if (write(fd, &n, sizeof(n)) != sizeof(n))
			return ended(l, "write");
		if (close(fd))
			return ended(l, "close");
		atomic_store(&l->ack->created, n + 1);
		if (n < 20)
			continue;
		if (unlink(fixture_path(l->f, numbered(n - 20))))
			return ended(l, "unlink");
		atomic_store(&l->ack->removed, n - 19);
	}
	return 0;
}

/* One object goes to and fro between two names. */
static int rename_object(struct workers *w, int me, void *arg)
{
	static const char *const names[] = { "fro", "to" };
	const struct load *l = arg;
	int fd = open(fixture_path(l->f, names[0]), O_RDWR | O_CREAT, 0600);

	if (fd < 0 || write(fd, "traveller", 9) != 9)
		return ended(l, "create traveller");
	for (unsigned long n = 0; workers_go_on(w, me); n++) {
		if (rename(fixture_path(l->f, names[n % 2]),
			   fixture_path(l->f, names[(n + 1) % 2])))
			return ended(l, "rename");
		atomic_store(&l->ack->renamed, n + 1);
	}
	return 0;
}

static void check_records(const struct load *l, int writer)
{
	unsigned long count = atomic_load(&l->ack->written[writer]);
	unsigned char record[RECORD], expected[RECORD];
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "written%d", writer);
	fd = shm_open(fixture_name(l->f, name), O_RDONLY, 0);
	assert_return_code(fd, errno);
	assert_true(count > SLOTS);
	/* The oldest slot may hold a part of one never acknowledged. */
	for (unsigned long n = count - SLOTS + 2; n <= count; n++) {
		record_fill(expected, n);
		assert_int_equal(pread(fd, record, RECORD,
				       (off_t)((n - 1) % SLOTS) * RECORD),
				 RECORD);
		assert_memory_equal(record, expected, RECORD);
	}
	close(fd);
	assert_return_code(shm_unlink(fixture_name(l->f, name)), errno);
}

static void check_created(const struct load *l)
{
	unsigned long created = atomic_load(&l->ack->created);
	unsigned long removed = atomic_load(&l->ack->removed);

	assert_true(created > 20);
	for (unsigned long n = 0; n <= created; n++) {
		const char *name = fixture_name(l->f, numbered(n));
		int fd = shm_open(name, O_RDONLY, 0);
		unsigned long content;

		if (n < removed)
			assert_true(fd < 0 && errno == ENOENT);
		if (n > removed && n < created) {
			assert_return_code(fd, errno);
			assert_int_equal(read(fd, &content, 8), 8);
			assert_int_equal(content, n);
		}
		if (fd >= 0 && !close(fd))
			assert_return_code(shm_unlink(name), errno);
	}
}

static void check_renamed(const struct load *l)
{
	unsigned long renamed = atomic_load(&l->ack->renamed);
	int fro = shm_open(fixture_name(l->f, "fro"), O_RDWR, 0);
	int to = shm_open(fixture_name(l->f, "to"), O_RDWR, 0);
	char content[10] = "";

	assert_true(renamed > 0);
	assert_true((fro >= 0) != (to >= 0));
	assert_int_equal(read(fro < 0 ? to : fro, content, 10), 9);
	assert_string_equal(content, "traveller");
	assert_return_code(
		shm_unlink(fixture_name(l->f, fro < 0 ? "to" : "fro")), errno);
	close(fro < 0 ? to : fro);
}

/* The documented step; then a new daemon for the same fixture. */
static void mount_again(struct fixture *f)
{
	const char *const undo[] = { geteuid() ? "fusermount3" : "umount",
				     geteuid() ? "-u" : f->dir,
				     geteuid() ? f->dir : NULL, NULL };
	const char *shmfs = getenv("SHMFS");
	const char *options = getenv("SHMFS_OPTIONS");
	struct stat plain, st;
	double deadline = 0;

	assert_int_equal(run_command(undo, NULL), 0);
	assert_return_code(stat(f->dir, &plain), errno);
	f->daemon = fork();
	if (!f->daemon && options && *options)
		execl(shmfs, shmfs, "-f", "-o", options, f->dir, (char *)NULL);
	else if (!f->daemon)
		execl(shmfs, shmfs, "-f", f->dir, (char *)NULL);
	if (!f->daemon)
		_exit(127);
	assert_true(f->daemon > 0);
	while (stat(f->dir, &st) || st.st_dev == plain.st_dev)
		assert_true(before_deadline(&deadline, 60));
}

/* All have done as much as is checked afterwards, however busy the machine. */
static bool is_under_way(const struct load *l)
{
	for (int i = 0; i < WRITERS; i++)
		if (atomic_load(&l->ack->written[i]) <= SLOTS)
			return false;
	return atomic_load(&l->ack->created) > 20 &&
	       atomic_load(&l->ack->renamed) > 0;
}

static void kill_under_load(struct fixture *f)
{
	struct load l = { f, workers_share(sizeof(*l.ack)) };
	double deadline = 0, progress = 0;
	struct workers w;
	struct stat st;

	workers_init(&w);
	for (int i = 0; i < WRITERS; i++)
		workers_start(&w, write_records, &l);
	workers_start(&w, create_objects, &l);
	workers_start(&w, rename_object, &l);
	workers_start(&w, read_all_the_time, &l);
	assert_true(workers_watch(&w, 1, 15));
	while (!is_under_way(&l))
		assert_true(before_deadline(&progress, 20));
	atomic_store(&l.ack->killed, true);
	fixture_kill(f);
	/* ECANCELED while the kernel still takes an io_uring apart. */
	while (stat(f->dir, &st) < 0 && errno == ECANCELED)
		assert_true(before_deadline(&deadline, 20));
	assert_int_equal(stat(f->dir, &st), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(workers_stop(&w, 20), 0);
	for (int i = 0; i < WRITERS; i++)
		check_records(&l, i);
	check_created(&l);
	check_renamed(&l);
}

static void intact_after_kill(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int fd;

	for (int i = 0; i < ROUNDS; i++) {
		kill_under_load(f);
		fd = shm_open(fixture_name(f, "left"), O_RDWR | O_CREAT, 0600);
		assert_return_code(fd, errno);
		assert_return_code(ftruncate(fd, 4242), errno);
		close(fd);
		mount_again(f);
		assert_return_code(stat(fixture_path(f, "left"), &st), errno);
		assert_int_equal(st.st_size, 4242);
		assert_return_code(unlink(fixture_path(f, "left")), errno);
	}
}

/* Killed as soon as it is mounted, while it still looks at its own mount. */
static void killed_at_the_start(void **state)
{
	for (int i = 0; i < 40; i++) {
		struct fixture f;
		double deadline = 0;
		pid_t daemon;

		fixture_start(&f, NULL);
		daemon = f.daemon;
		assert_int_equal(kill(daemon, SIGKILL), 0);
		while (waitpid(daemon, NULL, WNOHANG) != daemon)
			assert_true(before_deadline(&deadline, 20));
		f.daemon = 0;
		assert_int_equal(fixture_stop(&f), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_the_start),
		cmocka_unit_test_setup_teardown(
			intact_after_kill, fixture_setup, fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
