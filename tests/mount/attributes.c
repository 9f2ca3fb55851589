/* SPDX-License-Identifier: MIT */
/*
 * What operations do to an object's attributes: times, the suid and sgid
 * bits, extended attributes; and what the whole file system says of itself.
 * Each scenario runs on the mount and on a plain tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "twin.h"

#define USER 4242

struct change {
	const char *what;
	/* fd: open for reading and writing; returns what the call does */
	int (*apply)(const struct place *p, int fd);
};

static int change_write(const struct place *p, int fd)
{
	return pwrite(fd, "w", 1, 3) < 0 ? -1 : 0;
}

static int change_write_nothing(const struct place *p, int fd)
{
	return pwrite(fd, "", 0, 3) < 0 ? -1 : 0;
}

static int change_write_further(const struct place *p, int fd)
{
	return pwrite(fd, "w", 1, 100000) < 0 ? -1 : 0;
}

static int change_grow(const struct place *p, int fd)
{
	return ftruncate(fd, 10000);
}

static int change_shrink(const struct place *p, int fd)
{
	return truncate(place_path(p, "f"), 1);
}

static int change_same_size(const struct place *p, int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : ftruncate(fd, st.st_size);
}

static int change_open_truncating(const struct place *p, int fd)
{
	int other = open(place_path(p, "f"), O_WRONLY | O_TRUNC);

	return other < 0 ? -1 : close(other);
}

static int change_open_append(const struct place *p, int fd)
{
	int other = open(place_path(p, "f"), O_WRONLY | O_APPEND);
	int ret = other < 0 ? -1 : (int)write(other, "end", 3);

	close(other);
	return ret;
}

static int change_allocate(const struct place *p, int fd)
{
	return fallocate(fd, 0, 0, 20000);
}

static int change_allocate_kept(const struct place *p, int fd)
{
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 40000);
}

static int change_punch(const struct place *p, int fd)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 5000);
}

static int change_copy(const struct place *p, int fd)
{
	off_t from = 0, to = 4;

	return copy_file_range(fd, &from, fd, &to, 2, 0) < 0 ? -1 : 0;
}

static int change_mode(const struct place *p, int fd)
{
	return fchmod(fd, 0640);
}

static int change_owner_to_same(const struct place *p, int fd)
{
	return fchown(fd, geteuid(), (gid_t)-1);
}

static int change_group(const struct place *p, int fd)
{
	return lchown(place_path(p, "f"), (uid_t)-1, getegid());
}

static int change_nothing_of_owner(const struct place *p, int fd)
{
	return fchown(fd, (uid_t)-1, (gid_t)-1);
}

static int change_xattr(const struct place *p, int fd)
{
	return fsetxattr(fd, "user.changed", "x", 1, 0);
}

static int change_name(const struct place *p, int fd)
{
	return rename(place_path(p, "f"), place_path(p, "g"))
		       ? -1
		       : rename(place_path(p, "g"), place_path(p, "f"));
}

static int change_times(const struct place *p, int fd)
{
	return futimens(fd, NULL);
}

static int change_mtime_only(const struct place *p, int fd)
{
	static const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT },
						{ .tv_nsec = UTIME_NOW } };

	return utimensat(AT_FDCWD, place_path(p, "f"), now, 0);
}

static int change_by_reading(const struct place *p, int fd)
{
	char bytes[100];

	return pread(fd, bytes, sizeof(bytes), 0) < 0 ? -1 : 0;
}

static int change_by_fsync(const struct place *p, int fd)
{
	return fsync(fd);
}

static const struct change changes[] = {
	{ "write", change_write },
	{ "write nothing", change_write_nothing },
	{ "write further", change_write_further },
	{ "grow", change_grow },
	{ "shrink", change_shrink },
	{ "same size", change_same_size },
	{ "O_TRUNC", change_open_truncating },
	{ "O_TRUNC of nothing", change_open_truncating },
	{ "append", change_open_append },
	{ "allocate", change_allocate },
	{ "allocate kept", change_allocate_kept },
	{ "punch", change_punch },
	{ "copy", change_copy },
	{ "chmod", change_mode },
	{ "chown to the same", change_owner_to_same },
	{ "chown the group", change_group },
	{ "chown nothing", change_nothing_of_owner },
	{ "setxattr", change_xattr },
	{ "rename", change_name },
	{ "utimens now", change_times },
	{ "mtime now", change_mtime_only },
	{ "read", change_by_reading },
	{ "fsync", change_by_fsync },
};

#define CHANGES (sizeof(changes) / sizeof(*changes))

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Files take their times from the coarse clock: wait until it has moved. */
static void await_tick(int fd)
{
	struct timespec now;
	double deadline = 0;
	struct stat st;

	if (fstat(fd, &st))
		return;
	do {
		(void)clock_gettime(CLOCK_REALTIME_COARSE, &now); /* works */
	} while (!later(&now, &st.st_ctim) && before_deadline(&deadline, 5));
}

/* A change, and which of the times have moved by it. */
static void note_change(const struct place *p, const struct change *c, int fd)
{
	static const struct timespec old[2] = { { .tv_sec = 1000 },
						{ .tv_sec = 2000 } };
	struct stat before, after;
	char what[64];

	if (futimens(fd, old) || fstat(fd, &before))
		note(p, "prepare", -1);
	await_tick(fd);
	note(p, c->what, c->apply(p, fd));
	if (fstat(fd, &after))
		note(p, "fstat", -1);
	snprintf(what, sizeof(what), "%s: mtime, ctime moved", c->what);
	note(p, what,
	     later(&after.st_mtim, &before.st_mtim) * 10 +
		     later(&after.st_ctim, &before.st_ctim));
	note_stat(p, c->what, fd);
}

static void times(const struct place *p)
{
	int fd = open(place_path(p, "f"), O_RDWR | O_CREAT | O_EXCL, 0600);

	note(p, "create", fd < 0 ? -1 : 0);
	note(p, "content", pwrite(fd, "0123456789", 10, 0));
	for (size_t i = 0; i < CHANGES; i++)
		note_change(p, &changes[i], fd);
	note(p, "unlink", unlink(place_path(p, "f")));
	for (size_t i = 0; i < CHANGES; i++)
		if (!strchr("sOacru", changes[i].what[0]))
			note_change(p, &changes[i], fd);
	note(p, "close", close(fd));
}

/* What an ordinary user's change leaves of the suid and sgid bits. */
static void note_privileges(const struct place *p, const struct change *c,
			    mode_t mode, gid_t group)
{
	int fd = open(place_path(p, "f"), O_RDWR | O_CREAT | O_EXCL, 0600);
	char what[64];

	snprintf(what, sizeof(what), "%s, mode %o, group %u", c->what, mode,
		 group);
	note(p, "create", fd < 0 ? -1 : 0);
	if (pwrite(fd, "0123456789", 10, 0) != 10 || fchown(fd, USER, group) ||
	    fchmod(fd, mode) || close(fd))
		note(p, "prepare", -1);
	/* opened with the bits there: else see permissions_held.c */
	fd = open(place_path(p, "f"), O_RDWR);
	if (fd < 0 || setegid(USER) || seteuid(USER))
		note(p, "prepare", -1);
	note(p, what, c->apply(p, fd));
	if (seteuid(0) || setegid(0))
		abort();
	note_stat(p, what, fd);
	note(p, "close", close(fd));
	note(p, "unlink", unlink(place_path(p, "f")));
}

static void privileges(const struct place *p)
{
	static const mode_t modes[] = { 04755, 02755, 06755, 02745,
					04644, 06777, 02707, 01777 };

	for (size_t i = 0; i < CHANGES; i++)
		for (size_t j = 0; j < sizeof(modes) / sizeof(*modes); j++) {
			note_privileges(p, &changes[i], modes[j], USER);
			/*
			 * Without group execute, a FUSE file system is to
			 * keep sgid on write (FUSE_HANDLE_KILLPRIV_V2 in
			 * linux/fuse.h); others drop it for non-members.
			 */
			if (!(modes[j] & S_ISGID) || modes[j] & S_IXGRP)
				note_privileges(p, &changes[i], modes[j],
						USER + 1);
		}
}

static int change_to_sgid(const struct place *p, int fd)
{
	return chmod(place_path(p, "f"), 02775);
}

/* sgid of a group that the user is not in: not given, and not an error. */
static void sgid_of_others(const struct place *p)
{
	static const struct change c = { "chmod g+s", change_to_sgid };

	note_privileges(p, &c, 0755, USER);
	note_privileges(p, &c, 0755, USER + 1);
}

static void note_list(const struct place *p, const char *path)
{
	char list[1024];
	ssize_t n = listxattr(path, list, sizeof(list));
	bool a = false, b = false;

	for (char *name = list; n > 0 && name < list + n;
	     name += strlen(name) + 1) {
		a = a || !strcmp(name, "user.a");
		b = b || !strcmp(name, "user.b");
	}
	note(p, "listed", n < 0 ? -1 : a * 10 + b);
}

static void xattrs(const struct place *p)
{
	char path[256], direct[256], value[64] = "", *big = calloc(1, 70000);
	int fd = open(place_path(p, "x"), O_RDWR | O_CREAT | O_EXCL, 0600);

	if (!big)
		abort();
	snprintf(path, sizeof(path), "%s", place_path(p, "x"));
	snprintf(direct, sizeof(direct), "%s", place_direct(p, "x"));
	note(p, "get", getxattr(path, "user.a", value, 64));
	note(p, "replace", setxattr(path, "user.a", "1", 1, XATTR_REPLACE));
	note(p, "create", setxattr(path, "user.a", "22", 2, XATTR_CREATE));
	note(p, "create", setxattr(path, "user.a", "1", 1, XATTR_CREATE));
	note(p, "direct", getxattr(direct, "user.a", value, 64));
	note_bytes(p, "value", value, 64);
	note(p, "direct",
	     setxattr(direct, "user.b",
		      "333\0"
		      "3",
		      5, 0));
	note(p, "get", getxattr(path, "user.b", value, 64));
	note_bytes(p, "value", value, 64);
	note(p, "length", getxattr(path, "user.b", NULL, 0));
	note(p, "too small", getxattr(path, "user.b", value, 4));
	note(p, "empty", fsetxattr(fd, "user.empty", "", 0, 0));
	note(p, "empty", fgetxattr(fd, "user.empty", value, 64));
	note_list(p, path);
	note(p, "list too small", listxattr(path, value, 3));
	note(p, "big", setxattr(path, "user.big", big, 65536, 0));
	note(p, "big", getxattr(path, "user.big", big, 65536));
	note(p, "too big", setxattr(path, "user.big", big, 65537, 0));
	note(p, "remove", removexattr(path, "user.a"));
	note(p, "remove", removexattr(path, "user.a"));
	note(p, "unlink", unlink(path));
	note(p, "unlinked", fgetxattr(fd, "user.b", value, 64));
	note(p, "unlinked", fsetxattr(fd, "user.c", "c", 1, 0));
	note(p, "unlinked", fremovexattr(fd, "user.b"));
	note(p, "close", close(fd));
	free(big);
}

static void same_as_tmpfs(void **state)
{
	static const scenario_fn scenarios[] = { times, privileges,
						 sgid_of_others, xattrs };
	struct beside *b = *state;

	(void)umask(0);
	assert_return_code(setgroups(0, NULL), errno);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		twin_same(&b->fixture, &b->twin, scenarios[i]);
}

/* Our own attributes, whichever there are, are for reading only. */
static void own_xattrs(void **state)
{
	struct beside *b = *state;
	const char *path = fixture_path(&b->fixture, "own");
	struct place direct = { .direct = "/dev/shm",
				.direct_prefix = b->fixture.object_prefix };
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	char list[1024];
	ssize_t n;

	assert_return_code(fd, errno);
	assert_int_equal(setxattr(path, "user.shmfs.mine", "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	n = listxattr(path, list, sizeof(list));
	assert_true(n >= 0);
	for (char *name = list; name < list + n; name += strlen(name) + 1) {
		assert_int_equal(strncmp(name, "user.shmfs.", 11), 0);
		assert_true(getxattr(path, name, NULL, 0) >= 0);
		assert_int_equal(setxattr(path, name, "x", 1, 0), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(removexattr(path, name), -1);
		assert_int_equal(errno, EPERM);
	}
	n = listxattr(place_direct(&direct, "own"), list, sizeof(list));
	assert_int_equal(n, 0);
	close(fd);
	assert_return_code(unlink(path), errno);
}

/* The numbers move under other tests: both must agree at some moment. */
static void statfs_of_the_namespace(void **state)
{
	struct beside *b = *state;
	struct statvfs mount, direct;
	double deadline = 0;

	do {
		assert_return_code(statvfs("/dev/shm", &direct), errno);
		assert_return_code(statvfs(b->fixture.dir, &mount), errno);
		assert_int_equal(mount.f_bsize, direct.f_bsize);
		assert_int_equal(mount.f_frsize, direct.f_frsize);
		assert_int_equal(mount.f_blocks, direct.f_blocks);
		assert_int_equal(mount.f_files, direct.f_files);
		assert_int_equal(mount.f_namemax, direct.f_namemax);
	} while ((mount.f_bfree != direct.f_bfree ||
		  mount.f_bavail != direct.f_bavail ||
		  mount.f_ffree != direct.f_ffree) &&
		 before_deadline(&deadline, 20));
	assert_int_equal(mount.f_bfree, direct.f_bfree);
	assert_int_equal(mount.f_ffree, direct.f_ffree);
}

/* The root is the namespace directory, mode, owner and all. */
static void root_of_the_namespace(void **state)
{
	struct beside *b = *state;
	struct stat mount, direct;

	assert_return_code(stat(b->fixture.dir, &mount), errno);
	assert_return_code(stat("/dev/shm", &direct), errno);
	assert_int_equal(mount.st_mode, direct.st_mode);
	assert_int_equal(mount.st_uid, direct.st_uid);
	assert_int_equal(mount.st_gid, direct.st_gid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_tmpfs),
		cmocka_unit_test(own_xattrs),
		cmocka_unit_test(statfs_of_the_namespace),
		cmocka_unit_test(root_of_the_namespace),
	};
	int failed;

	if (!twin_possible("attributes"))
		return 77;
	failed = cmocka_run_group_tests(tests, beside_setup, beside_teardown);
	return failed != 0;
}
