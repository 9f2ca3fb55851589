// SPDX-License-Identifier: MIT
/*
 * How a pending segment becomes one: shmget(2) in the name of who made the
 * file, the data moved over, and what the kernel said if it would not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "caller.h"
#include "cleanup.h"
#include "guard.h"
#include "sysv.h"

#define PIECE ((off_t)1 << 20)

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

/* Moves one piece, which is not there twice: 0 or -errno. */
static int move_piece(const struct sysv_segment *segment, int from, char *piece,
		      size_t len, off_t at, size_t *ret_moved)
{
	ssize_t got = pread(from, piece, len, at);
	int error;

	if (got <= 0)
		return got < 0 ? -errno : -EIO;
	error = guard_copy_in(segment->base + at, piece, (size_t)got);
	if (error)
		return error == -EFAULT ? -ENOSPC : error;
	/* A hole less is no harm. */
	(void)fallocate(from, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
			got);
	*ret_moved = (size_t)got;
	return 0;
}

/* Moves the data over; what has no page there gets none here. */
static int fill(const struct sysv_segment *segment, int from, off_t size)
{
	auto_heap char *piece = malloc(PIECE);
	off_t at = lseek(from, 0, SEEK_DATA);

	if (!piece)
		return -ENOMEM;
	while (at >= 0 && at < size) {
		size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;
		size_t moved = 0;
		int error = move_piece(segment, from, piece, len, at, &moved);

		if (error)
			return error;
		at = lseek(from, at + (off_t)moved, SEEK_DATA);
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
		sysv_pending_drop(pending); /* some of it is gone */
	}
	if (error || !named)
		(void)sysv_remove(segment->shmid, NULL); /* we made it */
	return error;
}

int sysv_pending_make(struct sysv_pending *pending, off_t size)
{
	struct sysv_segment segment = { .fd = -1 };
	bool named = sysv_pending_listed(pending);
	int error;

	pending->reason[0] = '\0';
	error = try_to_make(pending, named, size, &segment);
	if (error == -ENOENT && named) {
		/* Made and removed: what is left is an unlinked file. */
		(void)sysv_pending_unlist(
			pending); /* unless it was unlinked as well */
		error = try_to_make(pending, false, size, &segment);
	}
	if (error)
		return error;
	sysv_pending_drop(pending);
	if (!pending->openings)
		sysv_detach(&segment);
	pending->made = segment;
	(void)sysv_pending_unlist(pending); /* unless it was unlinked */
	return 0;
}

int sysv_finish(struct object *base)
{
	struct sysv_object *object = sysv_object(base);
	struct sysv_pending *pending = object->pending;
	int error = 0;

	if (!sysv_lock_pending(object))
		return 0;
	if (pending->size && sysv_pending_listed(pending))
		error = sysv_pending_make(pending, pending->size);
	if (error) {
		/* As a file whose last write failed, but for its name. */
		sysv_pending_drop(pending);
		(void)sysv_pending_unlist(pending); /* unless it was unlinked */
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
