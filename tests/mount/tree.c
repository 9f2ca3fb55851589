/* SPDX-License-Identifier: MIT */
/*
 * Directories over flat names: what exists, where it is listed, by what names
 * it can be reached, and whose attributes a directory has. What others do to
 * the names is seen at once.
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
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "direct.h"

static void touch(const struct fixture *f, const char *path)
{
	int fd = open(path_in(f, path), O_RDWR | O_CREAT | O_EXCL, 0640);

	assert_return_code(fd, errno);
	close(fd);
}

static struct stat stat_in(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_return_code(lstat(path_in(f, path), &st), errno);
	return st;
}

static void assert_absent(const struct fixture *f, const char *path)
{
	struct stat st;

	assert_fails(lstat(path_in(f, path), &st), ENOENT);
	assert_fails(open(path_in(f, path), O_RDONLY), ENOENT);
}

static void assert_listed(const struct fixture *f, const char *dir,
			  const char *name, int type)
{
	int got = -1;

	assert_int_equal(times_listed(path_in(f, dir), name, &got), 1);
	assert_int_equal(got, type);
}

static void without_marker(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	direct_make("p:d:e:x", 5);
	assert_listed(f, "", "d", DT_DIR);
	assert_listed(f, "d", "e", DT_DIR);
	assert_listed(f, "d/e", "x", DT_REG);
	st = stat_in(f, "d");
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, direct_stat(".").st_mode & 07777);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(stat_in(f, "").st_nlink, 3);
	assert_int_equal(stat_in(f, "d/e").st_nlink, 2);
	assert_int_equal(stat_in(f, "d/e/x").st_ino, direct_ino("p:d:e:x"));
	assert_int_equal(stat_in(f, "d/e/x").st_size, 5);
	assert_int_equal(stat_in(f, "d/e/../e/./x").st_size, 5);
	assert_fails(rmdir(path_in(f, "d/e")), ENOTEMPTY);
	assert_fails(rmdir(path_in(f, "d")), ENOTEMPTY);
	assert_fails(mkdir(path_in(f, "d/e"), 0755), EEXIST);
	direct_make("p:d:y", 0);
	direct_remove("p:d:e:x");
	assert_absent(f, "d/e");
	assert_int_equal(stat_in(f, "d").st_nlink, 2);
	assert_return_code(unlink(path_in(f, "d/y")), errno);
	assert_absent(f, "d");
	assert_int_equal(count_entries(f->dir), 0);
}

static void with_marker(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_return_code(mkdir(path_in(f, "d"), 01751), errno);
	st = direct_stat("p:d:");
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 01751);
	assert_int_equal(direct_count(), 1);
	assert_int_equal(stat_in(f, "d").st_mode, S_IFDIR | 01751);
	assert_int_equal(count_entries(path_in(f, "d")), 0);
	assert_return_code(mkdir(path_in(f, "d/e"), 0700), errno);
	assert_int_not_equal(direct_ino("p:d:e:"), 0);
	assert_int_equal(stat_in(f, "d").st_nlink, 3);
	assert_fails(rmdir(path_in(f, "d")), ENOTEMPTY);
	direct_make("p:d:e:x", 0);
	assert_fails(rmdir(path_in(f, "d/e")), ENOTEMPTY);
	direct_remove("p:d:e:x");
	assert_fails(unlink(path_in(f, "d/e")), EISDIR);
	assert_return_code(rmdir(path_in(f, "d/e")), errno);
	assert_return_code(rmdir(path_in(f, "d")), errno);
	assert_absent(f, "d");
	assert_int_equal(direct_count(), 0);
	/* Made and removed by others. */
	direct_make("p:m:", 0);
	assert_listed(f, "", "m", DT_DIR);
	assert_int_equal(stat_in(f, "m").st_mode, S_IFDIR | 0644);
	direct_remove("p:m:");
	assert_absent(f, "m");
}

static void refused(void **state)
{
	const struct fixture *f = *state;
	struct statvfs fs;
	char name[300];

	touch(f, "file");
	assert_fails(mkdir(path_in(f, "file"), 0755), EEXIST);
	assert_fails(mkdir(path_in(f, "file/d"), 0755), ENOTDIR);
	assert_fails(mkdir(path_in(f, "none/d"), 0755), ENOENT);
	assert_fails(mkdir(path_in(f, "a:b"), 0755), EINVAL);
	assert_fails(mkdir(path_in(f, ":"), 0755), EINVAL);
	assert_fails(rmdir(path_in(f, "file")), ENOTDIR);
	assert_fails(rmdir(path_in(f, "none")), ENOENT);
	assert_fails(open(path_in(f, "none/x"), O_RDWR | O_CREAT, 0600),
		     ENOENT);
	assert_return_code(mkdir(path_in(f, "d"), 0755), errno);
	assert_fails(open(path_in(f, "d"), O_RDWR), EISDIR);
	assert_fails(open(path_in(f, "d/a:b"), O_RDWR | O_CREAT, 0600), EINVAL);
	assert_fails(open(path_in(f, "d/a:b"), O_RDWR), ENOENT);
	assert_fails(mkdir(path_in(f, "d/a:b"), 0755), EINVAL);
	assert_fails(symlink("x", path_in(f, "d/l")), EPERM);
	assert_fails(link(path_in(f, "file"), path_in(f, "d/l")), EPERM);
	assert_fails(mkfifo(path_in(f, "d/p"), 0600), EPERM);
	/* "p:" and "d:" and what is left of 255 */
	memset(name, 'n', sizeof(name));
	name[0] = 'd';
	name[1] = '/';
	name[2 + 251] = '\0';
	touch(f, name);
	assert_return_code(unlink(path_in(f, name)), errno);
	assert_fails(mkdir(path_in(f, name), 0755), ENAMETOOLONG);
	name[2 + 251] = 'n';
	name[2 + 252] = '\0';
	assert_fails(open(path_in(f, name), O_RDWR | O_CREAT, 0600),
		     ENAMETOOLONG);
	assert_int_equal(direct_count(), 2);
	assert_return_code(statvfs(f->dir, &fs), errno);
	assert_int_equal(fs.f_namemax, 253);
}

static void flat_names(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	direct_make("p:d:x", 7);
	st = stat_in(f, "d:x");
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_ino, stat_in(f, "d/x").st_ino);
	touch(f, "e:f:y");
	assert_int_not_equal(direct_ino("p:e:f:y"), 0);
	assert_listed(f, "e/f", "y", DT_REG);
	assert_int_equal(times_listed(f->dir, "e:f:y", NULL), 0);
	assert_return_code(rename(path_in(f, "e:f:y"), path_in(f, "d/z")),
			   errno);
	assert_return_code(rename(path_in(f, "d/z"), path_in(f, "g:z")), errno);
	assert_listed(f, "g", "z", DT_REG);
	assert_absent(f, "e");
	assert_return_code(unlink(path_in(f, "g:z")), errno);
	assert_absent(f, "g");
	/* A marker by its flat name is the object it is. */
	assert_return_code(mkdir(path_in(f, "m"), 0750), errno);
	st = stat_in(f, "m:");
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_ino, direct_ino("p:m:"));
	assert_int_equal(times_listed(f->dir, "m:", NULL), 0);
	assert_return_code(unlink(path_in(f, "m:")), errno);
	assert_absent(f, "m");
}

static void no_path(void **state)
{
	static const char *const names[] = { ":",     "::",    ":a",   "a::b",
					     "a::",   "a:.:b", "a:..", "..:a",
					     "a:..:", ".:" };
	const struct fixture *f = *state;
	char object[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(object, sizeof(object), "p:%s", names[i]);
		direct_make(object, 3);
		assert_listed(f, "", names[i], DT_REG);
		assert_int_equal(count_entries(f->dir), 1);
		assert_int_equal(stat_in(f, names[i]).st_size, 3);
		assert_absent(f, "a");
		assert_return_code(unlink(path_in(f, names[i])), errno);
		assert_int_equal(direct_count(), 0);
	}
}

/* An object in a directory's way, coming and going. */
static void collisions(void **state)
{
	const struct fixture *f = *state;

	direct_make("p:c:x", 1);
	direct_make("p:c:", 0);
	direct_make("p:c:d:y", 2);
	assert_listed(f, "", "c", DT_DIR);
	direct_make("p:c", 3);
	assert_listed(f, "", "c", DT_REG);
	assert_listed(f, "", "c:x", DT_REG);
	assert_listed(f, "", "c:", DT_REG);
	assert_listed(f, "", "c:d:y", DT_REG);
	assert_int_equal(count_entries(f->dir), 4);
	assert_int_equal(stat_in(f, "c").st_size, 3);
	assert_int_equal(stat_in(f, "c:d:y").st_size, 2);
	assert_fails(open(path_in(f, "c/x"), O_RDONLY), ENOTDIR);
	assert_fails(mkdir(path_in(f, "c"), 0755), EEXIST);
	assert_return_code(unlink(path_in(f, "c")), errno);
	assert_listed(f, "", "c", DT_DIR);
	assert_int_equal(count_entries(f->dir), 1);
	assert_int_equal(stat_in(f, "c/x").st_size, 1);
	/* One level down. */
	direct_make("p:c:d", 4);
	assert_listed(f, "c", "d", DT_REG);
	assert_listed(f, "", "c:d:y", DT_REG);
	assert_int_equal(stat_in(f, "c/d").st_size, 4);
	/* It goes with the directory it would be in. */
	assert_return_code(rename(path_in(f, "c"), path_in(f, "n")), errno);
	assert_absent(f, "c");
	assert_listed(f, "", "n:d:y", DT_REG);
	assert_listed(f, "n", "d", DT_REG);
}

static void assert_kept(const struct fixture *f, const char *path,
			const char *marker)
{
	static const struct timespec times[2] = {
		{ .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 }
	};
	struct stat st, direct;

	assert_return_code(chown(path_in(f, path), 4242, 4243), errno);
	assert_return_code(chmod(path_in(f, path), 02750), errno);
	assert_return_code(setxattr(path_in(f, path), "user.k", "v", 1, 0),
			   errno);
	assert_return_code(utimensat(AT_FDCWD, path_in(f, path), times, 0),
			   errno);
	st = stat_in(f, path);
	direct = direct_stat(marker);
	assert_int_equal(st.st_mode, S_IFDIR | 02750);
	assert_int_equal(direct.st_mode, S_IFREG | 02750);
	assert_int_equal(st.st_uid, 4242);
	assert_int_equal(st.st_gid, 4243);
	assert_int_equal(direct.st_uid, 4242);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(getxattr(path_in(f, path), "user.k", NULL, 0), 1);
	assert_return_code(removexattr(path_in(f, path), "user.k"), errno);
}

static void attributes(void **state)
{
	const struct fixture *f = *state;
	struct stat before;
	char list[64];

	assert_return_code(mkdir(path_in(f, "d"), 0755), errno);
	assert_kept(f, "d", "p:d:");
	touch(f, "d/x"); /* which changes the directory */
	assert_true(stat_in(f, "d").st_mtim.tv_sec > 2000);
	/* By others, seen at once. */
	assert_return_code(chmod("/dev/shm/p:d:", 0711), errno);
	assert_int_equal(stat_in(f, "d").st_mode, S_IFDIR | 0711);
	/* One without a marker gets one. */
	direct_make("p:i:x", 0);
	assert_int_equal(listxattr(path_in(f, "i"), list, sizeof(list)), 0);
	assert_fails(getxattr(path_in(f, "i"), "user.k", NULL, 0), ENODATA);
	before = stat_in(f, "i");
	assert_int_equal(direct_ino("p:i:"), 0);
	assert_kept(f, "i", "p:i:");
	assert_int_equal(stat_in(f, "i").st_ino, before.st_ino);
	assert_int_equal(direct_count(), 4);
}

static void dots(void **state)
{
	const struct fixture *f = *state;
	DIR *dir;
	struct dirent *entry;
	int seen = 0;

	direct_make("p:d:e:x", 0);
	dir = opendir(path_in(f, "d/e"));
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, "."))
			assert_int_equal(entry->d_ino,
					 stat_in(f, "d/e").st_ino);
		else if (!strcmp(entry->d_name, ".."))
			assert_int_equal(entry->d_ino, stat_in(f, "d").st_ino);
		else
			assert_int_equal(entry->d_ino, direct_ino("p:d:e:x"));
		seen++;
	}
	closedir(dir);
	assert_int_equal(seen, 3);
	assert_int_not_equal(stat_in(f, "d").st_ino, stat_in(f, "d/e").st_ino);
	assert_int_equal(stat_in(f, "d/..").st_ino, stat_in(f, "").st_ino);
}

/* Held by a descriptor while it goes, comes and is renamed. */
static void held(void **state)
{
	const struct fixture *f = *state;
	struct stat st;
	int dir, fd;

	assert_return_code(mkdir(path_in(f, "d"), 0755), errno);
	dir = open(path_in(f, "d"), O_RDONLY | O_DIRECTORY);
	assert_return_code(dir, errno);
	assert_return_code(rmdir(path_in(f, "d")), errno);
	assert_return_code(fstat(dir, &st), errno);
	assert_int_equal(st.st_nlink, 0);
	assert_fails(openat(dir, "x", O_RDWR | O_CREAT, 0600), ENOENT);
	assert_return_code(mkdir(path_in(f, "d"), 0755), errno);
	touch(f, "d/x");
	assert_fails(openat(dir, "x", O_RDWR), ENOENT);
	close(dir);

	dir = open(path_in(f, "d"), O_RDONLY | O_DIRECTORY);
	assert_return_code(fstat(dir, &st), errno);
	assert_return_code(rename(path_in(f, "d"), path_in(f, "e")), errno);
	assert_int_equal(stat_in(f, "e").st_ino, st.st_ino);
	fd = openat(dir, "y", O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_return_code(fd, errno);
	close(fd);
	assert_int_not_equal(direct_ino("p:e:y"), 0);
	assert_return_code(mkdir(path_in(f, "d"), 0755), errno);
	assert_int_not_equal(stat_in(f, "d").st_ino, st.st_ino);
	assert_return_code(faccessat(dir, "x", F_OK, 0), errno);
	close(dir);
}

/* The same position in a listing that has been begun anew. */
static void rewound(void **state)
{
	const struct fixture *f = *state;
	DIR *dir;
	int count = 0;

	direct_make("p:d:x", 0);
	dir = opendir(path_in(f, "d"));
	assert_non_null(dir);
	while (readdir(dir))
		count++;
	assert_int_equal(count, 3);
	direct_make("p:d:y", 0);
	direct_make("p:d:e:z", 0);
	rewinddir(dir);
	for (count = 0; readdir(dir); count++)
		;
	assert_int_equal(count, 5);
	closedir(dir);
}

static int clear(void **state)
{
	direct_clear();
	return 0;
}

static int start(void **state)
{
	static struct fixture f;

	fixture_start_private(&f, "prefix=p:,separator=:", "mode=1777");
	umask(0);
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
		cmocka_unit_test_teardown(without_marker, clear),
		cmocka_unit_test_teardown(with_marker, clear),
		cmocka_unit_test_teardown(refused, clear),
		cmocka_unit_test_teardown(flat_names, clear),
		cmocka_unit_test_teardown(no_path, clear),
		cmocka_unit_test_teardown(collisions, clear),
		cmocka_unit_test_teardown(attributes, clear),
		cmocka_unit_test_teardown(dots, clear),
		cmocka_unit_test_teardown(held, clear),
		cmocka_unit_test_teardown(rewound, clear),
	};

	if (geteuid() != 0) {
		print_message("needs root, for a namespace of its own\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start, stop) != 0;
}
