/* SPDX-License-Identifier: MIT */
/*
 * The operations whose permissions are compared: each is one system call, or
 * an open and a call on the descriptor, done by an actor on names in one
 * directory. An operation's answer is what the call returned or -errno.
 */
#ifndef SHMFS_TESTS_PERM_OPS_H
#define SHMFS_TESTS_PERM_OPS_H

#include <sys/types.h>
#include <time.h>

#define PERM_TIME 1000000 /* every prepared object's atime and mtime */
#define PERM_SET  2000000 /* what the operations set */

struct perm_op;

/* In memory that the actors share. */
struct perm_job {
	const struct perm_op *op;
	char dir[128];	  /* the mount, or /dev/shm */
	char object[192]; /* somebody's object */
	char mine[192];	  /* the actor's own */
	char fresh[192];  /* no object yet */
	mode_t umask;
};

struct perm_op {
	const char *name; /* NULL: the end of a table */
	int (*run)(const struct perm_job *job, int fd);
	int arg;
	int (*act)(int fd); /* on the descriptor, or NULL */
	unsigned int flags;
};

#define PERM_LEND 1 /* fd is the object, opened for both by root */
#define PERM_EXEC 2 /* the object holds a program */
#define PERM_IDLE 4 /* answered before anybody looks at the name */
#define PERM_VAIN 8 /* changes nothing: success will do for EPERM */

extern const struct perm_op perm_object_ops[]; /* on one object */
extern const struct perm_op perm_name_ops[];   /* on names and the objects */
extern const struct perm_op perm_create_ops[]; /* make `fresh` */
extern const struct perm_op perm_dir_ops[];    /* on the directory itself */

/* n, or -errno when n is negative. */
int perm_answer(ssize_t n);

/* What perm_op.arg stands for: a user, and what utimensat(2) is given. */
enum { IDS_NONE, IDS_BOB, IDS_ALICE, IDS_ROOT, IDS_SELF };
enum { TIMES_NOW, TIMES_SET, TIMES_MIXED, TIMES_NEITHER };
uid_t perm_user(int ids);
const struct timespec *perm_times(int times);

/* For perm_op.act. */
int perm_act_read(int fd);
int perm_act_write(int fd);
int perm_act_cut(int fd);
int perm_act_grow(int fd);
int perm_act_chmod(int fd);
int perm_act_chown(int fd);
int perm_act_chgrp(int fd);
int perm_act_now(int fd);
int perm_act_times(int fd);
int perm_act_setxattr(int fd);
int perm_act_getxattr(int fd);
int perm_act_map(int fd);
int perm_act_map_write(int fd);
int perm_act_allocate(int fd);
int perm_act_punch(int fd);
int perm_act_copy(int fd);
int perm_act_lock_out(int fd);

/* An actor_fn: runs ((struct perm_job *)job)->op. */
int perm_run(void *job, int fd);

#endif
