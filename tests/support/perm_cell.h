/* SPDX-License-Identifier: MIT */
/*
 * One cell of a permission table: an actor does one operation to an object
 * that was made for it, in /dev/shm and then, on an object made afresh,
 * through the mount. The answers and what has become of the three names and
 * of the directory must not differ. Belongs to a process that has
 * entered the actors' namespace: the cells change the mode of /dev/shm.
 */
#ifndef SHMFS_TESTS_PERM_CELL_H
#define SHMFS_TESTS_PERM_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "actors.h"
#include "perm_ops.h"

struct perm_bench {
	const char *dir;	 /* the mountpoint */
	const char *prefix;	 /* of the objects' names */
	const struct actor *may; /* NULL: all; else others are shut out */
	bool never_more;	 /* see perm_cell_check() */
	struct perm_job *job;	 /* from actor_share() */
	const char *program;	 /* what PERM_EXEC's objects hold */
	size_t program_size;
	unsigned int cells, differing;
};

/* An access or default ACL: entries as in posix_acl_xattr(7)'s structure. */
struct perm_acl {
	const char *label;
	const char *xattr; /* its name; on the object or the directory */
	const void *value;
	size_t size;
};

struct perm_cell {
	const struct actor *actor;
	const struct perm_op *op;
	uid_t uid; /* the object's */
	gid_t gid;
	mode_t mode;
	mode_t umask;
	uid_t dir_uid; /* /dev/shm's */
	gid_t dir_gid;
	mode_t dir_mode;
	const struct perm_acl *acl; /* or NULL */
};

/* Shares b->job and loads b->program; before actors_start(). 0 or -errno. */
int perm_bench_init(struct perm_bench *b);

/*
 * Runs the cell, counts it, and prints it if the two differ. With never_more
 * the mount may also refuse what is granted in /dev/shm, if it then leaves
 * all as it was, and give or show less of a mode; it may not grant more.
 */
void perm_cell_check(struct perm_bench *b, const struct perm_cell *c);

/* The same for a whole table of operations; c->op is ignored. */
void perm_table_check(struct perm_bench *b, const struct perm_cell *c,
		      const struct perm_op *ops);

/* Removes the objects and gives /dev/shm its mode back. */
void perm_bench_clear(const struct perm_bench *b);

#endif
