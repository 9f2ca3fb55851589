/* SPDX-License-Identifier: MIT */
/*
 * Names that are hostile to terminals, shells and programmers: what
 * shm_open takes as a name, the mount shows as that very name, and the other
 * way round. Semaphores (sem.*) are no objects unless asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "twin.h"

/* %s becomes the test's prefix. */
static const char *const formats[] = {
	".%s",	    "..%s",	      "...%s",	    "%s.",
	"%s..",	    " %s ",	      "-rf%s",	    "%s\n",
	"\n%s",	    "%s\r\t\v\b",     "%s\033[31m", "%s\xff\xfe",
	"%s\xc3",   "%s\xed\xa0\x80", "%s\x01\x7f", "%s*?[a-z]",
	"%s\\",	    "%s\\x41",	      "%s\"'`$(x)", "%s#;&|<>",
	"%s%%s%%n", "sem%s",	      "semx.%s",    "Sem.%s",
	"%s.sem.",  "user.shmfs.%s",  "~%s",	    ".fuse_hidden%s",
};

#define FORMATS (sizeof(formats) / sizeof(*formats))

static const char *format_name(const struct fixture *f, size_t i)
{
	static char name[256];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), formats[i], f->prefix);
#pragma GCC diagnostic pop
	return name;
}

static const char *joined(const char *dir, const char *name)
{
	static char paths[2][512];
	static unsigned int next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

static int times_listed(const struct fixture *f, const char *name)
{
	DIR *dir = opendir(f->dir);
	struct dirent *e;
	int times = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		times += !strcmp(e->d_name, name);
	closedir(dir);
	return times;
}

/* Made directly, found and removed through the mount; and reversed. */
static void check_name(const struct fixture *f, const char *name)
{
	struct stat st, direct;
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0640);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, 77), errno);
	assert_return_code(fstat(fd, &direct), errno);
	close(fd);
	assert_int_equal(times_listed(f, name), 1);
	assert_return_code(lstat(joined(f->dir, name), &st), errno);
	assert_int_equal(st.st_size, 77);
	assert_int_equal(st.st_ino, direct.st_ino);
	assert_return_code(unlink(joined(f->dir, name)), errno);
	assert_int_equal(shm_open(name, O_RDWR, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(times_listed(f, name), 0);

	fd = open(joined(f->dir, name), O_RDWR | O_CREAT | O_EXCL, 0640);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "bytes", 5), 5);
	close(fd);
	fd = shm_open(name, O_RDWR, 0);
	assert_return_code(fd, errno);
	assert_return_code(fstat(fd, &direct), errno);
	assert_int_equal(direct.st_size, 5);
	close(fd);
	assert_return_code(shm_unlink(name), errno);
	assert_int_equal(lstat(joined(f->dir, name), &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void hostile_names(void **state)
{
	struct beside *b = *state;

	for (size_t i = 0; i < FORMATS; i++) {
		const char *name = format_name(&b->fixture, i);

		check_name(&b->fixture, name);
	}
}

/* Renamed from each to the next: one object through all the names. */
static void renamed_through_all(void **state)
{
	struct beside *b = *state;
	const struct fixture *f = &b->fixture;
	char from[256], to[256];
	struct stat st;
	int fd;

	snprintf(from, sizeof(from), "%s", format_name(f, 0));
	fd = open(joined(f->dir, from), O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, 4711), errno);
	close(fd);
	for (size_t i = 1; i < FORMATS; i++) {
		snprintf(to, sizeof(to), "%s", format_name(f, i));
		assert_return_code(
			rename(joined(f->dir, from), joined(f->dir, to)),
			errno);
		assert_return_code(stat(joined("/dev/shm", to), &st), errno);
		assert_int_equal(st.st_size, 4711);
		assert_int_equal(stat(joined("/dev/shm", from), &st), -1);
		strcpy(from, to);
	}
	assert_return_code(shm_unlink(from), errno);
}

static void note_long(const struct place *p, size_t length)
{
	char name[300];
	size_t rest = length - strlen(p->prefix);
	int fd;

	memset(name, 'n', rest);
	name[rest] = '\0';
	note(p, "length", (long)length);
	fd = open(place_path(p, name), O_RDWR | O_CREAT | O_EXCL, 0600);
	note(p, "create", fd < 0 ? -1 : 0);
	note(p, "direct", access(place_direct(p, name), F_OK));
	note(p, "access", access(place_path(p, name), F_OK));
	note(p, "away", rename(place_path(p, name), place_path(p, "short")));
	note(p, "back", rename(place_path(p, "short"), place_path(p, name)));
	note(p, "unlink", unlink(place_path(p, name)));
	note(p, "unlink", unlink(place_path(p, "short")));
	note(p, "truncate", truncate(place_path(p, name), 0));
	if (fd >= 0)
		note(p, "close", close(fd));
}

static void long_names(const struct place *p)
{
	for (size_t length = 253; length < 260; length++)
		note_long(p, length);
}

static void odd_paths(const struct place *p)
{
	char path[600];
	struct stat st;
	int fd = open(place_path(p, "o"), O_RDWR | O_CREAT | O_EXCL, 0600);

	note(p, "create", fd < 0 ? -1 : close(fd));
	snprintf(path, sizeof(path), "%s/", place_path(p, "o"));
	note(p, "stat o/", stat(path, &st));
	note(p, "open o/", open(path, O_RDONLY));
	note(p, "unlink o/", unlink(path));
	snprintf(path, sizeof(path), "%s/.", place_path(p, "o"));
	note(p, "stat o/.", stat(path, &st));
	snprintf(path, sizeof(path), "%s/x", place_path(p, "o"));
	note(p, "open o/x", open(path, O_RDWR | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/", place_path(p, "none"));
	note(p, "create none/", open(path, O_RDWR | O_CREAT, 0600));
	snprintf(path, sizeof(path), "%s/./", p->dir);
	note(p, "stat ./", stat(path, &st));
	note(p, "mode", (long)st.st_mode);
	note(p, "unlink ./", unlink(path));
	note(p, "open the root to write", open(p->dir, O_RDWR));
	note(p, "truncate the root", truncate(p->dir, 0));
	note(p, "rename the root", rename(p->dir, place_path(p, "root")));
	note(p, "unlink", unlink(place_path(p, "o")));
}

static void same_as_tmpfs(void **state)
{
	struct beside *b = *state;

	twin_same(&b->fixture, &b->twin, long_names);
	twin_same(&b->fixture, &b->twin, odd_paths);
}

/* Outside the view: not seen, not made, not replaced. */
static void semaphores_hidden(void **state)
{
	struct beside *b = *state;
	const struct fixture *f = &b->fixture;
	char sem[128], other[128];
	struct stat st;
	int fd;

	snprintf(sem, sizeof(sem), "sem.%s", f->prefix);
	snprintf(other, sizeof(other), "%sother", f->prefix);
	fd = shm_open(sem, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "semaphore", 9), 9);
	close(fd);
	assert_int_equal(times_listed(f, sem), 0);
	assert_int_equal(lstat(joined(f->dir, sem), &st), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(open(joined(f->dir, sem), O_RDWR), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(open(joined(f->dir, sem), O_RDWR | O_CREAT, 0600), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(unlink(joined(f->dir, sem)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(rename(joined(f->dir, sem), joined(f->dir, other)),
			 -1);
	assert_int_equal(errno, ENOENT);
	fd = open(joined(f->dir, other), O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	close(fd);
	assert_int_equal(rename(joined(f->dir, other), joined(f->dir, sem)),
			 -1);
	assert_int_equal(errno, EPERM);
	assert_return_code(stat(joined("/dev/shm", sem), &st), errno);
	assert_int_equal(st.st_size, 9);
	assert_return_code(shm_unlink(sem), errno);
	assert_int_equal(rename(joined(f->dir, other), joined(f->dir, sem)),
			 -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(stat(joined("/dev/shm", sem), &st), -1);
}

static void semaphores_shown(void **state)
{
	struct fixture f;
	char sem[128];
	struct stat st;
	int fd;

	fixture_start(&f, "semaphores");
	snprintf(sem, sizeof(sem), "sem.%s", f.prefix);
	fd = shm_open(sem, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	close(fd);
	assert_int_equal(times_listed(&f, sem), 1);
	assert_return_code(lstat(joined(f.dir, sem), &st), errno);
	assert_return_code(unlink(joined(f.dir, sem)), errno);
	assert_int_equal(fixture_stop(&f), 0);
}

/* The fixture only removes what begins with the prefix. */
static int names_teardown(void **state)
{
	struct beside *b = *state;

	for (size_t i = 0; i < FORMATS; i++)
		(void)shm_unlink(format_name(&b->fixture, i)); /* or gone */
	return beside_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(renamed_through_all),
		cmocka_unit_test(same_as_tmpfs),
		cmocka_unit_test(semaphores_hidden),
		cmocka_unit_test(semaphores_shown),
	};
	int failed;

	if (!twin_possible("names"))
		return 77;
	failed = cmocka_run_group_tests(tests, beside_setup, names_teardown);
	return failed != 0;
}
