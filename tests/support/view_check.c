/* SPDX-License-Identifier: MIT */
/*
 * Walks what a tree lists and resolves each path the way the mount does: a
 * component is an object if there is one, else a directory.
 */
#include "view_check.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 4096

struct store_dir {
	const struct store *store;
};

static int names_open(struct store *store, struct store_dir **ret_dir)
{
	struct store_dir *dir = malloc(sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->store = store;
	*ret_dir = dir;
	return 0;
}

static int names_next(struct store_dir *dir, off_t from,
		      struct store_entry *ret_entry)
{
	if (from < 0 || (size_t)from >= dir->store->count)
		return 0;
	*ret_entry = (struct store_entry){
		.name = dir->store->names[from],
		.ino = (uint64_t)from + 1,
		.type = DT_REG,
		.next = from + 1,
	};
	return 1;
}

static void names_close(struct store_dir *dir)
{
	free(dir);
}

const struct store_kind view_check_kind = {
	.name = "names",
	.dir_open = names_open,
	.dir_next = names_next,
	.dir_close = names_close,
};

struct check {
	const struct view *view;
	const struct store *store;
	const struct tree *tree;
	unsigned char *listed; /* how often each name was */
	size_t directories;
};

static bool is_object(const struct check *c, const char *name)
{
	if (!view_contains(c->view, name))
		return false;
	for (size_t i = 0; i < c->store->count; i++)
		if (!strcmp(c->store->names[i], name))
			return true;
	return false;
}

/* What a listed file is resolved to must be its object. */
static const char *check_file(const struct check *c, const char *directory,
			      const struct tree_entry *entry)
{
	char object[STORE_NAME_MAX + 1];

	if (strlen(entry->name) != entry->name_len)
		return "a file's name does not end with its object's";
	if (!*entry->name || !strcmp(entry->name, ".") ||
	    !strcmp(entry->name, ".."))
		return "a name that no file can have is listed";
	if (view_object(c->view, directory, entry->name, object))
		return "a listed name stands for nothing";
	if (strcmp(object, entry->object) != 0)
		return "a listed name stands for another object";
	if (!is_object(c, object))
		return "what is listed is not there, or not in view";
	c->listed[entry->ino - 1]++;
	return NULL;
}

/* A listed directory must be found, and by nobody taken for an object. */
static const char *check_directory(const struct check *c, const char *directory,
				   const struct tree_entry *entry,
				   char ret_name[STORE_NAME_MAX + 1])
{
	char component[STORE_NAME_MAX + 1], parent[STORE_NAME_MAX + 1];

	memcpy(component, entry->name, entry->name_len);
	component[entry->name_len] = '\0';
	if (view_object(c->view, directory, component, ret_name))
		return "a directory's name stands for nothing";
	if (is_object(c, ret_name))
		return "a directory has the name of an object";
	if (view_directory(c->view, directory, component, ret_name))
		return "a listed directory cannot be";
	if (strlen(ret_name) != entry->len ||
	    memcmp(ret_name, entry->object, entry->len) != 0)
		return "a directory is listed as another one";
	if (!view_parent(c->view, ret_name, parent) ||
	    strcmp(parent, directory) != 0)
		return "a directory is in another one";
	return NULL;
}

static const char *check_listing(struct check *c, const char *directory);

static const char *check_entries(struct check *c, const char *directory,
				 int number)
{
	struct tree_directory seen = { 0 };
	struct tree_directory told = tree_directory(c->tree, number);
	struct tree_entry entry;
	const char *wrong = NULL;

	for (size_t at = 0; !wrong && tree_next(c->tree, number, at, &entry);
	     at = entry.next) {
		char name[STORE_NAME_MAX + 1];

		if (!entry.len) {
			wrong = check_file(c, directory, &entry);
			seen.files++;
			continue;
		}
		seen.subdirs++;
		wrong = check_directory(c, directory, &entry, name);
		if (!wrong)
			wrong = check_listing(c, name);
	}
	if (wrong)
		return wrong;
	if (seen.files != told.files || seen.subdirs != told.subdirs)
		return "a directory's counts are wrong";
	if (!seen.files && !seen.subdirs && !told.marked && number != 0)
		return "an empty directory without a marker";
	return NULL;
}

static const char *check_listing(struct check *c, const char *directory)
{
	int number = tree_find(c->tree, directory);

	c->directories++;
	if (number < 0)
		return "a listed directory is not found";
	return check_entries(c, directory, number);
}

/* A marker that is a directory's is listed as no file, all else as one. */
static const char *check_counts(const struct check *c)
{
	for (size_t i = 0; i < c->store->count; i++) {
		const char *name = c->store->names[i];
		int number = view_contains(c->view, name)
				     ? tree_find(c->tree, name)
				     : -ENOENT;
		bool marks =
			number >= 0 && view_form(c->view, name) == VIEW_MARKER;

		if (marks && !tree_directory(c->tree, number).marked)
			return "a marker does not mark";
		if (c->listed[i] != (view_contains(c->view, name) && !marks))
			return c->listed[i] ? "listed twice, or not in view"
					    : "in view, and not listed";
	}
	return NULL;
}

const char *view_check(const struct view *view, const char *const *names,
		       size_t count)
{
	struct store store = { .names = names, .count = count };
	struct tree_source source = {
		.kind = &view_check_kind,
		.store = &store,
		.view = view,
	};
	struct check c = { .view = view, .store = &store };
	struct tree *tree;
	const char *wrong;

	if (tree_make(&source, &tree))
		return "no tree";
	c.tree = tree;
	c.listed = calloc(count + 1, 1);
	wrong = check_listing(&c, view_root(view));
	if (!wrong)
		wrong = check_counts(&c);
	free(c.listed);
	tree_put(tree);
	if (!wrong && source.bytes)
		wrong = "bytes are left in the accounts";
	return wrong;
}

/* Cuts the next line off; NULL at the end. */
static char *next_line(char **text)
{
	return strsep(text, "\n");
}

/* Long runs of stars take fnmatch(3) ages. */
static bool is_quick(const char *glob)
{
	size_t stars = 0;

	for (; *glob; glob++)
		stars += *glob == '*';
	return stars <= 4;
}

static void set_options(struct view *view, char **text)
{
	struct view_globs *globs[] = { &view->include, &view->exclude };
	const char *line = next_line(text);

	if (line && *line)
		(void)view_set_prefix(view, line); /* refused: without */
	line = next_line(text);
	if (line && *line)
		(void)view_set_separator(view, line); /* as well */
	for (size_t i = 0; i < 2; i++) {
		line = next_line(text);
		if (line && *line && is_quick(line))
			(void)view_add_glob(globs[i], line); /* as well */
	}
}

static bool is_new_name(const char *name, const char *const *names,
			size_t count)
{
	if (!*name || strlen(name) > STORE_NAME_MAX || strchr(name, '/') ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return false;
	return true;
}

const char *view_check_text(const char *text, size_t len)
{
	static const char *names[NAMES_MAX];
	struct view view = { 0 };
	char *copy = strndup(text, len);
	char *rest = copy;
	const char *wrong, *line;
	size_t count = 0;

	if (!copy)
		return "no memory";
	set_options(&view, &rest);
	while (count < NAMES_MAX && (line = next_line(&rest)))
		if (is_new_name(line, names, count))
			names[count++] = line;
	wrong = view_check(&view, names, count);
	view_free(&view);
	free(copy);
	return wrong;
}
