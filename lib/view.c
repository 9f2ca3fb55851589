// SPDX-License-Identifier: MIT
/*
 * The view's rules on names. glibc keeps a named semaphore "/x" as the file
 * "sem.x" beside the shm objects; writing to one through a file would break
 * it, so they are left out unless asked for.
 */
#include "view.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"

int view_set_prefix(struct view *view, const char *prefix)
{
	size_t len = strlen(prefix);

	/* At least one byte must be left for the name. */
	if (len == 0 || len >= STORE_NAME_MAX || strchr(prefix, '/'))
		return -EINVAL;
	if (view->prefix && strcmp(view->prefix, prefix) != 0)
		return -EINVAL;
	view->prefix = prefix;
	view->prefix_len = len;
	return 0;
}

int view_set_separator(struct view *view, const char *separator)
{
	unsigned char c = (unsigned char)separator[0];

	if (c == '\0' || separator[1] != '\0' || c == '/' || c >= 0x80)
		return -EINVAL;
	if (view->separator && view->separator != separator[0])
		return -EINVAL;
	view->separator = separator[0];
	return 0;
}

int view_add_glob(struct view_globs *globs, const char *glob)
{
	const char **more;

	if (!glob_is_sound(glob))
		return -EINVAL;
	more = reallocarray(globs->globs, globs->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[globs->count++] = glob;
	globs->globs = more;
	return 0;
}

void view_free(struct view *view)
{
	free(view->include.globs);
	free(view->exclude.globs);
}

static bool is_dot(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') ||
	       (len == 2 && name[0] == '.' && name[1] == '.');
}

static bool is_component(const char *name, size_t len)
{
	return len > 0 && !is_dot(name, len);
}

static bool any_matches(const struct view_globs *globs, const char *name)
{
	for (size_t i = 0; i < globs->count; i++)
		if (fnmatch(globs->globs[i], name, 0) == 0)
			return true;
	return false;
}

/* A flat name as a path, whatever it is shown as. */
static void to_path(const struct view *view, const char *flat,
		    char ret_path[STORE_NAME_MAX + 1])
{
	size_t len = strnlen(flat, STORE_NAME_MAX);

	for (size_t i = 0; i < len; i++)
		ret_path[i] = flat[i] == view->separator ? '/' : flat[i];
	if (len > 1 && ret_path[len - 1] == '/')
		len--;
	ret_path[len] = '\0';
}

static bool globs_pass(const struct view *view, const char *flat)
{
	char path[STORE_NAME_MAX + 1];
	const char *second = flat;

	if (!view->include.count && !view->exclude.count)
		return true;
	if (view->separator) {
		to_path(view, flat, path);
		second = path;
	}
	if (any_matches(&view->exclude, flat) ||
	    any_matches(&view->exclude, second))
		return false;
	return !view->include.count || any_matches(&view->include, flat) ||
	       any_matches(&view->include, second);
}

bool view_contains(const struct view *view, const char *object)
{
	const char *flat = object + view->prefix_len;

	if (view->prefix_len &&
	    strncmp(object, view->prefix, view->prefix_len) != 0)
		return false;
	if (!view->semaphores && strncmp(object, "sem.", 4) == 0)
		return false;
	return is_component(flat, strlen(flat)) && globs_pass(view, flat);
}

const char *view_flat(const struct view *view, const char *object)
{
	return object + view->prefix_len;
}

bool view_is_flat(const struct view *view, const char *name)
{
	return view->separator && strchr(name, view->separator);
}

enum view_form view_form(const struct view *view, const char *object)
{
	const char *at = view_flat(view, object);
	const char *end;

	if (!view_is_flat(view, at))
		return VIEW_FILE;
	while ((end = strchr(at, view->separator))) {
		if (!is_component(at, (size_t)(end - at)))
			return VIEW_FLAT;
		at = end + 1;
	}
	if (!*at)
		return VIEW_MARKER;
	return is_component(at, strlen(at)) ? VIEW_FILE : VIEW_FLAT;
}

static bool is_root(const struct view *view, const char *directory)
{
	return strlen(directory) == view->prefix_len;
}

int view_object(const struct view *view, const char *directory,
		const char *name, char ret_object[STORE_NAME_MAX + 1])
{
	size_t start = strlen(directory);
	size_t len = strlen(name);

	if (view_is_flat(view, name) && !is_root(view, directory))
		return -EINVAL;
	if (start + len > STORE_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_object, directory, start);
	memcpy(ret_object + start, name, len + 1);
	return 0;
}

int view_directory(const struct view *view, const char *directory,
		   const char *name, char ret_directory[STORE_NAME_MAX + 1])
{
	size_t len;
	int error = view_object(view, directory, name, ret_directory);

	if (error)
		return error;
	if (!view->separator || view_is_flat(view, name) ||
	    !is_component(name, strlen(name)))
		return -EINVAL;
	len = strlen(ret_directory);
	if (len == STORE_NAME_MAX)
		return -ENAMETOOLONG;
	ret_directory[len] = view->separator;
	ret_directory[len + 1] = '\0';
	return 0;
}

bool view_parent(const struct view *view, const char *directory,
		 char ret_parent[STORE_NAME_MAX + 1])
{
	size_t len = strlen(directory);

	if (len <= view->prefix_len)
		return false;
	len--; /* its own separator */
	while (len > view->prefix_len && directory[len - 1] != view->separator)
		len--;
	memcpy(ret_parent, directory, len);
	ret_parent[len] = '\0';
	return true;
}
