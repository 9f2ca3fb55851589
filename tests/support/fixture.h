/* SPDX-License-Identifier: MIT */
/*
 * What every mount test in C needs: a mount of its own with object names of
 * its own, direct access to the same objects, helper processes, and waiting
 * with a deadline. A test that uses it leaves nothing behind: no mount, no
 * object, no process, also when an assertion fails half-way.
 *
 * The daemon is $SHMFS; $SHMFS_OPTIONS (comma-separated, may be empty) is
 * appended to the -o options of every mount, so that one suite runs in every
 * data path. $SHMFS_VIEW has tests that stick to the names below run in a view:
 * "prefix" in one of this test's objects, "tree" in a directory of that.
 */
#ifndef SHMFS_TESTS_FIXTURE_H
#define SHMFS_TESTS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fixture {
	char mount[64]; /* the mountpoint, made with mkdtemp(3) */
	char dir[72];	/* where the test works: the same, without a view */
	/* what this test's file names start with; "": any */
	char prefix[48];
	const char *kind;	/* as on the command line */
	char object_prefix[56]; /* what its object names start with */
	pid_t daemon;		/* pid of the foreground daemon, 0 if none */
};

/*
 * Mounts the kind under test (kind.h) in a fresh directory with "shmfs -f -o
 * options" (NULL: none) and waits until the mount answers. Asserts (cmocka) on
 * failure.
 */
void fixture_start(struct fixture *f, const char *options);

/*
 * The same with a private tmpfs of tmpfs_options (e.g. "size=16m") on
 * /dev/shm: moves the calling process into its own mount namespace, so call
 * it from a test binary of its own or from a forked child. Root only.
 */
void fixture_start_private(struct fixture *f, const char *options,
			   const char *tmpfs_options);

/*
 * The same for System V segments: moves the calling process into its own IPC
 * namespace, without any, and mounts them. fixture_path() of "0x..." is that
 * file. Root only.
 */
void fixture_start_sysv(struct fixture *f, const char *options);
/* The same in the IPC namespace the process is in. */
void fixture_mount_sysv(struct fixture *f, const char *options);

/*
 * SIGTERM, wait, unmount if still mounted, remove the directory and every
 * object with the prefix. Returns the daemon's exit status as an exit code
 * (0..255; 128 + signal when killed). Callable twice, and after
 * fixture_kill().
 */
int fixture_stop(struct fixture *f);

/* kill -9 of the daemon, waits for it; the dead mount stays in place. */
void fixture_kill(struct fixture *f);

/* Ready-made cmocka setup/teardown: *state is a struct fixture. The teardown
 * fails the test when the daemon's exit code is not 0. */
int fixture_setup(void **state);
int fixture_setup_sysv(void **state);
int fixture_teardown(void **state);

/* Path of object `name` (prefix added) under the mount, and its shm_open
 * name ("/" + object_prefix + name). Static buffers, per thread, two uses each.
 */
const char *fixture_path(const struct fixture *f, const char *name);
const char *fixture_name(const struct fixture *f, const char *name);

/* True before `seconds` (monotonic) have passed since the first call with a
 * zeroed *deadline; sleeps a millisecond. For wait loops:
 *   double d = 0; while (!ready()) assert_true(before_deadline(&d, 10)); */
bool before_deadline(double *deadline, double seconds);

/* Runs argv (NULL-terminated, searched in PATH), waits; returns its exit
 * code, and its stdout+stderr in ret_output (malloc'ed) if not NULL. */
int run_command(const char *const argv[], char **ret_output);

#endif
