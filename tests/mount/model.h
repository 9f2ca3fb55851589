/* SPDX-License-Identifier: MIT */
/*
 * The model test: a few files, opened by a few descriptors, exist twice, on
 * the mount and on a plain tmpfs. Each step does one random operation on
 * both and compares everything that it answers.
 */
#ifndef SHMFS_TESTS_MODEL_H
#define SHMFS_TESTS_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fixture.h"
#include "twin.h"

#define SIDES	   2 /* 0: the mount, 1: the plain tmpfs */
#define NAMES	   4
#define FDS	   6
#define LENGTH_MAX (3 * 1024 * 1024)
#define MARKED	   1024 /* objects, the oldest marks are forgotten */

/* What one step does; each operation uses what it needs of it. */
struct step {
	int name, name2; /* 0 .. NAMES - 1 */
	int fd, fd2;	 /* 0 .. FDS - 1 */
	off_t offset, offset2;
	size_t length;
	int flags; /* of open, rename, fallocate, lseek or setxattr */
	mode_t mode;
	unsigned int number; /* for what else is to be chosen */
	const unsigned char *data;
};

struct answer {
	long ret;
	int err;
	size_t length; /* of bytes that count */
	unsigned char bytes[LENGTH_MAX];
};

/* What an object went through, after which some answers may differ. */
enum mark {
	/*
	 * A load from a mapping of tmpfs allocates pages, one from the copy
	 * on the mount does not: not the same blocks, nor SEEK_DATA.
	 */
	WAS_MAPPED,
	/*
	 * Allocated pages that were never written are a hole to SEEK_DATA
	 * until a mapping of them is read, as a mount may do to read(2).
	 */
	WAS_ALLOCATED,
	MARKS
};

struct model {
	struct fixture fixture;
	struct twin twin;
	uint64_t rng;
	unsigned long number;	     /* of the step */
	mode_t modes;		     /* the mode bits that chmod sets */
	int fds[SIDES][FDS];	     /* -1: closed */
	ino_t marked[MARKS][MARKED]; /* inode numbers, on the tmpfs */
	unsigned int marked_next[MARKS];
	unsigned char *data; /* random bytes, 2 * LENGTH_MAX */
	struct answer *answers[SIDES];
};

struct operation {
	const char *name;
	unsigned int weight;
	long (*perform)(struct model *m, int side, const struct step *s,
			struct answer *a);
	void (*choose)(struct model *m, struct step *s); /* or NULL */
};

/* Ends with an entry without a name. */
extern const struct operation operations[];

const char *model_path(const struct model *m, int side, int name);
bool model_marked(const struct model *m, enum mark mark, ino_t ino);
/* The object that this descriptor of the tmpfs side leads to. */
void model_mark(struct model *m, enum mark mark, int fd);
ino_t model_ino(int fd); /* 0: not open */

#endif
