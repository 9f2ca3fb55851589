// SPDX-License-Identifier: MIT
/*
 * From nodes to objects and back: the two steps that nearly every operation
 * begins and ends with.
 */
#include "fs.h"

int fs_object(struct fs *fs, fuse_ino_t nodeid, enum store_access access,
	      struct object **ret_object)
{
	struct node_ref ref;
	int error = node_get(fs->nodes, nodeid, &ref);

	if (error)
		return error;
	if (ref.object && (ref.object->writable || access == STORE_ATTR ||
			   access == STORE_READ)) {
		*ret_object = ref.object;
		return 0;
	}
	error = fs->kind->open_object(fs->store, ref.name, ref.ino, access,
				      ret_object);
	node_unref(&ref);
	return error;
}

int fs_entry(struct fs *fs, const char *name, const struct stat *st,
	     struct fuse_entry_param *ret_entry)
{
	uint64_t id;
	int error = node_lookup(fs->nodes, name, st->st_ino, &id);

	if (error)
		return error;
	*ret_entry = (struct fuse_entry_param){
		.ino = id,
		.attr = *st,
	};
	return 0;
}
