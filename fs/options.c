// SPDX-License-Identifier: MIT
/*
 * Options: reading argv by the table in option_rules.c. Everything is checked
 * before anything is done; the first mistake is the one reported.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kinds.h"
#include "log.h"
#include "option_rules.h"

/* Those without a line of their own, as many to a line as fit. */
static void print_words(bool idle)
{
	int column = 80;

	for (size_t i = 0; i < option_rule_count; i++) {
		const struct option_rule *rule = &option_rules[i];
		int len = (int)strlen(rule->name);

		if (rule->text || option_rule_is_idle(rule) != idle)
			continue;
		if (column + 2 + len > 76)
			column = printf("%s    %s", column < 80 ? ",\n" : "",
					rule->name);
		else
			column += printf(", %s", rule->name);
	}
	printf("%s\n", idle ? ", x-*, comment=*" : "");
}

void options_print_help(void)
{
	printf("usage: shmfs [options] [KIND] MOUNTPOINT\n"
	       "\n"
	       "Shows shared memory objects as files under MOUNTPOINT.\n");
	kinds_print();
	printf("\n"
	       "  -f                     stay in the foreground\n"
	       "  -d                     print a line for every request; "
	       "implies -f\n"
	       "  -h, --help             print this\n"
	       "  -V, --version          print the version\n"
	       "  -o OPTION[,OPTION...]  one or more of:\n"
	       "\n");
	for (size_t i = 0; i < option_rule_count; i++) {
		const struct option_rule *rule = &option_rules[i];
		char word[64];

		if (!rule->text)
			continue;
		snprintf(word, sizeof(word), "%s%s", rule->name,
			 rule->value ? rule->value : "");
		printf("    %-21s %s\n", word, rule->text);
	}
	print_words(false);
	printf("  accepted, for fstab(5), and without effect here:\n");
	print_words(true);
	printf("\n"
	       "Unmount with umount(8), or fusermount3 -u as an ordinary "
	       "user. See shmfs(8).\n");
}

static bool takes_value(const struct option_rule *rule)
{
	return rule->name[strlen(rule->name) - 1] == '=';
}

static const struct option_rule *find_rule(const char *word)
{
	for (size_t i = 0; i < option_rule_count; i++) {
		const char *name = option_rules[i].name;

		if (takes_value(&option_rules[i])
			    ? !strncmp(word, name, strlen(name))
			    : !strcmp(word, name))
			return &option_rules[i];
	}
	return NULL;
}

static int complain_unknown(const char *word)
{
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < option_rule_count; i++) {
		const char *name = option_rules[i].name;

		if (strncmp(name, word, len) ||
		    (name[len] != '\0' && name[len] != '='))
			continue;
		if (takes_value(&option_rules[i]))
			log_error("option '%s' needs a value: %s%s", word, name,
				  option_rules[i].value);
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
	options->given |= UINT64_C(1) << (rule - option_rules);
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
	for (size_t i = 0; i < option_rule_count; i++) {
		if (!(options->given >> i & 1) ||
		    !(option_rules[i].needs & ~options->kind->traits))
			continue;
		log_error("option '%.*s' does not apply to %s",
			  (int)strcspn(option_rules[i].name, "="),
			  option_rules[i].name, options->kind->name);
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
	const char *letters = helper ? helper_letters() : ":fdhVo:";
	int letter;

	*options = (struct options){
		.helper.called = helper,
		.max_threads = 10,
		.spin = 50,
		.cpu_latency = -1,
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
