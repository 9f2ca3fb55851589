// SPDX-License-Identifier: MIT
/*
 * Listing. Offsets are the store's own: where the entry after this one is
 * found. A listing may be read by several threads of a caller; they take
 * turns.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "ops.h"

struct listing {
	struct handle handle;
	pthread_mutex_t lock;
	struct store_dir *dir; /* lock */
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

static void end_listing(struct fs *fs, struct handle *handle)
{
	struct listing *listing = (struct listing *)handle; /* first member */

	fs->kind->dir_close(listing->dir);
	pthread_mutex_destroy(&listing->lock);
	free(listing);
}

static int open_listing(struct fs *fs, struct fuse_file_info *fi)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	int error;

	if (!listing)
		return -ENOMEM;
	error = fs->kind->dir_open(fs->store, &listing->dir);
	if (error) {
		free(listing);
		return error;
	}
	pthread_mutex_init(&listing->lock, NULL);
	listing->handle.end = end_listing;
	handles_add(&fs->handles, &listing->handle);
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
	int error = open_listing(fs, fi);

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
			const struct store_entry *entry)
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

/*
 * Adds an entry that counts as a lookup of its object: taken back if it does
 * not fit. "." and "..", and what vanished since it was listed, come without.
 */
static size_t add_plus(fuse_req_t req, char *buf, size_t room,
		       const struct store_entry *entry)
{
	struct fs *fs = fs_of(req);
	struct fuse_entry_param plus = {
		.attr.st_ino = entry->ino,
		.attr.st_mode = DTTOIF(entry->type),
	};
	struct stat st;
	size_t n;

	if (!is_dot(entry->name) &&
	    fs->kind->stat(fs->store, entry->name, &st) == 0)
		/* Without memory for a node it is a plain entry. */
		(void)fs_entry(fs, entry->name, &st, FS_ASK_AGAIN, &plus);
	n = fuse_add_direntry_plus(req, buf, room, entry->name, &plus,
				   entry->next);
	if (n > room && plus.ino)
		node_forget(fs->nodes, plus.ino, 1);
	return n;
}

typedef size_t (*add_entry)(fuse_req_t req, char *buf, size_t room,
			    const struct store_entry *entry);

/* Fills buf from the listing. Returns the bytes used, or -errno. */
static ssize_t fill(fuse_req_t req, struct store_dir *dir, char *buf,
		    size_t size, off_t off, add_entry add)
{
	struct fs *fs = fs_of(req);
	size_t used = 0;

	for (;;) {
		struct store_entry entry;
		int more = fs->kind->dir_next(dir, off, &entry);
		size_t n;

		if (more < 0 && used == 0)
			return more;
		if (more <= 0)
			return (ssize_t)used;
		off = entry.next;
		if (entry.type != DT_DIR &&
		    !view_contains(&fs->view, entry.name))
			continue;
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
		pthread_mutex_lock(&listing->lock);
		n = fill(req, listing->dir, buf, size, off, add);
		pthread_mutex_unlock(&listing->lock);
	}
	if (n < 0)
		reply_status(req, (int)n);
	else
		/*
		 * Fails only when the request is gone; the entries' lookup
		 * counts then last as long as the mount.
		 */
		(void)fuse_reply_buf(req, buf, (size_t)n);
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
