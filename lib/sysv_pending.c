// SPDX-License-Identifier: MIT
/*
 * Pending segments. shmget(2) makes a segment of a size that never changes,
 * but a file is made empty, and then gets a size or is written to. In between
 * it exists here only, with what was written in a memfd_create(2). It becomes
 * a segment when it is given a size, or when who wrote to it has closed it.
 *
 * There are at most PENDING_MAX, and all that was written to them takes no
 * more than half of the memory there is. Once made, `made` and nothing else
 * counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "caller.h"
#include "cleanup.h"
#include "sysv.h"

#define PENDING_MAX 256
#define CHUNK	    ((off_t)4 << 20)

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

/* Returns whether it was listed until now. */
static bool unlist(struct sysv_pending *pending)
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

/* Lets go of what was written. */
static void drop_data(struct sysv_pending *pending)
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
	drop_data(pending);
	sysv_detach(&pending->made);
	pthread_mutex_destroy(&pending->lock);
	free(pending);
}

/* As shmctl(2) IPC_SET and IPC_RMID: the owner, the creator, or root. */
static bool may_change(const struct sysv_pending *pending,
		       const struct store_caller *caller)
{
	return !caller || caller->uid == 0 || caller->uid == pending->uid ||
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
	return unlist(pending) ? 0 : -ENOENT;
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
	drop_data(pending);
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

/* Which limit it is that shmget(2) met. */
static const char *limit_met(int error, off_t size)
{
	struct shm_info used;
	struct shminfo limits;

	if (error == -EEXIST)
		return "somebody else has made one meanwhile";
	if (error == -ENOMEM)
		return "out of memory";
	if (shmctl(0, IPC_INFO, (struct shmid_ds *)(void *)&limits) < 0 ||
	    shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&used) < 0)
		return strerror(-error);
	if (error == -EINVAL && (uint64_t)size > limits.shmmax)
		return "larger than kernel.shmmax allows (SHMMAX)";
	if (error != -ENOSPC)
		return strerror(-error);
	if ((unsigned long)used.used_ids >= limits.shmmni)
		return "as many segments as kernel.shmmni allows (SHMMNI)";
	return "as much shared memory as kernel.shmall allows (SHMALL)";
}

/*
 * shmget(2) as the creator. Until it is filled and all is as it should be,
 * the owner can in any case read and write it: we are to.
 */
static int get_segment(struct sysv_pending *pending, key_t key, off_t size)
{
	int flags = IPC_CREAT | IPC_EXCL | (int)pending->mode | 0600;
	struct caller_saved saved;
	int error = caller_enter_ipc(&pending->creator, &saved);
	int shmid;

	if (error)
		return error;
	shmid = shmget(key, (size_t)size, flags);
	if (shmid < 0) {
		error = -errno;
		snprintf(pending->reason, sizeof(pending->reason),
			 "no segment of %lld bytes: %s", (long long)size,
			 limit_met(error, size));
	}
	caller_leave_ipc(&saved);
	return error ? error : shmid;
}

/*
 * Moves the data over, bit by bit, so that it is never there twice. What has
 * been moved is gone from there.
 */
static int fill(const struct sysv_segment *segment, int from, off_t size)
{
	off_t at = lseek(from, 0, SEEK_DATA);

	while (at >= 0 && at < size) {
		off_t n = size - at < CHUNK ? size - at : CHUNK;
		/* Memory that cannot be had is EFAULT to pread(2). */
		ssize_t got = pread(from, segment->base + at, (size_t)n, at);

		if (got <= 0)
			return got < 0 && errno != EFAULT ? -errno : -ENOSPC;
		/* A hole less is no harm. */
		(void)fallocate(from,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
				got);
		at = lseek(from, at + got, SEEK_DATA);
	}
	return 0;
}

/* Mode and owner, where shmget(2) has given it others. */
static int set_final(const struct sysv_pending *pending, int shmid)
{
	struct store_attr attr = {
		.set = STORE_SET_MODE | STORE_SET_UID | STORE_SET_GID,
		.mode = pending->mode,
		.uid = pending->uid,
		.gid = pending->gid,
	};
	struct shmid_ds ds;
	int error = sysv_stat(shmid, &ds);

	if (error ||
	    ((ds.shm_perm.mode & 0777) == attr.mode &&
	     ds.shm_perm.uid == attr.uid && ds.shm_perm.gid == attr.gid))
		return error;
	return sysv_set(shmid, &attr);
}

static int attach_and_fill(struct sysv_pending *pending,
			   struct sysv_segment *segment)
{
	struct shmid_ds ds;
	int error = sysv_stat(segment->shmid, &ds);

	if (error)
		return error;
	segment->ino = sysv_ino(segment->shmid, &ds);
	error = sysv_attach(segment, true);
	if (!error && pending->memfd >= 0)
		error = fill(segment, pending->memfd, segment->size);
	if (!error)
		error = set_final(pending, segment->shmid);
	if (error)
		sysv_detach(segment);
	return error;
}

static bool is_listed(struct sysv_pending *pending)
{
	bool listed;

	pthread_mutex_lock(&pending->store->lock);
	listed = pending->listed;
	pthread_mutex_unlock(&pending->store->lock);
	return listed;
}

/*
 * Makes the segment and attaches it. Without a name it is marked for removal
 * at once: as an unlinked file, it goes when it is closed. -ENOENT if somebody
 * has removed it before it was attached.
 */
static int try_to_make(struct sysv_pending *pending, bool named, off_t size,
		       struct sysv_segment *segment)
{
	key_t key = named ? pending->key : IPC_PRIVATE;
	int error;

	segment->shmid = get_segment(pending, key, size);
	if (segment->shmid < 0)
		return segment->shmid;
	error = attach_and_fill(pending, segment);
	if (error && error != -ENOENT) {
		snprintf(pending->reason, sizeof(pending->reason),
			 "no segment of %lld bytes: out of memory",
			 (long long)size);
		drop_data(pending); /* some of it is gone */
	}
	if (error || !named)
		(void)sysv_remove(segment->shmid, NULL); /* we made it */
	return error;
}

int sysv_pending_make(struct sysv_pending *pending, off_t size)
{
	struct sysv_segment segment = { .fd = -1 };
	bool named = is_listed(pending);
	int error;

	pending->reason[0] = '\0';
	error = try_to_make(pending, named, size, &segment);
	if (error == -ENOENT && named) {
		/* Made and removed: what is left is an unlinked file. */
		(void)unlist(pending); /* unless it was unlinked as well */
		error = try_to_make(pending, false, size, &segment);
	}
	if (error)
		return error;
	drop_data(pending);
	if (!pending->openings)
		sysv_detach(&segment);
	pending->made = segment;
	(void)unlist(pending); /* unless it was unlinked */
	return 0;
}

int sysv_finish(struct object *base)
{
	struct sysv_object *object = sysv_object(base);
	struct sysv_pending *pending = object->pending;
	int error = 0;

	if (!sysv_lock_pending(object))
		return 0;
	if (pending->size && is_listed(pending))
		error = sysv_pending_make(pending, pending->size);
	if (error) {
		/* As a file whose last write failed, but for its name. */
		drop_data(pending);
		(void)unlist(pending); /* unless it was unlinked */
	}
	sysv_unlock_pending(object);
	return error;
}

void sysv_reason(struct object *base, char *text, size_t size)
{
	struct sysv_pending *pending = sysv_object(base)->pending;

	text[0] = '\0';
	if (!pending)
		return;
	pthread_mutex_lock(&pending->lock);
	snprintf(text, size, "%s", pending->reason);
	pthread_mutex_unlock(&pending->lock);
}
