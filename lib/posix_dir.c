// SPDX-License-Identifier: MIT
/*
 * Listing the namespace of POSIX objects.
 *
 * A listing is one getdents64(2) into a buffer that holds all of it. That
 * call has the directory to itself: nothing is made, removed or renamed while
 * it runs. Reading a tmpfs directory bit by bit will not do: where the entry
 * that the next call was to begin with has been removed meanwhile, tmpfs
 * goes on from a newer one, and names come twice or not at all
 * (offset_iterate_dir() in the kernel's fs/libfs.c).
 *
 * Positions are places in that buffer, so that any position a caller may
 * come up with is checked by a comparison. All listings together take no
 * more than LISTINGS_MAX bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "cleanup.h"
#include "posix.h"

#define BUFFER_MIN   ((size_t)1 << 16)
#define LISTINGS_MAX ((size_t)1 << 30)

/* No struct linux_dirent64 is larger: 19 bytes, a name, NUL, alignment. */
#define RECORD_MAX 280

struct store_dir {
	struct store *store;
	struct posix_listings *all;
	int fd;
	char *buffer;
	size_t size;	   /* of the buffer, counted in all->bytes */
	uint32_t *entries; /* where in the buffer each listed entry is */
	size_t count;
	bool filled;
};

int posix_dir_open(struct store *store, struct store_dir **ret_dir)
{
	struct store_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->fd = openat(posix_store_fd(store), ".",
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		int error = -errno;

		free(dir);
		return error;
	}
	dir->store = store;
	dir->all = posix_store_listings(store);
	*ret_dir = dir;
	return 0;
}

static void drop_buffer(struct store_dir *dir)
{
	free(dir->buffer);
	free(dir->entries);
	atomic_fetch_sub(&dir->all->bytes, dir->size);
	dir->buffer = NULL;
	dir->entries = NULL;
	dir->size = dir->count = 0;
	dir->filled = false;
}

void posix_dir_close(struct store_dir *dir)
{
	drop_buffer(dir);
	(void)close(dir->fd); /* a directory: nothing to lose */
	free(dir);
}

static int new_buffer(struct store_dir *dir, size_t size)
{
	drop_buffer(dir);
	if (atomic_fetch_add(&dir->all->bytes, size) + size > LISTINGS_MAX) {
		atomic_fetch_sub(&dir->all->bytes, size);
		return -ENOMEM;
	}
	dir->size = size;
	dir->buffer = malloc(size);
	return dir->buffer ? 0 : -ENOMEM;
}

/* From the start, in one call. Returns the bytes used, or -errno. */
static ssize_t read_from_start(const struct store_dir *dir)
{
	ssize_t n;

	if (lseek(dir->fd, 0, SEEK_SET) < 0)
		return -errno;
	n = getdents64(dir->fd, dir->buffer, dir->size);
	return n < 0 ? -errno : n;
}

struct reading {
	const struct store_dir *dir;
	ssize_t n;
};

static void *read_alone(void *data)
{
	struct reading *reading = data;

	reading->n = read_from_start(reading->dir);
	return NULL;
}

/* The same in a thread of its own, where no signal can be pending. */
static ssize_t read_undisturbed(const struct store_dir *dir)
{
	struct reading reading = { .dir = dir };
	sigset_t all, before;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, read_alone, &reading);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -ENOMEM;
	pthread_join(thread, NULL);
	return reading.n;
}

/*
 * getdents64(2) stops early where a signal is pending (filldir64() in the
 * kernel's fs/readdir.c), and a thread that serves an io_uring has one in
 * that sense whenever something arrives there. So if there is more after what
 * we got, it may have been too little, and is read again.
 */
static ssize_t read_at_once(const struct store_dir *dir)
{
	ssize_t n = read_from_start(dir);

	if (n == -EINTR)
		return read_undisturbed(dir);
	if (n < 0 || dir->size - (size_t)n < RECORD_MAX)
		return n;
	if (getdents64(dir->fd, dir->buffer + n, dir->size - (size_t)n) == 0)
		return n;
	return read_undisturbed(dir);
}

/*
 * Reads the whole directory in one call, with ever larger buffers until it
 * fits. Returns the bytes used, or -errno.
 */
static ssize_t read_all(struct store_dir *dir)
{
	size_t size = atomic_load(&dir->all->last) + BUFFER_MIN;

	for (;; size *= 2) {
		int error = new_buffer(dir, size);
		ssize_t n;

		if (error)
			return error;
		n = read_at_once(dir);
		if (n < 0)
			return n;
		if (size - (size_t)n >= RECORD_MAX) {
			atomic_store(&dir->all->last, (size_t)n);
			return n;
		}
	}
}

static const struct dirent64 *entry_at(const struct store_dir *dir,
				       size_t place)
{
	return (const struct dirent64 *)(const void *)(dir->buffer + place);
}

static bool is_dot(const struct dirent64 *entry)
{
	return entry->d_type == DT_DIR &&
	       (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."));
}

static bool is_listed(struct store_dir *dir, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type == DT_UNKNOWN)
		return posix_kind.stat(dir->store, entry->d_name, &st) == 0;
	return entry->d_type == DT_REG || is_dot(entry);
}

static int fill(struct store_dir *dir)
{
	ssize_t used = read_all(dir);

	if (used < 0)
		return (int)used;
	/* 24 bytes is the smallest record */
	dir->entries = malloc(((size_t)used / 24 + 1) * sizeof(uint32_t));
	if (!dir->entries)
		return -ENOMEM;
	for (size_t at = 0; at < (size_t)used;
	     at += entry_at(dir, at)->d_reclen)
		if (is_listed(dir, entry_at(dir, at)))
			dir->entries[dir->count++] = (uint32_t)at;
	dir->filled = true;
	return 0;
}

int posix_dir_next(struct store_dir *dir, off_t from,
		   struct store_entry *ret_entry)
{
	const struct dirent64 *entry;
	int error = 0;

	if (from == 0 || !dir->filled)
		error = fill(dir);
	if (error) {
		drop_buffer(dir);
		return error;
	}
	if (from < 0 || (size_t)from >= dir->count)
		return 0;
	entry = entry_at(dir, dir->entries[from]);
	*ret_entry = (struct store_entry){
		.name = entry->d_name,
		.ino = entry->d_ino,
		.type = is_dot(entry) ? DT_DIR : DT_REG,
		.next = from + 1,
	};
	return 1;
}
