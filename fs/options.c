// SPDX-License-Identifier: MIT
/*
 * Options: the table, and reading argv by it. Everything is checked before
 * anything is done; the first mistake is the one reported.
 */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "log.h"
#include "values.h"

struct option_rule {
	const char *name;  /* ends with '=' if it takes a value */
	const char *value; /* what the value may be, for people */
	const char *text;
	/* 0, or -EINVAL for a value that cannot be; NULL: for libfuse */
	int (*set)(struct options *options, const char *value);
	const char *accepted; /* for errors, if `value` does not say it all */
	unsigned needs;	      /* traits of the kind (store.h) */
};

static int set_io(struct options *options, const char *value)
{
	options->no_native = !strcmp(value, "direct");
	options->only_native = !strcmp(value, "native");
	if (options->no_native || options->only_native)
		return 0;
	return strcmp(value, "auto") ? -EINVAL : 0;
}

static int set_prefix(struct options *options, const char *value)
{
	return view_set_prefix(&options->view, value);
}

static int set_include(struct options *options, const char *value)
{
	return view_add_glob(&options->view.include, value);
}

static int set_exclude(struct options *options, const char *value)
{
	return view_add_glob(&options->view.exclude, value);
}

static int set_separator(struct options *options, const char *value)
{
	return view_set_separator(&options->view, value);
}

static int set_semaphores(struct options *options, const char *value)
{
	options->view.semaphores = true;
	return 0;
}

static int set_max_threads(struct options *options, const char *value)
{
	return value_number(value, 1, 1024, &options->max_threads);
}

static int set_spin(struct options *options, const char *value)
{
	return value_number(value, 0, 10000, &options->spin);
}

static int set_size(struct options *options, const char *value)
{
	options->size_text = value;
	return value_size(value, &options->size);
}

static int set_objects(struct options *options, const char *value)
{
	unsigned n;
	int error = value_number(value, 1, UINT_MAX, &n);

	if (!error)
		options->objects = n;
	return error;
}

static int set_reserve(struct options *options, const char *value)
{
	options->reserve = true;
	return 0;
}

static int set_uid(struct options *options, const char *value)
{
	options->kernel_checks = true; /* by what is shown */
	options->owner.has_uid = true;
	return value_uid(value, &options->owner.uid);
}

static int set_gid(struct options *options, const char *value)
{
	options->kernel_checks = true;
	options->owner.has_gid = true;
	return value_gid(value, &options->owner.gid);
}

static int set_umask(struct options *options, const char *value)
{
	options->kernel_checks = true;
	options->owner.has_umask = true;
	return value_mode(value, &options->owner.umask);
}

static int set_kernel_checks(struct options *options, const char *value)
{
	options->kernel_checks = true;
	return 0;
}

/* For fstab(5) and mount(8), or in force anyway: accepted, no effect. */
static int set_nothing(struct options *options, const char *value)
{
	return 0;
}

static const struct option_rule rules[] = {
	{ "io=", "auto|native|direct", "data path (default: auto)", set_io },
	{ "prefix=", "TEXT", "only objects whose names start so, without it",
	  set_prefix, "1 to 254 bytes without '/', once" },
	{ "include=", "GLOB", "only names that match one; repeatable",
	  set_include, "a whole pattern as in glob(7); repeatable" },
	{ "exclude=", "GLOB", "no names that match; repeatable", set_exclude,
	  "a whole pattern as in glob(7); repeatable" },
	{ "separator=", "C", "directories: the object aCb is the file a/b",
	  set_separator, "one ASCII character but '/' and ',', once",
	  STORE_ANY_NAME },
	{ "semaphores", NULL, "also show named semaphores (sem.*)",
	  set_semaphores, NULL, STORE_SEMAPHORES },
	{ "size=", "BYTES[K|M|G]", "limit of all sizes in view together",
	  set_size, NULL, STORE_GROWS },
	{ "objects=", "1..4294967295", "limit of the objects in view",
	  set_objects, NULL, STORE_GROWS },
	{ "reserve", NULL, "allocate memory when an object grows", set_reserve,
	  NULL, STORE_GROWS },
	{ "uid=", "NAME|NUMBER", "show this owner", set_uid },
	{ "gid=", "NAME|NUMBER", "show this group", set_gid },
	{ "umask=", "000..777", "show modes that lack these bits (octal)",
	  set_umask },
	{ "allow_other", NULL, "let other users in, with their own rights",
	  NULL },
	{ "allow_root", NULL, "let root in, and nobody else", NULL },
	{ "auto_unmount", NULL, "unmount when the daemon dies", NULL },
	{ "ro", NULL, "read-only", NULL },
	{ "io_uring", NULL, "requests over io_uring, where the kernel can",
	  NULL },
	{ "io_uring_q_depth=", "N", "requests in each io_uring queue", NULL },
	{ "max_threads=", "1..1024", "threads that serve requests",
	  set_max_threads },
	{ "spin=", "0..10000",
	  "microseconds to look for a request before sleeping", set_spin },
	{ "fsname=", "NAME", "the source shown in /proc/mounts", NULL },
	{ "noexec", NULL, "as in mount(8), like those that follow", NULL },
	{ "exec", NULL, NULL, NULL },
	{ "rw", NULL, NULL, NULL },
	{ "suid", NULL, NULL, NULL },
	{ "nosuid", NULL, NULL, NULL },
	{ "dev", NULL, NULL, NULL },
	{ "nodev", NULL, NULL, NULL },
	{ "atime", NULL, NULL, set_nothing },
	{ "noatime", NULL, NULL, NULL },
	{ "nodiratime", NULL, NULL, NULL },
	{ "relatime", NULL, NULL, set_nothing },
	{ "sync", NULL, NULL, NULL },
	{ "async", NULL, NULL, NULL },
	{ "dirsync", NULL, NULL, NULL },
	{ "defaults", NULL, NULL, set_nothing },
	{ "default_permissions", NULL,
	  "let the kernel check permissions, also "
	  "for root alone",
	  set_kernel_checks, NULL, STORE_FILE_RIGHTS },
	{ "auto", NULL, NULL, set_nothing },
	{ "noauto", NULL, NULL, set_nothing },
	{ "nofail", NULL, NULL, set_nothing },
	{ "user", NULL, NULL, set_nothing },
	{ "users", NULL, NULL, set_nothing },
	{ "nouser", NULL, NULL, set_nothing },
	{ "_netdev", NULL, NULL, set_nothing },
};

#define RULES (sizeof(rules) / sizeof(rules[0]))
static_assert(RULES <= 64, "options.given has a bit for each");

void options_print_help(void)
{
	printf("usage: shmfs [options] [KIND] MOUNTPOINT\n"
	       "\n"
	       "Shows shared memory objects as files under MOUNTPOINT.\n");
	kinds_print();
	printf("\n"
	       "  -f                     stay in the foreground\n"
	       "  -d                     print every request; implies -f\n"
	       "  -h, --help             print this\n"
	       "  -V, --version          print the version\n"
	       "  -o OPTION[,OPTION...]  one or more of:\n"
	       "\n");
	for (size_t i = 0; i < RULES; i++) {
		const struct option_rule *rule = &rules[i];
		char word[64];

		if (!rule->text)
			continue;
		snprintf(word, sizeof(word), "%s%s", rule->name,
			 rule->value ? rule->value : "");
		printf("    %-20s %s\n", word, rule->text);
	}
	printf("    exec, rw, suid, nosuid, dev, nodev, noatime, nodiratime, "
	       "sync, async,\n    dirsync; and words for fstab(5), "
	       "x-* included, without effect here\n"
	       "\n"
	       "Unmount with umount(8), or fusermount3 -u as an ordinary "
	       "user. See shmfs(8).\n");
}

static bool takes_value(const struct option_rule *rule)
{
	return rule->name[strlen(rule->name) - 1] == '=';
}

static const struct option_rule *find_rule(const char *word)
{
	for (size_t i = 0; i < RULES; i++) {
		const char *name = rules[i].name;

		if (takes_value(&rules[i]) ? !strncmp(word, name, strlen(name))
					   : !strcmp(word, name))
			return &rules[i];
	}
	return NULL;
}

static int complain_unknown(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < RULES; i++) {
		const char *name = rules[i].name;

		if (strncmp(name, word, len) ||
		    (name[len] != '\0' && name[len] != '='))
			continue;
		if (takes_value(&rules[i]))
			log_error("option '%s' needs a value: %s%s", word, name,
				  rules[i].value);
		else
			log_error("option '%s': '%s' takes no value", word,
				  name);
		return -EINVAL;
	}
	log_error("unknown option '%s'; 'shmfs --help' lists what is accepted",
		  word);
	return -EINVAL;
}

static int add_fuse_option(struct options *options, const char *word)
{
	char *joined;

	if (asprintf(&joined, "%s,%s", options->fuse, word) < 0) {
		log_error("out of memory");
		return -ENOMEM;
	}
	free(options->fuse);
	options->fuse = joined;
	return 0;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) &&
	       strlen(text) < 9;
}

static int set_option(struct options *options, const char *word)
{
	const struct option_rule *rule = find_rule(word);
	const char *value = NULL;
	int error = 0;

	if (!strncmp(word, "x-", 2) || !strncmp(word, "comment=", 8))
		return 0;
	if (!rule)
		return options->helper.sloppy ? 0 : complain_unknown(word);
	options->given |= UINT64_C(1) << (rule - rules);
	if (takes_value(rule))
		value = word + strlen(rule->name);
	if (value && (!*value || (!strcmp(rule->value, "N") &&
				  (!is_number(value) || !atoi(value)))))
		error = -EINVAL;
	else if (rule->set)
		error = rule->set(options, value);
	else
		return add_fuse_option(options, word);
	if (error == -ENOMEM)
		log_error("out of memory");
	else if (error && rule->accepted)
		log_error("option '%s': accepted is %s%s, %s", word, rule->name,
			  rule->value, rule->accepted);
	else if (error)
		log_error("option '%s': accepted is %s%s", word, rule->name,
			  rule->value);
	return error;
}

static int set_options(struct options *options, char *list)
{
	char *rest = list;
	char *word;

	while ((word = strsep(&rest, ","))) {
		int error = *word ? set_option(options, word) : 0;

		if (error)
			return error;
		if (!strcmp(word, "allow_other") || !strcmp(word, "allow_root"))
			options->kernel_checks = true;
		if (!strcmp(word, "allow_other"))
			options->allow_other = true;
		else if (!strcmp(word, "ro") || !strcmp(word, "rw"))
			options->read_only = word[1] == 'o';
		else if (!strcmp(word, "auto_unmount"))
			options->auto_unmount = true;
		else if (!strcmp(word, "io_uring"))
			options->io_uring = true;
	}
	return 0;
}

static int set_letter(struct options *options, int letter, char **argv)
{
	if (options->helper.called) {
		int res = helper_set_letter(&options->helper, letter, optarg);

		if (res <= 0)
			return res;
	}
	switch (letter) {
	case 'f':
		options->foreground = true;
		return 0;
	case 'd':
		options->debug = true;
		options->foreground = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'V':
		options->version = true;
		return 0;
	case 'o':
		return set_options(options, optarg);
	case ':':
		log_error("option '%s' needs a value; see shmfs --help",
			  argv[optind - 1]);
		return -EINVAL;
	default:
		if (optopt)
			log_error("unknown option '-%c'; see shmfs --help",
				  optopt);
		else
			log_error("unknown option '%s'; see shmfs --help",
				  argv[optind - 1]);
		return -EINVAL;
	}
}

/* What was asked for must be something this kind has. */
static int check_needs(const struct options *options)
{
	for (size_t i = 0; i < RULES; i++) {
		if (!(options->given >> i & 1) ||
		    !(rules[i].needs & ~options->kind->traits))
			continue;
		log_error("option '%.*s' does not apply to %s",
			  (int)strcspn(rules[i].name, "="), rules[i].name,
			  options->kind->name);
		return -EINVAL;
	}
	return 0;
}

static int set_words(struct options *options, int count, char **words)
{
	if (count < 1) {
		log_error("no mountpoint given; see shmfs --help");
		return -EINVAL;
	}
	if (count > 2) {
		log_error("too many arguments: '%s'; see shmfs --help",
			  words[2]);
		return -EINVAL;
	}
	options->kind = count == 2 ? kinds_find(words[0]) : store_kinds[0];
	if (!options->kind) {
		kinds_complain(words[0]);
		return -EINVAL;
	}
	options->mountpoint = words[count - 1];
	return check_needs(options);
}

/* Options that leave nothing to show when they are together. */
static int check_view(const struct view *view)
{
	if (view->prefix && !strncmp(view->prefix, "sem.", 4) &&
	    !view->semaphores) {
		log_error("option 'prefix=%s': these are named semaphores; "
			  "accepted is it together with 'semaphores'",
			  view->prefix);
		return -EINVAL;
	}
	for (size_t i = 0; i < view->exclude.count; i++) {
		const char *glob = view->exclude.globs[i];

		for (size_t j = 0; j < view->include.count; j++) {
			if (strcmp(view->include.globs[j], glob) != 0)
				continue;
			log_error("option 'exclude=%s': accepted is a pattern "
				  "that is not in an include= as well",
				  glob);
			return -EINVAL;
		}
	}
	return 0;
}

/* What each can be had, but not together. */
static int check_together(const struct options *options)
{
	if (!options->reserve || !options->read_only)
		return 0;
	log_error("option 'reserve': nothing grows with 'ro'; accepted is one "
		  "of the two");
	return -EINVAL;
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct options *options = ret_options;
	bool helper = argc > 0 && helper_is(argv[0]);
	const char *letters = helper ? HELPER_LETTERS : ":fdhVo:";
	int letter;

	*options = (struct options){
		.helper.called = helper,
		.max_threads = 10,
		.spin = 50,
		.fuse = strdup("subtype=shmfs"),
	};
	if (!options->fuse) {
		log_error("out of memory");
		return -ENOMEM;
	}
	while ((letter = getopt_long(argc, argv, letters, long_options,
				     NULL)) != -1) {
		int error = set_letter(options, letter, argv);

		if (error)
			return error;
	}
	if (options->help || options->version)
		return 0;
	if (check_view(&options->view) || check_together(options))
		return -EINVAL;
	return set_words(options, argc - optind, argv + optind);
}

void options_free(struct options *options)
{
	free(options->fuse);
	view_free(&options->view);
}
