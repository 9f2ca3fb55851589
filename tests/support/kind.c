// SPDX-License-Identifier: MIT
/*
 * Objects by shm_open(3) or shmget(2).
 */
#include "kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

bool kind_is(const char *kind)
{
	const char *given = getenv("SHMFS_KIND");

	return !strcmp(kind, given && *given ? given : "posix");
}

/* FNV-1a, which keeps the few names of a test apart. */
static key_t key_of(const char *name)
{
	unsigned int hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return (key_t)(hash ? hash : 1);
}

const char *kind_file(const struct fixture *f, const char *name)
{
	static _Thread_local char buf[2][320];
	static _Thread_local unsigned int turn;
	char *b = buf[turn++ % 2];

	if (strcmp(f->kind, "sysv") != 0)
		snprintf(b, sizeof(buf[0]), "%s%s", f->prefix, name);
	else if (!strncmp(name, "0x", 2) || !strncmp(name, "private-", 8))
		snprintf(b, sizeof(buf[0]), "%s", name);
	else
		snprintf(b, sizeof(buf[0]), "0x%08x", (unsigned)key_of(name));
	return b;
}

int kind_make(const struct fixture *f, const char *name, size_t size)
{
	int flags = IPC_CREAT | IPC_EXCL | 0600;
	int fd, error;

	if (!strcmp(f->kind, "sysv"))
		return shmget(key_of(name), size, flags) < 0 ? -errno : 0;
	fd = shm_open(fixture_name(f, name), O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return -errno;
	error = ftruncate(fd, (off_t)size) ? -errno : 0;
	close(fd);
	return error;
}

int kind_remove(const struct fixture *f, const char *name)
{
	int shmid;

	if (strcmp(f->kind, "sysv") != 0)
		return shm_unlink(fixture_name(f, name)) ? -errno : 0;
	shmid = shmget(key_of(name), 0, 0);
	return shmid < 0 || shmctl(shmid, IPC_RMID, NULL) ? -errno : 0;
}

char *kind_map(const struct fixture *f, const char *name, size_t size)
{
	void *map;
	int fd;

	if (!strcmp(f->kind, "sysv")) {
		map = shmat(shmget(key_of(name), 0, 0), NULL, 0);
		return map == (void *)-1 ? NULL : map;
	}
	fd = shm_open(fixture_name(f, name), O_RDWR, 0);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}
