// SPDX-License-Identifier: MIT
/*
 * The namespace of System V segments: their keys, and for those without one,
 * or without one any more, their ids. This file owns the names: reading them,
 * looking up, making and removing. A key is nobody's to change, so that there
 * is no renaming.
 *
 * Every question is put to the kernel anew. What a key leads to is found in
 * two steps, the id and then the segment; should the second find that the
 * key leads elsewhere by then, both are done again.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "caller.h"
#include "sysv.h"

#define PRIVATE "private-"
#define TRIES	64

/* As many hexadecimal digits as one likes. */
static int parse_key(const char *digits, key_t *ret_key)
{
	uint64_t key = 0;

	if (!*digits ||
	    strspn(digits, "0123456789abcdefABCDEF") != strlen(digits))
		return -EINVAL;
	for (const char *digit = digits; *digit; digit++) {
		char one[] = { *digit, '\0' };

		key = key * 16 + strtoul(one, NULL, 16);
		if (key > UINT32_MAX)
			return -EINVAL;
	}
	if (!key) /* IPC_PRIVATE is no key */
		return -EINVAL;
	*ret_key = (key_t)key;
	return 0;
}

/* As sysv_print() has it, and no other way. */
static int parse_id(const char *digits, int *ret_id)
{
	char *end;
	long id;

	if (*digits < '0' || *digits > '9' || (*digits == '0' && digits[1]))
		return -EINVAL;
	errno = 0;
	id = strtol(digits, &end, 10);
	if (errno || *end || id > INT_MAX)
		return -EINVAL;
	*ret_id = (int)id;
	return 0;
}

int sysv_parse(const char *text, struct sysv_name *ret_name)
{
	struct sysv_name name = { .key = IPC_PRIVATE };
	int error = -EINVAL;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		error = parse_key(text + 2, &name.key);
	else if (!strncmp(text, PRIVATE, strlen(PRIVATE)))
		error = parse_id(text + strlen(PRIVATE), &name.shmid);
	if (!error)
		*ret_name = name;
	return error;
}

void sysv_print(const struct sysv_name *name, char text[STORE_NAME_MAX + 1])
{
	if (name->key)
		snprintf(text, STORE_NAME_MAX + 1, SYSV_KEY_FORMAT,
			 (unsigned)name->key);
	else
		snprintf(text, STORE_NAME_MAX + 1, PRIVATE "%d", name->shmid);
}

static int sysv_spell(const char *name, char ret_name[STORE_NAME_MAX + 1])
{
	struct sysv_name parsed;
	int error = sysv_parse(name, &parsed);

	if (!error)
		sysv_print(&parsed, ret_name);
	return error;
}

/* One time through both steps: -EAGAIN if the name moved in between. */
static int try_to_resolve(const struct sysv_name *name, int *ret_shmid,
			  struct shmid_ds *ret_ds)
{
	int shmid = name->key ? sysv_find_key(name->key) : name->shmid;
	int error = shmid < 0 ? shmid : sysv_stat(shmid, ret_ds);

	if (!name->key && !error && ret_ds->shm_perm.__key)
		return -ENOENT; /* it goes by its key */
	if (name->key && shmid >= 0 &&
	    (error == -ENOENT ||
	     (!error && ret_ds->shm_perm.__key != name->key)))
		return -EAGAIN;
	*ret_shmid = shmid;
	return error;
}

/* The segment the name leads to now. */
static int resolve(const struct sysv_name *name, int *ret_shmid,
		   struct shmid_ds *ret_ds)
{
	int tries = TRIES;
	int error;

	do {
		error = try_to_resolve(name, ret_shmid, ret_ds);
	} while (error == -EAGAIN && --tries);
	return error == -EAGAIN ? -ENOENT : error;
}

/*
 * What a name leads to: a segment (*ret_pending is NULL) or a pending one,
 * referenced.
 */
static int look_up(struct store *store, const char *text, int *ret_shmid,
		   struct shmid_ds *ret_ds, struct sysv_pending **ret_pending)
{
	struct sysv_name name;
	int error = sysv_parse(text, &name);

	*ret_pending = NULL;
	if (error)
		return -ENOENT;
	error = resolve(&name, ret_shmid, ret_ds);
	if (error != -ENOENT || !name.key)
		return error;
	*ret_pending = sysv_pending_find(store, name.key, 0);
	if (*ret_pending)
		return 0;
	/* It may have become a segment since we looked for one. */
	return resolve(&name, ret_shmid, ret_ds);
}

static int sysv_store_open(struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	struct shmid_ds ds;
	int error;

	if (!store)
		return -ENOMEM;
	error = shmctl(0, SHM_INFO, &ds) < 0
			? -errno
			: sysv_root_new(store, &store->root);
	if (error) {
		free(store);
		return error;
	}
	clock_gettime(CLOCK_REALTIME, &store->opened);
	pthread_mutex_init(&store->lock, NULL);
	store->pending_max = (size_t)sysconf(_SC_PHYS_PAGES) / 2 *
			     (size_t)sysconf(_SC_PAGESIZE);
	*ret_store = store;
	return 0;
}

static void sysv_store_close(struct store *store)
{
	struct sysv_pending *pending;

	/* What never got a size goes. */
	while ((pending = store->pending))
		(void)sysv_pending_unlink(pending, NULL); /* it is listed */
	object_put(store->root);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static struct object *sysv_root(struct store *store)
{
	return store->root;
}

/* Memory is all there is, or kernel.shmall; used is what segments may use. */
static int sysv_statfs(struct store *store, struct statvfs *ret_fs)
{
	unsigned long total = (unsigned long)sysconf(_SC_PHYS_PAGES);
	struct shm_info used;
	struct shminfo limits;
	unsigned long left, free_ids;

	if (shmctl(0, IPC_INFO, (struct shmid_ds *)(void *)&limits) < 0 ||
	    shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&used) < 0)
		return -errno;
	if (total > limits.shmall)
		total = limits.shmall;
	left = used.shm_tot < total ? total - used.shm_tot : 0;
	free_ids = (unsigned long)used.used_ids < limits.shmmni
			   ? limits.shmmni - (unsigned long)used.used_ids
			   : 0;
	*ret_fs = (struct statvfs){
		.f_bsize = (unsigned long)sysconf(_SC_PAGESIZE),
		.f_frsize = (unsigned long)sysconf(_SC_PAGESIZE),
		.f_blocks = total,
		.f_bfree = left,
		.f_bavail = left,
		.f_files = limits.shmmni,
		.f_ffree = free_ids,
		.f_favail = free_ids,
		.f_namemax = STORE_NAME_MAX,
	};
	return 0;
}

static int sysv_stat_name(struct store *store, const char *name,
			  struct stat *ret_stat)
{
	struct sysv_pending *pending;
	struct shmid_ds ds;
	struct object *object;
	int shmid;
	int error = look_up(store, name, &shmid, &ds, &pending);

	if (error)
		return error;
	if (!pending) {
		sysv_fill_stat(shmid, &ds, ret_stat);
		return 0;
	}
	error = sysv_object_of_pending(pending, STORE_ATTR, &object);
	if (error)
		return error;
	error = sysv_get_attr(object, ret_stat);
	object_put(object);
	return error == -ESTALE ? -ENOENT : error;
}

/* The kernel makes a table of all segments to tell this of one. */
static void sysv_count_blocks(struct store *store, struct stat *st)
{
	if (S_ISREG(st->st_mode) && !(st->st_ino & SYSV_INO_PENDING))
		st->st_blocks = sysv_blocks(sysv_shmid(st->st_ino));
}

static int sysv_find(struct store *store, const char *name,
		     struct object **ret_object)
{
	struct sysv_pending *pending;
	struct shmid_ds ds;
	int shmid;
	int error = look_up(store, name, &shmid, &ds, &pending);

	if (error)
		return error;
	if (pending)
		return sysv_object_of_pending(pending, STORE_ATTR, ret_object);
	return sysv_object_found(store, shmid, &ds, ret_object);
}

static int sysv_open_object(struct store *store, const char *name, uint64_t ino,
			    enum store_access access,
			    struct object **ret_object)
{
	struct sysv_pending *pending;
	struct shmid_ds ds;
	int shmid;
	int error = look_up(store, name, &shmid, &ds, &pending);

	if (pending && pending->ino == ino)
		return sysv_object_of_pending(pending, access, ret_object);
	if (pending)
		sysv_pending_put(pending);
	if (pending || error == -ENOENT ||
	    (!error && sysv_ino(shmid, &ds) != ino))
		return -ESTALE;
	if (!error)
		error = sysv_object_new(store, shmid, ino, access, ret_object);
	return error == -ENOENT ? -ESTALE : error;
}

/* Whether we could make a segment that is this caller's. */
static int can_be(const struct store_caller *caller)
{
	struct caller_saved saved;
	int error = caller_enter_ipc(caller, &saved);

	if (!error)
		caller_leave_ipc(&saved);
	return error;
}

static int sysv_create(struct store *store, const char *text, mode_t mode,
		       const struct store_caller *caller,
		       struct object **ret_object)
{
	struct sysv_pending *pending;
	struct sysv_name name;
	struct shmid_ds ds;
	int shmid;
	int error = sysv_parse(text, &name);

	if (!error && !name.key)
		error = -EINVAL; /* the kernel gives the ids */
	if (!error)
		error = can_be(caller);
	if (error)
		return error;
	error = resolve(&name, &shmid, &ds);
	if (error != -ENOENT)
		return error ? error : -EEXIST;
	error = sysv_pending_new(store, name.key, mode, caller, &pending);
	if (error)
		return error;
	return sysv_object_of_pending(pending, STORE_WRITE, ret_object);
}

static int sysv_unlink(struct store *store, const char *name,
		       const struct store_caller *caller)
{
	int tries = TRIES;
	int error;

	do {
		struct sysv_pending *pending;
		struct shmid_ds ds;
		int shmid;

		error = look_up(store, name, &shmid, &ds, &pending);
		if (error)
			return error;
		if (pending) {
			error = sysv_pending_unlink(pending, caller);
			sysv_pending_put(pending);
		} else {
			error = sysv_remove(shmid, caller);
		}
		/* Gone since we looked: what is there now? */
	} while (error == -ENOENT && --tries);
	return error;
}

static int sysv_rename(struct store *store, const char *from, const char *to,
		       unsigned flags, const struct store_caller *caller)
{
	return -EPERM; /* a key cannot change */
}

static ssize_t sysv_copy(struct object *from, off_t from_off, struct object *to,
			 off_t to_off, size_t len)
{
	return -EOPNOTSUPP; /* the kernel then reads and writes */
}

static ssize_t sysv_get_xattr(struct object *object, const char *name,
			      void *buf, size_t size)
{
	return -ENODATA; /* segments have none of their own */
}

static ssize_t sysv_list_xattr(struct object *object, char *buf, size_t size)
{
	return 0;
}

static int sysv_set_xattr(struct object *object, const char *name,
			  const void *value, size_t size, int flags)
{
	return -EOPNOTSUPP;
}

static int sysv_remove_xattr(struct object *object, const char *name)
{
	return -ENODATA;
}

static const char *const facts[] = { "shmid", "key", "attached", NULL };

const struct store_kind sysv_kind = {
	.name = "sysv",
	.text = "the segments of shmget(2)",
	.facts = facts,
	.open = sysv_store_open,
	.close = sysv_store_close,
	.root = sysv_root,
	.statfs = sysv_statfs,
	.spell = sysv_spell,
	.stat = sysv_stat_name,
	.count_blocks = sysv_count_blocks,
	.find = sysv_find,
	.reopen = sysv_reopen,
	.open_object = sysv_open_object,
	.create = sysv_create,
	.unlink = sysv_unlink,
	.rename = sysv_rename,
	.dir_open = sysv_dir_open,
	.dir_next = sysv_dir_next,
	.dir_close = sysv_dir_close,
	.close_object = sysv_object_close,
	.permit = sysv_permit,
	.override = CAP_IPC_OWNER,
	.get_attr = sysv_get_attr,
	.set_attr = sysv_set_attr,
	.read = sysv_read,
	.write = sysv_write,
	.allocate = sysv_allocate,
	.seek = sysv_seek,
	.copy = sysv_copy,
	.finish = sysv_finish,
	.reason = sysv_reason,
	.backing_fd = sysv_backing_fd,
	.get_fact = sysv_get_fact,
	.get_xattr = sysv_get_xattr,
	.list_xattr = sysv_list_xattr,
	.set_xattr = sysv_set_xattr,
	.remove_xattr = sysv_remove_xattr,
};
