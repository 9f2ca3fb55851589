// SPDX-License-Identifier: MIT
/*
 * Two hash tables over what one listing told: the objects by name, to see
 * where a directory would have the name of an object, and the directories.
 * Names are copied one after another into one buffer; everything else refers
 * to them by number.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define NAMES_MAX ((size_t)1 << 31) /* bytes of names in one */

struct name {
	uint64_t ino;
	uint32_t at;
	uint8_t len;
	uint8_t form;  /* enum view_form, as its name says */
	bool in_root;  /* shown there by its flat name */
	int directory; /* where it is shown, or what it marks */
};

struct directory {
	uint32_t at; /* of a name that starts with it */
	uint8_t len;
	bool marked;
	int parent; /* its number */
	size_t files, subdirs;
};

/* Open addressing; slots hold a number + 1, or 0. */
struct table {
	uint32_t *slots;
	size_t mask;
};

struct tree {
	atomic_uint refs;
	struct tree_source *source;
	size_t bytes; /* counted in source->bytes */
	char *text;
	size_t text_len, text_room;
	struct name *names;
	size_t count, room;
	struct directory *directories;
	size_t directory_count, directory_room;
	struct table by_name, by_directory;
};

struct tree *tree_get(struct tree *tree)
{
	atomic_fetch_add_explicit(&tree->refs, 1, memory_order_relaxed);
	return tree;
}

static void tree_free(struct tree *tree)
{
	atomic_fetch_sub(&tree->source->bytes, tree->bytes);
	free(tree->text);
	free(tree->names);
	free(tree->directories);
	free(tree->by_name.slots);
	free(tree->by_directory.slots);
	free(tree);
}

void tree_put(struct tree *tree)
{
	if (tree && atomic_fetch_sub(&tree->refs, 1) == 1)
		tree_free(tree);
}

static int account(struct tree *tree, size_t bytes)
{
	struct tree_source *source = tree->source;

	if (atomic_fetch_add(&source->bytes, bytes) + bytes > TREES_MAX) {
		atomic_fetch_sub(&source->bytes, bytes);
		return -ENOMEM;
	}
	tree->bytes += bytes;
	return 0;
}

/* Makes room for `more` items of an array that is doubled in size. */
static int grow(struct tree *tree, void *array_slot, size_t item, size_t count,
		size_t more, size_t *room)
{
	void **array = array_slot;
	size_t want = *room ? *room : 64;
	void *bigger;

	if (count + more <= *room)
		return 0;
	while (want < count + more)
		want *= 2;
	if (account(tree, (want - *room) * item))
		return -ENOMEM;
	bigger = realloc(*array, want * item);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*room = want;
	return 0;
}

static int table_init(struct tree *tree, struct table *table, size_t count)
{
	size_t size = 64;

	while (size < count * 2)
		size *= 2;
	if (account(tree, size * sizeof(uint32_t)))
		return -ENOMEM;
	table->slots = calloc(size, sizeof(uint32_t));
	table->mask = size - 1;
	return table->slots ? 0 : -ENOMEM;
}

static bool name_is(const struct tree *tree, size_t number, const char *name,
		    size_t len)
{
	const struct name *it = &tree->names[number];

	return it->len == len && !memcmp(tree->text + it->at, name, len);
}

static bool directory_is(const struct tree *tree, size_t number,
			 const char *name, size_t len)
{
	const struct directory *it = &tree->directories[number];

	return it->len == len && !memcmp(tree->text + it->at, name, len);
}

/* The slot that holds what `is` says is it, or the free one it goes to. */
static uint32_t *find_slot(const struct tree *tree, const struct table *table,
			   const char *name, size_t len,
			   bool (*is)(const struct tree *, size_t, const char *,
				      size_t))
{
	size_t at = hash_bytes(&tree->source->key, name, len) & table->mask;

	while (table->slots[at] && !is(tree, table->slots[at] - 1, name, len))
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

static int find_directory(const struct tree *tree, const char *name, size_t len)
{
	return (int)*find_slot(tree, &tree->by_directory, name, len,
			       directory_is) -
	       1;
}

static bool is_object(const struct tree *tree, const char *name, size_t len)
{
	return *find_slot(tree, &tree->by_name, name, len, name_is) != 0;
}

static int add_name(struct tree *tree, const struct store_entry *entry)
{
	size_t len = strlen(entry->name);
	int error = grow(tree, &tree->text, 1, tree->text_len, len + 1,
			 &tree->text_room);

	if (!error)
		error = grow(tree, &tree->names, sizeof(struct name),
			     tree->count, 1, &tree->room);
	if (!error && tree->text_len + len > NAMES_MAX)
		error = -ENOMEM;
	if (error)
		return error;
	tree->names[tree->count++] = (struct name){
		.ino = entry->ino,
		.at = (uint32_t)tree->text_len,
		.len = (uint8_t)len,
		.form = (uint8_t)view_form(tree->source->view, entry->name),
	};
	memcpy(tree->text + tree->text_len, entry->name, len + 1);
	tree->text_len += len + 1;
	return 0;
}

static int read_names(struct tree *tree)
{
	const struct tree_source *source = tree->source;
	struct store_dir *dir;
	struct store_entry entry;
	off_t at = 0;
	int more;
	int error = source->kind->dir_open(source->store, &dir);

	if (error)
		return error;
	while (!error && (more = source->kind->dir_next(dir, at, &entry))) {
		if (more < 0)
			error = more;
		else if (entry.type != DT_DIR &&
			 view_contains(source->view, entry.name))
			error = add_name(tree, &entry);
		at = entry.next;
	}
	source->kind->dir_close(dir);
	return error;
}

static int hash_names(struct tree *tree)
{
	int error = table_init(tree, &tree->by_name, tree->count);

	for (size_t i = 0; !error && i < tree->count; i++) {
		const struct name *name = &tree->names[i];

		*find_slot(tree, &tree->by_name, tree->text + name->at,
			   name->len, name_is) = (uint32_t)i + 1;
	}
	return error;
}

/* Twice as many slots, once half of them are taken. */
static int widen_directories(struct tree *tree)
{
	struct table *table = &tree->by_directory;
	int error;

	if (tree->directory_count * 2 <= table->mask)
		return 0;
	free(table->slots);
	table->slots = NULL;
	error = table_init(tree, table, tree->directory_count * 2);
	for (size_t i = 0; !error && i < tree->directory_count; i++) {
		const struct directory *it = &tree->directories[i];

		*find_slot(tree, table, tree->text + it->at, it->len,
			   directory_is) = (uint32_t)i + 1;
	}
	return error;
}

/* The number of the directory that is `len` bytes of a name, or -errno. */
static int get_directory(struct tree *tree, uint32_t at, size_t len, int parent)
{
	int number = find_directory(tree, tree->text + at, len);
	int error = 0;

	if (number >= 0)
		return number;
	error = grow(tree, &tree->directories, sizeof(struct directory),
		     tree->directory_count, 1, &tree->directory_room);
	if (error)
		return error;
	number = (int)tree->directory_count++;
	tree->directories[number] = (struct directory){
		.at = at,
		.len = (uint8_t)len,
		.parent = parent,
	};
	if (number != 0)
		tree->directories[parent].subdirs++;
	*find_slot(tree, &tree->by_directory, tree->text + at, len,
		   directory_is) = (uint32_t)number + 1;
	error = widen_directories(tree);
	return error ? error : number;
}

/* Where the component at `at` ends, its separator included; 0: at no one. */
static size_t component_end(const struct tree *tree, const struct name *name,
			    size_t at)
{
	const char *text = tree->text + name->at;
	const char *end = memchr(text + at, tree->source->view->separator,
				 name->len - at);

	return end ? (size_t)(end - text) + 1 : 0;
}

/* True if a directory on the way has the name of an object. */
static bool is_blocked(const struct tree *tree, const struct name *name)
{
	size_t end = tree->source->view->prefix_len;

	while ((end = component_end(tree, name, end)))
		if (is_object(tree, tree->text + name->at, end - 1))
			return true;
	return false;
}

/* Enters the directories of a name's path. */
static int enter_path(struct tree *tree, struct name *name)
{
	size_t end = tree->source->view->prefix_len;
	int directory = 0;

	while (directory >= 0 && (end = component_end(tree, name, end)))
		directory = get_directory(tree, name->at, end, directory);
	if (directory < 0)
		return directory;
	name->directory = directory;
	if (name->form == VIEW_MARKER)
		tree->directories[directory].marked = true;
	else
		tree->directories[directory].files++;
	return 0;
}

/* Puts each name where it is shown. */
static int place_names(struct tree *tree)
{
	const struct view *view = tree->source->view;
	const char *root = view_root(view);
	uint32_t at = (uint32_t)tree->text_len;
	int error = grow(tree, &tree->text, 1, tree->text_len,
			 view->prefix_len + 1, &tree->text_room);

	if (!error)
		error = table_init(tree, &tree->by_directory, 0);
	if (error)
		return error;
	memcpy(tree->text + at, root, view->prefix_len + 1);
	tree->text_len += view->prefix_len + 1;
	error = get_directory(tree, at, view->prefix_len, 0);
	for (size_t i = 0; error >= 0 && i < tree->count; i++) {
		struct name *name = &tree->names[i];

		name->in_root =
			name->form == VIEW_FLAT || is_blocked(tree, name);
		if (name->in_root)
			tree->directories[0].files++;
		else
			error = enter_path(tree, name);
	}
	return error < 0 ? error : 0;
}

int tree_make(struct tree_source *source, struct tree **ret_tree)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int error;

	if (!tree)
		return -ENOMEM;
	tree->refs = 1;
	tree->source = source;
	error = read_names(tree);
	if (!error)
		error = hash_names(tree);
	if (!error)
		error = place_names(tree);
	if (error)
		tree_put(tree);
	else
		*ret_tree = tree;
	return error;
}

int tree_find(const struct tree *tree, const char *directory)
{
	int number = find_directory(tree, directory, strlen(directory));

	return number < 0 ? -ENOENT : number;
}

struct tree_directory tree_directory(const struct tree *tree, int number)
{
	const struct directory *it = &tree->directories[number];

	return (struct tree_directory){
		.files = it->files,
		.subdirs = it->subdirs,
		.marked = it->marked,
	};
}

static void directory_entry(const struct tree *tree, size_t number,
			    struct tree_entry *ret_entry)
{
	const struct directory *it = &tree->directories[number];
	size_t start = tree->directories[it->parent].len;

	ret_entry->object = tree->text + it->at;
	ret_entry->len = it->len;
	ret_entry->name = ret_entry->object + start;
	ret_entry->name_len = it->len - start - 1; /* its separator */
	ret_entry->ino = 0;
}

static void file_entry(const struct tree *tree, const struct name *name,
		       struct tree_entry *ret_entry)
{
	size_t start = name->in_root ? tree->source->view->prefix_len
				     : tree->directories[name->directory].len;

	ret_entry->object = tree->text + name->at;
	ret_entry->len = 0;
	ret_entry->name = ret_entry->object + start;
	ret_entry->name_len = name->len - start;
	ret_entry->ino = name->ino;
}

static bool is_shown_in(const struct name *name, int directory)
{
	if (name->in_root)
		return directory == 0;
	return name->directory == directory && name->form != VIEW_MARKER;
}

bool tree_next(const struct tree *tree, int directory, size_t from,
	       struct tree_entry *ret_entry)
{
	size_t count = tree->directory_count;

	/* First the directories, then the files. Number 0 is the root. */
	for (size_t i = from ? from : 1; i < count; i++) {
		if (tree->directories[i].parent != directory)
			continue;
		directory_entry(tree, i, ret_entry);
		ret_entry->next = i + 1;
		return true;
	}
	for (size_t i = from > count ? from - count : 0; i < tree->count; i++) {
		if (!is_shown_in(&tree->names[i], directory))
			continue;
		file_entry(tree, &tree->names[i], ret_entry);
		ret_entry->next = count + i + 1;
		return true;
	}
	return false;
}

bool tree_next_below(const struct tree *tree, const char *directory,
		     size_t from, struct tree_entry *ret_entry)
{
	size_t len = strlen(directory);

	for (size_t i = from; i < tree->count; i++) {
		const struct name *name = &tree->names[i];

		if (name->form == VIEW_FLAT || name->len < len ||
		    memcmp(tree->text + name->at, directory, len) != 0)
			continue;
		file_entry(tree, name, ret_entry);
		ret_entry->next = i + 1;
		return true;
	}
	return false;
}
