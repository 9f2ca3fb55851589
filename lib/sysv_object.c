// SPDX-License-Identifier: MIT
/*
 * Objects of the System V kind, all but their bytes. One that was opened for
 * its data holds an attachment of its own until it is closed; one that was
 * opened for its attributes holds nothing but the id, which does not keep the
 * segment; if it was found by name, it answers what that led to then, for as
 * long as a lookup and what it was for may take. A pending segment
 * (sysv_pending.c) has one attachment for all who had it open when it was made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysv.h"

static struct sysv_object *new_object(struct store *store,
				      enum store_access access)
{
	struct sysv_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->object.kind = &sysv_kind;
	object->object.refs = 1;
	object->object.writable = access == STORE_WRITE;
	object->store = store;
	object->access = access;
	object->own.shmid = -1;
	object->own.fd = -1;
	return object;
}

static bool wants_data(enum store_access access)
{
	return access == STORE_READ || access == STORE_WRITE;
}

int sysv_root_new(struct store *store, struct object **ret_object)
{
	struct sysv_object *object = new_object(store, STORE_ATTR);

	if (!object)
		return -ENOMEM;
	*ret_object = &object->object;
	return 0;
}

int sysv_object_new(struct store *store, int shmid, uint64_t ino,
		    enum store_access access, struct object **ret_object)
{
	struct sysv_object *object = new_object(store, access);
	int error = 0;

	if (!object)
		return -ENOMEM;
	object->own.shmid = shmid;
	object->own.ino = ino;
	if (wants_data(access))
		error = sysv_attach(&object->own, access == STORE_WRITE);
	if (error)
		free(object);
	else
		*ret_object = &object->object;
	return error;
}

int sysv_object_found(struct store *store, int shmid, const struct shmid_ds *ds,
		      struct object **ret_object)
{
	int error = sysv_object_new(store, shmid, sysv_ino(shmid, ds),
				    STORE_ATTR, ret_object);

	if (error)
		return error;
	sysv_object(*ret_object)->found = true;
	sysv_object(*ret_object)->seen = *ds;
	return 0;
}

int sysv_object_of_pending(struct sysv_pending *pending,
			   enum store_access access, struct object **ret_object)
{
	struct sysv_object *object = new_object(pending->store, access);
	bool stale;

	if (!object) {
		sysv_pending_put(pending);
		return -ENOMEM;
	}
	object->pending = pending;
	pthread_mutex_lock(&pending->lock);
	/* Made since it was found, and let go again: it is a segment now. */
	stale = wants_data(access) && pending->made.shmid >= 0 &&
		!pending->made.base;
	pending->openings += wants_data(access);
	pthread_mutex_unlock(&pending->lock);
	if (stale) {
		object_put(&object->object);
		return -ESTALE;
	}
	*ret_object = &object->object;
	return 0;
}

const struct sysv_segment *sysv_segment_of(struct sysv_object *object)
{
	if (object->pending)
		return sysv_pending_made(object->pending);
	return &object->own;
}

int sysv_reopen(struct object *base, enum store_access access,
		struct object **ret_object)
{
	struct sysv_object *object = sysv_object(base);
	const struct sysv_segment *segment = sysv_segment_of(object);
	int error;

	if (!segment) {
		atomic_fetch_add(&object->pending->refs, 1);
		return sysv_object_of_pending(object->pending, access,
					      ret_object);
	}
	error = sysv_object_new(object->store, segment->shmid, segment->ino,
				access, ret_object);
	return error == -ENOENT ? -ESTALE : error;
}

void sysv_object_close(struct object *base)
{
	struct sysv_object *object = sysv_object(base);
	struct sysv_pending *pending = object->pending;

	if (pending) {
		pthread_mutex_lock(&pending->lock);
		if (wants_data(object->access) && --pending->openings == 0)
			sysv_detach(&pending->made);
		pthread_mutex_unlock(&pending->lock);
		sysv_pending_put(pending);
	}
	sysv_detach(&object->own);
	free(object);
}

static void root_stat(const struct store *store, struct stat *ret)
{
	/*
	 * Without a sticky bit: who may remove a segment is not for the
	 * directory's mode to say.
	 */
	*ret = (struct stat){
		.st_ino = SYSV_INO_ROOT,
		.st_mode = S_IFDIR | 0777,
		.st_nlink = 2,
		.st_blksize = sysconf(_SC_PAGESIZE),
		.st_atim = store->opened,
		.st_mtim = store->opened,
		.st_ctim = store->opened,
	};
}

bool sysv_lock_pending(struct sysv_object *object)
{
	if (!object->pending)
		return false;
	pthread_mutex_lock(&object->pending->lock);
	if (object->pending->made.shmid < 0)
		return true;
	pthread_mutex_unlock(&object->pending->lock);
	return false;
}

void sysv_unlock_pending(struct sysv_object *object)
{
	pthread_mutex_unlock(&object->pending->lock);
}

/* What the segment of an object is, or was when it was found. */
static int stat_segment(struct sysv_object *object, struct shmid_ds *ret_ds)
{
	const struct sysv_segment *segment = sysv_segment_of(object);
	struct shmid_ds ds;
	int error = sysv_stat(segment->shmid, &ds);

	if (!error && sysv_ino(segment->shmid, &ds) != segment->ino)
		error = -ENOENT;
	if (error == -ENOENT && object->found) {
		ds = object->seen;
		ds.shm_perm.mode |= SHM_DEST;
		error = 0;
	}
	if (!error)
		*ret_ds = ds;
	return error == -ENOENT ? -ESTALE : error;
}

int sysv_get_attr(struct object *base, struct stat *ret_stat)
{
	struct sysv_object *object = sysv_object(base);
	const struct sysv_segment *segment;
	struct stat pages;
	struct shmid_ds ds;
	int error;

	if (base == object->store->root) {
		root_stat(object->store, ret_stat);
		return 0;
	}
	if (sysv_lock_pending(object)) {
		sysv_pending_stat(object->pending, ret_stat);
		sysv_unlock_pending(object);
		return 0;
	}
	error = stat_segment(object, &ds);
	if (error)
		return error;
	segment = sysv_segment_of(object);
	sysv_fill_stat(segment->shmid, &ds, ret_stat);
	/* While our own data is open, it is attached, and has the fd. */
	if (wants_data(object->access) && segment->fd >= 0 &&
	    fstat(segment->fd, &pages) == 0)
		ret_stat->st_blocks = pages.st_blocks;
	return 0;
}

/* Times are the kernel's own; all that can be had is both of them now. */
static int check_times(const struct store_attr *attr)
{
	long atime = attr->atime.tv_nsec;
	long mtime = attr->mtime.tv_nsec;

	if (!(attr->set & STORE_SET_TIMES) ||
	    (atime == UTIME_NOW && mtime == UTIME_NOW) ||
	    (atime == UTIME_OMIT && mtime == UTIME_OMIT))
		return 0;
	return -EPERM;
}

static int set_segment(struct object *base, const struct store_attr *attr)
{
	const unsigned owned = STORE_SET_MODE | STORE_SET_UID | STORE_SET_GID;
	const struct sysv_segment *segment = sysv_segment_of(sysv_object(base));
	struct stat st;
	int error = sysv_get_attr(base, &st);

	if (error)
		return error;
	if ((attr->set & STORE_SET_SIZE) && attr->size != st.st_size)
		return -EPERM;
	if (attr->set & owned)
		error = sysv_set(segment->shmid, attr);
	if (!error && (attr->set & STORE_SET_TIMES) &&
	    attr->atime.tv_nsec == UTIME_NOW)
		error = sysv_touch(segment->shmid, attr->caller);
	return error == -ENOENT ? -ESTALE : error;
}

int sysv_set_attr(struct object *base, const struct store_attr *attr)
{
	struct sysv_object *object = sysv_object(base);
	int error = check_times(attr);

	if (error)
		return error;
	if (base == object->store->root)
		return -EPERM;
	if (sysv_lock_pending(object)) {
		error = sysv_pending_set(object->pending, attr);
		sysv_unlock_pending(object);
		return error;
	}
	return set_segment(base, attr);
}

static bool is_member(const struct store_caller *caller, gid_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->group_count; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

/* ipcperms() of the kernel's ipc/util.c, but for capabilities. */
static int granted(const struct ipc_perm *perm,
		   const struct store_caller *caller)
{
	if (caller->uid == perm->cuid || caller->uid == perm->uid)
		return perm->mode >> 6 & 7;
	if (is_member(caller, perm->cgid) || is_member(caller, perm->gid))
		return perm->mode >> 3 & 7;
	return perm->mode & 7;
}

static int get_perm(struct sysv_object *object, struct ipc_perm *ret_perm)
{
	struct sysv_pending *pending = object->pending;
	struct shmid_ds ds;
	int error;

	if (&object->object == object->store->root) {
		*ret_perm = (struct ipc_perm){ .mode = 0777 };
		return 0;
	}
	if (sysv_lock_pending(object)) {
		*ret_perm = (struct ipc_perm){
			.uid = pending->uid,
			.gid = pending->gid,
			.cuid = pending->creator.uid,
			.cgid = pending->creator.gid,
			.mode = (unsigned short)pending->mode,
		};
		sysv_unlock_pending(object);
		return 0;
	}
	error = stat_segment(object, &ds);
	if (!error)
		*ret_perm = ds.shm_perm;
	return error;
}

int sysv_permit(struct object *object, const struct store_caller *caller,
		int want)
{
	struct ipc_perm perm;
	int error = get_perm(sysv_object(object), &perm);

	if (error)
		return error;
	/* shmat(2) has no attaching for writing alone. */
	if (want & W_OK)
		want |= R_OK;
	return want & ~granted(&perm, caller) ? -EACCES : 0;
}

int sysv_backing_fd(struct object *object)
{
	const struct sysv_segment *segment =
		sysv_segment_of(sysv_object(object));

	return segment ? segment->fd : -1;
}

ssize_t sysv_get_fact(struct object *base, const char *name, char *buf,
		      size_t size)
{
	struct sysv_object *object = sysv_object(base);
	const struct sysv_segment *segment = sysv_segment_of(object);
	bool is_key = !strcmp(name, "key");
	struct shmid_ds ds;
	int error;

	if (base == object->store->root)
		return -ENODATA;
	if (!segment)
		return is_key ? snprintf(buf, size, SYSV_KEY_FORMAT,
					 (unsigned)object->pending->key)
			      : -ENODATA;
	if (!strcmp(name, "shmid"))
		return snprintf(buf, size, "%d", segment->shmid);
	error = stat_segment(object, &ds);
	if (error)
		return error;
	if (is_key)
		return snprintf(buf, size, SYSV_KEY_FORMAT,
				(unsigned)ds.shm_perm.__key);
	if (!strcmp(name, "attached"))
		return snprintf(buf, size, "%lu", (unsigned long)ds.shm_nattch);
	return -ENODATA;
}
