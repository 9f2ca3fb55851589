/* SPDX-License-Identifier: MIT */
/*
 * Owns what a side does to find out what is the case, by every way there is:
 * stat, open and fstat, read, a fresh mapping, the directory's listing, and
 * the descriptors that it holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handoff.h"
#include "rng.h"

static void check_st(struct side *s, int object, const char *label,
		     const struct stat *st)
{
	const struct object *o = &s->pair->objects[object];
	unsigned int links = model_links(s->pair, object);

	if (st->st_ino != o->ino)
		model_wrong(s, "%s: inode %llu, not %llu", label,
			    (unsigned long long)st->st_ino,
			    (unsigned long long)o->ino);
	if (st->st_size != (off_t)o->size)
		model_wrong(s, "%s: size %lld, not %zu", label,
			    (long long)st->st_size, o->size);
	if (st->st_mode != (S_IFREG | o->mode))
		model_wrong(s, "%s: mode %o, not %o", label, st->st_mode,
			    S_IFREG | o->mode);
	if (st->st_nlink != links)
		model_wrong(s, "%s: %u links, not %u", label,
			    (unsigned int)st->st_nlink, links);
	if (st->st_uid != o->uid || st->st_gid != o->gid)
		model_wrong(s, "%s: owner %u:%u, not %u:%u", label, st->st_uid,
			    st->st_gid, o->uid, o->gid);
	if (o->mtime && st->st_mtime != o->mtime)
		model_wrong(s, "%s: mtime %lld, not %lld", label,
			    (long long)st->st_mtime, (long long)o->mtime);
}

static void check_bytes(struct side *s, int object, const char *label,
			const unsigned char *got, size_t length)
{
	const struct object *o = &s->pair->objects[object];
	size_t i = 0;

	if (length != o->size) {
		model_wrong(s, "%s: %zu bytes, not %zu", label, length,
			    o->size);
		return;
	}
	while (i < length && got[i] == o->data[i])
		i++;
	if (i < length)
		model_wrong(s, "%s: byte %zu of %zu is %02x, not %02x", label,
			    i, length, got[i], o->data[i]);
}

static void check_read(struct side *s, int object, const char *label, int fd)
{
	unsigned char bytes[OBJECT_MAX + 1];
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		model_wrong(s, "%s: read: %s", label, strerror(errno));
	else
		check_bytes(s, object, label, bytes, (size_t)n);
}

static void check_map(struct side *s, int object, const char *label, int fd)
{
	size_t size = s->pair->objects[object].size;
	unsigned char *map;

	if (!size)
		return;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		model_wrong(s, "%s: mmap: %s", label, strerror(errno));
		return;
	}
	check_bytes(s, object, label, map, size);
	(void)munmap(map, size); /* was mapped above */
}

/* Size, mode and all through a descriptor, then the bytes. */
static void check_fd(struct side *s, int object, const char *label, int fd)
{
	char text[64];
	struct stat st;

	snprintf(text, sizeof(text), "fstat %s", label);
	if (fstat(fd, &st)) {
		model_wrong(s, "%s: %s", text, strerror(errno));
		return;
	}
	check_st(s, object, text, &st);
	if (st.st_size != (off_t)s->pair->objects[object].size)
		return; /* said already; and touching it could be a SIGBUS */
	snprintf(text, sizeof(text), "read %s", label);
	if (rng_chance(&s->rng, 70))
		check_read(s, object, text, fd);
	snprintf(text, sizeof(text), "map %s", label);
	if (!(s->observe && s->me) && rng_chance(&s->rng, 40))
		check_map(s, object, text, fd);
}

/* With stat first or open first: what one brings must not mislead the other. */
static void check_stat(struct side *s, int i)
{
	int object = s->pair->names[i];
	char label[32];
	struct stat st;
	int ret = lstat(side_path(s, i), &st);

	s->pair->operations++;
	snprintf(label, sizeof(label), "stat %c", 'a' + i);
	if (object == NONE ? !ret || errno != ENOENT : ret)
		model_wrong(s, "%s: %s, not %s", label,
			    ret ? strerror(errno) : "found",
			    object == NONE ? "absent" : "there");
	else if (!ret)
		check_st(s, object, label, &st);
}

static void check_open(struct side *s, int i)
{
	int object = s->pair->names[i];
	int flags = rng_chance(&s->rng, 50) ? O_RDWR : O_RDONLY;
	int fd = side_open(s, i, flags, 0);
	char label[2] = { (char)('a' + i) };

	s->pair->operations++;
	if (object == NONE ? fd >= 0 || errno != ENOENT : fd < 0)
		model_wrong(s, "open %s: %s, not %s", label,
			    fd < 0 ? strerror(errno) : "opened",
			    object == NONE ? "absent" : "there");
	else if (fd >= 0)
		check_fd(s, object, label, fd);
	if (fd >= 0 && close(fd))
		model_wrong(s, "close %s: %s", label, strerror(errno));
}

static void check_list(struct side *s)
{
	int seen[NAMES + 1] = { 0 };
	DIR *dir = opendir(s->dir);
	struct dirent *e;

	s->pair->operations++;
	if (!dir) {
		model_wrong(s, "opendir: %s", strerror(errno));
		return;
	}
	while ((e = readdir(dir)))
		for (int i = 0; i <= NAMES; i++)
			seen[i] +=
				!strcmp(e->d_name,
					side_path(s, i) + strlen(s->dir) + 1);
	(void)closedir(dir); /* was opened above */
	for (int i = 0; i <= NAMES; i++) {
		int expected = i < NAMES && s->pair->names[i] != NONE;

		if (seen[i] != expected)
			model_wrong(s, "%c listed %d times, not %d",
				    i == NAMES ? 't' : 'a' + i, seen[i],
				    expected);
	}
}

void check(struct side *s)
{
	const struct pair *p = s->pair;

	for (int i = 0; i < NAMES; i++) {
		bool stat_first = rng_chance(&s->rng, 50);

		if (!p->touched[i] && rng_chance(&s->rng, 80))
			continue;
		if (stat_first)
			check_stat(s, i);
		check_open(s, i);
		if (!stat_first)
			check_stat(s, i);
	}
	for (int i = 0; i < HELD; i++) {
		char label[16];

		if (p->held[s->me][i] == NONE)
			continue;
		s->pair->operations++;
		snprintf(label, sizeof(label), "held#%d", p->held[s->me][i]);
		check_fd(s, p->held[s->me][i], label, s->fds[i]);
	}
	if (rng_chance(&s->rng, 25))
		check_list(s);
}
