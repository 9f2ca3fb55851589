// SPDX-License-Identifier: MIT
/*
 * Prints what the code knows of its command line and its attributes, a fact a
 * line with its parts apart by tabs, for tests that compare it with what people
 * are told:
 *
 *   option NAME VALUE SORT     SORT: text, word or idle (option_rules.h)
 *   repeatable NAME
 *   refused KIND NAME
 *   kind NAME
 *   fact NAME                  of the objects of some kind
 */
#include <stdio.h>
#include <string.h>

#include "option_rules.h"

static const char *sort_of(const struct option_rule *rule)
{
	if (rule->text)
		return "text";
	return option_rule_is_idle(rule) ? "idle" : "word";
}

static void print_kind(const struct store_kind *kind)
{
	printf("kind\t%s\n", kind->name);
	for (const char *const *fact = kind->facts; fact && *fact; fact++)
		printf("fact\t%s\n", *fact);
	for (size_t i = 0; i < option_rule_count; i++)
		if (option_rules[i].needs & ~kind->traits)
			printf("refused\t%s\t%s\n", kind->name,
			       option_rules[i].name);
}

int main(void)
{
	for (size_t i = 0; i < option_rule_count; i++) {
		const struct option_rule *rule = &option_rules[i];

		printf("option\t%s\t%s\t%s\n", rule->name,
		       rule->value ? rule->value : "", sort_of(rule));
		if (rule->text && strstr(rule->text, "repeatable"))
			printf("repeatable\t%s\n", rule->name);
	}
	for (const struct store_kind *const *kind = store_kinds; *kind; kind++)
		print_kind(*kind);
	return 0;
}
