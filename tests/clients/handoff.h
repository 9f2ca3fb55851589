/* SPDX-License-Identifier: MIT */
/*
 * The hand-off client: two processes share a few objects, one reaching them
 * directly and one through a file system that shows them. In each step one
 * of them changes something, writes down in shared memory what is now the
 * case, and signals the other, which must find exactly that. Objects that
 * either of them holds open take part also after their name has gone.
 */
#ifndef SHMFS_TESTS_HANDOFF_H
#define SHMFS_TESTS_HANDOFF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define NAMES	   4
#define HELD	   3
#define OBJECTS	   (NAMES + 2 * HELD + 2)
#define OBJECT_MAX (16 * 1024)
#define LOG_STEPS  8
#define LOG_BYTES  4096
#define NONE	   (-1)

struct object {
	ino_t ino;
	size_t size;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	time_t mtime;			    /* 0: not known */
	unsigned char data[OBJECT_MAX + 1]; /* zero from size on */
};

/* What is the case; shared by the two, written by whose turn it is. */
struct pair {
	struct object objects[OBJECTS];
	int names[NAMES];    /* the object that name leads to, or NONE */
	int held[2][HELD];   /* the objects that each side holds open */
	bool touched[NAMES]; /* in this step */
	bool failed;	     /* a wrong answer in this step */
	unsigned long step, wrong, operations;
	size_t log_length;
	char log[LOG_STEPS][LOG_BYTES];
};

/* One of the two processes. */
struct side {
	struct pair *pair;
	int me;	    /* 0: direct, 1: through the mount */
	int number; /* of the pair */
	const char *dir;
	bool shm_open; /* dir is where shm_open(3) looks */
	bool observe;  /* the mount's side only looks, and maps nothing */
	const char *prefix;
	uint64_t seed, rng; /* rng: of this side alone */
	int fds[HELD];
	int to_peer, from_peer;
};

/* handoff_model.c: the record of what is the case, and of what was done. */

/* An object nothing leads to, cleared; there always is one. */
int model_new(struct pair *p);
/* How many names lead to it: its st_nlink. */
unsigned int model_links(const struct pair *p, int object);
/* Sets the size; bytes beyond it become zero. */
void model_resize(struct object *o, size_t size);
/* Adds a line to the history of this step, and counts an operation. */
__attribute__((format(printf, 2, 3))) void model_say(struct side *s,
						     const char *format, ...);
/* Reports a wrong answer with the seed and the history. */
__attribute__((format(printf, 2, 3))) void model_wrong(struct side *s,
						       const char *format, ...);

/* handoff_act.c */

/* Does something random and writes down what is the case then. */
void act(struct side *s);
/* Opens the object that name i leads to and holds it, or lets one go. */
void act_hold(struct side *s);
void act_drop(struct side *s, int slot);

/* handoff_check.c */

/* Compares what this side sees with what is the case. */
void check(struct side *s);

/* Paths; static buffers, four uses. i == NAMES: the temporary name. */
const char *side_path(const struct side *s, int i);
/* open(2), or shm_open(3) where that is the direct way. */
int side_open(const struct side *s, int i, int flags, mode_t mode);

#endif
