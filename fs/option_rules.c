// SPDX-License-Identifier: MIT
/*
 * The options after -o: the table, and what each does to struct options. An
 * option is added here; the manual, the completions and the README have a
 * place for it as well, and tests/mount/manual.sh finds what was forgotten.
 */
#include "option_rules.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "values.h"

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

static int set_cpu_latency(struct options *options, const char *value)
{
	unsigned n;
	int error = value_number(value, 0, 1000000, &n);

	if (!error)
		options->cpu_latency = (int)n;
	return error;
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

static int set_auto_unmount(struct options *options, const char *value)
{
	options->auto_unmount = true;
	return 0;
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

const struct option_rule option_rules[] = {
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
	{ "default_permissions", NULL,
	  "let the kernel check permissions, also "
	  "for root alone",
	  set_kernel_checks, NULL, STORE_FILE_RIGHTS },
	{ "auto_unmount", NULL, "unmount when the daemon dies",
	  set_auto_unmount },
	{ "ro", NULL, "read-only", NULL },
	{ "io_uring", NULL, "requests over io_uring, where the kernel can",
	  NULL },
	{ "io_uring_q_depth=", "N", "requests in each io_uring queue", NULL },
	{ "max_threads=", "1..1024", "threads that serve requests",
	  set_max_threads },
	{ "spin=", "0..10000",
	  "microseconds to look for a request before sleeping", set_spin },
	{ "cpu_latency=", "0..1000000",
	  "microseconds that a CPU may take to wake, while busy",
	  set_cpu_latency },
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
	{ "auto", NULL, NULL, set_nothing },
	{ "noauto", NULL, NULL, set_nothing },
	{ "nofail", NULL, NULL, set_nothing },
	{ "user", NULL, NULL, set_nothing },
	{ "users", NULL, NULL, set_nothing },
	{ "nouser", NULL, NULL, set_nothing },
	{ "_netdev", NULL, NULL, set_nothing },
};

const size_t option_rule_count = sizeof(option_rules) / sizeof(option_rules[0]);
static_assert(sizeof(option_rules) / sizeof(option_rules[0]) <= 64,
	      "options.given has a bit for each");

bool option_rule_is_idle(const struct option_rule *rule)
{
	return rule->set == set_nothing;
}
