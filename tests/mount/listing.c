/* SPDX-License-Identifier: MIT */
/*
 * Reading the directory while it changes: whatever is there from before the
 * first call until after the last is listed exactly once, in directories of
 * all sizes and through buffers of all sizes. Of every kind.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "kind.h"
#include "rng.h"
#include "workers.h"

#define STABLE_MAX 3000
#define CHURN	   400

/* An object that lives throughout, by the name it is listed with. */
struct stable {
	char file[80];
	int number;
};

struct list {
	const struct fixture *f;
	struct stable *known; /* sorted */
	int stable;	      /* objects that live throughout */
	size_t buffer;	      /* of getdents64(2) */
	bool through_mount;   /* how the others are changed */
};

struct entry {
	uint64_t ino;
	int64_t next;
	unsigned short length;
	unsigned char type;
	char name[];
};

static const char *numbered(const char *what, int number)
{
	static _Thread_local char names[2][32];
	static _Thread_local unsigned int next;
	char *name = names[next++ % 2];

	snprintf(name, sizeof(names[0]), "%s%d", what, number);
	return name;
}

static int by_file(const void *a, const void *b)
{
	const struct stable *left = a, *right = b;

	return strcmp(left->file, right->file);
}

/* -1: another test's, or one that changes. */
static int stable_number(const struct list *l, const char *file)
{
	const struct stable *found;
	struct stable wanted;

	snprintf(wanted.file, sizeof(wanted.file), "%s", file);
	found = bsearch(&wanted, l->known, (size_t)l->stable, sizeof(wanted),
			by_file);
	return found ? found->number : -1;
}

static int count_entries(const struct list *l, const char *bytes, long length,
			 unsigned char *seen, int *ret_dots)
{
	for (long at = 0; at < length;) {
		const struct entry *e = (const void *)(bytes + at);
		int number = stable_number(l, e->name);

		at += e->length;
		if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
			++*ret_dots;
		else if (e->type != DT_REG && e->type != DT_UNKNOWN)
			return WORKER_WRONG("%s: type %u", e->name, e->type);
		if (number >= 0 && seen[number]++)
			return WORKER_WRONG("%s: twice", e->name);
	}
	return 0;
}

/* One whole pass over the directory; 0 if each was there exactly once. */
static int list_once(const struct list *l, int fd)
{
	char bytes[65536] __attribute__((aligned(8)));
	unsigned char seen[STABLE_MAX] = { 0 };
	int dots = 0;
	long n;

	do {
		n = syscall(SYS_getdents64, fd, bytes, l->buffer);
		if (n < 0)
			return WORKER_WRONG("getdents64: %s", strerror(errno));
		if (count_entries(l, bytes, n, seen, &dots))
			return 1;
	} while (n);
	for (int i = 0; i < l->stable; i++)
		if (!seen[i])
			return WORKER_WRONG("s%d of %d not listed, buffer %zu",
					    i, l->stable, l->buffer);
	if (dots != 2)
		return WORKER_WRONG("%d dot entries", dots);
	return 0;
}

/* Opened anew, and rewound, in turns. */
static int list_it(struct workers *w, int me, void *arg)
{
	static const size_t buffers[] = { 300, 1024, 4096, 65536 };
	struct list l = *(struct list *)arg;

	l.buffer = buffers[me % 4];
	while (workers_go_on(w, me)) {
		int fd = open(l.f->dir, O_RDONLY | O_DIRECTORY);

		if (fd < 0)
			return WORKER_WRONG("open: %s", strerror(errno));
		for (int i = 0; i < 3; i++) {
			if (list_once(&l, fd))
				return 1;
			if (lseek(fd, 0, SEEK_SET))
				return WORKER_WRONG("rewind: %s",
						    strerror(errno));
		}
		close(fd);
	}
	return 0;
}

/* ls -l: readdir and stat of each entry brings readdirplus in. */
static int list_and_stat(struct workers *w, int me, void *arg)
{
	const struct list *l = arg;
	struct dirent *e;
	struct stat st;

	while (workers_go_on(w, me)) {
		DIR *dir = opendir(l->f->dir);
		int found = 0;

		while (dir && (e = readdir(dir))) {
			int number = stable_number(l, e->d_name);

			if (fstatat(dirfd(dir), e->d_name, &st, 0)) {
				if (errno == ENOENT && number < 0)
					continue;
				return WORKER_WRONG("stat %s: %s", e->d_name,
						    strerror(errno));
			}
			if (number >= 0 &&
			    (st.st_ino != e->d_ino || st.st_size != number + 1))
				return WORKER_WRONG("s%d: another", number);
			found += number >= 0;
		}
		if (!dir || found != l->stable)
			return WORKER_WRONG("%d of %d", found, l->stable);
		closedir(dir);
	}
	return 0;
}

static int change_through_mount(const struct fixture *f, const char *name,
				const char *other, bool rename_it)
{
	const char *path = fixture_path(f, name);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd >= 0) {
		if (write(fd, "x", 1) != 1 || close(fd))
			return WORKER_WRONG("write: %s", strerror(errno));
		return 0;
	}
	if (errno != EEXIST)
		return WORKER_WRONG("create: %s", strerror(errno));
	if (rename_it ? rename(path, fixture_path(f, other)) : unlink(path))
		return WORKER_WRONG("change: %s", strerror(errno));
	return 0;
}

static int change_directly(const struct fixture *f, const char *name,
			   const char *other, bool rename_it)
{
	int error = kind_make(f, name, 1);
	char from[96], to[96];

	if (error == -EEXIST && rename_it) {
		snprintf(from, sizeof(from), "/dev/shm%s",
			 fixture_name(f, name));
		snprintf(to, sizeof(to), "/dev/shm%s", fixture_name(f, other));
		error = rename(from, to) ? -errno : 0;
	} else if (error == -EEXIST) {
		error = kind_remove(f, name);
	}
	return error ? WORKER_WRONG("change: %s", strerror(-error)) : 0;
}

static int change_once(const struct list *l, uint64_t *rng, int me)
{
	/* A segment's key cannot change. */
	bool rename_it = rng_chance(rng, 30) && kind_is("posix");
	char name[32], other[32];

	snprintf(name, sizeof(name), "c%d.%d", me, (int)rng_below(rng, CHURN));
	snprintf(other, sizeof(other), "c%d.%d", me,
		 (int)rng_below(rng, CHURN));
	return (l->through_mount ? change_through_mount : change_directly)(
		l->f, name, other, rename_it);
}

static int change_it(struct workers *w, int me, void *arg)
{
	struct list l = *(struct list *)arg;
	uint64_t rng = (uint64_t)me;

	l.through_mount = me % 2;
	while (workers_go_on(w, me))
		if (change_once(&l, &rng, me))
			return 1;
	return 0;
}

static void make_stable(struct list *l)
{
	l->known = calloc((size_t)l->stable, sizeof(*l->known));
	assert_non_null(l->known);
	for (int i = 0; i < l->stable; i++) {
		const char *name = numbered("s", i);

		assert_int_equal(kind_make(l->f, name, (size_t)i + 1), 0);
		l->known[i].number = i;
		strcpy(l->known[i].file, kind_file(l->f, name));
	}
	qsort(l->known, (size_t)l->stable, sizeof(*l->known), by_file);
}

static void list_while_changing(struct fixture *f, int stable)
{
	struct list l = { .f = f, .stable = stable };
	struct workers w;
	bool fine;

	make_stable(&l);
	workers_init(&w);
	for (int i = 0; i < 4; i++)
		workers_start(&w, list_it, &l);
	workers_start(&w, list_and_stat, &l);
	for (int i = 0; i < 2; i++)
		workers_start(&w, change_it, &l);
	fine = workers_watch(&w, 3, 20);
	for (int i = 0; i < w.count; i++)
		print_message("worker %d: %lu rounds\n", i,
			      workers_progress(&w, i));
	assert_int_equal(workers_stop(&w, 60), 0);
	assert_true(fine);
	free(l.known);
}

static void few(void **state)
{
	list_while_changing(*state, 3);
}

static void hundreds(void **state)
{
	list_while_changing(*state, 300);
}

static void thousands(void **state)
{
	list_while_changing(*state, STABLE_MAX);
}

/* telldir(3) and seekdir(3): a position leads to the same entry again. */
static void positions(void **state)
{
	struct fixture *f = *state;
	struct list l = { .f = f, .stable = 100 };
	char names[50][256];
	long at[50];
	struct dirent *e;
	DIR *dir;
	int n = 0;

	make_stable(&l);
	dir = opendir(f->dir);
	assert_non_null(dir);
	while (n < 50) {
		at[n] = telldir(dir);
		e = readdir(dir);
		assert_non_null(e);
		/* Other tests' objects may come and go. */
		if (stable_number(&l, e->d_name) >= 0)
			strcpy(names[n++], e->d_name);
	}
	while (n--) {
		seekdir(dir, at[n]);
		do {
			e = readdir(dir);
			assert_non_null(e);
		} while (stable_number(&l, e->d_name) < 0);
		assert_string_equal(e->d_name, names[n]);
	}
	closedir(dir);
	free(l.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(few, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(hundreds, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(thousands, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(positions, fixture_setup,
						fixture_teardown),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
