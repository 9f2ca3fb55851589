// SPDX-License-Identifier: MIT
/*
 * Operations within a view's limits: each says how long its object may get,
 * and is begun only if the budget has that much.
 */
#include "limit.h"

#include <fcntl.h>

static bool limits_size(const struct budget *budget)
{
	return budget && budget_config(budget)->size;
}

/* The end of a range, as the store will check it: not past 2^63 - 1. */
static uint64_t range_end(off_t off, uint64_t len)
{
	uint64_t end = (uint64_t)off + len;

	return off < 0 || end > INT64_MAX ? INT64_MAX : end;
}

int limit_set_attr(struct budget *budget, struct object *object,
		   const struct store_attr *attr)
{
	struct budget_growth growth = { .object = object };
	int error;

	if (!limits_size(budget) || !(attr->set & STORE_SET_SIZE) ||
	    attr->size < 0)
		return object->kind->set_attr(object, attr);
	growth.claim.end = (uint64_t)attr->size;
	error = budget_begin(budget, &growth);
	if (error)
		return error;
	error = object->kind->set_attr(object, attr);
	budget_settle(budget, &growth);
	return error;
}

ssize_t limit_write(struct budget *budget, struct object *object,
		    const void *buf, size_t len, off_t off, unsigned flags)
{
	struct budget_growth growth = { .object = object };
	ssize_t n;

	if (!limits_size(budget) || (flags & STORE_NOGROW) || !len)
		return object->kind->write(object, buf, len, off, flags);
	if (flags & STORE_APPEND)
		growth.claim.append = len;
	else
		growth.claim.end = range_end(off, len);
	n = budget_begin(budget, &growth);
	if (n)
		return n;
	n = object->kind->write(object, buf, len, off, flags);
	budget_settle(budget, &growth);
	return n;
}

int limit_allocate(struct budget *budget, struct object *object, int mode,
		   off_t off, off_t len)
{
	struct budget_growth growth = { .object = object };
	int error;

	if (!limits_size(budget) || (mode & FALLOC_FL_KEEP_SIZE) || len <= 0)
		return object->kind->allocate(object, mode, off, len);
	growth.claim.end = range_end(off, (uint64_t)len);
	error = budget_begin(budget, &growth);
	if (error)
		return error;
	error = object->kind->allocate(object, mode, off, len);
	budget_settle(budget, &growth);
	return error;
}

/* How much of a copy there is to read. */
static size_t clip_copy(struct object *from, off_t from_off, size_t len)
{
	struct stat st;

	if (from->kind->get_attr(from, &st) || from_off >= st.st_size)
		return 0;
	if ((off_t)len < 0 || (off_t)len > st.st_size - from_off)
		len = (size_t)(st.st_size - from_off);
	return len;
}

ssize_t limit_copy(struct budget *budget, struct object *from, off_t from_off,
		   struct object *to, off_t to_off, size_t len)
{
	struct budget_growth growth = { .object = to };
	ssize_t n;

	if (!limits_size(budget))
		return to->kind->copy(from, from_off, to, to_off, len);
	len = clip_copy(from, from_off, len);
	if (!len)
		return 0;
	growth.claim.end = range_end(to_off, len);
	n = budget_begin(budget, &growth);
	if (n)
		return n;
	n = to->kind->copy(from, from_off, to, to_off, len);
	budget_settle(budget, &growth);
	return n;
}

int limit_create_object(struct budget *budget, const struct store_kind *kind,
			struct store *store, const char *name, mode_t mode,
			const struct store_caller *caller,
			struct object **ret_object)
{
	int error;

	if (!budget)
		return kind->create(store, name, mode, caller, ret_object);
	error = budget_begin_object(budget, name);
	if (error)
		return error;
	error = kind->create(store, name, mode, caller, ret_object);
	budget_settle_object(budget, name);
	return error;
}

static uint64_t left_of(uint64_t limit, uint64_t used)
{
	return used < limit ? limit - used : 0;
}

int limit_statfs(struct budget *budget, struct statvfs *fs)
{
	uint64_t size, objects;
	const struct budget_config *max;
	bool bounded = fs->f_blocks > 0;
	fsblkcnt_t memory = fs->f_bavail;
	int error;

	if (!budget)
		return 0;
	max = budget_config(budget);
	error = budget_used(budget, &size, &objects);
	if (error)
		return error;
	if (max->objects) {
		fs->f_files = max->objects;
		fs->f_ffree = left_of(max->objects, objects);
		fs->f_favail = fs->f_ffree;
	}
	if (!max->size)
		return 0;
	/* Blocks in which the limit is a whole number, and none is split. */
	while (max->size % fs->f_frsize) {
		fs->f_frsize /= 2;
		memory *= 2;
	}
	fs->f_bsize = fs->f_frsize;
	fs->f_blocks = max->size / fs->f_frsize;
	fs->f_bfree = left_of(max->size, size) / fs->f_frsize;
	/* What is left of the view may be more than what is left at all. */
	fs->f_bavail = bounded && memory < fs->f_bfree ? memory : fs->f_bfree;
	return 0;
}
