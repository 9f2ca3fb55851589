/* SPDX-License-Identifier: MIT */
/*
 * Renaming in a view with directories: which renames there are, that each
 * object of a renamed directory stays the object it is, for who has it open
 * and mapped, and that all are renamed or none, whatever is in the way;
 * unless the daemon is killed, when each has its old or its new name.
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
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "direct.h"
#include "rng.h"
#include "workers.h"

#define OBJECTS 1000

static const struct fixture *mounted(void **state)
{
	return *state;
}

/* What is made first, the rename, its error or 0, and what is there then. */
struct rename_case {
	const char *made;
	const char *from, *to;
	unsigned int flags;
	int error;
	const char *there; /* NULL: as it was */
};

static const struct rename_case cases[] = {
	{ "x d:", "x", "d/y", 0, 0, "d: d:y" },
	{ "d:x e:", "d/x", "e/x", 0, 0, "e: e:x" },
	{ "d:x", "d/x", "x", 0, 0, "x" },
	{ "d:x d:y", "d/x", "d/y", 0, 0, "d:y" },
	{ "d: d:x", "d", "e", 0, 0, "e: e:x" },
	{ "d:x", "d", "e", 0, 0, "e:x" },
	{ "d:e:x d:e: d:y", "d/e", "f", 0, 0, "d:y f: f:x" },
	{ "d: d:e: d:e:f: d:e:f:x g:", "d/e", "g/h", 0, 0,
	  "d: g: g:h: g:h:f: g:h:f:x" },
	{ "d: d:x e:", "d", "e", 0, 0, "e: e:x" },
	{ "d:x e:", "d", "e", 0, 0, "e: e:x" },
	{ "d: e:", "d", "e", 0, 0, "e:" },
	{ "d: e:", "d", "d", 0, 0, NULL },
	{ "d:x", "d", "d:", 0, EINVAL, NULL },
	{ "d:x", "d", "a:b", 0, EINVAL, NULL },
	{ "d:x e:y", "d", "e", 0, ENOTEMPTY, NULL },
	{ "d: e:f:", "d", "e", 0, ENOTEMPTY, NULL },
	{ "d: e: e:y", "d", "e", RENAME_NOREPLACE, EEXIST, NULL },
	{ "d: e:", "d", "e", RENAME_NOREPLACE, EEXIST, NULL },
	{ "d: d:x", "d", "e", RENAME_NOREPLACE, 0, "e: e:x" },
	{ "d:x f", "d", "f", 0, ENOTDIR, NULL },
	{ "d: d:x f", "d", "f", RENAME_NOREPLACE, EEXIST, NULL },
	{ "d:x f", "f", "d", 0, EISDIR, NULL },
	{ "d:x f", "f", "d", RENAME_NOREPLACE, EEXIST, NULL },
	{ "d:x", "d", "d/e", 0, EINVAL, NULL },
	{ "d:e:x", "d", "d/e/f", 0, EINVAL, NULL },
	{ "d:e:x", "d/e", "d", 0, ENOTEMPTY, NULL },
	{ "d:x e:y", "d", "e", RENAME_EXCHANGE, EINVAL, NULL },
	{ "d:x f", "d", "f", RENAME_EXCHANGE, EINVAL, NULL },
	{ "d:x f", "f", "d", RENAME_EXCHANGE, EINVAL, NULL },
	{ "d:x f", "d/x", "f", RENAME_EXCHANGE, 0, NULL },
	{ "d:x", "d/x", "y", RENAME_EXCHANGE, ENOENT, NULL },
	{ "d:x", "e", "f", 0, ENOENT, NULL },
	{ "d:x", "d/y", "f", 0, ENOENT, NULL },
	{ "d:x", "d/x", "e/x", 0, ENOENT, NULL },
	{ "d:x d::y d", "d:x", "e", 0, 0, "d d::y e" },
	{ "d:x d::y", "d", "e", 0, 0, "d::y e:x" },
	{ "d:x d:.:y", "d", "e", 0, 0, "d:.:y e:x" },
	{ "d:x d:x:y", "d", "e", 0, 0, "e:x e:x:y" },
	{ "d:x:y", "d/x", "x", 0, 0, "x:y" },
	{ "d:x dd:x d.:x", "d", "e", 0, 0, "d.:x dd:x e:x" },
};

static void make_all(const char *names)
{
	char copy[256], *rest = copy, *name;

	strcpy(copy, names);
	while ((name = strsep(&rest, " ")))
		direct_make(name, 0);
}

static void check_all(const char *names)
{
	char copy[256], *rest = copy, *name;
	int count = 0;

	strcpy(copy, names);
	for (; (name = strsep(&rest, " ")); count++)
		if (!direct_ino(name))
			fail_msg("%s is missing", name);
	assert_int_equal(direct_count(), count);
}

static void which_there_are(void **state)
{
	const struct fixture *f = mounted(state);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct rename_case *c = &cases[i];
		int ret;

		print_message("%s: %s to %s, %u\n", c->made, c->from, c->to,
			      c->flags);
		make_all(c->made);
		ret = renameat2(AT_FDCWD, path_in(f, c->from), AT_FDCWD,
				path_in(f, c->to), c->flags);
		assert_int_equal(ret ? errno : 0, c->error);
		check_all(c->there ? c->there : c->made);
		direct_clear();
	}
}

static const char *numbered(const char *directory, int number)
{
	static _Thread_local char names[4][64];
	static _Thread_local unsigned int next;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "%s:%d:o%d", directory, number % 10,
		 number);
	return name;
}

static void make_many(const char *directory, ino_t inos[OBJECTS])
{
	for (int i = 0; i < OBJECTS; i++) {
		direct_make(numbered(directory, i), 4096);
		inos[i] = direct_ino(numbered(directory, i));
	}
}

static void too_long(void **state)
{
	const struct fixture *f = mounted(state);
	char name[256], to[64];
	ino_t ino;

	memset(name, 'n', sizeof(name));
	memcpy(name, "d:", 2);
	name[250] = '\0';
	direct_make("d:a", 0);
	direct_make(name, 0);
	direct_make("d:", 0);
	ino = direct_ino(name);
	memset(to, 'e', sizeof(to));
	to[8] = '\0'; /* 7 bytes more: 257 */
	assert_fails(rename(path_in(f, "d"), path_in(f, to)), ENAMETOOLONG);
	assert_int_equal(direct_count(), 3);
	assert_int_equal(direct_ino(name), ino);
	to[6] = '\0'; /* 255 */
	assert_return_code(rename(path_in(f, "d"), path_in(f, to)), errno);
	assert_int_equal(direct_count(), 3);
	assert_int_equal(direct_ino(name), 0);
}

/* Alice's directory, with an object of somebody else's in the middle. */
static void not_all_may_be(void **state)
{
	const struct fixture *f = mounted(state);
	static ino_t inos[OBJECTS];
	char path[128];
	const char *mv[] = {
		"setpriv", "--reuid=4242", "--regid=4242", "--clear-groups",
		"mv",	   "-T",	   NULL,	   NULL,
		NULL
	};
	char *output;

	assert_return_code(chmod(f->dir, 01777), errno);
	make_many("d", inos);
	direct_make("d:", 0);
	assert_return_code(chown("/dev/shm/d:", 4242, 4242), errno);
	for (int i = 0; i < OBJECTS; i++) {
		snprintf(path, sizeof(path), "/dev/shm/%s", numbered("d", i));
		if (i != OBJECTS / 2)
			assert_return_code(chown(path, 4242, 4242), errno);
	}
	mv[6] = path_in(f, "d");
	mv[7] = path_in(f, "e");
	assert_int_equal(run_command(mv, &output), 1);
	assert_non_null(strstr(output, "Operation not permitted"));
	free(output);
	for (int i = 0; i < OBJECTS; i++)
		assert_int_equal(direct_ino(numbered("d", i)), inos[i]);
	assert_int_equal(direct_count(), OBJECTS + 1);
	snprintf(path, sizeof(path), "/dev/shm/%s", numbered("d", OBJECTS / 2));
	assert_return_code(chown(path, 4242, 4242), errno);
	assert_int_equal(run_command(mv, NULL), 0);
	for (int i = 0; i < OBJECTS; i++)
		assert_int_equal(direct_ino(numbered("e", i)), inos[i]);
}

/* One half through the mount, in a native mount; all directly else. */
struct mapped {
	const struct fixture *f;
	bool through_mount;
};

/* Maps all objects, and stores until told to stop; then they must be there. */
static int store_in_all(struct workers *w, int me, void *arg)
{
	const struct mapped *m = arg;
	static volatile unsigned char *maps[OBJECTS];
	char path[512];

	for (int i = 0; i < OBJECTS; i++) {
		const char *name = numbered("d", i);
		int fd;

		snprintf(path, sizeof(path), "%s", path_in(m->f, name));
		for (char *c = path; *c; c++)
			*c = *c == ':' ? '/' : *c;
		fd = m->through_mount ? open(path, O_RDWR)
				      : shm_open(name, O_RDWR, 0);
		if (fd < 0)
			return WORKER_WRONG("open: %s", strerror(errno));
		maps[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			       fd, 0);
		close(fd);
		if (maps[i] == MAP_FAILED)
			return WORKER_WRONG("mmap: %s", strerror(errno));
	}
	while (workers_go_on(w, me))
		for (int i = 0; i < OBJECTS; i++)
			maps[i][me]++;
	for (int i = 0; i < OBJECTS; i++)
		maps[i][me] = 0xa0 | (unsigned char)me;
	return 0;
}

static bool is_native(const struct fixture *f)
{
	const char *ask[] = { "getfattr",      "--only-values", "-n",
			      "user.shmfs.io", f->dir,		NULL };
	char *answer;
	bool native;

	assert_int_equal(run_command(ask, &answer), 0);
	native = strstr(answer, "native") != NULL;
	free(answer);
	return native;
}

static void mapped_by_two(void **state)
{
	const struct fixture *f = mounted(state);
	struct mapped direct = { .f = f }, through = { .f = f };
	static ino_t inos[OBJECTS];
	struct workers w;

	through.through_mount = is_native(f);
	make_many("d", inos);
	workers_init(&w);
	workers_start(&w, store_in_all, &direct);
	workers_start(&w, store_in_all, &through);
	while (!workers_progress(&w, 0) || !workers_progress(&w, 1))
		assert_true(workers_watch(&w, 0.05, 30));
	assert_return_code(rename(path_in(f, "d"), path_in(f, "e")), errno);
	assert_return_code(rename(path_in(f, "e/3"), path_in(f, "three")),
			   errno);
	assert_true(workers_watch(&w, 0.1, 20));
	assert_int_equal(workers_stop(&w, 30), 0);
	assert_int_equal(direct_count(), OBJECTS);
	for (int i = 0; i < OBJECTS; i++) {
		char moved[64];
		const char *name = numbered("e", i);
		unsigned char bytes[2];
		int fd;

		snprintf(moved, sizeof(moved), "three:o%d", i);
		name = i % 10 == 3 ? moved : name;
		assert_int_equal(direct_ino(name), inos[i]);
		fd = shm_open(name, O_RDONLY, 0);
		assert_int_equal(pread(fd, bytes, 2, 0), 2);
		assert_int_equal(bytes[0], 0xa0);
		assert_int_equal(bytes[1], 0xa1);
		close(fd);
	}
}

/* Somebody renames back and forth, until the daemon is gone. */
static pid_t start_renaming(const struct fixture *f)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	while (rename(path_in(f, "d"), path_in(f, "e")) == 0 &&
	       rename(path_in(f, "e"), path_in(f, "d")) == 0)
		;
	_exit(0);
}

static void killed_on_the_way(void **state)
{
	static ino_t inos[OBJECTS];
	uint64_t rng = rng_seed("tree_rename");
	int rounds = getenv("SHMFS_LONG") ? 100 : 6;
	int halves = 0;

	make_many("d", inos);
	for (int round = 0; round < rounds; round++) {
		struct fixture f;
		int at_new = 0;
		pid_t pid;

		fixture_start(&f, "separator=:");
		pid = start_renaming(&f);
		assert_true(pid > 0);
		usleep((useconds_t)(10000 + rng_below(&rng, 60000)));
		fixture_kill(&f);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		fixture_stop(&f);
		assert_int_equal(direct_count(), OBJECTS);
		for (int i = 0; i < OBJECTS; i++) {
			ino_t old = direct_ino(numbered("d", i));
			ino_t new = direct_ino(numbered("e", i));

			assert_int_equal(old + new, inos[i]);
			at_new += new != 0;
			if (new)
				assert_return_code(
					renameat(-1, numbered("/dev/shm/e", i),
						 -1, numbered("/dev/shm/d", i)),
					errno);
		}
		halves += at_new > 0 && at_new < OBJECTS;
	}
	print_message("%d of %d broken off half-way\n", halves, rounds);
	assert_true(halves > 0);
}

/* Makes objects behind the mount's back, under both names. */
static int make_objects(struct workers *w, int me, void *arg)
{
	char name[64];
	int made = 0;

	while (workers_go_on(w, me)) {
		int fd;

		snprintf(name, sizeof(name), "%c:n%d.%d", me ? 'd' : 'e', me,
			 made++);
		fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			return WORKER_WRONG("shm_open: %s", strerror(errno));
		close(fd);
		usleep(200);
	}
	atomic_fetch_add((atomic_int *)arg, made);
	return 0;
}

/* Whatever comes of the renames, no object is lost or replaced. */
static void others_make_more(void **state)
{
	const struct fixture *f = mounted(state);
	atomic_int *made = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double deadline = 0;
	struct workers w;

	assert_ptr_not_equal(made, MAP_FAILED);
	direct_make("d:first", 0);
	workers_init(&w);
	workers_start(&w, make_objects, made);
	workers_start(&w, make_objects, made);
	while (before_deadline(&deadline, 1)) {
		if (rename(path_in(f, "d"), path_in(f, "e")))
			assert_true(errno == ENOTEMPTY || errno == ENOENT);
		if (rename(path_in(f, "e"), path_in(f, "d")))
			assert_true(errno == ENOTEMPTY || errno == ENOENT);
	}
	assert_int_equal(workers_stop(&w, 20), 0);
	assert_int_equal(direct_count(), *made + 1);
	munmap(made, 4096);
}

static int clear(void **state)
{
	direct_clear();
	return 0;
}

static int start(void **state)
{
	static struct fixture f;

	fixture_start_private(&f, "separator=:,allow_other", "mode=1777");
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
		cmocka_unit_test_teardown(which_there_are, clear),
		cmocka_unit_test_teardown(too_long, clear),
		cmocka_unit_test_teardown(not_all_may_be, clear),
		cmocka_unit_test_teardown(mapped_by_two, clear),
		cmocka_unit_test_teardown(others_make_more, clear),
		cmocka_unit_test_teardown(killed_on_the_way, clear),
	};

	if (geteuid() != 0) {
		print_message("needs root, for a namespace of its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, stop) != 0;
}
