/* SPDX-License-Identifier: MIT */
/*
 * The view: which of a namespace's objects can be seen, made or removed, and
 * by what path. It maps text to text and asks nobody: what else exists is
 * tree.h's.
 *
 * An object's flat name is its name without the view's prefix. Without a
 * separator it is the file's name. With one, "cam:left:0" is the path
 * cam/left/0, and "cam:left:" is the marker that makes cam/left a directory;
 * a flat name that cannot be a path, such as "a::b" or ":a", is the name of a
 * file in the root. A directory is written as what the names of all objects
 * in it start with: prefix, components, separator. The root is the prefix.
 */
#ifndef SHMFS_VIEW_H
#define SHMFS_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "store.h"

struct view_globs {
	const char **globs; /* not copied */
	size_t count;
};

struct view {
	bool semaphores;    /* also glibc's named semaphores: sem_overview(7) */
	char separator;	    /* '\0': no directories */
	const char *prefix; /* not copied; NULL: none */
	size_t prefix_len;
	struct view_globs include, exclude;
};

/*
 * Building a view. The text given must live as long as the view. -EINVAL for
 * what cannot be, or was said before and differently; -ENOMEM.
 */
int view_set_prefix(struct view *view, const char *prefix);
int view_set_separator(struct view *view, const char *separator);
int view_add_glob(struct view_globs *globs, const char *glob);

/* Whether it shows a part of the objects only (prefix, patterns). */
static inline bool view_is_part(const struct view *view)
{
	return view->prefix || view->include.count || view->exclude.count;
}
void view_free(struct view *view);

/*
 * True if the object of this name is in view: it has the prefix and a name
 * that a file can have, it is no semaphore unless those are shown, and the
 * globs let it pass. A glob passes (fnmatch(3)) if it matches the flat name
 * or, with a separator, the name as a path: "cam/left/0", and "cam/left" for
 * the marker.
 */
bool view_contains(const struct view *view, const char *object);

/* The root as a directory: the prefix. */
static inline const char *view_root(const struct view *view)
{
	return view->prefix ? view->prefix : "";
}

/* The flat name of an object that has the prefix; points into `object`. */
const char *view_flat(const struct view *view, const char *object);

enum view_form {
	VIEW_FLAT,   /* a file in the root, under its flat name */
	VIEW_FILE,   /* a file, in a directory or in the root */
	VIEW_MARKER, /* a directory's marker */
};

/* How an object in view is shown, unless other objects are in its way. */
enum view_form view_form(const struct view *view, const char *object);

/* True if a file of this name can only be in the root, by its flat name. */
bool view_is_flat(const struct view *view, const char *name);

/*
 * The object that the file `name` in a directory stands for; inside a
 * directory a name with a separator stands for none: -EINVAL. -ENAMETOOLONG.
 * Whether it is in view is another question.
 */
int view_object(const struct view *view, const char *directory,
		const char *name, char ret_object[STORE_NAME_MAX + 1]);
/* The same for a directory in a directory: also the name of its marker. */
int view_directory(const struct view *view, const char *directory,
		   const char *name, char ret_directory[STORE_NAME_MAX + 1]);
/* The directory that a directory is in; false for the root. */
bool view_parent(const struct view *view, const char *directory,
		 char ret_parent[STORE_NAME_MAX + 1]);

#endif
