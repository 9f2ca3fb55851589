// SPDX-License-Identifier: MIT
/*
 * Extended attributes: user.* are the object's own, user.shmfs.* are ours
 * and read-only; the two of acl(5) are the object's own where the kernel
 * checks them; all else is not supported (xattr(7)).
 *
 * user.shmfs.io on the root: the data path of this mount. user.shmfs.stats,
 * there too, are the counters; not listed, so that who copies a directory with
 * its attributes does not copy them. On objects, what their kind has to tell
 * (facts in store.h).
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "access.h"
#include "buffer.h"
#include "cleanup.h"
#include "directory.h"
#include "ops.h"
#include "trace.h"

#define OURS	   "user.shmfs."
#define IO_NAME	   OURS "io"
#define STATS_NAME OURS "stats"

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_ours(const char *name)
{
	return starts_with(name, OURS);
}

static bool is_supported(const struct fs *fs, const char *name)
{
	return starts_with(name, "user.") ||
	       (fs->acl && starts_with(name, "system.posix_acl_"));
}

/* 0, or why an attribute of this name cannot be written. */
static int check_writable(const struct fs *fs, const char *name)
{
	if (!is_supported(fs, name))
		return -EOPNOTSUPP;
	return is_ours(name) ? -EPERM : 0;
}

/* Copies a value out as getxattr(2) does: size 0 asks how long it is. */
static ssize_t copy_value(const char *value, void *buf, size_t size)
{
	size_t len = strlen(value);

	if (size == 0)
		return (ssize_t)len;
	if (size < len)
		return -ERANGE;
	memcpy(buf, value, len);
	return (ssize_t)len;
}

/* The value of an attribute that is ours. */
static ssize_t get_ours(fuse_req_t req, struct object *object, const char *name,
			void *buf, size_t size)
{
	const struct store_kind *kind = object->kind;
	char text[64];
	ssize_t n;

	if (!kind->facts)
		return -ENODATA;
	n = kind->get_fact(object, name + strlen(OURS), text, sizeof(text));
	return n < 0 ? n : copy_value(text, buf, size);
}

static const char *io_path(fuse_req_t req)
{
	return backing_is_native(&fs_of(req)->backing, req) ? "native"
							    : "direct";
}

#define STATS_GROW 256 /* bytes that counters may get longer by */

static ssize_t get_stats(struct fs *fs, void *buf, size_t size)
{
	auto_heap char *text = NULL;
	int error = stats_print(fs, &text);

	if (error)
		return error;
	/* Who asks how long it is comes again, and has counted up by then. */
	if (size == 0)
		return (ssize_t)strlen(text) + STATS_GROW;
	return copy_value(text, buf, size);
}

static ssize_t get_xattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
			 void *buf, size_t size)
{
	struct fs *fs = fs_of(req);
	struct object *object;
	ssize_t n;

	if (!is_supported(fs, name))
		return -EOPNOTSUPP;
	if (nodeid == FUSE_ROOT_ID && !strcmp(name, IO_NAME))
		return copy_value(io_path(req), buf, size);
	if (nodeid == FUSE_ROOT_ID && !strcmp(name, STATS_NAME))
		return get_stats(fs, buf, size);
	n = fs_object(fs, nodeid, STORE_ATTR, &object);
	if (n)
		return n;
	if (is_ours(name))
		n = get_ours(req, object, name, buf, size);
	else
		n = access_check(req, object, R_OK);
	if (!n && !is_ours(name))
		n = fs->kind->get_xattr(object, name, buf, size);
	object_put(object);
	return n;
}

static void reply_xattr(fuse_req_t req, ssize_t n, const char *buf, size_t size)
{
	if (n < 0 || size > 0) {
		reply_data(req, n, buf);
		return;
	}
	trace_result(fs_of(req), n);
	/* Fails only when the request is gone. */
	(void)fuse_reply_xattr(req, (size_t)n);
}

void op_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		 size_t size)
{
	char *buf = thread_buffer(size + 1);
	ssize_t n = -ENOMEM;

	if (buf)
		n = get_xattr(req, nodeid, name, buf, size);
	reply_xattr(req, n, buf, size);
}

/* Keeps of a list of names, each ended by NUL, those that are supported. */
static size_t keep_supported(const struct fs *fs, char *names, size_t len)
{
	size_t kept = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strlen(names + at) + 1;

		if (is_supported(fs, names + at) && !is_ours(names + at)) {
			memmove(names + kept, names + at, n);
			kept += n;
		}
		at += n;
	}
	return kept;
}

static size_t add_name(char *names, const char *name)
{
	return (size_t)sprintf(names, "%s", name) + 1;
}

/* Adds those that are ours; there is room. Returns the bytes they take. */
static size_t add_ours(const struct fs *fs, fuse_ino_t nodeid, char *names)
{
	const char *const *fact = fs->kind->facts;
	size_t n = 0;

	if (nodeid == FUSE_ROOT_ID)
		return add_name(names, IO_NAME);
	for (; fact && *fact; fact++) {
		char name[64];

		snprintf(name, sizeof(name), OURS "%s", *fact);
		n += add_name(names + n, name);
	}
	return n;
}

#define OURS_MAX 1024 /* bytes of all names that are ours */

/* The names to show, in this thread's buffer. */
static ssize_t list_names(struct fs *fs, fuse_ino_t nodeid, char **ret_names)
{
	char *names = thread_buffer(XATTR_LIST_MAX + OURS_MAX);
	struct object *object;
	ssize_t n;

	if (!names)
		return -ENOMEM;
	*ret_names = names;
	n = fs_object(fs, nodeid, STORE_ATTR, &object);
	if (n == -ENODATA)
		return 0; /* a directory without marker */
	if (n)
		return n;
	n = fs->kind->list_xattr(object, names, XATTR_LIST_MAX);
	object_put(object);
	if (n < 0)
		return n;
	n = (ssize_t)keep_supported(fs, names, (size_t)n);
	n += (ssize_t)add_ours(fs, nodeid, names + n);
	return n;
}

void op_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	char *names = NULL;
	ssize_t n = list_names(fs_of(req), nodeid, &names);

	if (n > (ssize_t)size && size > 0)
		n = -ERANGE;
	reply_xattr(req, n, names, size);
}

/* The object whose attribute of this name the caller may write. */
static int object_to_write(fuse_req_t req, fuse_ino_t nodeid, const char *name,
			   struct object **ret_object)
{
	struct fs *fs = fs_of(req);
	struct object *object;
	int error = check_writable(fs, name);

	/*
	 * The namespace is not for those to change who own it for show, or
	 * were given a part of it.
	 */
	if (nodeid == FUSE_ROOT_ID &&
	    (owner_is_shown(&fs->owner) || view_is_part(&fs->view)))
		return -EPERM;

	if (!error)
		error = directory_mark(req, nodeid);
	if (!error)
		error = fs_object(fs, nodeid, STORE_ATTR, &object);
	if (error)
		return error;
	error = access_check(req, object, W_OK);
	if (error)
		object_put(object);
	else
		*ret_object = object;
	return error;
}

void op_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name,
		 const char *value, size_t size, int flags)
{
	struct object *object;
	int error = object_to_write(req, nodeid, name, &object);

	if (!error) {
		error = object->kind->set_xattr(object, name, value, size,
						flags);
		object_put(object);
	}
	reply_status(req, error);
}

void op_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct object *object;
	int error = object_to_write(req, nodeid, name, &object);

	if (!error) {
		error = object->kind->remove_xattr(object, name);
		object_put(object);
	}
	reply_status(req, error);
}
