// SPDX-License-Identifier: MIT
/*
 * Pending segments. shmget(2) makes a segment of a size that never changes,
 * but a file is made empty, and then gets a size or is written to. In between
 * it exists here only, with what was written in a memfd_create(2). It becomes
 * a segment when it is given a size, or when who wrote to it has closed it.
 *
 * There are at most PENDING_MAX, and all that was written to them takes no
 * more than half of the memory there is. Once made, `made` and nothing else
 * counts. How it is made: sysv_make.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "sysv.h"

#define PENDING_MAX 256

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return time;
}

static bool is_taken(const struct store *store, key_t key)
{
	for (const struct sysv_pending *p = store->pending; p; p = p->next)
		if (p->key == key)
			return true;
	return false;
}

/* Makes its key lead to it; the list has a reference. */
static int list(struct store *store, struct sysv_pending *pending)
{
	int error = 0;

	pthread_mutex_lock(&store->lock);
	if (is_taken(store, pending->key)) {
		error = -EEXIST;
	} else if (store->pending_count >= PENDING_MAX) {
		error = -ENOSPC;
	} else {
		pending->ino = SYSV_INO_PENDING | ++store->pending_next;
		pending->next = store->pending;
		store->pending = pending;
		store->pending_count++;
		pending->listed = true;
		atomic_fetch_add(&pending->refs, 1);
	}
	pthread_mutex_unlock(&store->lock);
	return error;
}

bool sysv_pending_unlist(struct sysv_pending *pending)
{
	struct store *store = pending->store;
	struct sysv_pending **link = &store->pending;
	bool listed;

	pthread_mutex_lock(&store->lock);
	listed = pending->listed;
	if (listed) {
		while (*link != pending)
			link = &(*link)->next;
		*link = pending->next;
		store->pending_count--;
		pending->listed = false;
	}
	pthread_mutex_unlock(&store->lock);
	if (listed)
		sysv_pending_put(pending);
	return listed;
}

bool sysv_pending_listed(struct sysv_pending *pending)
{
	bool listed;

	pthread_mutex_lock(&pending->store->lock);
	listed = pending->listed;
	pthread_mutex_unlock(&pending->store->lock);
	return listed;
}

int sysv_pending_new(struct store *store, key_t key, mode_t mode,
		     const struct store_caller *caller,
		     struct sysv_pending **ret_pending)
{
	struct sysv_pending *pending = calloc(1, sizeof(*pending));
	int error;

	if (!pending)
		return -ENOMEM;
	*pending = (struct sysv_pending){
		.store = store,
		.refs = 1,
		.key = key,
		.creator = { .uid = caller->uid, .gid = caller->gid },
		.uid = caller->uid,
		.gid = caller->gid,
		.mode = mode & 0777,
		.memfd = -1,
		.made = { .shmid = -1, .fd = -1 },
	};
	pending->atime = pending->mtime = pending->ctime = now();
	pthread_mutex_init(&pending->lock, NULL);
	error = list(store, pending);
	if (error)
		sysv_pending_put(pending);
	else
		*ret_pending = pending;
	return error;
}

struct sysv_pending *sysv_pending_find(struct store *store, key_t key,
				       uint64_t ino)
{
	struct sysv_pending *pending;

	pthread_mutex_lock(&store->lock);
	for (pending = store->pending; pending; pending = pending->next)
		if (pending->key == key && (!ino || pending->ino == ino))
			break;
	if (pending)
		atomic_fetch_add(&pending->refs, 1);
	pthread_mutex_unlock(&store->lock);
	return pending;
}

void sysv_pending_drop(struct sysv_pending *pending)
{
	if (pending->memfd >= 0)
		(void)close(pending->memfd); /* memory: nothing to report */
	pending->memfd = -1;
	pending->size = 0;
	atomic_fetch_sub(&pending->store->pending_bytes, pending->charged);
	pending->charged = 0;
}

void sysv_pending_put(struct sysv_pending *pending)
{
	if (atomic_fetch_sub(&pending->refs, 1) > 1)
		return;
	sysv_pending_drop(pending);
	sysv_detach(&pending->made);
	pthread_mutex_destroy(&pending->lock);
	free(pending);
}

/* As shmctl(2) IPC_SET and IPC_RMID: the owner, the creator, or root. */
static bool may_change(const struct sysv_pending *pending,
		       const struct store_caller *caller)
{
	return !caller || (caller->uid == 0 && !caller->bare) ||
	       caller->uid == pending->uid ||
	       caller->uid == pending->creator.uid;
}

int sysv_pending_unlink(struct sysv_pending *pending,
			const struct store_caller *caller)
{
	bool may;

	pthread_mutex_lock(&pending->lock);
	may = may_change(pending, caller);
	pthread_mutex_unlock(&pending->lock);
	if (!may)
		return -EPERM;
	return sysv_pending_unlist(pending) ? 0 : -ENOENT;
}

const struct sysv_segment *sysv_pending_made(struct sysv_pending *pending)
{
	const struct sysv_segment *made;

	pthread_mutex_lock(&pending->lock);
	made = pending->made.shmid < 0 ? NULL : &pending->made;
	pthread_mutex_unlock(&pending->lock);
	return made;
}

void sysv_pending_stat(const struct sysv_pending *pending, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = pending->ino,
		.st_mode = S_IFREG | pending->mode,
		.st_nlink = 1,
		.st_uid = pending->uid,
		.st_gid = pending->gid,
		.st_size = pending->size,
		.st_blksize = sysconf(_SC_PAGESIZE),
		.st_blocks = (blkcnt_t)(pending->charged / 512),
		.st_atim = pending->atime,
		.st_mtim = pending->mtime,
		.st_ctim = pending->ctime,
	};
}

static void set_owned(struct sysv_pending *pending,
		      const struct store_attr *attr)
{
	if (attr->set & STORE_SET_MODE)
		pending->mode = attr->mode & 0777;
	if (attr->set & STORE_SET_UID)
		pending->uid = attr->uid;
	if (attr->set & STORE_SET_GID)
		pending->gid = attr->gid;
	pending->ctime = now();
	if ((attr->set & STORE_SET_TIMES) && attr->atime.tv_nsec == UTIME_NOW)
		pending->atime = pending->mtime = pending->ctime;
}

int sysv_pending_set(struct sysv_pending *pending,
		     const struct store_attr *attr)
{
	const unsigned owned = STORE_SET_MODE | STORE_SET_UID | STORE_SET_GID |
			       STORE_SET_TIMES;

	if ((attr->set & owned) && !may_change(pending, attr->caller))
		return -EPERM;
	if (attr->set & owned)
		set_owned(pending, attr);
	if (!(attr->set & STORE_SET_SIZE))
		return 0;
	if (attr->size)
		return sysv_pending_make(pending, attr->size);
	sysv_pending_drop(pending);
	return 0;
}

ssize_t sysv_pending_read(struct sysv_pending *pending, void *buf, size_t len,
			  off_t off)
{
	ssize_t n;

	if (pending->memfd < 0)
		return 0;
	n = pread(pending->memfd, buf, len, off);
	return n < 0 ? -errno : n;
}

/* Counts what the data takes now. */
static void charge(struct sysv_pending *pending)
{
	struct stat st;
	size_t bytes;

	if (fstat(pending->memfd, &st) < 0)
		return;
	bytes = (size_t)st.st_blocks * 512;
	atomic_fetch_add(&pending->store->pending_bytes,
			 bytes - pending->charged);
	pending->charged = bytes;
	pending->size = st.st_size;
}

/* The largest size a segment may have. */
static off_t size_max(void)
{
	struct shminfo limits;

	if (shmctl(0, IPC_INFO, (struct shmid_ds *)(void *)&limits) < 0 ||
	    limits.shmmax > INT64_MAX)
		return INT64_MAX;
	return (off_t)limits.shmmax;
}

ssize_t sysv_pending_write(struct sysv_pending *pending, const void *buf,
			   size_t len, off_t off, unsigned flags)
{
	struct store *store = pending->store;
	ssize_t n;

	if (flags & STORE_NOGROW)
		return (ssize_t)len; /* of a mapping: past the end */
	if (flags & STORE_APPEND)
		off = pending->size;
	if (off > size_max() || (off_t)len > size_max() - off)
		return -EFBIG;
	if (atomic_load(&store->pending_bytes) + len > store->pending_max)
		return -ENOSPC;
	if (pending->memfd < 0)
		pending->memfd = memfd_create("shmfs", MFD_CLOEXEC);
	if (pending->memfd < 0)
		return -errno;
	n = pwrite(pending->memfd, buf, len, off);
	if (n < 0)
		n = -errno;
	charge(pending);
	pending->mtime = pending->ctime = now();
	return n;
}
