/* SPDX-License-Identifier: MIT */
/*
 * Limits with eight processes at once. While they write, append, truncate and
 * allocate, the daemon is stopped again and again: in that moment nothing
 * moves, and what fstat(2) says of all objects must add up to no more than the
 * limit. What a call said was done must be there, and what it refused not.
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"
#include "workers.h"

#define WORKERS 8
#define SHARED	3 /* objects that belong to all */
#define LIMIT	(1 << 20)
#define OBJECTS 40
#define OWN_MAX (LIMIT / 2)

struct crowd {
	struct fixture f;
	uint64_t seed;
};

/* A worker's own object: what it must be by what the calls have said. */
struct own {
	int fd, append, direct;
	off_t size;
	unsigned char bytes[OWN_MAX];
};

static int open_in(const struct crowd *crowd, int flags, const char *format,
		   int number)
{
	char path[128], name[32];

	snprintf(name, sizeof(name), format, number);
	snprintf(path, sizeof(path), "%s/%s", crowd->f.dir, name);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
}

/* A call's answer: done, or ENOSPC, and nothing else. */
static int answer(ssize_t n, ssize_t all, bool *ret_done)
{
	*ret_done = n == all;
	if (n == all || (n < 0 && errno == ENOSPC))
		return 0;
	return WORKER_WRONG("%zd of %zd: %s", n, all, strerror(errno));
}

static int change_size(struct own *own, uint64_t *rng)
{
	off_t size = (off_t)rng_below(rng, OWN_MAX);
	bool done;

	if (rng_chance(rng, 50)) {
		if (answer(ftruncate(own->fd, size), 0, &done))
			return 1;
	} else {
		if (size <= own->size)
			return 0;
		if (answer(fallocate(own->fd, 0, size - 1, 1), 0, &done))
			return 1;
	}
	if (done && size < own->size)
		memset(own->bytes + size, 0, (size_t)(own->size - size));
	if (done)
		own->size = size;
	return 0;
}

static int change_bytes(struct own *own, uint64_t *rng)
{
	unsigned char bytes[20000];
	size_t len = 1 + rng_below(rng, sizeof(bytes));
	bool append = rng_chance(rng, 40), done;
	off_t off = append ? own->size
			   : (off_t)rng_below(rng, OWN_MAX - sizeof(bytes));
	ssize_t n;

	if (off + (off_t)len > OWN_MAX)
		return 0;
	memset(bytes, (int)rng_next(rng), len);
	if (append)
		n = write(own->append, bytes, len);
	else
		n = pwrite(own->fd, bytes, len, off);
	if (answer(n, (ssize_t)len, &done))
		return 1;
	if (!done)
		return 0;
	memcpy(own->bytes + off, bytes, len);
	if (off + (off_t)len > own->size)
		own->size = off + (off_t)len;
	return 0;
}

static int check_size(const struct own *own)
{
	struct stat st;

	if (fstat(own->direct, &st))
		return WORKER_WRONG("fstat: %s", strerror(errno));
	if (st.st_size != own->size)
		return WORKER_WRONG("%ld bytes, not %ld", (long)st.st_size,
				    (long)own->size);
	return 0;
}

static int check_bytes(const struct own *own)
{
	static unsigned char bytes[OWN_MAX];

	if (pread(own->direct, bytes, OWN_MAX, 0) != own->size)
		return WORKER_WRONG("another size");
	if (memcmp(bytes, own->bytes, (size_t)own->size) != 0)
		return WORKER_WRONG("other bytes");
	return 0;
}

/* To an object of everybody's: it may be anything, but within the limit. */
static int disturb(int fd, uint64_t *rng)
{
	static const char bytes[30000];
	off_t off = (off_t)rng_below(rng, OWN_MAX);
	size_t len = rng_below(rng, sizeof(bytes));
	ssize_t n;

	switch (rng_below(rng, 3)) {
	case 0:
		n = ftruncate(fd, off);
		break;
	case 1:
		n = fallocate(fd, 0, off, 1000);
		break;
	default:
		n = pwrite(fd, bytes, len, off);
	}
	if (n < 0 && errno != ENOSPC)
		return WORKER_WRONG("%s", strerror(errno));
	return 0;
}

static int work(struct workers *w, int me, void *arg)
{
	struct crowd *crowd = arg;
	struct own *own = calloc(1, sizeof(*own));
	uint64_t rng = crowd->seed + (uint64_t)me;
	int shared[SHARED];
	char name[32];
	int wrong = 0;

	own->fd = open_in(crowd, 0, "own%d", me);
	own->append = open_in(crowd, O_APPEND, "own%d", me);
	snprintf(name, sizeof(name), "own%d", me);
	own->direct = shm_open(name, O_RDONLY, 0);
	for (int i = 0; i < SHARED; i++)
		shared[i] = open_in(crowd, 0, "shared%d", i);
	if (own->fd < 0 || own->append < 0 || own->direct < 0 ||
	    shared[SHARED - 1] < 0)
		return WORKER_WRONG("open: %s", strerror(errno));
	while (!wrong && workers_go_on(w, me)) {
		unsigned kind = (unsigned)rng_below(&rng, 4);

		if (kind == 0)
			wrong = change_size(own, &rng);
		else if (kind == 1)
			wrong = disturb(shared[rng_below(&rng, SHARED)], &rng);
		else
			wrong = change_bytes(own, &rng);
		if (!wrong)
			wrong = check_size(own);
		if (!wrong && rng_chance(&rng, 5))
			wrong = check_bytes(own);
	}
	return wrong || check_bytes(own);
}

/* What all objects' sizes add up to, and how many there are. */
static long add_up(int *ret_count)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *e;
	struct stat st;
	long sum = 0;

	assert_non_null(dir);
	*ret_count = 0;
	while ((e = readdir(dir))) {
		assert_return_code(fstatat(dirfd(dir), e->d_name, &st, 0),
				   errno);
		if (!S_ISREG(st.st_mode))
			continue;
		sum += st.st_size;
		++*ret_count;
	}
	closedir(dir);
	return sum;
}

/* The sum in a moment in which the daemon, every thread of it, stands still. */
static long add_up_stopped(pid_t daemon)
{
	int status, count;
	long sum;

	assert_return_code(kill(daemon, SIGSTOP), errno);
	assert_int_equal(waitpid(daemon, &status, WUNTRACED), daemon);
	assert_true(WIFSTOPPED(status));
	sum = add_up(&count);
	assert_return_code(kill(daemon, SIGCONT), errno);
	return sum;
}

static void never_passes_the_limit(void **state)
{
	struct crowd *crowd = *state;
	struct workers w;
	double deadline = 0;
	unsigned long rounds;
	int looks = 0;
	long most = 0;

	workers_init(&w);
	for (int i = 0; i < WORKERS; i++)
		workers_start(&w, work, crowd);
	while (before_deadline(&deadline, 3)) {
		long sum = add_up_stopped(crowd->f.daemon);

		assert_true(sum <= LIMIT);
		most = sum > most ? sum : most;
		looks++;
		assert_true(workers_watch(&w, 0.005, 30));
	}
	rounds = workers_progress(&w, -1);
	assert_int_equal(workers_stop(&w, 60), 0);
	print_message("%lu rounds, %d looks, at most %ld of %d bytes seen\n",
		      rounds, looks, most, LIMIT);
	assert_true(most > LIMIT * 9 / 10); /* it was about the limit */
}

/* Appends less and less until not a byte goes. */
static int fill(struct workers *w, int me, void *arg)
{
	static const char bytes[5000];
	struct crowd *crowd = arg;
	uint64_t rng = crowd->seed + (uint64_t)me;
	int fd = open_in(crowd, O_APPEND, "own%d", me % 3);
	size_t max = sizeof(bytes);

	while (max && workers_go_on(w, me)) {
		size_t len = 1 + rng_below(&rng, max);
		bool done;

		if (answer(write(fd, bytes, len), (ssize_t)len, &done))
			return 1;
		if (!done)
			max = len - 1;
	}
	while (workers_go_on(w, me))
		(void)usleep(1000);
	return 0;
}

static int make(struct workers *w, int me, void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; workers_go_on(w, me); i++) {
		int fd = open_in(crowd, O_EXCL, me % 2 ? "odd%d" : "even%d", i);

		if (fd < 0 && errno == ENOSPC)
			break;
		if (fd < 0 && errno != EEXIST)
			return WORKER_WRONG("%s", strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	while (workers_go_on(w, me))
		(void)usleep(1000);
	return 0;
}

static void run_until(struct crowd *crowd, worker_fn fn, long size, int objects)
{
	struct workers w;
	double deadline = 0;
	int count;

	workers_init(&w);
	for (int i = 0; i < WORKERS; i++)
		workers_start(&w, fn, crowd);
	while (add_up(&count) != size || (objects && count != objects)) {
		assert_true(before_deadline(&deadline, 30));
		assert_true(workers_watch(&w, 0.01, 30));
	}
	assert_int_equal(workers_stop(&w, 60), 0);
	assert_int_equal(add_up(&count), size);
}

/* Whoever comes first: together it is all there is, to the byte. */
static void fills_to_the_byte(void **state)
{
	run_until(*state, fill, LIMIT, 0);
}

static void makes_as_many_as_may_be(void **state)
{
	run_until(*state, make, 0, OBJECTS);
}

static int start(void **state)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	char options[64];

	*state = crowd;
	if (!crowd)
		return -1;
	crowd->seed = rng_seed("limits_crowd");
	snprintf(options, sizeof(options), "size=%d,objects=%d", LIMIT,
		 OBJECTS);
	fixture_start_private(&crowd->f, options, "size=16m,mode=1777");
	return 0;
}

static int stop(void **state)
{
	struct crowd *crowd = *state;
	int code = fixture_stop(&crowd->f);

	free(crowd);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(never_passes_the_limit, start,
						stop),
		cmocka_unit_test_setup_teardown(fills_to_the_byte, start, stop),
		cmocka_unit_test_setup_teardown(makes_as_many_as_may_be, start,
						stop),
	};
	int failed;

	if (geteuid() != 0) {
		print_message("only root can have its own /dev/shm\n");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
