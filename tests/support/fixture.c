/* SPDX-License-Identifier: MIT */
/*
 * Owns the mounts of the C tests: start, stop, and cleaning up after a test
 * that failed or was killed. For every mount there is a watcher, a process
 * of its own session that waits for the test to end one way or another and
 * then kills the daemon, unmounts and removes what is left; a test that
 * stops its mount tells the watcher to go first.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kind.h"

#define START_SECONDS 60 /* valgrind and sanitizers are slow starters */
#define STOP_SECONDS  60
#define MOUNTS	      16 /* at once in one test process */

/* What a mount needs to be cleaned up, beside the caller's struct. */
struct record {
	bool used;
	bool private_shm; /* we put a tmpfs on /dev/shm */
	char dir[sizeof(((struct fixture *)0)->mount)];
	int watcher; /* write end of the watcher's pipe */
};

static struct record records[MOUNTS];

static struct record *record_find(const char *dir)
{
	for (size_t i = 0; i < MOUNTS; i++)
		if (records[i].used && !strcmp(records[i].dir, dir))
			return &records[i];
	return NULL;
}

static struct record *record_new(void)
{
	for (size_t i = 0; i < MOUNTS; i++)
		if (!records[i].used)
			return &records[i];
	return NULL;
}

const char *fixture_path(const struct fixture *f, const char *name)
{
	static _Thread_local char buf[2][1024];
	static _Thread_local unsigned int turn;
	char *b = buf[turn++ % 2];

	snprintf(b, sizeof(buf[0]), "%s/%s", f->dir, kind_file(f, name));
	return b;
}

const char *fixture_name(const struct fixture *f, const char *name)
{
	static _Thread_local char buf[2][1024];
	static _Thread_local unsigned int turn;
	char *b = buf[turn++ % 2];

	snprintf(b, sizeof(buf[0]), "/%s%s", f->object_prefix, name);
	return b;
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A copy for execvp(3), whose prototype predates const. */
static char **copy_argv(const char *const argv[])
{
	size_t n = 0;
	char **copy;

	while (argv[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = strdup(argv[i]);
	return copy;
}

static void free_argv(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}

/* Everything from fd up to its end, as a string. */
static char *read_all(int fd)
{
	size_t len = 0, room = 4096;
	char *buf = malloc(room);
	ssize_t n;

	while (buf && (n = read(fd, buf + len, room - len - 1)) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (room - len > 1024)
			continue;
		room *= 2;
		buf = realloc(buf, room);
	}
	assert_non_null(buf);
	buf[len] = '\0';
	return buf;
}

int run_command(const char *const argv[], char **ret_output)
{
	char **args = copy_argv(argv);
	int fds[2], status;
	pid_t pid;

	assert_non_null(args);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(null, STDIN_FILENO);
		if (ret_output) {
			dup2(fds[1], STDOUT_FILENO);
			dup2(fds[1], STDERR_FILENO);
		}
		execvp(args[0], args);
		fprintf(stderr, "%s: %s\n", args[0], strerror(errno));
		_exit(127);
	}
	close(fds[1]);
	free_argv(args);
	assert_true(pid > 0);
	if (ret_output)
		*ret_output = read_all(fds[0]);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return exit_code(status);
}

/* Removes one entry of /dev/shm, whatever a test made of it. */
static void remove_entry(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return;
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		fprintf(stderr, "# left behind: /dev/shm/%s\n", name);
}

static void remove_objects(const char *prefix)
{
	DIR *d = opendir("/dev/shm");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *name = e->d_name;

		if (!strncmp(name, "sem.", 4))
			name += 4;
		if (*prefix && !strncmp(name, prefix, strlen(prefix)))
			remove_entry(dirfd(d), e->d_name);
	}
	if (d)
		closedir(d);
}

/* Detaches what is mounted on dir; returns whether anything was. */
static bool unmount(const char *dir)
{
	bool any = false;
	pid_t pid;

	while (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		any = true;
	if (errno != EPERM)
		return any;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		execlp("fusermount3", "fusermount3", "-uz", dir, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, NULL, 0) == pid && any;
}

static bool clean_up(const char *dir, const char *prefix, bool private_shm)
{
	bool mounted = unmount(dir);

	if (rmdir(dir) < 0 && errno != ENOENT)
		fprintf(stderr, "# left behind: %s: %s\n", dir,
			strerror(errno));
	remove_objects(prefix);
	if (private_shm)
		(void)umount2("/dev/shm", MNT_DETACH); /* ours; best effort */
	return mounted;
}

static int pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The watcher's life: until a byte comes (stopped) or the test has ended. */
static void watch(const struct fixture *f, int test, int daemon, int pipe)
{
	struct pollfd p[2] = { { .fd = pipe, .events = POLLIN },
			       { .fd = test, .events = POLLIN } };
	char byte;

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (read(pipe, &byte, 1) == 1)
		return;
	(void)syscall(SYS_pidfd_send_signal, daemon, SIGKILL, NULL, 0);
	(void)clean_up(f->mount, f->object_prefix,
		       false); /* nobody left to tell */
}

/* Closes what a helper process must not keep from the test's descriptors. */
static void close_others(const int keep[3])
{
	for (int fd = 3; fd < 1024; fd++)
		if (fd != keep[0] && fd != keep[1] && fd != keep[2])
			close(fd);
}

/* Returns the write end of the watcher's pipe, or -1. */
static int start_watcher(const struct fixture *f)
{
	int keep[3] = { pidfd(getpid()), pidfd(f->daemon), -1 };
	int fds[2] = { -1, -1 };
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	keep[2] = fds[0];
	pid = fork();
	if (pid == 0) {
		/* Twice, so that the test's wait(2) never meets it. */
		if (fork() == 0 && setsid() > 0) {
			close_others(keep);
			signal(SIGHUP, SIG_IGN);
			watch(f, keep[0], keep[1], fds[0]);
		}
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* exits at once */
	for (size_t i = 0; i < 3; i++)
		close(keep[i]);
	return fds[1];
}

/* In the child: becomes the daemon. */
static void exec_daemon(const struct fixture *f, const char *options)
{
	static const int none[3] = { -1, -1, -1 };
	const char *more = getenv("SHMFS_OPTIONS"), *shmfs = getenv("SHMFS");
	const char *view = getenv("SHMFS_VIEW");
	char all[1024];

	snprintf(all, sizeof(all), "%s%s%s", options ? options : "",
		 options && *options && more && *more ? "," : "",
		 more ? more : "");
	if (view)
		snprintf(all + strlen(all), sizeof(all) - strlen(all),
			 "%sprefix=%s%s", *all ? "," : "", f->object_prefix,
			 strcmp(view, "tree") ? "" : ",separator=:");
	if (!*all)
		strcpy(all, "rw"); /* which it is in any case */
	close_others(none);
	if (!shmfs)
		fprintf(stderr, "# SHMFS is not set\n");
	else
		execl(shmfs, shmfs, "-f", "-o", all, f->kind, f->mount,
		      (char *)NULL);
	_exit(127);
}

/* Waits until another file system answers at f->mount than `before`. */
static const char *wait_mounted(struct fixture *f, dev_t before)
{
	double deadline = 0;
	struct stat st;
	int status;

	while (before_deadline(&deadline, START_SECONDS)) {
		if (stat(f->mount, &st) == 0 && st.st_dev != before)
			return NULL;
		if (waitpid(f->daemon, &status, WNOHANG) == f->daemon) {
			f->daemon = 0;
			return "the daemon ended instead of mounting";
		}
	}
	return "the mount does not answer";
}

/* What names start with, and in which directory: see $SHMFS_VIEW. */
static const char *enter_view(struct fixture *f)
{
	const char *view = getenv("SHMFS_VIEW");

	strcpy(f->dir, f->mount);
	if (!view) {
		strcpy(f->prefix, f->object_prefix);
	} else if (!strcmp(view, "tree")) {
		strcat(f->dir, "/sub");
		strcat(f->object_prefix, "sub:");
		if (mkdir(f->dir, 0700) || chmod(f->dir, 01777))
			return "no directory can be made in the view";
	}
	return NULL;
}

static void start(struct fixture *f, const char *kind, const char *options,
		  bool private_shm)
{
	static unsigned int serial;
	struct record *r = record_new();
	const char *error;
	struct stat st;

	memset(f, 0, sizeof(*f));
	assert_non_null(r);
	f->kind = kind;
	if (strcmp(kind, "sysv") != 0) /* their names are not ours to choose */
		snprintf(f->object_prefix, sizeof(f->prefix),
			 "shmfs-test.%d.%u.", getpid(), serial++);
	strcpy(f->mount, "/tmp/shmfs-test.XXXXXX");
	assert_non_null(mkdtemp(f->mount));
	assert_int_equal(stat(f->mount, &st), 0);
	f->daemon = fork();
	if (f->daemon == 0)
		exec_daemon(f, options);
	assert_true(f->daemon > 0);
	*r = (struct record){ .used = true, .private_shm = private_shm };
	strcpy(r->dir, f->mount);
	r->watcher = start_watcher(f);
	error = wait_mounted(f, st.st_dev);
	if (!error)
		error = enter_view(f);
	if (!error)
		return;
	if (f->daemon)
		fixture_kill(f);
	(void)fixture_stop(f); /* the error below says more */
	fail_msg("%s", error);
}

void fixture_start(struct fixture *f, const char *options)
{
	if (kind_is("sysv"))
		fixture_start_sysv(f, options);
	else
		start(f, "posix", options, false);
}

void fixture_mount_sysv(struct fixture *f, const char *options)
{
	start(f, "sysv", options, false);
}

void fixture_start_sysv(struct fixture *f, const char *options)
{
	assert_int_equal(unshare(CLONE_NEWIPC), 0);
	fixture_mount_sysv(f, options);
}

void fixture_start_private(struct fixture *f, const char *options,
			   const char *tmpfs_options)
{
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("tmpfs", "/dev/shm", "tmpfs",
			       MS_NOSUID | MS_NODEV, tmpfs_options),
			 0);
	start(f, "posix", options, true);
}

/* Reaps the daemon, with SIGKILL when it does not end by itself. */
static int reap(pid_t daemon)
{
	double deadline = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(daemon, &status, WNOHANG)) == 0)
		if (!before_deadline(&deadline, STOP_SECONDS)) {
			fprintf(stderr, "# the daemon does not end\n");
			kill(daemon, SIGKILL);
			pid = waitpid(daemon, &status, 0);
			break;
		}
	return pid == daemon ? exit_code(status) : 255;
}

int fixture_stop(struct fixture *f)
{
	struct record *r = record_find(f->mount);
	bool served = f->daemon > 0;
	int code = 0;

	if (!r)
		return 0;
	if (served) {
		kill(f->daemon, SIGTERM);
		code = reap(f->daemon);
		f->daemon = 0;
	}
	(void)!write(r->watcher, "", 1); /* gone already: as well */
	close(r->watcher);
	if (clean_up(f->mount, f->object_prefix, r->private_shm) && served &&
	    !code) {
		fprintf(stderr, "# the daemon left its mount behind\n");
		code = 254;
	}
	r->used = false;
	return code;
}

void fixture_kill(struct fixture *f)
{
	if (f->daemon <= 0)
		return;
	kill(f->daemon, SIGKILL);
	(void)waitpid(f->daemon, NULL, 0); /* killed: the code says nothing */
	f->daemon = 0;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	fixture_start(f, NULL);
	return 0;
}

int fixture_setup_sysv(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	fixture_start_sysv(f, NULL);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	int code = f ? fixture_stop(f) : 0;

	if (code)
		fprintf(stderr, "# the daemon's exit code is %d\n", code);
	free(f);
	*state = NULL;
	return code ? -1 : 0;
}
