/* SPDX-License-Identifier: MIT */
/*
 * The table of the options after -o, which all that is said about them comes
 * from: --help, the checks and the errors.
 */
#ifndef SHMFS_OPTION_RULES_H
#define SHMFS_OPTION_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct option_rule {
	const char *name;  /* ends with '=' if it takes a value */
	const char *value; /* what the value may be, for people */
	const char *text;
	/* 0, or -EINVAL for a value that cannot be; NULL: for libfuse */
	int (*set)(struct options *options, const char *value);
	const char *accepted; /* for errors, if `value` does not say it all */
	unsigned needs;	      /* traits of the kind (store.h) */
};

extern const struct option_rule option_rules[];
extern const size_t option_rule_count; /* at most 64 */

/* Whether it is accepted and no more: for fstab(5), or in force anyway. */
bool option_rule_is_idle(const struct option_rule *rule);

#endif
