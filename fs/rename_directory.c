// SPDX-License-Identifier: MIT
/*
 * Renaming a directory: its objects one by one, the marker last. Each rename
 * is atomic, so that whenever this is broken off, every object has its old or
 * its new name.
 *
 * Others may make and remove objects meanwhile. One that is gone is passed
 * over; one that appeared under an old name is taken along if it did so
 * before the last look; one that appeared under a new name stops it all, and
 * what was renamed is renamed back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "directory.h"

#define LOOKS_MAX 8

struct move {
	struct fs *fs;
	const char *from, *to;
	const struct store_caller *caller;
	char **done; /* old names of what has been renamed */
	size_t count, room;
};

/* The new name of an object. */
static int new_name(const struct move *move, const char *object,
		    char ret_name[STORE_NAME_MAX + 1])
{
	const char *rest = object + strlen(move->from);

	if (strlen(move->to) + strlen(rest) > STORE_NAME_MAX)
		return -ENAMETOOLONG;
	strcpy(stpcpy(ret_name, move->to), rest);
	return view_contains(&move->fs->view, ret_name) ? 0 : -EPERM;
}

/* Nothing is renamed if one name cannot be. */
static int check_names(const struct move *move, const struct tree *tree)
{
	char name[STORE_NAME_MAX + 1];
	struct tree_entry entry;
	int error = 0;

	for (size_t at = 0;
	     !error && tree_next_below(tree, move->from, at, &entry);
	     at = entry.next)
		error = new_name(move, entry.object, name);
	return error;
}

static int note_done(struct move *move, const char *object)
{
	char *copy;

	if (move->count == move->room) {
		size_t room = move->room ? move->room * 2 : 64;
		char **more = reallocarray(move->done, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		move->done = more;
		move->room = room;
	}
	copy = strdup(object);
	if (!copy)
		return -ENOMEM;
	move->done[move->count++] = copy;
	return 0;
}

/*
 * One object. The marker may take the place of the other directory's, which
 * is empty but for it.
 */
static int move_object(struct move *move, const char *object, unsigned flags)
{
	struct fs *fs = move->fs;
	char name[STORE_NAME_MAX + 1];
	int error = new_name(move, object, name);

	if (!error)
		error = note_done(move, object);
	if (error)
		return error;
	error = fs->kind->rename(fs->store, object, name, flags, move->caller);
	if (!error) {
		fs_note_name(fs, name);
		return 0;
	}
	free(move->done[--move->count]);
	return error == -ENOENT ? 0 : error;
}

static void move_back(struct move *move)
{
	struct fs *fs = move->fs;
	char name[STORE_NAME_MAX + 1];

	while (move->count) {
		auto_heap char *object = move->done[--move->count];

		(void)new_name(move, object, name); /* as before */
		/* Gone, or its old name is taken by now: it stays there. */
		if (fs->kind->rename(fs->store, name, object, RENAME_NOREPLACE,
				     move->caller) == 0)
			fs_note_name(fs, object);
	}
}

/* All that is there now but the marker. Returns how many, or -errno. */
static ssize_t move_all(struct move *move)
{
	struct tree_entry entry;
	struct tree *tree;
	ssize_t count = 0;
	int error = forest_tree(move->fs->forest, &tree);

	if (error)
		return error;
	error = check_names(move, tree);
	for (size_t at = 0;
	     !error && tree_next_below(tree, move->from, at, &entry);
	     at = entry.next) {
		if (!strcmp(entry.object, move->from))
			continue;
		error = move_object(move, entry.object, RENAME_NOREPLACE);
		count++;
	}
	tree_put(tree);
	return error ? error : count;
}

static int move_directory(struct move *move, unsigned flags)
{
	ssize_t count = 1;

	for (int i = 0; i < LOOKS_MAX && count > 0; i++)
		count = move_all(move);
	if (count < 0)
		return (int)count;
	return view_contains(&move->fs->view, move->from)
		       ? move_object(move, move->from, flags)
		       : 0;
}

/* -errno if the directory `to` is in the way. */
static int check_target(struct fs *fs, const char *to, unsigned flags)
{
	struct tree_directory directory;
	int error = directory_find(fs, to, &directory);

	if (error)
		return error == -ENOENT ? 0 : error;
	if (flags & RENAME_NOREPLACE)
		return -EEXIST;
	return directory.files || directory.subdirs ? -ENOTEMPTY : 0;
}

int directory_rename(struct fs *fs, const char *from, const char *to,
		     unsigned flags, const struct store_caller *caller)
{
	struct move move = {
		.fs = fs,
		.from = from,
		.to = to,
		.caller = caller,
	};
	int error;

	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	if (!strcmp(from, to))
		return 0;
	if (!strncmp(from, to, strlen(from)))
		return -EINVAL; /* into itself */
	error = check_target(fs, to, flags);
	if (!error)
		error = move_directory(&move, flags);
	if (error)
		move_back(&move);
	else
		dirs_renamed(fs->dirs, from, to);
	while (move.count)
		free(move.done[--move.count]);
	free(move.done);
	/* Others put something into the way. */
	return error == -EEXIST && !flags ? -ENOTEMPTY : error;
}
