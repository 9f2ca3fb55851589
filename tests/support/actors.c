/* SPDX-License-Identifier: MIT */
/*
 * Owns the processes of the users in tests, and the namespace they live in. A
 * request is a packet with two pointers, valid because actors are forks; the
 * descriptor beside it travels as SCM_RIGHTS.
 */
#include "actors.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct request {
	actor_fn fn;
	void *arg;
};

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int))];
};

static const struct actor kinds[ACTORS] = {
	[ACTOR_ROOT] = { .name = "root" },
	[ACTOR_ALICE] = { .name = "alice", .uid = ALICE },
	[ACTOR_BOB] = { .name = "bob", .uid = BOB },
};

void *actor_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int become(uid_t uid)
{
	gid_t groups[] = { SHARED };
	size_t n = uid ? 1 : 0;

	if (setgroups(n, groups) < 0 || setresgid(uid, uid, uid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}

/* Returns 1 with a request, 0 at the end. */
static int receive(int sock, struct request *ret_req, int *ret_fd)
{
	union control control = { 0 };
	struct iovec iov = { .iov_base = ret_req, .iov_len = sizeof(*ret_req) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(*ret_req))
		return 0;
	*ret_fd = -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return 1;
}

static void serve(const struct actor *a, pid_t parent)
{
	struct request req;
	int fd;

	/* Changing ids clears the death signal: it comes after. */
	if (become(a->uid) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    getppid() != parent)
		_exit(1);
	while (receive(a->sock, &req, &fd)) {
		int answer = req.fn(req.arg, fd);

		if (fd >= 0)
			close(fd);
		if (send(a->sock, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			_exit(1);
	}
	_exit(0);
}

static int start_one(struct actor *a)
{
	const struct timeval patience = { .tv_sec = 300 };
	pid_t parent = getpid();
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return -errno;
	a->pid = fork();
	if (a->pid == 0) {
		close(socks[0]);
		a->sock = socks[1];
		serve(a, parent);
	}
	close(socks[1]);
	a->sock = socks[0];
	(void)setsockopt(a->sock, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience)); /* else the test's own timeout */
	return a->pid < 0 ? -errno : 0;
}

int actors_start(struct actor actors[ACTORS])
{
	int err = 0;

	for (int i = 0; i < ACTORS && !err; i++) {
		actors[i] = kinds[i];
		err = start_one(&actors[i]);
	}
	return err;
}

void actors_stop(struct actor actors[ACTORS])
{
	/* Later actors hold copies of earlier sockets: end them backwards. */
	for (int i = ACTORS - 1; i >= 0; i--) {
		close(actors[i].sock);
		(void)waitpid(actors[i].pid, NULL, 0); /* ends at EOF */
	}
}

void actor_begin(const struct actor *a, actor_fn fn, void *arg, int fd)
{
	struct request req = { .fn = fn, .arg = arg };
	struct iovec iov = { .iov_base = &req, .iov_len = sizeof(req) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = { 0 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	if (sendmsg(a->sock, &msg, MSG_NOSIGNAL) < 0)
		fail_msg("%s is gone: %s", a->name, strerror(errno));
}

int actor_end(const struct actor *a)
{
	int answer;
	ssize_t n;

	do
		n = recv(a->sock, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail_msg("%s hangs", a->name);
	if (n != sizeof(answer))
		fail_msg("%s ended instead of answering", a->name);
	return answer;
}

int actor_run(const struct actor *a, actor_fn fn, void *arg, int fd)
{
	actor_begin(a, fn, arg, fd);
	return actor_end(a);
}

/* Copies the file behind `from` to a new executable; closes it. */
static int copy_file(int from, const char *path)
{
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n = -1;

	if (from >= 0 && to >= 0)
		while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
			;
	if (to >= 0)
		close(to);
	if (from >= 0)
		close(from);
	return n == 0 ? 0 : -EIO;
}

/* fusermount3 mounts only for users that have a name. */
static int name_users(const char *path)
{
	static const char entries[] =
		"shmfs-alice:x:4242:4242::/nonexistent:/bin/sh\n"
		"shmfs-bob:x:4243:4243::/nonexistent:/bin/sh\n";
	int from = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int err = copy_file(from, path), to;
	bool ok;

	if (err)
		return err;
	to = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	ok = to >= 0 && write(to, entries, strlen(entries)) > 0 &&
	     chmod(path, 0644) == 0 &&
	     mount(path, "/etc/passwd", NULL, MS_BIND, NULL) == 0;
	if (to >= 0)
		close(to);
	return ok ? 0 : -EIO;
}

/* A device node for all users over one that is root's. */
static int open_fuse(const char *node)
{
	struct stat st;

	if (stat("/dev/fuse", &st) < 0)
		return -errno;
	if ((st.st_mode & 0006) == 0006)
		return 0;
	if (mknod(node, S_IFCHR | 0666, st.st_rdev) < 0 ||
	    chmod(node, 0666) < 0 ||
	    mount(node, "/dev/fuse", NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}

int actors_enter_namespace(void)
{
	const char *shmfs = getenv("SHMFS");
	int program, err;

	if (!shmfs)
		return -EINVAL;
	program = open(shmfs, O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755") < 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		  "size=64m,mode=1777") < 0)
		return -errno;
	err = copy_file(program, "/mnt/shmfs");
	if (!err)
		err = name_users("/mnt/passwd");
	if (!err)
		err = open_fuse("/mnt/fuse");
	if (!err && setenv("SHMFS", "/mnt/shmfs", 1) < 0)
		err = -errno;
	return err;
}
