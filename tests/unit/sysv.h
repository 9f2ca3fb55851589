/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests of the System V kind share: for each an IPC namespace
 * of its own, and segments made without the kind.
 */
#ifndef SHMFS_TESTS_SYSV_H
#define SHMFS_TESTS_SYSV_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard.h"
#include "store.h"

#define KIND (&sysv_kind)
#define KEY  0x162e
#define NAME "0x0000162e"

struct fixture {
	struct store *store;
	struct store_caller me;
};

static inline int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* Each test has a namespace without any segment. */
	if (!f || unshare(CLONE_NEWIPC) || KIND->open(&f->store))
		return -1;
	f->me = (struct store_caller){ .uid = geteuid(), .gid = getegid() };
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	KIND->close(f->store);
	free(f);
	return 0;
}

static inline int segment(key_t key, size_t size, int mode)
{
	int shmid = shmget(key, size, IPC_CREAT | IPC_EXCL | mode);

	assert_true(shmid >= 0);
	return shmid;
}

static inline struct shmid_ds ds_of(int shmid)
{
	struct shmid_ds ds;

	assert_return_code(shmctl(shmid, IPC_STAT, &ds), errno);
	return ds;
}

static inline struct object *find(struct fixture *f, const char *name)
{
	struct object *object;

	assert_int_equal(KIND->find(f->store, name, &object), 0);
	return object;
}

static inline struct object *open_name(struct fixture *f, const char *name,
				       enum store_access access)
{
	struct object *object;
	struct stat st;

	assert_int_equal(KIND->stat(f->store, name, &st), 0);
	assert_int_equal(
		KIND->open_object(f->store, name, st.st_ino, access, &object),
		0);
	return object;
}

static inline struct object *create(struct fixture *f, const char *name,
				    mode_t mode)
{
	struct object *object;

	assert_int_equal(KIND->create(f->store, name, mode, &f->me, &object),
			 0);
	return object;
}

static inline int set_size(struct object *object, off_t size)
{
	struct store_attr attr = { .set = STORE_SET_SIZE, .size = size };

	return KIND->set_attr(object, &attr);
}

/* Before the tests: 0, or the exit status of a test that cannot run. */
static inline int prepare(void)
{
	if (unshare(CLONE_NEWIPC)) {
		print_message("no IPC namespace: %s\n", strerror(errno));
		return 77;
	}
	return guard_install() ? 1 : 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
