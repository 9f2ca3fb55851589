/* SPDX-License-Identifier: MIT */
/*
 * A plain tmpfs beside the mount, for tests that do the same on both and
 * want the same answers. It is mounted nowhere and reached through a
 * descriptor (of the test and its children), so it cannot stay behind.
 */
#ifndef SHMFS_TESTS_TWIN_H
#define SHMFS_TESTS_TWIN_H

#include <stdio.h>
#include <sys/types.h>

#include "fixture.h"

struct twin {
	char dir[64]; /* /proc/self/fd/N */
	int fd;
};

/* Where a scenario runs, and what it writes its answers to. */
struct place {
	const char *dir;
	const char *direct; /* shows the same objects without the mount */
	const char *prefix; /* of names in dir */
	const char *direct_prefix; /* of names in direct */
	FILE *notes;
};

typedef void (*scenario_fn)(const struct place *p);

/*
 * A new tmpfs of that size (as in mount(8), NULL: tmpfs's default), its root
 * like /dev/shm's. Root only: see twin_possible().
 */
void twin_start(struct twin *t, const char *size);
void twin_stop(struct twin *t);

/* False, with a message, where twin_start() cannot work: exit with 77. */
bool twin_possible(const char *test);

/* Runs the scenario on both; the notes must be the same, line by line. */
void twin_same(const struct fixture *f, const struct twin *t,
	       scenario_fn scenario);

/*
 * Ready-made cmocka setup/teardown: *state is a struct beside, the mount
 * (allow_other) and a twin of the default size.
 */
struct beside {
	struct fixture fixture;
	struct twin twin;
};
int beside_setup(void **state);
int beside_teardown(void **state);

/* Paths under dir and direct, prefix added. Static buffers, four uses. */
const char *place_path(const struct place *p, const char *name);
const char *place_direct(const struct place *p, const char *name);

/* Notes "what: result", the error's name when ret is -1; returns ret. */
long note(const struct place *p, const char *what, long ret);

/* Notes size, mode, links, owner and allocated blocks. */
void note_stat(const struct place *p, const char *what, int fd);

/* Notes length and a digest of the bytes, in full when they are few. */
void note_bytes(const struct place *p, const char *what, const void *data,
		size_t len);

#endif
