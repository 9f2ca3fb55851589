// SPDX-License-Identifier: MIT
/*
 * The watcher holds one end of a pipe, and the daemon the other, until the
 * kernel closes it. What answers then, or is no mount any more, is let alone:
 * so a daemon that has unmounted by itself needs to tell nobody.
 */
#include "watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "cleanup.h"

/* It is to outlive the daemon, and to hold nothing that others wait for. */
static void leave_others(int pipe)
{
	auto_fd null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL); /* both are valid */
	(void)setsid();				  /* it leads no group */
	/* killall(1) and pkill(1) by the daemon's name are to spare it. */
	(void)prctl(PR_SET_NAME, "auto_unmount"); /* cannot fail */
	(void)chdir("/");
	(void)dup2(pipe, STDIN_FILENO); /* is open */
	if (null >= 0) {
		(void)dup2(null, STDOUT_FILENO);
		(void)dup2(null, STDERR_FILENO);
	}
	(void)close_range(STDERR_FILENO + 1, ~0U, 0); /* a courtesy */
}

/* Nobody is left to be told if it fails. */
static void unmount(const char *mountpoint)
{
	if (umount2(mountpoint, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		(void)execlp("fusermount3", "fusermount3", "-u", "-q", "-z",
			     "--", mountpoint, NULL);
}

static void watch(const char *mountpoint)
{
	struct statfs st;
	char byte;

	if (read(STDIN_FILENO, &byte, 1) != 0)
		return; /* nobody writes, and no signal comes through */
	if (statfs(mountpoint, &st) < 0 &&
	    (errno == ENOTCONN || errno == ECONNABORTED))
		unmount(mountpoint);
}

int watcher_start(const char *mountpoint, int *ret_fd)
{
	int ends[2];
	pid_t child;
	int error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	error = child < 0 ? errno : 0;
	if (child == 0) {
		leave_others(ends[0]);
		watch(mountpoint);
		_exit(0);
	}
	(void)close(ends[0]); /* the child's */
	if (error) {
		(void)close(ends[1]);
		return -error;
	}
	*ret_fd = ends[1];
	return 0;
}
