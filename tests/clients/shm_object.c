// SPDX-License-Identifier: MIT
/*
 * A program as POSIX shared memory has them: shm_open(3), ftruncate(2),
 * mmap(2), and stores to the mapping; never a path. One command each run:
 *
 *   shm_object create NAME SIZE MODE     only if there is none
 *   shm_object store NAME OFFSET TEXT    through MAP_SHARED
 *   shm_object load NAME OFFSET LENGTH   prints what is there
 *   shm_object resize NAME SIZE
 *   shm_object chmod NAME MODE
 *   shm_object stat NAME                 prints size, mode, owner
 *   shm_object unlink NAME
 *
 * Exits 0, or prints the error's name and exits 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct command {
	const char *word;
	int arguments;
	int (*run)(char **argv); /* 0 or -errno */
};

static int open_object(const char *name, int flags)
{
	int fd = shm_open(name, flags, 0);

	return fd < 0 ? -errno : fd;
}

static int create(char **argv)
{
	int fd = shm_open(argv[0], O_RDWR | O_CREAT | O_EXCL,
			  (mode_t)strtoul(argv[2], NULL, 8));
	int res = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, atoll(argv[1])) < 0)
		res = -errno;
	close(fd);
	return res;
}

/* Maps the whole object; the caller unmaps. */
static int map_object(const char *name, int prot, char **ret_map,
		      size_t *ret_size)
{
	int fd = open_object(name, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	struct stat st;
	char *map;
	int res = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0) {
		close(fd);
		return -errno;
	}
	map = mmap(NULL, (size_t)st.st_size, prot, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		res = -errno;
	close(fd);
	if (res)
		return res;
	*ret_map = map;
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int store(char **argv)
{
	size_t at = (size_t)atoll(argv[1]);
	size_t len = strlen(argv[2]);
	size_t size;
	char *map;
	int res = map_object(argv[0], PROT_READ | PROT_WRITE, &map, &size);

	if (res)
		return res;
	if (at + len > size)
		res = -ERANGE;
	else
		memcpy(map + at, argv[2], len);
	munmap(map, size);
	return res;
}

static int load(char **argv)
{
	size_t at = (size_t)atoll(argv[1]);
	size_t len = (size_t)atoll(argv[2]);
	size_t size;
	char *map;
	int res = map_object(argv[0], PROT_READ, &map, &size);

	if (res)
		return res;
	if (at + len > size)
		res = -ERANGE;
	else
		fwrite(map + at, 1, len, stdout);
	munmap(map, size);
	return res;
}

static int resize(char **argv)
{
	int fd = open_object(argv[0], O_RDWR);
	int res;

	if (fd < 0)
		return fd;
	res = ftruncate(fd, atoll(argv[1])) < 0 ? -errno : 0;
	close(fd);
	return res;
}

static int change_mode(char **argv)
{
	int fd = open_object(argv[0], O_RDONLY);
	int res;

	if (fd < 0)
		return fd;
	res = fchmod(fd, (mode_t)strtoul(argv[1], NULL, 8)) < 0 ? -errno : 0;
	close(fd);
	return res;
}

static int print_stat(char **argv)
{
	int fd = open_object(argv[0], O_RDONLY);
	struct stat st;
	int res;

	if (fd < 0)
		return fd;
	res = fstat(fd, &st) < 0 ? -errno : 0;
	close(fd);
	if (!res)
		printf("%lld %o %u:%u", (long long)st.st_size,
		       st.st_mode & 07777, st.st_uid, st.st_gid);
	return res;
}

static int unlink_object(char **argv)
{
	return shm_unlink(argv[0]) < 0 ? -errno : 0;
}

static const struct command commands[] = {
	{ "create", 3, create },
	{ "store", 3, store },
	{ "load", 3, load },
	{ "resize", 2, resize },
	{ "chmod", 2, change_mode },
	{ "stat", 1, print_stat },
	{ "unlink", 1, unlink_object },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];
		int error;

		if (argc != c->arguments + 2 || strcmp(argv[1], c->word))
			continue;
		error = -c->run(argv + 2);
		if (error)
			printf("%s", strerrorname_np(error));
		return error != 0;
	}
	fprintf(stderr, "usage: shm_object COMMAND NAME [ARGUMENT...]\n");
	return 2;
}
