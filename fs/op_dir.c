// SPDX-License-Identifier: MIT
/*
 * Listing. In a flat view offsets are the store's own: where the entry after
 * this one is found; in one with directories they are a tree's. A listing may
 * be read by several threads of a caller; they take turns.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "directory.h"
#include "ops.h"

struct listing {
	struct handle handle;
	fuse_ino_t nodeid;
	pthread_mutex_t lock;  /* of all below */
	struct store_dir *dir; /* of a flat view, else NULL */
	struct tree *tree;     /* or NULL: none yet */
	int number;	       /* the directory's in it, or -ENOENT: gone */
	uint64_t ino, parent_ino;
};

/* An entry as it is shown. */
struct shown {
	char name[STORE_NAME_MAX + 1];
	char object[STORE_NAME_MAX + 1]; /* or the directory's name */
	unsigned char type;
	uint64_t ino;
	off_t next;
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

static void end_listing(struct fs *fs, struct handle *handle)
{
	struct listing *listing = (struct listing *)handle; /* first member */

	if (listing->dir)
		fs->kind->dir_close(listing->dir);
	tree_put(listing->tree);
	pthread_mutex_destroy(&listing->lock);
	free(listing);
}

static int open_listing(fuse_req_t req, fuse_ino_t nodeid,
			struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct listing *listing = calloc(1, sizeof(*listing));
	int error = 0;

	if (!listing)
		return -ENOMEM;
	listing->nodeid = nodeid;
	if (!fs->dirs)
		error = fs->kind->dir_open(fs->store, &listing->dir);
	if (error) {
		free(listing);
		return error;
	}
	pthread_mutex_init(&listing->lock, NULL);
	listing->handle.end = end_listing;
	error = handles_add(&fs->handles, &listing->handle, caller_of(req).uid);
	if (error) {
		end_listing(fs, &listing->handle);
		return error;
	}
	fi->fh = (uintptr_t)listing;
	return 0;
}

static void close_listing(struct fs *fs, struct listing *listing)
{
	handles_remove(&fs->handles, &listing->handle);
	end_listing(fs, &listing->handle);
}

void op_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	int error = open_listing(req, nodeid, fi);

	if (error)
		reply_status(req, error);
	else if (fuse_reply_open(req, fi) < 0)
		close_listing(fs, listing_of(fi));
}

void op_releasedir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	close_listing(fs_of(req), listing_of(fi));
	reply_status(req, 0);
}

/* Adds a plain entry; returns the bytes it takes, more than `room` if not. */
static size_t add_plain(fuse_req_t req, char *buf, size_t room,
			const struct shown *entry)
{
	struct stat st = {
		.st_ino = entry->ino,
		.st_mode = DTTOIF(entry->type),
	};

	return fuse_add_direntry(req, buf, room, entry->name, &st, entry->next);
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int look_up(struct fs *fs, const struct shown *entry,
		   struct fuse_entry_param *ret_entry)
{
	struct stat st;
	int error;

	if (is_dot(entry->name))
		return -ENOENT;
	if (entry->type == DT_DIR)
		return directory_entry(fs, entry->object, ret_entry);
	error = fs->kind->stat(fs->store, entry->object, &st);
	return error ? error
		     : fs_entry(fs, entry->object, &st, FS_ASK_AGAIN,
				ret_entry);
}

/*
 * Adds an entry that counts as a lookup of its object: taken back if it does
 * not fit. "." and "..", and what vanished since it was listed, come without.
 */
static size_t add_plus(fuse_req_t req, char *buf, size_t room,
		       const struct shown *entry)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param plus = {
		.attr.st_ino = entry->ino,
		.attr.st_mode = DTTOIF(entry->type),
	};
	size_t n;

	/* Without memory for a node it is a plain entry. */
	(void)look_up(fs, entry, &plus);
	n = fuse_add_direntry_plus(req, buf, room, entry->name, &plus,
				   entry->next);
	if (n > room && plus.ino)
		fs_forget(fs, plus.ino, 1);
	return n;
}

typedef size_t (*add_entry)(fuse_req_t req, char *buf, size_t room,
			    const struct shown *entry);

/* The entry of a flat view at `off`. Returns 1, 0 at the end, or -errno. */
static int next_flat(struct fs *fs, struct listing *listing, off_t off,
		     struct shown *ret_entry)
{
	struct store_entry entry;
	int more;

	do {
		more = fs->kind->dir_next(listing->dir, off, &entry);
		if (more <= 0)
			return more;
		off = entry.next;
	} while (entry.type != DT_DIR && !view_contains(&fs->view, entry.name));
	strcpy(ret_entry->object, entry.name);
	strcpy(ret_entry->name, entry.type == DT_DIR
					? entry.name
					: view_flat(&fs->view, entry.name));
	ret_entry->type = entry.type;
	ret_entry->ino = entry.ino;
	ret_entry->next = entry.next;
	return 1;
}

/* Begins anew, with the names there are now. */
static int plant(struct fs *fs, struct listing *listing)
{
	char name[STORE_NAME_MAX + 1];
	int error;

	tree_put(listing->tree);
	listing->tree = NULL;
	error = directory_name(fs, listing->nodeid, name);
	if (error && error != -ENOENT)
		return error;
	listing->number = error;
	error = forest_lend_tree(fs->forest, &listing->tree);
	if (error)
		return error;
	if (!listing->number)
		listing->number = tree_find(listing->tree, name);
	listing->ino = directory_ino(fs, listing->nodeid, false);
	listing->parent_ino = directory_ino(fs, listing->nodeid, true);
	return 0;
}

/* "." is at 0, ".." at 1; the rest follows. */
static void dot_entry(const struct listing *listing, off_t off,
		      struct shown *ret_entry)
{
	strcpy(ret_entry->name, off ? ".." : ".");
	ret_entry->type = DT_DIR;
	ret_entry->ino = off ? listing->parent_ino : listing->ino;
	ret_entry->next = off + 1;
}

static int next_in_tree(struct fs *fs, struct listing *listing, off_t off,
			struct shown *ret_entry)
{
	struct tree_entry entry;
	size_t len;

	if (off == 0 || !listing->tree) {
		int error = plant(fs, listing);

		if (error)
			return error;
	}
	if (off == 0 || off == 1) {
		dot_entry(listing, off, ret_entry);
		return 1;
	}
	if (off < 0 || listing->number < 0 ||
	    !tree_next(listing->tree, listing->number, (size_t)off - 2, &entry))
		return 0;
	len = entry.len ? entry.len : strlen(entry.object);
	memcpy(ret_entry->object, entry.object, len);
	ret_entry->object[len] = '\0';
	memcpy(ret_entry->name, entry.name, entry.name_len);
	ret_entry->name[entry.name_len] = '\0';
	ret_entry->type = entry.len ? DT_DIR : DT_REG;
	ret_entry->ino =
		entry.len ? dirs_ino(fs->dirs, ret_entry->object) : entry.ino;
	ret_entry->next = (off_t)entry.next + 2;
	return 1;
}

/* Fills buf from the listing. Returns the bytes used, or -errno. */
static ssize_t fill(fuse_req_t req, struct listing *listing, char *buf,
		    size_t size, off_t off, add_entry add)
{
	struct fs *fs = fs_of(req);
	size_t used = 0;

	for (;;) {
		struct shown entry;
		int more = listing->dir
				   ? next_flat(fs, listing, off, &entry)
				   : next_in_tree(fs, listing, off, &entry);
		size_t n;

		if (more < 0 && used == 0)
			return more;
		if (more <= 0)
			return (ssize_t)used;
		off = entry.next;
		n = add(req, buf + used, size - used, &entry);
		if (n > size - used)
			return (ssize_t)used;
		used += n;
	}
}

static void reply_listing(fuse_req_t req, size_t size, off_t off,
			  const struct fuse_file_info *fi, add_entry add)
{
	struct listing *listing = listing_of(fi);
	char *buf = thread_buffer(size);
	ssize_t n = -ENOMEM;

	if (buf) {
		directory_hold(fs_of(req));
		pthread_mutex_lock(&listing->lock);
		n = fill(req, listing, buf, size, off, add);
		pthread_mutex_unlock(&listing->lock);
		directory_release(fs_of(req));
	}
	/* If it is not delivered, lookup counts last as long as the mount. */
	reply_data(req, n, buf);
}

void op_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	reply_listing(req, size, off, fi, add_plain);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	reply_listing(req, size, off, fi, add_plus);
}
