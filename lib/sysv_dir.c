// SPDX-License-Identifier: MIT
/*
 * Listing the segments: all places of the kernel's table, one after the
 * other, into a buffer. A segment keeps its place, so that one which is there
 * all the time is found, once. Pending segments come first: one that is made
 * meanwhile is found as well, and then counts as a segment.
 *
 * Positions are places in that buffer, which is sorted by key and then id.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "sysv.h"

struct entry {
	struct sysv_name name;
	uint64_t ino;
	size_t order; /* in which it was found */
};

struct store_dir {
	struct store *store;
	struct entry *entries;
	size_t count, room;
	bool filled;
	char name[STORE_NAME_MAX + 1];
};

int sysv_dir_open(struct store *store, struct store_dir **ret_dir)
{
	struct store_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->store = store;
	*ret_dir = dir;
	return 0;
}

void sysv_dir_close(struct store_dir *dir)
{
	free(dir->entries);
	free(dir);
}

static int add(struct store_dir *dir, const struct sysv_name *name,
	       uint64_t ino)
{
	struct entry *more;

	if (dir->count == dir->room) {
		size_t room = dir->room ? dir->room * 2 : 64;

		more = reallocarray(dir->entries, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		dir->entries = more;
		dir->room = room;
	}
	dir->entries[dir->count] = (struct entry){
		.name = *name,
		.ino = ino,
		.order = dir->count,
	};
	dir->count++;
	return 0;
}

static int add_pending(struct store_dir *dir)
{
	const struct sysv_pending *pending;
	int error = 0;

	pthread_mutex_lock(&dir->store->lock);
	for (pending = dir->store->pending; pending && !error;
	     pending = pending->next)
		error = add(dir, &(struct sysv_name){ .key = pending->key },
			    pending->ino);
	pthread_mutex_unlock(&dir->store->lock);
	return error;
}

static int add_segments(struct store_dir *dir)
{
	struct shmid_ds ds;
	/* The highest place that is taken. */
	int last = shmctl(0, SHM_INFO, &ds);

	if (last < 0)
		return -errno;
	for (int place = 0; place <= last; place++) {
		int shmid = shmctl(place, SHM_STAT_ANY, &ds);
		struct sysv_name name = {
			.key = ds.shm_perm.__key,
			.shmid = shmid,
		};
		int error;

		if (shmid < 0)
			continue; /* nothing there */
		error = add(dir, &name, sysv_ino(shmid, &ds));
		if (error)
			return error;
	}
	return 0;
}

static bool same_name(const struct sysv_name *a, const struct sysv_name *b)
{
	return a->key == b->key && (a->key || a->shmid == b->shmid);
}

static int compare(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;

	if (a->name.key != b->name.key)
		return (unsigned)a->name.key < (unsigned)b->name.key ? -1 : 1;
	if (!a->name.key && a->name.shmid != b->name.shmid)
		return a->name.shmid < b->name.shmid ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Of one name's entries, the last found: what the name led to then. */
static void drop_doubles(struct store_dir *dir)
{
	size_t kept = 0;

	for (size_t i = 0; i < dir->count; i++) {
		if (kept && same_name(&dir->entries[kept - 1].name,
				      &dir->entries[i].name))
			kept--;
		dir->entries[kept++] = dir->entries[i];
	}
	dir->count = kept;
}

static int fill(struct store_dir *dir)
{
	int error;

	dir->count = 0;
	error = add_pending(dir);
	if (!error)
		error = add_segments(dir);
	if (error)
		return error;
	if (dir->count)
		qsort(dir->entries, dir->count, sizeof(*dir->entries), compare);
	drop_doubles(dir);
	dir->filled = true;
	return 0;
}

static void list_dots(off_t from, struct store_entry *ret_entry)
{
	*ret_entry = (struct store_entry){
		.name = from ? ".." : ".",
		.ino = SYSV_INO_ROOT,
		.type = DT_DIR,
		.next = from + 1,
	};
}

#define DOTS 2

int sysv_dir_next(struct store_dir *dir, off_t from,
		  struct store_entry *ret_entry)
{
	const struct entry *entry;

	if (from == 0 || !dir->filled) {
		int error = fill(dir);

		if (error)
			return error;
	}
	if (from < 0 || (size_t)from >= dir->count + DOTS)
		return 0;
	if (from < DOTS) {
		list_dots(from, ret_entry);
		return 1;
	}
	entry = &dir->entries[from - DOTS];
	sysv_print(&entry->name, dir->name);
	*ret_entry = (struct store_entry){
		.name = dir->name,
		.ino = entry->ino,
		.type = DT_REG,
		.next = from + 1,
	};
	return 1;
}
