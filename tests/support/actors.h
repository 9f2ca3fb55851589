/* SPDX-License-Identifier: MIT */
/*
 * Users for tests: processes with the credentials of root and of two ordinary
 * users, which run functions of the test on request. Each has wholly become
 * its user (no saved ids to go back to), as FUSE asks of those it lets in.
 *
 * An actor shares no memory with the test but what actor_share() returned;
 * functions and constants are the same on both sides, because the actors are
 * forks of the test. Root only.
 */
#ifndef SHMFS_TESTS_ACTORS_H
#define SHMFS_TESTS_ACTORS_H

#include <stddef.h>
#include <sys/types.h>

#define ALICE  4242
#define BOB    4243
#define SHARED 4500 /* a group both are in, and root is not */

struct actor {
	const char *name;
	uid_t uid; /* and the primary group's number */
	pid_t pid;
	int sock;
};

enum { ACTOR_ROOT, ACTOR_ALICE, ACTOR_BOB, ACTORS };

/* What an actor runs: fd is what was passed, or -1. Returns what it likes. */
typedef int (*actor_fn)(void *arg, int fd);

/*
 * Starts all ACTORS. They end with the calling process at the latest. Call it
 * outside of cmocka's tests, so that a failing assertion in an actor ends the
 * actor instead of running the other tests there. Returns 0 or -errno.
 */
int actors_start(struct actor actors[ACTORS]);
void actors_stop(struct actor actors[ACTORS]);

/*
 * Has the actor call fn(arg, fd) and returns its answer; arg is constant or
 * from actor_share(), fd is -1 or lent for the call. An actor that is no
 * longer there fails the test.
 */
int actor_run(const struct actor *a, actor_fn fn, void *arg, int fd);

/* The two halves of actor_run(), to have several at work at once. */
void actor_begin(const struct actor *a, actor_fn fn, void *arg, int fd);
int actor_end(const struct actor *a);

/* Zeroed memory that is the actors' as well; before actors_start(), NULL: none
 * left. Never freed. */
void *actor_share(size_t size);

/*
 * Moves the process into a mount namespace of its own, in which /dev/shm is a
 * fresh tmpfs, ordinary users may open /dev/fuse, alice and bob have names,
 * and $SHMFS is a copy of the daemon that they can reach; /mnt is a tmpfs for
 * that and for the tests. Returns 0 or -errno.
 */
int actors_enter_namespace(void);

#endif
