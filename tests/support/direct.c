/* SPDX-License-Identifier: MIT */
#include "direct.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

const char *path_in(const struct fixture *f, const char *path)
{
	static _Thread_local char buf[4][1024];
	static _Thread_local unsigned int turn;
	char *b = buf[turn++ % 4];

	snprintf(b, sizeof(buf[0]), "%s/%s", f->dir, path);
	return b;
}

void direct_make(const char *name, off_t size)
{
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0644);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
}

void direct_remove(const char *name)
{
	assert_return_code(shm_unlink(name), errno);
}

static int stat_of(const char *name, struct stat *st)
{
	char path[512];

	snprintf(path, sizeof(path), "/dev/shm/%s", name);
	return lstat(path, st);
}

ino_t direct_ino(const char *name)
{
	struct stat st;

	return stat_of(name, &st) == 0 ? st.st_ino : 0;
}

struct stat direct_stat(const char *name)
{
	struct stat st;

	assert_return_code(stat_of(name, &st), errno);
	return st;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += !is_dot(entry->d_name);
	closedir(dir);
	return count;
}

int direct_count(void)
{
	return count_entries("/dev/shm");
}

int times_listed(const char *path, const char *name, int *ret_type)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int times = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, name) != 0)
			continue;
		times++;
		*ret_type = entry->d_type;
	}
	closedir(dir);
	return times;
}

void direct_clear(void)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (!is_dot(entry->d_name))
			assert_return_code(
				unlinkat(dirfd(dir), entry->d_name, 0), errno);
	closedir(dir);
}
