/* SPDX-License-Identifier: MIT */
/*
 * What lies in the namespace directory and is no object (directories, links,
 * FIFOs, sockets, devices, put there directly) cannot be seen, opened,
 * changed, removed or replaced through the mount; and none can be made.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

static const char *const kinds[] = {
	"directory", "full", "link",   "outside", "dangling",
	"loop",	     "fifo", "socket", "device",
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* Where it really is; static, two uses. */
static const char *direct(const struct fixture *f, const char *name)
{
	static char paths[2][256];
	static unsigned int next;
	char *path = paths[next++ % 2];

	snprintf(path, sizeof(paths[0]), "/dev/shm%s", fixture_name(f, name));
	return path;
}

static void make_object(const struct fixture *f, const char *name)
{
	int fd = shm_open(fixture_name(f, name), O_RDWR | O_CREAT | O_EXCL,
			  0600);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "object", 6), 6);
	close(fd);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	assert_return_code(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	close(fd);
}

static int foreign_setup(void **state)
{
	struct fixture *f;
	char path[256];

	if (fixture_setup(state))
		return -1;
	f = *state;
	make_object(f, "object");
	assert_return_code(mkdir(direct(f, "directory"), 0777), errno);
	assert_return_code(mkdir(direct(f, "full"), 0777), errno);
	snprintf(path, sizeof(path), "%s/inner", direct(f, "full"));
	assert_return_code(mkdir(path, 0777), errno);
	assert_return_code(
		symlink(fixture_name(f, "object") + 1, direct(f, "link")),
		errno);
	assert_return_code(symlink("/etc/passwd", direct(f, "outside")), errno);
	assert_return_code(
		symlink(fixture_name(f, "nowhere") + 1, direct(f, "dangling")),
		errno);
	assert_return_code(
		symlink(fixture_name(f, "loop") + 1, direct(f, "loop")), errno);
	assert_return_code(mkfifo(direct(f, "fifo"), 0666), errno);
	make_socket(direct(f, "socket"));
	/* Needs root; without, one more FIFO is as foreign. */
	if (mknod(direct(f, "device"), S_IFCHR | 0666, makedev(1, 3)))
		assert_return_code(mkfifo(direct(f, "device"), 0666), errno);
	return 0;
}

static int foreign_teardown(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/inner", direct(*state, "full"));
	(void)rmdir(path); /* the fixture removes the rest */
	return fixture_teardown(state);
}

/* Nothing has happened to them, nor to what the links lead to. */
static void assert_untouched(const struct fixture *f, const struct stat *old)
{
	struct stat st;

	for (size_t i = 0; i < KINDS; i++) {
		assert_return_code(lstat(direct(f, kinds[i]), &st), errno);
		assert_int_equal(st.st_ino, old[i].st_ino);
		assert_int_equal(st.st_mode, old[i].st_mode);
		assert_int_equal(st.st_uid, old[i].st_uid);
		assert_int_equal(st.st_mtime, old[i].st_mtime);
	}
	assert_int_equal(lstat(direct(f, "nowhere"), &st), -1);
	assert_return_code(stat(direct(f, "object"), &st), errno);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void remember(const struct fixture *f, struct stat *old)
{
	for (size_t i = 0; i < KINDS; i++)
		assert_return_code(lstat(direct(f, kinds[i]), &old[i]), errno);
}

static void expect_absent(int ret, const char *what, const char *kind)
{
	int err = errno;

	if (ret == -1 && err == ENOENT)
		return;
	fail_msg("%s of a %s: %d, %s; not ENOENT", what, kind, ret,
		 strerror(err));
}

static void not_seen(void **state)
{
	struct fixture *f = *state;
	struct stat old[KINDS], st;
	DIR *dir = opendir(f->dir);
	struct dirent *e;

	remember(f, old);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		for (size_t i = 0; i < KINDS; i++)
			assert_string_not_equal(e->d_name,
						fixture_name(f, kinds[i]) + 1);
	closedir(dir);
	for (size_t i = 0; i < KINDS; i++) {
		const char *path = fixture_path(f, kinds[i]);
		const char *kind = kinds[i];

		expect_absent(lstat(path, &st), "lstat", kind);
		expect_absent(stat(path, &st), "stat", kind);
		expect_absent(access(path, F_OK), "access", kind);
		expect_absent(open(path, O_RDONLY | O_NONBLOCK), "open", kind);
		expect_absent(open(path, O_RDWR | O_NONBLOCK), "open", kind);
		expect_absent(open(path, O_PATH), "open", kind);
		expect_absent(open(path, O_DIRECTORY), "open", kind);
		expect_absent((int)readlink(path, (char[99]){ 0 }, 99),
			      "readlink", kind);
		expect_absent(chdir(path), "chdir", kind);
	}
	assert_untouched(f, old);
}

static void not_changed(void **state)
{
	struct fixture *f = *state;
	struct stat old[KINDS];

	remember(f, old);
	for (size_t i = 0; i < KINDS; i++) {
		const char *path = fixture_path(f, kinds[i]);
		const char *kind = kinds[i];

		expect_absent(chmod(path, 0), "chmod", kind);
		expect_absent(lchown(path, 1, 1), "lchown", kind);
		expect_absent(truncate(path, 0), "truncate", kind);
		expect_absent(
			utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW),
			"utimens", kind);
	}
	assert_untouched(f, old);
}

/* ENOENT would be a lie where the name is taken: any error will do. */
static void expect_refused(int ret, const char *what, const char *kind)
{
	if (ret != -1)
		fail_msg("%s of a %s has worked", what, kind);
}

static void not_replaced(void **state)
{
	struct fixture *f = *state;
	struct stat old[KINDS];

	remember(f, old);
	make_object(f, "mine");
	for (size_t i = 0; i < KINDS; i++) {
		const char *path = fixture_path(f, kinds[i]);
		const char *mine = fixture_path(f, "mine");
		const char *kind = kinds[i];

		expect_refused(open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0600),
			       "creation", kind);
		expect_refused(open(path, O_RDWR | O_CREAT | O_EXCL, 0600),
			       "exclusive creation", kind);
		expect_refused(open(path,
				    O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK,
				    0600),
			       "O_TRUNC", kind);
		expect_refused(rename(mine, path), "rename over", kind);
		expect_refused(renameat2(AT_FDCWD, mine, AT_FDCWD, path,
					 RENAME_NOREPLACE),
			       "rename to", kind);
		expect_refused(renameat2(AT_FDCWD, mine, AT_FDCWD, path,
					 RENAME_EXCHANGE),
			       "exchange", kind);
		expect_refused(renameat2(AT_FDCWD, path, AT_FDCWD, mine,
					 RENAME_EXCHANGE),
			       "exchange", kind);
	}
	assert_untouched(f, old);
	assert_return_code(shm_unlink(fixture_name(f, "mine")), errno);
}

static void not_removed(void **state)
{
	struct fixture *f = *state;
	struct stat old[KINDS];

	remember(f, old);
	for (size_t i = 0; i < KINDS; i++) {
		const char *path = fixture_path(f, kinds[i]);

		expect_absent(unlink(path), "unlink", kinds[i]);
		expect_absent(rmdir(path), "rmdir", kinds[i]);
		expect_absent(rename(path, fixture_path(f, "away")), "rename",
			      kinds[i]);
	}
	assert_untouched(f, old);
}

static void none_can_be_made(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_path(f, "new");
	struct stat st;

	assert_int_equal(mkdir(path, 0777), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(symlink("object", path), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(link(fixture_path(f, "object"), path), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mkfifo(path, 0666), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mknod(path, S_IFSOCK | 0666, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 3)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(lstat(direct(f, "new"), &st), -1);
	assert_return_code(mknod(path, S_IFREG | 0640, 0), errno);
	assert_return_code(lstat(direct(f, "new"), &st), errno);
	assert_int_equal(st.st_mode & S_IFMT, S_IFREG);
	assert_int_equal(rmdir(path), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_return_code(unlink(path), errno);
}

/* An object that is open, and whose name now leads to something else. */
static void name_taken_over(void **state)
{
	struct fixture *f = *state;
	int fd = open(fixture_path(f, "victim"), O_RDWR | O_CREAT, 0600);
	char bytes[8] = "";
	struct stat st;

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, "victim", 6), 6);
	assert_return_code(unlink(direct(f, "victim")), errno);
	assert_return_code(symlink("/etc/passwd", direct(f, "victim")), errno);
	expect_absent(lstat(fixture_path(f, "victim"), &st), "lstat", "link");
	expect_absent(open(fixture_path(f, "victim"), O_RDONLY), "open",
		      "link");
	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(st.st_nlink, 0);
	assert_return_code(fchmod(fd, 0400), errno);
	assert_return_code(ftruncate(fd, 3), errno);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 3);
	assert_string_equal(bytes, "vic");
	close(fd);
	assert_return_code(unlink(direct(f, "victim")), errno);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_seen),
		cmocka_unit_test(not_changed),
		cmocka_unit_test(not_replaced),
		cmocka_unit_test(not_removed),
		cmocka_unit_test(none_can_be_made),
		cmocka_unit_test(name_taken_over),
	};
	int failed =
		cmocka_run_group_tests(tests, foreign_setup, foreign_teardown);

	return failed != 0;
}
