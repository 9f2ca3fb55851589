/* SPDX-License-Identifier: MIT */
/*
 * Names and objects apart: objects that are open and have lost their name,
 * renames over open objects, with and without flags, several names of one
 * object. Each scenario runs on the mount and on a plain tmpfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "twin.h"

static int make(const struct place *p, const char *name, const char *content)
{
	int fd = open(place_path(p, name), O_RDWR | O_CREAT | O_EXCL, 0600);

	note(p, "create", fd < 0 ? -1 : 0);
	note(p, "content", write(fd, content, strlen(content)));
	return fd;
}

static void note_content(const struct place *p, const char *what, int fd)
{
	char bytes[256];
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	note(p, what, n);
	note_bytes(p, what, bytes, n > 0 ? (size_t)n : 0);
}

/* What a name leads to: by stat, by open, by a direct open. */
static void note_name(const struct place *p, const char *name)
{
	int fd = open(place_path(p, name), O_RDONLY);

	note(p, name, fd < 0 ? -1 : 0);
	if (fd >= 0) {
		note_stat(p, name, fd);
		note_content(p, name, fd);
		close(fd);
	}
	fd = open(place_direct(p, name), O_RDONLY);
	note(p, "direct", fd < 0 ? -1 : 0);
	if (fd >= 0) {
		note_content(p, "direct", fd);
		close(fd);
	}
}

/* Everything that can be done to an object through its descriptor. */
static void use(const struct place *p, int fd)
{
	char path[64];
	struct timespec now[2] = { { .tv_sec = 5 }, { .tv_sec = 6 } };
	unsigned char *map;
	int again;

	note_stat(p, "held", fd);
	note_content(p, "held", fd);
	note(p, "pwrite", pwrite(fd, "written", 7, 5000));
	note(p, "ftruncate", ftruncate(fd, 9000));
	note(p, "fchmod", fchmod(fd, 0604));
	note(p, "fchown", fchown(fd, 1, 2));
	note(p, "futimens", futimens(fd, now));
	note(p, "fallocate", fallocate(fd, 0, 8000, 2000));
	note(p, "punch",
	     fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
		       4096));
	note(p, "data", lseek(fd, 0, SEEK_DATA));
	note(p, "hole", lseek(fd, 0, SEEK_HOLE));
	note(p, "fsetxattr", fsetxattr(fd, "user.held", "x", 1, 0));
	note(p, "fgetxattr", fgetxattr(fd, "user.held", path, 10));
	note(p, "fsync", fsync(fd));
	note(p, "fchdir", fchdir(fd));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	note(p, "mmap", map == MAP_FAILED ? -1 : 0);
	if (map != MAP_FAILED) {
		memcpy(map + 100, "mapped", 6);
		note(p, "msync", msync(map, 8192, MS_SYNC));
		note(p, "munmap", munmap(map, 8192));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	note(p, "open again", again < 0 ? -1 : 0);
	if (again >= 0) {
		note_content(p, "again", again);
		note(p, "pwrite", pwrite(again, "again", 5, 0));
		note(p, "close", close(again));
	}
	note_content(p, "held", fd);
	note_stat(p, "held", fd);
}

static void unlinked_while_open(const struct place *p)
{
	int fd = make(p, "a", "the first");
	int other;

	note(p, "unlink", unlink(place_path(p, "a")));
	use(p, fd);
	note_name(p, "a");
	other = make(p, "a", "the second");
	use(p, fd);
	use(p, other);
	note_name(p, "a");
	note(p, "close", close(fd));
	use(p, other);
	note(p, "unlink", unlink(place_path(p, "a")));
	note(p, "unlink", unlink(place_path(p, "a")));
	note(p, "close", close(other));
}

static void unlinked_directly(const struct place *p)
{
	int fd = make(p, "a", "the first"), other;

	note(p, "unlink", unlink(place_direct(p, "a")));
	use(p, fd);
	note_name(p, "a");
	other = open(place_direct(p, "a"), O_RDWR | O_CREAT | O_EXCL, 0640);
	note(p, "create", other < 0 ? -1 : 0);
	note(p, "write", write(other, "the second", 10));
	use(p, fd);
	note_name(p, "a");
	note(p, "close", close(fd));
	note_name(p, "a");
	note(p, "close", close(other));
	note(p, "unlink", unlink(place_path(p, "a")));
}

static void renamed_over_open(const struct place *p)
{
	int a = make(p, "a", "from a"), b = make(p, "b", "from b");

	note(p, "rename", rename(place_path(p, "a"), place_path(p, "b")));
	note_name(p, "a");
	note_name(p, "b");
	use(p, a);
	use(p, b);
	note_name(p, "b");
	note(p, "directly", rename(place_direct(p, "b"), place_direct(p, "a")));
	note_name(p, "a");
	note_name(p, "b");
	use(p, a);
	use(p, b);
	note(p, "to itself", rename(place_path(p, "a"), place_path(p, "a")));
	note(p, "from nothing", rename(place_path(p, "b"), place_path(p, "a")));
	note(p, "over nothing", rename(place_path(p, "a"), place_path(p, "c")));
	use(p, a);
	note(p, "close", close(a));
	note(p, "close", close(b));
	note_name(p, "c");
	note(p, "unlink", unlink(place_path(p, "c")));
}

static int rename2(const struct place *p, const char *from, const char *to,
		   unsigned int flags)
{
	return renameat2(AT_FDCWD, place_path(p, from), AT_FDCWD,
			 place_path(p, to), flags);
}

static void rename_flags(const struct place *p)
{
	int a = make(p, "a", "from a"), b = make(p, "b", "from b");

	note(p, "noreplace", rename2(p, "a", "b", RENAME_NOREPLACE));
	note(p, "noreplace self", rename2(p, "a", "a", RENAME_NOREPLACE));
	note(p, "noreplace none", rename2(p, "n", "a", RENAME_NOREPLACE));
	note(p, "exchange", rename2(p, "a", "b", RENAME_EXCHANGE));
	note_name(p, "a");
	note_name(p, "b");
	use(p, a);
	use(p, b);
	note(p, "exchange self", rename2(p, "a", "a", RENAME_EXCHANGE));
	note(p, "exchange none", rename2(p, "a", "n", RENAME_EXCHANGE));
	note(p, "exchange none", rename2(p, "n", "a", RENAME_EXCHANGE));
	note(p, "both",
	     rename2(p, "a", "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
	note(p, "unknown", rename2(p, "a", "b", 0x80));
	note(p, "noreplace", rename2(p, "a", "c", RENAME_NOREPLACE));
	note_name(p, "a");
	note_name(p, "b");
	note_name(p, "c");
	note(p, "close", close(a));
	note(p, "close", close(b));
	note(p, "unlink", unlink(place_path(p, "b")));
	note(p, "unlink", unlink(place_path(p, "c")));
}

/* A second name, made with link(2) behind the mount's back. */
static void two_names(const struct place *p)
{
	int fd = make(p, "a", "one object"), other;
	struct stat a, b;

	note(p, "link", link(place_direct(p, "a"), place_direct(p, "b")));
	note_stat(p, "two names", fd);
	note_name(p, "b");
	note(p, "stat", stat(place_path(p, "a"), &a));
	note(p, "stat", stat(place_path(p, "b"), &b));
	note(p, "same", a.st_ino == b.st_ino);
	other = open(place_path(p, "b"), O_RDWR);
	note(p, "open", other < 0 ? -1 : 0);
	note(p, "pwrite", pwrite(other, "uno", 3, 0));
	note_name(p, "a");
	note(p, "rename", rename(place_path(p, "a"), place_path(p, "b")));
	note_name(p, "a");
	note(p, "unlink", unlink(place_path(p, "a")));
	use(p, fd);
	note_name(p, "a");
	note_name(p, "b");
	note(p, "unlink", unlink(place_path(p, "b")));
	use(p, other);
	use(p, fd);
	note(p, "close", close(fd));
	use(p, other);
	note(p, "close", close(other));
}

/* Many opens of one name that leads to another object each time. */
static void replaced_again_and_again(const struct place *p)
{
	char content[32];
	int fds[40];

	for (int i = 0; i < 40; i++) {
		const char *name = i % 3 ? "next" : "a";

		if (i && i % 3 == 0)
			note(p, "unlink", unlink(place_direct(p, "a")));
		snprintf(content, sizeof(content), "object %d", i);
		fds[i] = make(p, name, content);
		if (i % 3)
			note(p, "rename",
			     rename(place_path(p, "next"), place_path(p, "a")));
		note_name(p, "a");
	}
	for (int i = 0; i < 40; i++) {
		note_stat(p, "held", fds[i]);
		note_content(p, "held", fds[i]);
		note(p, "close", close(fds[i]));
	}
	note(p, "unlink", unlink(place_path(p, "a")));
}

static void same_as_tmpfs(void **state)
{
	static const scenario_fn scenarios[] = {
		unlinked_while_open, unlinked_directly,
		renamed_over_open,   rename_flags,
		two_names,	     replaced_again_and_again,
	};
	struct beside *b = *state;

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		twin_same(&b->fixture, &b->twin, scenarios[i]);
}

/* tmpfs could; a view of regular files has no whiteouts. */
static void no_whiteouts(void **state)
{
	struct beside *b = *state;
	struct place p = { .dir = b->fixture.dir, .prefix = b->fixture.prefix };
	int fd = open(place_path(&p, "w"), O_RDWR | O_CREAT, 0600);

	assert_return_code(fd, errno);
	close(fd);
	assert_int_equal(rename2(&p, "w", "v", RENAME_WHITEOUT), -1);
	assert_int_equal(errno, EINVAL);
	assert_return_code(unlink(place_path(&p, "w")), errno);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_tmpfs),
		cmocka_unit_test(no_whiteouts),
	};
	int failed;

	if (!twin_possible("renames"))
		return 77;
	failed = cmocka_run_group_tests(tests, beside_setup, beside_teardown);
	return failed != 0;
}
