// SPDX-License-Identifier: MIT
/*
 * The promise of coherence for System V segments. Two processes take turns:
 * one makes, removes, changes or stores, directly (shmget(2), shmctl(2),
 * shmat(2)) or through the mount, and hands over; the other compares all it
 * can ask for with what should be there, keys, modes, sizes, every byte, also
 * of what it holds open or attached whatever became of its key.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "rng.h"
#include "workers.h"

enum { KEYS = 5, HELD = 3, OBJECTS = KEYS + 2 * HELD + 1, SIZE = 9000 };
enum { DIRECT, MOUNT };

/* A segment as it should be. */
struct object {
	bool used;
	int key; /* which of the keys leads to it, -1: none any more */
	int shmid;
	size_t size;
	unsigned int mode;
	char data[SIZE];
};

struct pair {
	struct object objects[OBJECTS];
	int held[2][HELD]; /* objects by number, -1: none */
	unsigned long step, wrong;
	char what[80]; /* the last change */
};

struct side {
	const struct fixture *f;
	struct pair *p;
	int me, number;
	bool shares; /* mappings are the segment's own pages */
	uint64_t rng;
	int from_peer, to_peer;
	int fds[HELD];	   /* MOUNT */
	char *bases[HELD]; /* DIRECT */
};

static bool expect(struct side *s, bool good, const char *what)
{
	if (good)
		return true;
	fprintf(stderr, "step %lu, after '%s', %s: wrong %s (%s)\n", s->p->step,
		s->p->what, s->me == MOUNT ? "mount" : "direct", what,
		strerror(errno));
	s->p->wrong++;
	return false;
}

static key_t key_of(const struct side *s, int key)
{
	return 0x5000 + s->number * KEYS + key;
}

static const char *path_of(const struct side *s, int key)
{
	static char path[128];

	/* any spelling will do */
	snprintf(path, sizeof(path), key % 2 ? "%s/0x%x" : "%s/0x%08X",
		 s->f->dir, (unsigned)key_of(s, key));
	return path;
}

static struct object *object_at(const struct side *s, int key)
{
	for (int i = 0; i < OBJECTS; i++)
		if (s->p->objects[i].used && s->p->objects[i].key == key)
			return &s->p->objects[i];
	return NULL;
}

/* Forgets objects that nothing leads to. */
static void sweep(const struct side *s)
{
	for (int i = 0; i < OBJECTS; i++) {
		bool held = s->p->objects[i].key >= 0;

		for (int h = 0; h < 2 * HELD; h++)
			held |= s->p->held[h / HELD][h % HELD] == i;
		s->p->objects[i].used &= held;
	}
}

static struct object *new_object(const struct side *s, int key)
{
	struct object *o = s->p->objects;

	while (o->used)
		o++;
	memset(o, 0, sizeof(*o));
	o->used = true;
	o->key = key;
	return o;
}

static void fill(struct side *s, char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (char)rng_next(&s->rng);
}

/* Through the mount: given its size, or closed with its data. */
static bool make_file(struct side *s, struct object *o)
{
	bool sized = rng_chance(&s->rng, 50);
	int fd = open(path_of(s, o->key), O_RDWR | O_CREAT | O_EXCL, o->mode);
	bool good = fd >= 0;

	if (sized)
		good = good && ftruncate(fd, (off_t)o->size) == 0;
	else
		fill(s, o->data, o->size);
	good = good && pwrite(fd, o->data, o->size, 0) == (ssize_t)o->size;
	return close(fd) == 0 && good;
}

static void act_make(struct side *s, int key)
{
	static const unsigned int modes[] = { 0600, 0644, 0400, 0666 };
	struct object *o = new_object(s, key);
	bool good;

	o->size = rng_below(&s->rng, SIZE - 1) + 1;
	o->mode = modes[rng_below(&s->rng, 4)];
	if (s->me == MOUNT)
		good = make_file(s, o);
	else
		good = shmget(key_of(s, key), o->size,
			      IPC_CREAT | IPC_EXCL | (int)o->mode) >= 0;
	o->shmid = shmget(key_of(s, key), 0, 0);
	(void)expect(s, good, "making");
}

static void act_remove(struct side *s, struct object *o)
{
	int error = s->me == MOUNT ? unlink(path_of(s, o->key))
				   : shmctl(o->shmid, IPC_RMID, NULL);

	o->key = -1;
	(void)expect(s, !error, "removing");
}

static void act_chmod(struct side *s, struct object *o)
{
	struct shmid_ds ds;
	bool good;

	o->mode = (unsigned)rng_below(&s->rng, 0100) | 0600;
	if (s->me == MOUNT) {
		good = chmod(path_of(s, o->key), o->mode) == 0;
	} else {
		good = shmctl(o->shmid, IPC_STAT, &ds) == 0;
		ds.shm_perm.mode = (unsigned short)o->mode;
		good = good && shmctl(o->shmid, IPC_SET, &ds) == 0;
	}
	(void)expect(s, good, "mode set");
}

static bool write_file(struct side *s, const struct object *o, int fd,
		       size_t len, off_t off)
{
	char *m;

	if (!s->shares || rng_chance(&s->rng, 50))
		return pwrite(fd, o->data + off, len, off) == (ssize_t)len;
	m = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return false;
	memcpy(m + off, o->data + off, len);
	return munmap(m, o->size) == 0;
}

static void act_store(struct side *s, struct object *o)
{
	size_t len = rng_below(&s->rng, o->size) + 1;
	off_t off = (off_t)rng_below(&s->rng, o->size - len + 1);
	bool good;

	fill(s, o->data + off, len);
	if (s->me == MOUNT) {
		int fd = open(path_of(s, o->key), O_RDWR);

		good = fd >= 0 && write_file(s, o, fd, len, off);
		good = close(fd) == 0 && good;
	} else {
		char *base = shmat(o->shmid, NULL, 0);

		good = base != (void *)-1;
		if (good)
			memcpy(base + off, o->data + off, len);
		good = good && shmdt(base) == 0;
	}
	(void)expect(s, good, "storing");
}

static void drop(struct side *s, int slot)
{
	if (s->p->held[s->me][slot] < 0)
		return;
	if (s->me == MOUNT)
		(void)close(s->fds[slot]);
	else
		(void)shmdt(s->bases[slot]);
	s->p->held[s->me][slot] = -1;
}

static void act_hold(struct side *s, struct object *o)
{
	int slot = (int)rng_below(&s->rng, HELD);
	bool good;

	drop(s, slot);
	if (s->me == MOUNT) {
		s->fds[slot] = open(path_of(s, o->key), O_RDWR);
		good = s->fds[slot] >= 0;
	} else {
		s->bases[slot] = shmat(o->shmid, NULL, 0);
		good = s->bases[slot] != (void *)-1;
	}
	if (expect(s, good, "holding"))
		s->p->held[s->me][slot] = (int)(o - s->p->objects);
}

static void act(struct side *s)
{
	static void (*const acts[])(struct side * s, struct object * o) = {
		act_remove, act_chmod, act_store, act_store, act_hold,
	};
	static const char *const names[] = { "remove", "chmod", "store",
					     "store", "hold" };
	int key = (int)rng_below(&s->rng, KEYS);
	struct object *o = object_at(s, key);
	size_t which = rng_below(&s->rng, 5);

	snprintf(s->p->what, sizeof(s->p->what), "%s %s %x",
		 s->me == MOUNT ? "mount:" : "direct:",
		 o ? names[which] : "make", (unsigned)key_of(s, key));
	if (o)
		acts[which](s, o);
	else
		act_make(s, key);
	sweep(s);
}

static bool file_is(struct side *s, const struct object *o, int fd)
{
	static char buf[SIZE + 1];
	struct stat st;

	return expect(s, fd >= 0 && fstat(fd, &st) == 0, "fstat") &&
	       expect(s, st.st_size == (off_t)o->size, "size") &&
	       expect(s, (st.st_mode & 07777) == o->mode, "mode") &&
	       expect(s, st.st_nlink == (o->key >= 0), "links") &&
	       expect(s, pread(fd, buf, SIZE + 1, 0) == (ssize_t)o->size,
		      "length") &&
	       expect(s, !memcmp(buf, o->data, o->size), "bytes");
}

static bool mapping_is(struct side *s, const struct object *o, int fd)
{
	bool same;
	char *m;

	if (!s->shares)
		return true;
	m = mmap(NULL, o->size, PROT_READ, MAP_SHARED, fd, 0);
	if (!expect(s, m != MAP_FAILED, "mmap"))
		return false;
	same = !memcmp(m, o->data, o->size);
	return expect(s, munmap(m, o->size) == 0 && same, "mapped bytes");
}

static bool path_is(struct side *s, const struct object *o, int key)
{
	const char *path = path_of(s, key);
	struct stat st;
	bool good;
	int fd;

	if (stat(path, &st))
		return expect(s, !o && errno == ENOENT, "stat");
	if (!expect(s, o && st.st_size == (off_t)o->size, "presence") ||
	    !expect(s, (st.st_mode & 07777) == o->mode, "attributes"))
		return false;
	fd = open(path, O_RDONLY);
	good = file_is(s, o, fd) && mapping_is(s, o, fd);
	close(fd);
	return good;
}

static bool segment_is(struct side *s, const struct object *o, int key)
{
	int shmid = shmget(key_of(s, key), 0, 0);
	struct shmid_ds ds;
	char *base;
	bool same;

	if (!o)
		return expect(s, shmid < 0 && errno == ENOENT, "presence");
	if (!expect(s, shmid == o->shmid, "shmid") ||
	    !expect(s, shmctl(shmid, IPC_STAT, &ds) == 0, "IPC_STAT") ||
	    !expect(s, ds.shm_segsz == o->size, "size") ||
	    !expect(s, (ds.shm_perm.mode & 0777) == o->mode, "mode"))
		return false;
	base = shmat(shmid, NULL, SHM_RDONLY);
	same = base != (void *)-1 && !memcmp(base, o->data, o->size);
	(void)shmdt(base);
	return expect(s, same, "bytes");
}

/* Each key that is there is listed once, and no other of this pair's. */
static bool listing_is(struct side *s)
{
	int seen[KEYS] = { 0 };
	DIR *dir = opendir(s->f->dir);
	struct dirent *entry;
	bool good = true;

	while (dir && (entry = readdir(dir))) {
		unsigned int key;

		if (sscanf(entry->d_name, "0x%x", &key) != 1)
			continue;
		key -= (unsigned)key_of(s, 0);
		if (key < KEYS)
			seen[key]++;
	}
	for (int key = 0; key < KEYS; key++)
		good &= seen[key] == (object_at(s, key) != NULL);
	if (dir)
		closedir(dir);
	return expect(s, dir && good, "listing");
}

static bool held_is(struct side *s, int slot)
{
	int number = s->p->held[s->me][slot];
	const struct object *o;

	if (number < 0)
		return true;
	o = &s->p->objects[number];
	if (s->me == MOUNT)
		return file_is(s, o, s->fds[slot]);
	return expect(s, !memcmp(s->bases[slot], o->data, o->size),
		      "attached bytes");
}

static void check(struct side *s)
{
	bool good = true;

	for (int slot = 0; slot < HELD && good; slot++)
		good = held_is(s, slot);
	for (int key = 0; key < KEYS && good; key++) {
		const struct object *o = object_at(s, key);

		good = s->me == MOUNT ? path_is(s, o, key)
				      : segment_is(s, o, key);
	}
	if (good && s->me == MOUNT)
		(void)listing_is(s);
	s->p->step++;
}

static void side_run(struct side *s, unsigned long count)
{
	uint64_t turns = s->rng;
	char byte = 0;

	s->rng += (uint64_t)s->me + 1;
	for (unsigned long i = 0; i < count && !s->p->wrong; i++) {
		(void)alarm(60); /* none was set before */
		if ((int)rng_below(&turns, 2) == s->me) {
			act(s);
			if (write(s->to_peer, &byte, 1) != 1 ||
			    read(s->from_peer, &byte, 1) != 1)
				_exit(2);
			continue;
		}
		if (read(s->from_peer, &byte, 1) != 1)
			_exit(2);
		check(s);
		if (write(s->to_peer, &byte, 1) != 1)
			_exit(2);
	}
	_exit(s->p->wrong != 0);
}

static void start_pair(const struct fixture *f, struct pair *p, int number,
		       uint64_t seed, unsigned long count, pid_t pids[2])
{
	char path[16] = "";
	int fds[4];

	assert_true(getxattr(f->dir, "user.shmfs.io", path, sizeof(path)) > 0);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pipe(fds + 2), 0);
	memset(p->held, -1, sizeof(p->held));
	for (int me = 0; me < 2; me++) {
		struct side s = {
			.f = f,
			.p = p,
			.me = me,
			.number = number,
			.shares = !strcmp(path, "native"),
			.rng = seed + (uint64_t)number * 3,
			.from_peer = fds[me ? 0 : 2],
			.to_peer = fds[me ? 3 : 1],
		};

		pids[me] = fork();
		if (pids[me] == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(fds[me ? 1 : 3]);
			close(fds[me ? 2 : 0]);
			side_run(&s, count);
		}
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void hand_off(const struct fixture *f, int pairs)
{
	unsigned long count = getenv("SHMFS_LONG") ? 100000 : 2000;
	uint64_t seed = rng_seed("segments_handoff");
	struct pair *p = workers_share((size_t)pairs * sizeof(*p));
	unsigned long steps = 0, wrong = 0;
	pid_t pids[8][2];
	int status;

	(void)umask(0);
	for (int i = 0; i < pairs; i++)
		start_pair(f, &p[i], i, seed, count / (unsigned)pairs, pids[i]);
	for (int i = 0; i < pairs; i++) {
		for (int me = 0; me < 2; me++) {
			while (waitpid(pids[i][me], &status, 0) < 0)
				assert_int_equal(errno, EINTR);
			wrong += status != 0;
		}
		steps += p[i].step;
	}
	print_message("%lu hand-offs, %lu wrong\n", steps, wrong);
	assert_int_equal(wrong, 0);
	assert_int_equal(steps, count);
}

static void one_pair(void **state)
{
	hand_off(*state, 1);
}

static void four_pairs_at_once(void **state)
{
	hand_off(*state, 4);
}

int main(void)
{
#define CASE(test)                                                \
	cmocka_unit_test_setup_teardown(test, fixture_setup_sysv, \
					fixture_teardown)
	const struct CMUnitTest tests[] = {
		CASE(one_pair),
		CASE(four_pairs_at_once),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
