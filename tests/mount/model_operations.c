/* SPDX-License-Identifier: MIT */
/*
 * Owns the operations of the model test. Each returns what the call returns
 * with errno set, and puts what else is to be compared into the answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "model.h"
#include "rng.h"

#define ANY(m, array) \
	((array)[rng_below(&(m)->rng, sizeof(array) / sizeof(*(array)))])

/* Position of the descriptor, as a part of the answer. */
static void answer_position(struct answer *a, int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	memcpy(a->bytes + a->length, &at, sizeof(at));
	a->length += sizeof(at);
}

static void choose_open(struct model *m, struct step *s)
{
	static const int access[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR,
				      O_RDWR,	O_RDWR,	  O_RDWR, O_RDWR };
	static const int more[] = { 0,	     0,		 0,	   O_APPEND,
				    O_TRUNC, O_NOFOLLOW, O_DIRECT, O_SYNC };
	static const int create[] = { 0, O_CREAT, O_CREAT, O_CREAT | O_EXCL };

	s->fd = (int)rng_below(&m->rng, FDS);
	s->flags = ANY(m, access) | ANY(m, more) | ANY(m, create);
	if (!(s->flags & O_CREAT) && rng_chance(&m->rng, 3))
		s->flags |= O_DIRECTORY;
	s->mode &= 0777;
}

static long do_open(struct model *m, int side, const struct step *s,
		    struct answer *a)
{
	int *fd = &m->fds[side][s->fd];

	if (*fd >= 0)
		(void)close(*fd);     /* compared by the close operation */
	(void)umask(s->number & 077); /* cannot fail */
	*fd = open(model_path(m, side, s->name), s->flags | O_CLOEXEC, s->mode);
	return *fd < 0 ? -1 : 0;
}

static long do_close(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	int fd = m->fds[side][s->fd];

	m->fds[side][s->fd] = -1;
	return close(fd);
}

static long do_pread(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	ssize_t n = pread(m->fds[side][s->fd], a->bytes, s->length, s->offset);

	a->length = n > 0 ? (size_t)n : 0;
	return n;
}

static long do_pwrite(struct model *m, int side, const struct step *s,
		      struct answer *a)
{
	return pwrite(m->fds[side][s->fd], s->data, s->length, s->offset);
}

static long do_read(struct model *m, int side, const struct step *s,
		    struct answer *a)
{
	size_t length = s->length < LENGTH_MAX / 2 ? s->length : LENGTH_MAX / 2;
	ssize_t n = read(m->fds[side][s->fd], a->bytes, length);
	int err = errno;

	a->length = n > 0 ? (size_t)n : 0;
	answer_position(a, m->fds[side][s->fd]);
	errno = err;
	return n;
}

static long do_write(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	ssize_t n = write(m->fds[side][s->fd], s->data, s->length);
	int err = errno;

	answer_position(a, m->fds[side][s->fd]);
	errno = err;
	return n;
}

static long do_truncate(struct model *m, int side, const struct step *s,
			struct answer *a)
{
	return truncate(model_path(m, side, s->name), s->offset);
}

static long do_ftruncate(struct model *m, int side, const struct step *s,
			 struct answer *a)
{
	return ftruncate(m->fds[side][s->fd], s->offset);
}

static void choose_empty(struct model *m, struct step *s)
{
	s->offset = 0;
}

/* How much memory there is must not matter: a little, or too much. */
static void choose_fallocate(struct model *m, struct step *s)
{
	static const int modes[] = {
		0,
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_PUNCH_HOLE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_COLLAPSE_RANGE,
	};

	s->flags = ANY(m, modes);
	s->offset2 = (off_t)s->length;
	if (rng_chance(&m->rng, 3))
		s->offset2 = (off_t)1 << 50;
}

static void choose_punch(struct model *m, struct step *s)
{
	s->flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	s->offset2 = (off_t)s->length;
	if (rng_chance(&m->rng, 5))
		s->offset2 = (off_t)1 << 61;
}

static long do_fallocate(struct model *m, int side, const struct step *s,
			 struct answer *a)
{
	if (!(s->flags & FALLOC_FL_PUNCH_HOLE))
		model_mark(m, WAS_ALLOCATED, m->fds[1][s->fd]);
	return fallocate(m->fds[side][s->fd], s->flags, s->offset, s->offset2);
}

/* The part of the range that the object has; maps whole pages of it. */
static unsigned char *map_range(int fd, const struct step *s, int prot,
				int flags, size_t *ret_skip, size_t *ret_length)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st))
		return NULL;
	errno = ENODATA; /* nothing there to be mapped, on either side */
	if (s->offset < 0 || s->offset >= st.st_size || !s->length)
		return NULL;
	*ret_skip = (size_t)(s->offset % 4096);
	*ret_length = s->length;
	if (st.st_size - s->offset < (off_t)s->length)
		*ret_length = (size_t)(st.st_size - s->offset);
	map = mmap(NULL, *ret_skip + *ret_length, prot, flags, fd,
		   s->offset - (off_t)*ret_skip);
	return map == MAP_FAILED ? NULL : map;
}

static long do_load(struct model *m, int side, const struct step *s,
		    struct answer *a)
{
	int flags = s->number % 3 ? MAP_SHARED : MAP_PRIVATE;
	size_t skip, length;
	unsigned char *map = map_range(m->fds[side][s->fd], s, PROT_READ, flags,
				       &skip, &length);

	if (!map)
		return -1;
	memcpy(a->bytes, map + skip, length);
	a->length = length;
	model_mark(m, WAS_MAPPED, m->fds[1][s->fd]);
	return munmap(map, skip + length);
}

/* Private stores too: they must not reach the object. */
static long do_store(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	int flags = s->number % 4 ? MAP_SHARED : MAP_PRIVATE;
	size_t skip, length;
	unsigned char *map =
		map_range(m->fds[side][s->fd], s, PROT_READ | PROT_WRITE, flags,
			  &skip, &length);
	int ret;

	if (!map)
		return -1;
	memcpy(map + skip, s->data, length);
	model_mark(m, WAS_MAPPED, m->fds[1][s->fd]);
	ret = msync(map, skip + length, MS_SYNC);
	if (munmap(map, skip + length))
		return -1;
	return ret;
}

static void choose_lseek(struct model *m, struct step *s)
{
	static const int whences[] = { SEEK_SET,  SEEK_CUR,  SEEK_END,
				       SEEK_DATA, SEEK_HOLE, SEEK_DATA,
				       SEEK_HOLE };

	ino_t ino = model_ino(m->fds[1][s->fd]);

	s->flags = ANY(m, whences);
	if ((s->flags == SEEK_DATA || s->flags == SEEK_HOLE) &&
	    (model_marked(m, WAS_MAPPED, ino) ||
	     model_marked(m, WAS_ALLOCATED, ino)))
		s->flags = SEEK_SET;
	if (rng_chance(&m->rng, 10))
		s->offset = -s->offset;
}

static long do_lseek(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	return lseek(m->fds[side][s->fd], s->offset, s->flags);
}

static void choose_rename(struct model *m, struct step *s)
{
	static const unsigned int flags[] = {
		0,
		0,
		0,
		RENAME_NOREPLACE,
		RENAME_EXCHANGE,
		RENAME_NOREPLACE | RENAME_EXCHANGE,
	};

	s->flags = (int)ANY(m, flags);
}

static long do_rename(struct model *m, int side, const struct step *s,
		      struct answer *a)
{
	char from[512];

	snprintf(from, sizeof(from), "%s", model_path(m, side, s->name));
	return renameat2(AT_FDCWD, from, AT_FDCWD,
			 model_path(m, side, s->name2), (unsigned int)s->flags);
}

static long do_unlink(struct model *m, int side, const struct step *s,
		      struct answer *a)
{
	return unlink(model_path(m, side, s->name));
}

/* Until the end, for how much comes at once is nobody's promise. */
static long do_copy(struct model *m, int side, const struct step *s,
		    struct answer *a)
{
	int in = m->fds[side][s->fd], out = m->fds[side][s->fd2];
	loff_t from = s->offset, to = s->offset2;
	size_t left = s->length;
	ssize_t n;

	do {
		n = copy_file_range(in, &from, out, &to, left, 0);
		left -= n > 0 ? (size_t)n : 0;
	} while (n > 0 && left);
	return n < 0 ? n : (long)(s->length - left);
}

/* What sendfile(2) within one object leaves there is up to its buffers. */
static bool overlap(int in, int out, const struct step *s)
{
	off_t distance = s->offset - s->offset2;
	struct stat a, b;

	return !fstat(in, &a) && !fstat(out, &b) && a.st_ino == b.st_ino &&
	       distance < (off_t)s->length && -distance < (off_t)s->length;
}

static long do_sendfile(struct model *m, int side, const struct step *s,
			struct answer *a)
{
	int in = m->fds[side][s->fd], out = m->fds[side][s->fd2];
	size_t left = s->length;
	off_t from = s->offset;
	ssize_t n;

	if (overlap(in, out, s)) {
		errno = ECANCELED; /* by us, on both sides */
		return -1;
	}
	if (lseek(out, s->offset2, SEEK_SET) < 0)
		return -1;
	do {
		n = sendfile(out, in, &from, left);
		left -= n > 0 ? (size_t)n : 0;
	} while (n > 0 && left);
	return n < 0 ? n : (long)(s->length - left);
}

static long do_fchmod(struct model *m, int side, const struct step *s,
		      struct answer *a)
{
	return fchmod(m->fds[side][s->fd], s->mode & m->modes);
}

static long do_chmod(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	return chmod(model_path(m, side, s->name), s->mode & m->modes);
}

static long do_fchown(struct model *m, int side, const struct step *s,
		      struct answer *a)
{
	return fchown(m->fds[side][s->fd], s->number % 2 ? 4242 : 0,
		      s->number % 3 ? 4243 : (gid_t)-1);
}

static long do_chown(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	return lchown(model_path(m, side, s->name),
		      s->number % 2 ? 4242 : (uid_t)-1, s->number % 3);
}

static void answer_times(struct answer *a, const struct stat *st)
{
	memcpy(a->bytes, &st->st_atim, sizeof(st->st_atim));
	memcpy(a->bytes + sizeof(st->st_atim), &st->st_mtim,
	       sizeof(st->st_mtim));
	a->length = 2 * sizeof(st->st_atim);
}

static long do_futimens(struct model *m, int side, const struct step *s,
			struct answer *a)
{
	struct timespec times[2] = {
		{ .tv_sec = s->number, .tv_nsec = s->number % 1000000000 },
		{ .tv_sec = -(time_t)(s->number / 2), .tv_nsec = 999999999 },
	};
	struct stat st;

	if (futimens(m->fds[side][s->fd], times) ||
	    fstat(m->fds[side][s->fd], &st))
		return -1;
	answer_times(a, &st);
	return 0;
}

static long do_utimens(struct model *m, int side, const struct step *s,
		       struct answer *a)
{
	struct timespec times[2] = { { .tv_sec = s->number },
				     { .tv_sec = s->number + 1 } };
	const char *path = model_path(m, side, s->name);
	struct stat st;

	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) ||
	    lstat(path, &st))
		return -1;
	answer_times(a, &st);
	return 0;
}

static const char *xattr_name(const struct step *s)
{
	static const char *const names[] = { "user.a", "user.b",
					     "user.with.dots", "user." };

	return names[s->number % 16 ? s->number % 3 : 3];
}

static void choose_xattr(struct model *m, struct step *s)
{
	static const int flags[] = { 0, 0, XATTR_CREATE, XATTR_REPLACE };

	s->flags = ANY(m, flags);
	s->length = rng_below(&m->rng, 100);
}

static long do_fsetxattr(struct model *m, int side, const struct step *s,
			 struct answer *a)
{
	return fsetxattr(m->fds[side][s->fd], xattr_name(s), s->data, s->length,
			 s->flags);
}

static long do_setxattr(struct model *m, int side, const struct step *s,
			struct answer *a)
{
	return setxattr(model_path(m, side, s->name), xattr_name(s), s->data,
			s->length, s->flags);
}

static long do_fgetxattr(struct model *m, int side, const struct step *s,
			 struct answer *a)
{
	ssize_t n = fgetxattr(m->fds[side][s->fd], xattr_name(s), a->bytes,
			      s->length);

	a->length = n > 0 && s->length ? (size_t)n : 0;
	return n;
}

static long do_getxattr(struct model *m, int side, const struct step *s,
			struct answer *a)
{
	ssize_t n = lgetxattr(model_path(m, side, s->name), xattr_name(s),
			      a->bytes, s->length);

	a->length = n > 0 && s->length ? (size_t)n : 0;
	return n;
}

static long do_fremovexattr(struct model *m, int side, const struct step *s,
			    struct answer *a)
{
	return fremovexattr(m->fds[side][s->fd], xattr_name(s));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Sorted, and without those that only the mount has. */
static long do_listxattr(struct model *m, int side, const struct step *s,
			 struct answer *a)
{
	char list[4096], sorted[32][64] = { 0 };
	ssize_t n = flistxattr(m->fds[side][s->fd], list, sizeof(list));
	size_t count = 0;

	for (char *p = list; n > 0 && p < list + n; p += strlen(p) + 1)
		if (strncmp(p, "user.shmfs.", 11) && count < 32)
			snprintf(sorted[count++], sizeof(sorted[0]), "%.60s",
				 p);
	qsort(sorted, count, sizeof(sorted[0]), compare_names);
	a->length = sizeof(sorted);
	memcpy(a->bytes, sorted, sizeof(sorted));
	return n < 0 ? n : (long)count;
}

static long do_fsync(struct model *m, int side, const struct step *s,
		     struct answer *a)
{
	return s->number % 2 ? fsync(m->fds[side][s->fd])
			     : fdatasync(m->fds[side][s->fd]);
}

const struct operation operations[] = {
	{ "open", 14, do_open, choose_open },
	{ "close", 2, do_close },
	{ "pread", 12, do_pread },
	{ "pwrite", 12, do_pwrite },
	{ "read", 4, do_read },
	{ "write", 6, do_write },
	{ "truncate", 2, do_truncate },
	{ "ftruncate", 4, do_ftruncate },
	{ "ftruncate", 1, do_ftruncate, choose_empty },
	{ "fallocate", 4, do_fallocate, choose_fallocate },
	{ "punch", 4, do_fallocate, choose_punch },
	{ "load", 5, do_load },
	{ "store", 5, do_store },
	{ "lseek", 6, do_lseek, choose_lseek },
	{ "rename", 4, do_rename, choose_rename },
	{ "unlink", 3, do_unlink },
	{ "copy_file_range", 4, do_copy },
	{ "sendfile", 2, do_sendfile },
	{ "fchmod", 2, do_fchmod },
	{ "chmod", 2, do_chmod },
	{ "fchown", 1, do_fchown },
	{ "chown", 1, do_chown },
	{ "futimens", 2, do_futimens },
	{ "utimens", 1, do_utimens },
	{ "fsetxattr", 4, do_fsetxattr, choose_xattr },
	{ "setxattr", 1, do_setxattr, choose_xattr },
	{ "fgetxattr", 2, do_fgetxattr, choose_xattr },
	{ "getxattr", 1, do_getxattr, choose_xattr },
	{ "fremovexattr", 1, do_fremovexattr, choose_xattr },
	{ "listxattr", 1, do_listxattr },
	{ "fsync", 1, do_fsync },
	{ NULL },
};
