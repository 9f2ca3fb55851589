// SPDX-License-Identifier: MIT
/*
 * The session. Once the kernel has said hello, a thread of its own, the
 * attendant, uses the mount as anybody would: only when that has answered, with
 * the data path that was asked for, is the mount called ready. In the
 * background case the daemon is a child, and the attendant tells its parent
 * through a pipe, so that the exit status of the command means what it says.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "guard.h"
#include "latency.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "open.h"
#include "ops.h"
#include "preflight.h"
#include "question.h"
#include "reporter.h"
#include "watcher.h"

struct session {
	const struct options *options;
	struct fs fs;
	struct fuse_session *fuse;
	char *mountpoint; /* absolute: the daemon leaves its directory */
	int parent;	  /* pipe to the waiting parent, or -1 */
	struct question question; /* the attendant's, once it has started */
	bool attended;		  /* the attendant was started */
	pthread_t attendant;
	atomic_bool failed; /* it was not content */
	struct latency latency;
};

/* Process-wide settings that operations rely on. */
static int set_up_process(void)
{
	struct rlimit files;

	umask(0); /* the kernel has applied the caller's */
	/* Nobody is to gain by the groups that root was started with. */
	if (geteuid() == 0)
		(void)setgroups(0, NULL); /* fails where there are none */
	/* Past RLIMIT_FSIZE ftruncate and fallocate are to say EFBIG. */
	(void)signal(SIGXFSZ, SIG_IGN); /* a valid signal: cannot fail */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* a courtesy */
	}
	return guard_install();
}

static int create_fuse(struct session *session)
{
	const struct options *options = session->options;
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	bool named = strstr(options->fuse, ",fsname=") != NULL;
	char name[64];
	int res = fuse_opt_add_arg(&args, "shmfs");

	snprintf(name, sizeof(name), "-ofsname=%s", options->kind->name);
	if (!res && !named)
		res = fuse_opt_add_arg(&args, name);
	if (!res)
		res = fuse_opt_add_arg(&args, "-o");
	if (!res)
		res = fuse_opt_add_arg(&args, options->fuse);
	if (!res && session->fs.kernel_checks)
		res = fuse_opt_add_arg(&args, "-odefault_permissions");
	if (!res) {
		session->fuse = fuse_session_new(&args, &fs_ops, sizeof(fs_ops),
						 &session->fs);
		session->fs.session = session->fuse;
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
	log_capture(true);
	res = fuse_session_mount(session->fuse, session->mountpoint);
	log_capture(false);
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

static void fail(struct session *session)
{
	atomic_store(&session->failed, true);
	/* As if told to end; the handlers are in place. */
	(void)kill(getpid(), SIGTERM);
}

/* Asks the mount for its data path. Returns 0 if it may be called ready. */
static int check_mount(struct session *session)
{
	struct question *question = &session->question;

	question_ask(question);
	if (question->error) {
		if (fuse_session_exited(session->fuse))
			return -1; /* told to end, or unmounted, already */
		log_error("%s: mounted, but does not answer: %s",
			  session->mountpoint, strerror(question->error));
		fail(session);
		return -1;
	}
	if (session->options->only_native &&
	    strcmp(question->path, "native") != 0) {
		log_error("io=native cannot be had: %s",
			  session->fs.backing.reason);
		fail(session);
		return -1;
	}
	return 0;
}

static void greet(struct session *session)
{
	bool content = check_mount(session) == 0;

	question_end(&session->question);
	if (!content)
		return;
	if (session->parent >= 0)
		enter_background();
	log_info("%s: data path is %s", session->mountpoint,
		 session->question.path);
	if (session->parent < 0) {
		notify_ready(session->fuse, session->question.path);
		return;
	}
	/* A parent that is gone is no reason to stop. */
	(void)!write(session->parent, "", 1);
	(void)close(steal_fd(&session->parent));
}

/* The one thread besides those that serve: greeter, then janitor. */
static void *attend(void *data)
{
	struct session *session = data;

	greet(session);
	janitor_run(&session->fs.janitor);
	return NULL;
}

/* The kernel has said hello, and gets our answer when this returns. */
static void on_ready(void *data)
{
	struct session *session = data;
	int error = pthread_create(&session->attendant, NULL, attend, session);

	session->attended = !error;
	if (error) {
		log_error("cannot start a thread: %s", strerror(error));
		atomic_store(&session->failed, true);
		fuse_session_exit(session->fuse);
	}
}

/*
 * libfuse's own loop knows the threads of io_uring, which take the requests;
 * ours is for /dev/fuse.
 */
static int serve_io_uring(struct session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int res;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, session->options->max_threads);
	/* What is left to read from the device are forgets and interrupts. */
	fuse_loop_cfg_set_idle_threads(config, 1);
	res = fuse_session_loop_mt(session->fuse, config);
	fuse_loop_cfg_destroy(config);
	return res;
}

static int serve(struct session *session)
{
	const struct options *options = session->options;
	struct loop_config config = {
		.max_threads = options->max_threads,
		.spin = options->spin,
	};
	struct reporter reporter;
	int res = reporter_start(&reporter, &session->fs);

	if (res)
		return res;
	if (session->fs.latency)
		res = latency_start(&session->latency);
	if (!res) {
		res = options->io_uring ? serve_io_uring(session)
					: loop_run(session->fuse, &config);
		if (session->fs.latency)
			latency_stop(&session->latency);
	}
	reporter_stop(&reporter);
	return res;
}

/* The processes that the session needs, while there is one thread. */
static int start_processes(struct session *session)
{
	int never_closed;
	int res = question_prepare(&session->question, session->mountpoint);

	if (!res && session->options->auto_unmount)
		res = watcher_start(session->mountpoint, &never_closed);
	return res;
}

/* Everything after the checks, in the process that stays. */
static int run(struct session *session)
{
	int res = start_processes(session);

	if (res)
		log_error("cannot start a process: %s", strerror(-res));
	else
		res = set_up_process();
	if (!res)
		res = fs_open(session->options, &session->fs);
	if (res)
		goto out_question;
	if (session->latency.fd)
		session->fs.latency = &session->latency;
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
	if (session->attended) {
		janitor_stop(&session->fs.janitor);
		pthread_join(session->attendant, NULL);
	}
out_signals:
	fuse_remove_signal_handlers(session->fuse);
out_session:
	fuse_session_destroy(session->fuse);
out_fs:
	fs_close(&session->fs);
out_question:
	question_end(&session->question);
	return res < 0 || atomic_load(&session->failed) ? 1 : 0;
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

/* In the parent: until the mount is ready, or the child has failed. */
static int wait_until_mounted(int pipe, pid_t child)
{
	char byte;
	ssize_t n;

	do {
		n = read(pipe, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : wait_for_child(child);
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
	return wait_until_mounted(ends[0], child);
}

static int open_latency(struct session *session)
{
	const struct options *options = session->options;
	int error = 0;

	if (options->cpu_latency >= 0)
		error = latency_open(options->cpu_latency, &session->latency);
	if (error)
		log_error("option 'cpu_latency=%d': " LATENCY_DEVICE ": %s",
			  options->cpu_latency, strerror(-error));
	return error;
}

int session_run(const struct options *options)
{
	struct session session = {
		.options = options,
		.parent = -1,
	};
	int status;

	log_fuse();
	reporter_block_signal();
	if (preflight(options) || open_latency(&session))
		return 1;
	session.mountpoint = realpath(options->mountpoint, NULL);
	if (!session.mountpoint) {
		log_error("%s: %s", options->mountpoint, strerror(errno));
		return 1;
	}
	status = options->foreground ? run(&session)
				     : run_in_background(&session);
	free(session.mountpoint);
	latency_close(&session.latency);
	return status;
}
