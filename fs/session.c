// SPDX-License-Identifier: MIT
/*
 * The session. In the background case the daemon is a child that tells its
 * parent through a pipe when the kernel has said hello; the parent then asks
 * the mount itself, so that its exit status means what it says.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "guard.h"
#include "log.h"
#include "ops.h"
#include "preflight.h"

struct session {
	const struct options *options;
	struct fs fs;
	struct fuse_session *fuse;
	char *mountpoint; /* absolute: the daemon leaves its directory */
	int parent;	  /* pipe to the waiting parent, or -1 */
};

/* Process-wide settings that operations rely on. */
static int set_up_process(void)
{
	struct rlimit files;

	umask(0); /* the kernel has applied the caller's */
	/* Past RLIMIT_FSIZE ftruncate and fallocate are to say EFBIG. */
	(void)signal(SIGXFSZ, SIG_IGN); /* a valid signal: cannot fail */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* a courtesy */
	}
	return guard_install();
}

static int open_fs(struct session *session)
{
	struct fs *fs = &session->fs;
	int error;

	fs->kind = session->options->kind;
	fs->view = session->options->view;
	error = fs->kind->open(&fs->store);
	if (error) {
		log_error("cannot open the %s objects: %s", fs->kind->name,
			  strerror(-error));
		return error;
	}
	error = node_table_create(FUSE_ROOT_ID, fs->kind->root(fs->store),
				  &fs->nodes);
	if (error) {
		log_error("out of memory");
		fs->kind->close(fs->store);
	}
	return error;
}

static void close_fs(struct fs *fs)
{
	node_table_destroy(fs->nodes);
	fs->kind->close(fs->store);
}

static int create_fuse(struct session *session)
{
	const struct options *options = session->options;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	bool named = strstr(options->fuse, ",fsname=") != NULL;
	int res = fuse_opt_add_arg(&args, "shmfs");

	if (!res && !named)
		res = fuse_opt_add_arg(&args, "-ofsname=posix");
	if (!res)
		res = fuse_opt_add_arg(&args, "-o");
	if (!res)
		res = fuse_opt_add_arg(&args, options->fuse);
	if (!res && options->debug)
		res = fuse_opt_add_arg(&args, "-d");
	if (!res) {
		session->fuse = fuse_session_new(&args, &fs_ops, sizeof(fs_ops),
						 &session->fs);
		res = session->fuse ? 0 : -1;
	}
	fuse_opt_free_args(&args);
	return res;
}

/* The last line of what was written to a file, without its newline. */
static void last_line(int fd, char *line, size_t size)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *start;

	line[0] = '\0';
	if (n <= 0)
		return;
	text[n] = '\0';
	if (text[n - 1] == '\n')
		text[n - 1] = '\0';
	start = strrchr(text, '\n');
	snprintf(line, size, "%s", start ? start + 1 : text);
}

/*
 * Mounts. fusermount3 writes its complaints to stderr: they are caught and
 * become part of our one line.
 */
static int mount_fuse(struct session *session)
{
	auto_fd caught = memfd_create("stderr", MFD_CLOEXEC);
	auto_fd saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	char line[1024];
	int res;

	if (caught >= 0 && saved >= 0)
		(void)dup2(caught, STDERR_FILENO); /* else uncaught */
	log_capture(1);
	res = fuse_session_mount(session->fuse, session->mountpoint);
	log_capture(0);
	if (caught < 0 || saved < 0)
		return res;
	(void)dup2(saved, STDERR_FILENO); /* both are open */
	if (!res)
		return 0;
	last_line(caught, line, sizeof(line));
	log_error("%s: cannot mount: %s", session->mountpoint,
		  *line ? line : log_captured());
	return res;
}

/* Cuts the ties to the terminal and to the directory we were started in. */
static void enter_background(void)
{
	auto_fd null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_to_syslog();
	/* A daemon that keeps its terminal still works. */
	(void)setsid();
	(void)chdir("/");
	if (null < 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

/* The kernel has said hello: from now on the mount answers. */
static void on_ready(void *data)
{
	struct session *session = data;

	if (session->parent < 0)
		return;
	enter_background();
	/* A parent that is gone is no reason to stop. */
	(void)!write(session->parent, "", 1);
	(void)close(steal_fd(&session->parent));
}

static int serve(struct session *session)
{
	const struct options *options = session->options;
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int res;

	if (!config)
		return -ENOMEM;
	if (options->max_threads)
		fuse_loop_cfg_set_max_threads(config, options->max_threads);
	fuse_loop_cfg_set_clone_fd(config, options->clone_fd);
	res = fuse_session_loop_mt(session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return res;
}

/* Everything after the checks, in the process that stays. */
static int run(struct session *session)
{
	int res = set_up_process();

	if (!res)
		res = open_fs(session);
	if (res)
		return 1;
	session->fs.ready = on_ready;
	session->fs.ready_data = session;
	res = create_fuse(session);
	if (res)
		goto out_fs;
	res = fuse_set_signal_handlers(session->fuse);
	if (res)
		goto out_session;
	res = mount_fuse(session);
	if (res)
		goto out_signals;
	res = serve(session);
	/* Positive: the signal that ended it, which is no failure. */
	if (res < 0)
		log_error("%s: stopped serving: %s", session->mountpoint,
			  strerror(-res));
	fuse_session_unmount(session->fuse);
out_signals:
	fuse_remove_signal_handlers(session->fuse);
out_session:
	fuse_session_destroy(session->fuse);
out_fs:
	close_fs(&session->fs);
	return res < 0 ? 1 : 0;
}

static int wait_for_child(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status); /* it has said why */
	log_error("the daemon died before the mount answered");
	return 1;
}

/* In the parent: until the mount answers, or the child has failed. */
static int wait_until_mounted(const struct session *session, int pipe,
			      pid_t child)
{
	struct stat st;
	char byte;
	ssize_t n;

	do {
		n = read(pipe, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1)
		return wait_for_child(child);
	if (stat(session->mountpoint, &st) < 0) {
		log_error("%s: mounted, but does not answer: %s",
			  session->mountpoint, strerror(errno));
		return 1;
	}
	return 0;
}

static int run_in_background(struct session *session)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		log_error("cannot start a background process: %s",
			  strerror(errno));
		return 1;
	}
	if (child == 0) {
		(void)close(ends[0]); /* the parent's */
		session->parent = ends[1];
		return run(session);
	}
	(void)close(ends[1]); /* the child's */
	return wait_until_mounted(session, ends[0], child);
}

int session_run(const struct options *options)
{
	struct session session = { .options = options, .parent = -1 };
	int status;

	log_fuse();
	if (preflight(options))
		return 1;
	session.mountpoint = realpath(options->mountpoint, NULL);
	if (!session.mountpoint) {
		log_error("%s: %s", options->mountpoint, strerror(errno));
		return 1;
	}
	status = options->foreground ? run(&session)
				     : run_in_background(&session);
	free(session.mountpoint);
	return status;
}
