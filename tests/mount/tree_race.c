/* SPDX-License-Identifier: MIT */
/*
 * Directories made and removed through the mount while others make and remove
 * objects in them directly, and while directories are renamed: what a process
 * has made is where it says, for as long as it is there, and what fails does
 * so for a reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "direct.h"
#include "workers.h"

#define SUBDIRS 50

static bool failed_for(int error, int other)
{
	return errno == error || errno == other;
}

/* mkdir and rmdir of d, with whatever is in it. */
static int make_and_remove(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;

	while (workers_go_on(w, me)) {
		if (mkdir(path_in(f, "d"), 0755) && !failed_for(EEXIST, EEXIST))
			return WORKER_WRONG("mkdir: %s", strerror(errno));
		if (rmdir(path_in(f, "d")) && !failed_for(ENOTEMPTY, ENOENT))
			return WORKER_WRONG("rmdir: %s", strerror(errno));
	}
	return 0;
}

static int look_at(const struct fixture *f, const char *path, const char *flat,
		   ino_t ino)
{
	struct stat st;
	int type;

	if (stat(path_in(f, path), &st))
		return WORKER_WRONG("stat %s: %s", path, strerror(errno));
	if (st.st_ino != ino)
		return WORKER_WRONG("%s is another", path);
	if (stat(path_in(f, flat), &st) || st.st_ino != ino)
		return WORKER_WRONG("%s: %s", flat, strerror(errno));
	if (stat(path_in(f, "d"), &st) || !S_ISDIR(st.st_mode) ||
	    st.st_nlink < 2)
		return WORKER_WRONG("d: %s", strerror(errno));
	if (times_listed(path_in(f, "d"), strrchr(path, '/') + 1, &type) != 1)
		return WORKER_WRONG("%s is not listed once", path);
	return 0;
}

/* An object in d, made directly: seen through the mount while it is there. */
static int come_and_go(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;
	char path[32], object[32];

	snprintf(path, sizeof(path), "d/x%d", me);
	snprintf(object, sizeof(object), "d:x%d", me);
	while (workers_go_on(w, me)) {
		int fd = shm_open(object, O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0)
			return WORKER_WRONG("shm_open: %s", strerror(errno));
		close(fd);
		if (look_at(f, path, object, direct_ino(object)))
			return 1;
		if (shm_unlink(object))
			return WORKER_WRONG("shm_unlink: %s", strerror(errno));
		if (!access(path_in(f, path), F_OK))
			return WORKER_WRONG("%s is still there", path);
	}
	return 0;
}

/* Files made in d through the mount, where there is a d. */
static int create_in_it(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;
	char path[32];

	snprintf(path, sizeof(path), "d/y%d", me);
	while (workers_go_on(w, me)) {
		int fd =
			open(path_in(f, path), O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return WORKER_WRONG("create: %s", strerror(errno));
		close(fd);
		if (unlink(path_in(f, path)))
			return WORKER_WRONG("unlink: %s", strerror(errno));
	}
	return 0;
}

static void run(struct workers *w, double seconds)
{
	bool fine = workers_watch(w, seconds, 20);

	for (int i = 0; i < w->count; i++)
		print_message("worker %d: %lu rounds\n", i,
			      workers_progress(w, i));
	assert_int_equal(workers_stop(w, 30), 0);
	assert_true(fine);
}

static void made_and_removed(void **state)
{
	struct workers w;

	workers_init(&w);
	workers_start(&w, make_and_remove, *state);
	workers_start(&w, come_and_go, *state);
	workers_start(&w, come_and_go, *state);
	workers_start(&w, create_in_it, *state);
	run(&w, 3);
}

/* r1 and r2 change names again and again. */
static int rename_it(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;

	while (workers_go_on(w, me))
		if (rename(path_in(f, "r1"), path_in(f, "r2")) ||
		    rename(path_in(f, "r2"), path_in(f, "r1")))
			return WORKER_WRONG("rename: %s", strerror(errno));
	return 0;
}

/* Held by a descriptor, the directory is the same whatever its name is. */
static int work_in_it(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;
	int dir = open(path_in(f, "r1"), O_RDONLY | O_DIRECTORY);
	char name[32];

	snprintf(name, sizeof(name), "z%d", me);
	while (dir < 0 && workers_go_on(w, me))
		dir = open(path_in(f, "r1"), O_RDONLY | O_DIRECTORY);
	while (workers_go_on(w, me)) {
		int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL, 0600);

		if (fd < 0)
			return WORKER_WRONG("openat: %s", strerror(errno));
		close(fd);
		if (faccessat(dir, name, F_OK, 0))
			return WORKER_WRONG("access: %s", strerror(errno));
		if (unlinkat(dir, name, 0))
			return WORKER_WRONG("unlinkat: %s", strerror(errno));
	}
	close(dir);
	return 0;
}

/* All of it or nothing, with the attributes that it has. */
static int look_into_it(struct workers *w, int me, void *arg)
{
	const struct fixture *f = arg;
	char self[64];
	struct stat st;
	int dir = -1;

	while (dir < 0 && workers_go_on(w, me))
		dir = open(path_in(f, "r1"), O_RDONLY | O_DIRECTORY);
	snprintf(self, sizeof(self), "/proc/self/fd/%d/.", dir);
	while (workers_go_on(w, me)) {
		if (fstat(dir, &st))
			return WORKER_WRONG("fstat: %s", strerror(errno));
		if (st.st_nlink != SUBDIRS + 2 ||
		    st.st_mode != (S_IFDIR | 0755))
			return WORKER_WRONG("mode %o, %u links", st.st_mode,
					    (unsigned int)st.st_nlink);
		if (count_entries(self) < SUBDIRS)
			return WORKER_WRONG("only %d entries",
					    count_entries(self));
		if (fgetxattr(dir, "user.kept", self + 60, 1) != 1)
			return WORKER_WRONG("xattr: %s", strerror(errno));
	}
	close(dir);
	return 0;
}

static void renamed(void **state)
{
	const struct fixture *f = *state;
	struct workers w;
	char name[32];

	assert_return_code(mkdir(path_in(f, "r1"), 0755), errno);
	assert_return_code(chmod(path_in(f, "r1"), 0755), errno);
	assert_return_code(setxattr(path_in(f, "r1"), "user.kept", "1", 1, 0),
			   errno);
	for (int i = 0; i < SUBDIRS; i++) {
		snprintf(name, sizeof(name), "r1:%d:x", i);
		direct_make(name, 0);
	}
	workers_init(&w);
	workers_start(&w, rename_it, *state);
	workers_start(&w, work_in_it, *state);
	workers_start(&w, work_in_it, *state);
	workers_start(&w, look_into_it, *state);
	run(&w, 2);
	assert_int_equal(direct_count(), SUBDIRS + 1);
	assert_int_equal(count_entries(path_in(f, "r1")), SUBDIRS);
}

static int clear(void **state)
{
	direct_clear();
	return 0;
}

static int start(void **state)
{
	static struct fixture f;

	fixture_start_private(&f, "separator=:", "mode=1777");
	*state = &f;
	return 0;
}

static int stop(void **state)
{
	return fixture_stop(*state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(made_and_removed, clear),
		cmocka_unit_test_teardown(renamed, clear),
	};

	if (geteuid() != 0) {
		print_message("needs root, for a namespace of its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, stop) != 0;
}
