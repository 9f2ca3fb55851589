// SPDX-License-Identifier: MIT
/*
 * Attributes. The kernel asks for them by node even for fstat(2), fchmod(2)
 * and the like, which have no path to walk again: a node that is open is
 * therefore always answered from its open object, whatever its name leads to
 * by now, and only a node that is not open may be stale.
 */
#include <errno.h>
#include <stdlib.h>

#include "access.h"
#include "cleanup.h"
#include "directory.h"
#include "limit.h"
#include "ops.h"

/* The attributes of what a node's name leads to, if that is still it. */
static int get_attr_by_name(struct fs *fs, const struct node_ref *ref,
			    struct stat *ret_stat)
{
	struct stat st;
	int error = fs->kind->stat(fs->store, ref->name, &st);

	if (error == -ENOENT || (!error && st.st_ino != ref->ino)) {
		janitor_stale(&fs->janitor);
		return -ESTALE;
	}
	if (!error)
		*ret_stat = st;
	return error;
}

/* Of the root: its own directories are not shown, those of a view are. */
static nlink_t root_links(struct fs *fs)
{
	ssize_t subdirs = 0;

	if (fs->dirs)
		subdirs = directory_count_subdirs(fs, view_root(&fs->view));
	return subdirs < 0 ? 2 : (nlink_t)subdirs + 2;
}

static int get_attr(struct fs *fs, fuse_ino_t nodeid, struct stat *ret_stat)
{
	struct node_ref ref;
	int error;

	if (dirs_is_id(nodeid))
		return directory_attr(fs, nodeid, ret_stat);
	error = node_get(fs->nodes, nodeid, &ref);
	if (error)
		return error;
	if (ref.object)
		error = fs->kind->get_attr(ref.object, ret_stat);
	else if (ref.recent)
		error = fs->kind->get_attr(ref.recent, ret_stat);
	else
		error = get_attr_by_name(fs, &ref, ret_stat);
	node_unref(&ref);
	if (!error && fs->kind->count_blocks && !ret_stat->st_blocks)
		fs->kind->count_blocks(fs->store, ret_stat);
	if (!error && nodeid == FUSE_ROOT_ID)
		ret_stat->st_nlink = root_links(fs);
	if (!error)
		owner_show(&fs->owner, ret_stat);
	return error;
}

static void reply_attr(fuse_req_t req, int error, const struct stat *st)
{
	if (error)
		reply_status(req, error);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_attr(req, st, 0);
}

void op_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct stat st;
	int error = get_attr(fs_of(req), nodeid, &st);

	reply_attr(req, error, &st);
}

static struct timespec time_to_set(int to_set, int set, int now,
				   struct timespec time)
{
	if (to_set & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (to_set & set)
		return time;
	return (struct timespec){ .tv_nsec = UTIME_OMIT };
}

static struct store_attr decode_attr(const struct stat *attr, int to_set)
{
	struct store_attr out = {
		.mode = attr->st_mode,
		.uid = attr->st_uid,
		.gid = attr->st_gid,
		.size = attr->st_size,
		.atime = time_to_set(to_set, FUSE_SET_ATTR_ATIME,
				     FUSE_SET_ATTR_ATIME_NOW, attr->st_atim),
		.mtime = time_to_set(to_set, FUSE_SET_ATTR_MTIME,
				     FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim),
	};

	if (to_set & FUSE_SET_ATTR_MODE)
		out.set |= STORE_SET_MODE;
	if (to_set & FUSE_SET_ATTR_UID)
		out.set |= STORE_SET_UID;
	if (to_set & FUSE_SET_ATTR_GID)
		out.set |= STORE_SET_GID;
	if (to_set & FUSE_SET_ATTR_SIZE)
		out.set |= STORE_SET_SIZE;
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME))
		out.set |= STORE_SET_TIMES;
	/* FATTR_KILL_SUIDGID of the protocol; chown(2) needs no help. */
	if ((to_set & FUSE_SET_ATTR_KILL_SUID) && (to_set & FUSE_SET_ATTR_SIZE))
		out.set |= STORE_SET_NOPRIV;
	return out;
}

/* Whether the caller may do it, where the kernel has not asked that. */
static int check_set(fuse_req_t req, struct object *object,
		     const struct store_attr *attr,
		     const struct fuse_file_info *fi)
{
	int error = 0;

	if ((attr->set & STORE_SET_SIZE) && !fi)
		error = access_check(req, object, W_OK);
	return error ? error : access_set(req, object, attr);
}

/*
 * The root is the namespace of all: its mode and owner are not for those to
 * change who were given a part of it. What changes nothing may pass.
 */
static int check_root(const struct fs *fs, struct object *object,
		      const struct store_attr *attr)
{
	struct stat st;
	int error;

	if (!view_is_part(&fs->view))
		return 0;
	error = fs->kind->get_attr(object, &st);
	if (error)
		return error;
	if ((attr->set & STORE_SET_MODE && (attr->mode ^ st.st_mode) & 07777) ||
	    (attr->set & STORE_SET_UID && attr->uid != st.st_uid) ||
	    (attr->set & STORE_SET_GID && attr->gid != st.st_gid))
		return -EPERM;
	return 0;
}

/* What is left to be set on a mount that shows another owner or mode. */
static int filter_attr(const struct fs *fs, struct object *object,
		       struct store_attr *attr)
{
	struct stat st;
	int error;

	if (!owner_is_shown(&fs->owner) || !attr->set)
		return 0;
	error = fs->kind->get_attr(object, &st);
	return error ? error : owner_filter(&fs->owner, &st, attr);
}

static int apply_attr(struct fs *fs, struct object *object,
		      const struct store_attr *attr)
{
	struct store_attr left = *attr;
	int error = filter_attr(fs, object, &left);

	if (error || (attr->set && !left.set))
		return error;
	if (left.set & STORE_SET_SIZE)
		fs_prepare(fs, object);
	return limit_set_attr(fs->budget, object, &left);
}

static int set_attr(fuse_req_t req, fuse_ino_t nodeid,
		    const struct store_attr *attr,
		    const struct fuse_file_info *fi, struct stat *ret_stat)
{
	enum store_access access =
		attr->set & STORE_SET_SIZE ? STORE_RESIZE : STORE_ATTR;
	struct fs *fs = fs_of(req);
	struct object *object;
	int error;

	if (fi) {
		object = object_get(file_of(fi)->object);
	} else {
		error = fs_object(fs, nodeid, access, &object);
		if (error)
			return error;
	}
	error = check_set(req, object, attr, fi);
	if (!error && nodeid == FUSE_ROOT_ID)
		error = check_root(fs, object, attr);
	if (!error) {
		error = apply_attr(fs, object, attr);
		if (error)
			fs_log_reason(fs, nodeid, object);
	}
	if (!error && dirs_is_id(nodeid))
		error = directory_attr(fs, nodeid, ret_stat);
	else if (!error)
		error = fs->kind->get_attr(object, ret_stat);
	if (!error)
		owner_show(&fs->owner, ret_stat);
	object_put(object);
	return error;
}

void op_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr,
		int to_set, struct fuse_file_info *fi)
{
	auto_heap gid_t *groups = NULL;
	struct store_attr changes = decode_attr(attr, to_set);
	struct store_caller caller;
	struct stat st;
	int error = 0;

	if ((fuse_req_ctx(req)->uid != 0 || fs_of(req)->kind->permit) &&
	    !owner_is_shown(&fs_of(req)->owner)) {
		/*
		 * The kernel has judged who owns the object and who is in its
		 * group by attributes that may be old, for an open file.
		 */
		error = fs_caller_with_groups(req, &caller, &groups);
		access_note_bare(req, &caller);
		changes.caller = &caller;
	}
	if (!error)
		error = directory_mark(req, nodeid);
	if (!error)
		error = set_attr(req, nodeid, &changes, fi, &st);
	reply_attr(req, error, &st);
}

/* access(2), chdir(2), where the kernel does not check permissions itself. */
void op_access(fuse_req_t req, fuse_ino_t nodeid, int mask)
{
	struct object *object;
	int error = fs_object(fs_of(req), nodeid, STORE_ATTR, &object);

	if (!error) {
		error = access_check(req, object, mask & (R_OK | W_OK | X_OK));
		object_put(object);
	}
	reply_status(req, error);
}

void op_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	struct fs *fs = fs_of(req);
	struct statvfs st;
	int error = fs->kind->statfs(fs->store, &st);

	if (!error)
		error = limit_statfs(fs->budget, &st);
	st.f_namemax = STORE_NAME_MAX - fs->view.prefix_len;
	if (error)
		reply_status(req, error);
	else
		/* Fails only when the request is gone. */
		(void)fuse_reply_statfs(req, &st);
}
