// SPDX-License-Identifier: MIT
/*
 * From nodes to objects and back: the two steps that nearly every operation
 * begins and ends with.
 */
#include "directory.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "limit.h"
#include "log.h"

static bool will_do(const struct object *object, enum store_access access)
{
	return object && (object->writable || access == STORE_ATTR ||
			  access == STORE_READ);
}

static int open_ref(struct fs *fs, const struct node_ref *ref,
		    enum store_access access, struct object **ret_object)
{
	if (will_do(ref->object, access)) {
		*ret_object = object_get(ref->object);
		return 0;
	}
	if (ref->recent && access == STORE_ATTR) {
		*ret_object = object_get(ref->recent);
		return 0;
	}
	if (ref->recent)
		return fs->kind->reopen(ref->recent, access, ret_object);
	return fs->kind->open_object(fs->store, ref->name, ref->ino, access,
				     ret_object);
}

int fs_object(struct fs *fs, fuse_ino_t nodeid, enum store_access access,
	      struct object **ret_object)
{
	struct node_ref ref;
	int error;

	if (dirs_is_id(nodeid))
		return directory_marker(fs, nodeid, ret_object);
	error = node_get(fs->nodes, nodeid, &ref);
	if (error)
		return error;
	error = open_ref(fs, &ref, access, ret_object);
	if (error == -ESTALE)
		janitor_stale(&fs->janitor);
	node_unref(&ref);
	return error;
}

int fs_create(struct fs *fs, const char *name, mode_t mode,
	      const struct store_caller *caller, struct object **ret_object)
{
	const struct store_caller self = { .uid = geteuid(), .gid = getegid() };
	struct object *object;
	int error;

	if (!owner_is_shown(&fs->owner))
		return limit_create_object(fs->budget, fs->kind, fs->store,
					   name, mode & 07777, caller,
					   ret_object);
	error = limit_create_object(fs->budget, fs->kind, fs->store, name,
				    mode & 0777, &self, &object);
	if (error)
		return error;
	error = owner_give(object, caller->uid, caller->gid);
	if (error) {
		/* As if it had never been; if that fails too, it stays. */
		(void)fs->kind->unlink(fs->store, name, &self);
		object_put(object);
	} else {
		*ret_object = object;
	}
	return error;
}

#define FOR_GOOD 1e9 /* seconds */

int fs_entry(struct fs *fs, const char *name, const struct stat *st,
	     enum fs_keep keep, struct fuse_entry_param *ret_entry)
{
	bool wanted = fs->keep_names && keep == FS_KEEP_NAME;
	bool kept = false;
	uint64_t id;
	int error = node_lookup(fs->nodes, name, st->st_ino,
				wanted ? &kept : NULL, &id);

	if (error)
		return error;
	*ret_entry = (struct fuse_entry_param){
		.ino = id,
		.attr = *st,
		.entry_timeout = kept ? FOR_GOOD : 0,
	};
	owner_show(&fs->owner, &ret_entry->attr);
	return 0;
}

int fs_end_epoch(struct fs *fs)
{
	uint64_t epoch;
	int error;

	if (!fs->keep_names || !node_any_kept(fs->nodes))
		return 0;
	epoch = node_epoch_ending(fs->nodes);
	error = fuse_lowlevel_notify_increment_epoch(fs->session);
	if (error)
		return error;
	node_epoch_ended(fs->nodes, epoch);
	stats_add(fs->stats, STATS_EPOCHS, 1);
	return 0;
}

void fs_note_name(struct fs *fs, const char *name)
{
	struct stat st;

	if (fs->kind->stat(fs->store, name, &st) == 0)
		node_renamed(fs->nodes, st.st_ino, name);
}

void fs_forget(struct fs *fs, fuse_ino_t nodeid, uint64_t count)
{
	if (dirs_is_id(nodeid))
		dirs_forget(fs->dirs, nodeid, count);
	else
		node_forget(fs->nodes, nodeid, count);
}

void fs_reply_entry(fuse_req_t req, int error,
		    const struct fuse_entry_param *entry)
{
	if (error)
		reply_status(req, error);
	else if (fuse_reply_entry(req, entry) < 0)
		fs_forget(fs_of(req), entry->ino, 1);
}

bool fs_has_name(const struct fs *fs, const char *name)
{
	char spelled[STORE_NAME_MAX + 1];

	if (!fs->kind->spell)
		return view_contains(&fs->view, name);
	return fs->kind->spell(name, spelled) != 0 ||
	       view_contains(&fs->view, spelled);
}

void fs_log_reason(struct fs *fs, fuse_ino_t nodeid, struct object *object)
{
	struct node_ref ref;
	char text[256] = "";

	if (fs->kind->reason)
		fs->kind->reason(object, text, sizeof(text));
	if (!*text || node_get(fs->nodes, nodeid, &ref))
		return;
	log_error("%s: %s", ref.name, text);
	node_unref(&ref);
}

int fs_caller_with_groups(fuse_req_t req, struct store_caller *ret_caller,
			  gid_t **ret_groups)
{
	*ret_caller = caller_of(req);
	*ret_groups = NULL;
	if (ret_caller->uid == geteuid())
		return 0; /* we have the groups this user has */
	return fs_caller_and_groups(req, ret_caller, ret_groups);
}

int fs_caller_and_groups(fuse_req_t req, struct store_caller *ret_caller,
			 gid_t **ret_groups)
{
	gid_t *groups = NULL;
	int count = 64;
	int got = 0;

	*ret_caller = caller_of(req);
	do {
		gid_t *more;

		count = got > count ? got : count;
		more = realloc(groups, (size_t)count * sizeof(gid_t));
		if (!more) {
			free(groups);
			return -ENOMEM;
		}
		groups = more;
		got = fuse_req_getgroups(req, count, groups);
	} while (got > count);
	/* -errno: of a process we cannot look at. It then has no groups. */
	ret_caller->groups = groups;
	ret_caller->group_count = got < 0 ? 0 : (size_t)got;
	*ret_groups = groups;
	return 0;
}
