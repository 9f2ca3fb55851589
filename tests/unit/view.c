/* SPDX-License-Identifier: MIT */
/*
 * Names and paths, both ways: a table of what is shown where, random sets of
 * names, and the fuzzer's corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "view_check.h"

#define LONG_50 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

struct options {
	const char *prefix, *separator, *include, *exclude;
	bool semaphores;
};

static struct view make_view(const struct options *o)
{
	struct view view = { .semaphores = o->semaphores };

	if (o->prefix)
		assert_int_equal(view_set_prefix(&view, o->prefix), 0);
	if (o->separator)
		assert_int_equal(view_set_separator(&view, o->separator), 0);
	if (o->include)
		assert_int_equal(view_add_glob(&view.include, o->include), 0);
	if (o->exclude)
		assert_int_equal(view_add_glob(&view.exclude, o->exclude), 0);
	return view;
}

/* One object alone: the path it is shown under, NULL if it is not. */
static const struct {
	struct options options;
	const char *object, *path; /* a directory ends with '/' */
} table[] = {
	{ { 0 }, "cam", "cam" },
	{ { 0 }, "a:b", "a:b" },
	{ { 0 }, " \n\t\x7f\xff", " \n\t\x7f\xff" },
	{ { 0 }, "...", "..." },
	{ { 0 }, "sem.x", NULL },
	{ { 0 }, "semx", "semx" },
	{ { .semaphores = true }, "sem.x", "sem.x" },

	{ { .prefix = "app." }, "app.x", "x" },
	{ { .prefix = "app." }, "app.", NULL },
	{ { .prefix = "app." }, "app..", NULL },
	{ { .prefix = "app." }, "app...", NULL },
	{ { .prefix = "app." }, "app....", "..." },
	{ { .prefix = "app." }, "app", NULL },
	{ { .prefix = "app." }, "apx.x", NULL },
	{ { .prefix = "app." }, "xapp.x", NULL },
	{ { .prefix = "app." }, "APP.x", NULL },
	{ { .prefix = "app." }, "app.app.x", "app.x" },
	{ { .prefix = "app." }, "app.sem.x", "sem.x" },
	{ { .prefix = "app." }, "sem.app.x", NULL },
	{ { .prefix = "sem.app." }, "sem.app.x", NULL },
	{ { .prefix = "sem.app.", .semaphores = true }, "sem.app.x", "x" },
	{ { .prefix = "se" }, "sem.x", NULL },
	{ { .prefix = "*" }, "*x", "x" },
	{ { .prefix = "*" }, "ax", NULL },

	{ { .include = "a*" }, "abc", "abc" },
	{ { .include = "a*" }, "bac", NULL },
	{ { .include = "a*", .exclude = "*c" }, "abc", NULL },
	{ { .include = "a*", .exclude = "*c" }, "abd", "abd" },
	{ { .exclude = "*.tmp" }, "x.tmp", NULL },
	{ { .exclude = "*.tmp" }, ".tmp", NULL },
	{ { .exclude = "*.tmp" }, "x.tmp1", "x.tmp1" },
	{ { .include = "[ab]?" }, "a1", "a1" },
	{ { .include = "[ab]?" }, "c1", NULL },
	{ { .include = "[!ab]?" }, "c1", "c1" },
	{ { .include = "\\*" }, "*", "*" },
	{ { .include = "\\*" }, "x", NULL },
	{ { .include = "*" }, ".hidden", ".hidden" },
	{ { .prefix = "app.", .include = "x*" }, "app.x1", "x1" },
	{ { .prefix = "app.", .include = "app.*" }, "app.x1", NULL },

	{ { .separator = ":" }, "cam", "cam" },
	{ { .separator = ":" }, "cam:left:0", "cam/left/0" },
	{ { .separator = ":" }, "cam:", "cam/" },
	{ { .separator = ":" }, "cam:left:", "cam/left/" },
	{ { .separator = ":" }, ":", ":" },
	{ { .separator = ":" }, "::", "::" },
	{ { .separator = ":" }, ":a", ":a" },
	{ { .separator = ":" }, "a::b", "a::b" },
	{ { .separator = ":" }, "a::", "a::" },
	{ { .separator = ":" }, "a:.:b", "a:.:b" },
	{ { .separator = ":" }, "a:..:b", "a:..:b" },
	{ { .separator = ":" }, "a:..", "a:.." },
	{ { .separator = ":" }, "a:.", "a:." },
	{ { .separator = ":" }, "..:a", "..:a" },
	{ { .separator = ":" }, ".:", ".:" },
	{ { .separator = ":" }, "..:", "..:" },
	{ { .separator = ":" }, "a:..:", "a:..:" },
	{ { .separator = ":" }, "...:..a:a..", ".../..a/a.." },
	{ { .separator = ":" }, ".git:HEAD", ".git/HEAD" },
	{ { .separator = "." }, "a.b", "a/b" },
	{ { .separator = "." }, ".a", ".a" },
	{ { .separator = "." }, "a..b", "a..b" },
	{ { .separator = "." }, "sem.b", NULL },
	{ { .separator = ".", .semaphores = true }, "sem.b", "sem/b" },
	{ { .separator = "\n" }, "a\nb", "a/b" },
	{ { .separator = " " }, "a b", "a/b" },
	{ { .separator = "\\" }, "a\\b", "a/b" },
	{ { .separator = ":", .prefix = "app:" }, "app:a:b", "a/b" },
	{ { .separator = ":", .prefix = "app:" }, "app:", NULL },
	{ { .separator = ":", .prefix = "app:" }, "app::", ":" },
	{ { .separator = ":", .prefix = "app:" }, "app:a:", "a/" },
	{ { .separator = ":", .prefix = "app:" }, "app", NULL },
	{ { .separator = ":", .prefix = "app" }, "app:", ":" },
	{ { .separator = ":", .prefix = "app" }, "app:a", ":a" },
	{ { .separator = ":", .include = "a/*" }, "a:b:c", "a/b/c" },
	{ { .separator = ":", .include = "a:*" }, "a:b:c", "a/b/c" },
	{ { .separator = ":", .include = "a/*" }, "a:", NULL },
	{ { .separator = ":", .include = "a:*" }, "a:", "a/" },
	{ { .separator = ":", .include = "a" }, "a:", "a/" },
	{ { .separator = ":", .include = "a" }, "a", "a" },
	{ { .separator = ":", .exclude = "a" }, "a:", NULL },
	{ { .separator = ":", .exclude = "a" }, "a:b", "a/b" },
	{ { .separator = ":", .exclude = "a/b" }, "a:b", NULL },
	{ { .separator = ":", .exclude = "*:*" }, "a:b", NULL },
};

/* The path of the one file, or of the innermost directory if none. */
static bool find_path(const struct tree *tree, int number, char *path)
{
	struct tree_entry entry;

	if (!tree_next(tree, number, 0, &entry))
		return false;
	strncat(path, entry.name, entry.name_len);
	if (entry.len) {
		char name[STORE_NAME_MAX + 1];

		memcpy(name, entry.object, entry.len);
		name[entry.len] = '\0';
		strcat(path, "/");
		(void)find_path(tree, tree_find(tree, name), path);
	}
	assert_false(tree_next(tree, number, entry.next, &entry));
	return true;
}

static void shown_where(void **state)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct view view = make_view(&table[i].options);
		struct store store = { .names = &table[i].object, .count = 1 };
		struct tree_source source = {
			.kind = &view_check_kind,
			.store = &store,
			.view = &view,
		};
		char path[2 * STORE_NAME_MAX] = "";
		struct tree *tree;
		bool shown;

		print_message("%zu: %s\n", i, table[i].object);
		assert_int_equal(tree_make(&source, &tree), 0);
		shown = find_path(tree, 0, path);
		assert_int_equal(shown, table[i].path != NULL);
		if (shown)
			assert_string_equal(path, table[i].path);
		tree_put(tree);
		assert_null(view_check(&view, &table[i].object, 1));
		view_free(&view);
	}
}

/* A name in a directory: the object it stands for, or the error. */
static const struct {
	struct options options;
	const char *directory, *name, *object;
	int error, directory_error;
} names[] = {
	{ { 0 }, "", "x", "x", 0, -EINVAL },
	{ { .prefix = "app." }, "app.", "x", "app.x", 0, -EINVAL },
	{ { .separator = ":" }, "", "a", "a", 0, 0 },
	{ { .separator = ":" }, "", "a:b", "a:b", 0, -EINVAL },
	{ { .separator = ":" }, "a:", "b", "a:b", 0, 0 },
	{ { .separator = ":" }, "a:", "b:c", NULL, -EINVAL, -EINVAL },
	{ { .separator = ":" }, "a:", ":", NULL, -EINVAL, -EINVAL },
	{ { .separator = ":", .prefix = "p" }, "p", "a", "pa", 0, 0 },
	{ { .separator = ":", .prefix = "p" }, "pa:", "b", "pa:b", 0, 0 },
	{ { .prefix = LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 },
	  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50,
	  "12345",
	  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 "12345",
	  0,
	  -EINVAL },
	{ { .prefix = LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 },
	  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50,
	  "123456",
	  NULL,
	  -ENAMETOOLONG,
	  -ENAMETOOLONG },
	{ { .separator = ":" },
	  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 ":",
	  "1234",
	  LONG_50 LONG_50 LONG_50 LONG_50 LONG_50 ":1234",
	  0,
	  -ENAMETOOLONG },
};

static void stands_for(void **state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct view view = make_view(&names[i].options);
		char object[STORE_NAME_MAX + 1];

		print_message("%zu: %s\n", i, names[i].name);
		assert_int_equal(view_object(&view, names[i].directory,
					     names[i].name, object),
				 names[i].error);
		if (!names[i].error)
			assert_string_equal(object, names[i].object);
		assert_int_equal(view_directory(&view, names[i].directory,
						names[i].name, object),
				 names[i].directory_error);
		view_free(&view);
	}
}

/* Names in each other's way, as a whole. */
static void collisions(void **state)
{
	static const char *const all[] = {
		"cam",	   "cam:",	"cam:left", "cam:left:0", "a:b",
		"a:b:c",   "a:b:c:d",	"a:b:",	    "a:",	  "x:y:z",
		"x::y",	   "x:",	":x",	    "x:y:..",	  "x:y:z:",
		"x:y:z:w", "only:dir:", "sem.a:b",  "sem.a:",
	};
	static const struct options options = { .separator = ":" };
	struct view view = make_view(&options);
	size_t count = sizeof(all) / sizeof(*all);

	for (size_t i = 0; i <= count; i++)
		for (size_t j = 0; i + j <= count; j++)
			assert_null(view_check(&view, all + i, j));
	view_free(&view);
}

static void refused_options(void **state)
{
	static const char *const prefixes[] = { "", "/", "a/b", "/a" };
	static const char *const separators[] = {
		"", "/", "::", "ab", "\xc2\xb7", "\xc2", ":a"
	};
	static const char *const bad[] = {
		"",    "[",   "a[b",	    "a\\",   "[!",	     "[]",
		"[^]", "[a-", "[[:alpha:]", "[[.a]", "[[:digits:]]", "[[:]]"
	};
	static const char *const good[] = {
		"*",	 "[a]",	    "[]]",	    "[!]]",
		"[^]a]", "[[]",	    "[[:alpha:]]*", "a\\[b",
		"]",	 "[[.a.]]", "[[=a=]]",	    "[a\\]b]"
	};
	char longest[STORE_NAME_MAX + 1];
	struct view view = { 0 };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		assert_int_equal(view_set_prefix(&view, prefixes[i]), -EINVAL);
	for (size_t i = 0; i < sizeof(separators) / sizeof(*separators); i++)
		assert_int_equal(view_set_separator(&view, separators[i]),
				 -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(view_add_glob(&view.include, bad[i]), -EINVAL);
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(view_add_glob(&view.include, good[i]), 0);
	memset(longest, 'p', sizeof(longest));
	longest[STORE_NAME_MAX] = '\0';
	assert_int_equal(view_set_prefix(&view, longest), -EINVAL);
	longest[STORE_NAME_MAX - 1] = '\0';
	assert_int_equal(view_set_prefix(&view, longest), 0);
	assert_int_equal(view_set_prefix(&view, longest), 0);
	assert_int_equal(view_set_prefix(&view, "other"), -EINVAL);
	assert_int_equal(view_set_separator(&view, ":"), 0);
	assert_int_equal(view_set_separator(&view, "."), -EINVAL);
	view_free(&view);
}

/* Few different bytes, so that names collide. */
static void random_text(uint64_t *rng, char *text, size_t size)
{
	static const char *const views[] = {
		"\n:\n\n\n",	   "\n\n\n\n",	      "a\n:\n\n\n",
		"a:\n:\n\n\n",	   "\n.\n\n\n",	      "\n:\na*\n\n",
		"\n:\n\n*b\n",	   "\n:\n*:*\n\n",    "\n:\n\n*/*\n",
		"a.\n.\n\n[!b]\n", "\n:\n\n[a]?b*\n",
	};
	static const char bytes[] = "aab::.\n\n";
	size_t at;

	strcpy(text, views[rng_below(rng, sizeof(views) / sizeof(*views))]);
	for (at = strlen(text); at < size - 1; at++)
		text[at] = bytes[rng_below(rng, sizeof(bytes) - 1)];
	text[at] = '\0';
}

static void random_sets(void **state)
{
	int rounds = getenv("SHMFS_LONG") ? 200000 : 5000;
	uint64_t rng = rng_seed("view");
	char text[600];

	for (int i = 0; i < rounds; i++) {
		const char *wrong;

		random_text(&rng, text, 20 + rng_below(&rng, 580));
		wrong = view_check_text(text, strlen(text));
		if (wrong)
			fail_msg("%s: %s", wrong, text);
	}
}

static void check_case(const char *dir, const char *name)
{
	char path[4096], text[65536];
	const char *wrong;
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	wrong = view_check_text(text, len);
	if (wrong)
		fail_msg("%s: %s", name, wrong);
}

static void fuzz_corpus(void **state)
{
	const char *support = getenv("SHMFS_SUPPORT");
	struct dirent *entry;
	char path[2048];
	int cases = 0;
	DIR *dir;

	assert_non_null(support);
	snprintf(path, sizeof(path), "%s/../fuzz/view", support);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		check_case(path, entry->d_name);
		cases++;
	}
	closedir(dir);
	assert_true(cases >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shown_where),
		cmocka_unit_test(stands_for),
		cmocka_unit_test(collisions),
		cmocka_unit_test(refused_options),
		cmocka_unit_test(random_sets),
		cmocka_unit_test(fuzz_corpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
