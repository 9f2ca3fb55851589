/* SPDX-License-Identifier: MIT */
/*
 * One process truncates an object up and down as fast as it can, directly,
 * while others read, write and map it through the mount. Nothing may crash
 * or hang or fail, and whatever is read is zero or a byte that was written:
 * the byte at each offset is only ever written with one value.
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
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"
#include "workers.h"

#define SIZE_MAX_OBJECT (1024 * 1024)
#define CHUNK		(128 * 1024)
#define SECONDS		20
#define STALL_SECONDS	15

struct race {
	char path[128]; /* through the mount */
	char name[128]; /* for shm_open */
};

static sigjmp_buf on_sigbus;

static void handle_sigbus(int sig)
{
	siglongjmp(on_sigbus, sig);
}

static unsigned char value_at(off_t offset)
{
	return (unsigned char)(offset * 7 + offset / 4096) | 1;
}

static int wrong_byte(const volatile unsigned char *bytes, off_t offset,
		      size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = bytes[i];

		if (byte && byte != value_at(offset + (off_t)i))
			return WORKER_WRONG("byte %lld is %02x",
					    (long long)offset + (long long)i,
					    byte);
	}
	return 0;
}

static int truncate_it(struct workers *w, int me, void *arg)
{
	const struct race *r = arg;
	uint64_t rng = (uint64_t)getpid();
	int fd = shm_open(r->name, O_RDWR, 0);

	if (fd < 0)
		return WORKER_WRONG("shm_open: %s", strerror(errno));
	while (workers_go_on(w, me)) {
		off_t size = (off_t)rng_below(&rng, SIZE_MAX_OBJECT);

		if (rng_chance(&rng, 30))
			size = 0;
		if (ftruncate(fd, size))
			return WORKER_WRONG("ftruncate: %s", strerror(errno));
		if (ftruncate(fd, SIZE_MAX_OBJECT - size / 2))
			return WORKER_WRONG("ftruncate: %s", strerror(errno));
	}
	return 0;
}

static int read_it(struct workers *w, int me, void *arg)
{
	static unsigned char bytes[CHUNK];
	const struct race *r = arg;
	uint64_t rng = (uint64_t)getpid();
	int fd = open(r->path, O_RDONLY);
	struct stat st;

	if (fd < 0)
		return WORKER_WRONG("open to read: %s", strerror(errno));
	while (workers_go_on(w, me)) {
		off_t offset = (off_t)rng_below(&rng, SIZE_MAX_OBJECT);
		size_t length = rng_below(&rng, CHUNK) + 1;
		ssize_t n = pread(fd, bytes, length, offset);

		if (n < 0)
			return WORKER_WRONG("pread: %s", strerror(errno));
		if (wrong_byte(bytes, offset, (size_t)n))
			return 1;
		if (fstat(fd, &st))
			return WORKER_WRONG("fstat: %s", strerror(errno));
	}
	return 0;
}

static int write_it(struct workers *w, int me, void *arg)
{
	static unsigned char bytes[CHUNK];
	const struct race *r = arg;
	uint64_t rng = (uint64_t)getpid();
	int fd = open(r->path, O_RDWR);

	if (fd < 0)
		return WORKER_WRONG("open to write: %s", strerror(errno));
	while (workers_go_on(w, me)) {
		off_t offset = (off_t)rng_below(&rng, SIZE_MAX_OBJECT - CHUNK);
		size_t length = rng_below(&rng, CHUNK) + 1;
		ssize_t n;

		for (size_t i = 0; i < length; i++)
			bytes[i] = value_at(offset + (off_t)i);
		n = pwrite(fd, bytes, length, offset);
		if (n < 0)
			return WORKER_WRONG("pwrite: %s", strerror(errno));
		if (n != (ssize_t)length)
			return WORKER_WRONG("pwrite: %zd of %zu", n, length);
	}
	return 0;
}

static int touch_map(unsigned char *map, bool store, uint64_t *rng)
{
	off_t offset = (off_t)rng_below(rng, SIZE_MAX_OBJECT - 4096);
	size_t length = rng_below(rng, 4096) + 1;

	for (size_t i = 0; store && i < length; i++)
		map[offset + (off_t)i] = value_at(offset + (off_t)i);
	return wrong_byte(map + offset, offset, length);
}

/* As any program on tmpfs must: pages behind the end are a SIGBUS. */
static int touch_guarded(unsigned char *map, bool store, uint64_t *rng)
{
	if (sigsetjmp(on_sigbus, 1))
		return 0;
	return touch_map(map, store, rng);
}

static int map_once(const struct race *r, bool store, uint64_t *rng)
{
	int fd = open(r->path, O_RDWR);
	unsigned char *map;

	if (fd < 0)
		return WORKER_WRONG("open to map: %s", strerror(errno));
	map = mmap(NULL, SIZE_MAX_OBJECT, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		return WORKER_WRONG("mmap: %s", strerror(errno));
	for (int i = 0; i < 8; i++)
		if (touch_guarded(map, store, rng))
			return 1;
	if (store && msync(map, SIZE_MAX_OBJECT, MS_SYNC))
		return WORKER_WRONG("msync: %s", strerror(errno));
	if (munmap(map, SIZE_MAX_OBJECT) || close(fd))
		return WORKER_WRONG("munmap, close: %s", strerror(errno));
	return 0;
}

static int map_loop(struct workers *w, int me, void *arg, bool store)
{
	struct sigaction action = { .sa_handler = handle_sigbus };
	uint64_t rng = (uint64_t)getpid();

	if (sigaction(SIGBUS, &action, NULL))
		return WORKER_WRONG("sigaction: %s", strerror(errno));
	while (workers_go_on(w, me))
		if (map_once(arg, store, &rng))
			return 1;
	return 0;
}

static int map_to_read(struct workers *w, int me, void *arg)
{
	return map_loop(w, me, arg, false);
}

static int map_to_store(struct workers *w, int me, void *arg)
{
	return map_loop(w, me, arg, true);
}

/* When all is quiet, both ways show the same bytes. */
static void compare_at_the_end(const struct race *r)
{
	unsigned char *mine = malloc(SIZE_MAX_OBJECT);
	unsigned char *theirs = malloc(SIZE_MAX_OBJECT);
	int direct = shm_open(r->name, O_RDWR, 0);
	int mount = open(r->path, O_RDWR);
	ssize_t n;

	assert_true(mine && theirs && direct >= 0 && mount >= 0);
	n = pread(direct, mine, SIZE_MAX_OBJECT, 0);
	assert_true(n >= 0);
	assert_int_equal(pread(mount, theirs, SIZE_MAX_OBJECT, 0), n);
	assert_memory_equal(mine, theirs, (size_t)n);
	assert_int_equal(wrong_byte(mine, 0, (size_t)n), 0);
	close(direct);
	close(mount);
	free(mine);
	free(theirs);
}

static void truncated_while_in_use(void **state)
{
	static const worker_fn work[] = { truncate_it, read_it, write_it,
					  map_to_read, map_to_store };
	struct fixture *f = *state;
	struct workers w;
	struct race r;
	bool fine;
	int fd;

	snprintf(r.path, sizeof(r.path), "%s", fixture_path(f, "raced"));
	snprintf(r.name, sizeof(r.name), "%s", fixture_name(f, "raced"));
	fd = shm_open(r.name, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, SIZE_MAX_OBJECT), errno);
	close(fd);
	workers_init(&w);
	for (size_t i = 0; i < sizeof(work) / sizeof(*work); i++)
		workers_start(&w, work[i], &r);
	fine = workers_watch(&w, SECONDS, STALL_SECONDS);
	for (int i = 0; i < w.count; i++)
		print_message("worker %d: %lu rounds\n", i,
			      workers_progress(&w, i));
	assert_int_equal(workers_stop(&w, 30), 0);
	assert_true(fine);
	compare_at_the_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(truncated_while_in_use,
						fixture_setup,
						fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
