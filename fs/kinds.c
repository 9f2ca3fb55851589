// SPDX-License-Identifier: MIT
/*
 * Kinds by their names.
 */
#include "kinds.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

const struct store_kind *kinds_find(const char *name)
{
	for (const struct store_kind *const *kind = store_kinds; *kind; kind++)
		if (!strcmp((*kind)->name, name))
			return *kind;
	return NULL;
}

void kinds_complain(const char *name)
{
	char names[128] = "";

	for (const struct store_kind *const *kind = store_kinds; *kind; kind++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names),
			 "%s%s", *names ? ", " : "", (*kind)->name);
	log_error("unknown kind '%s'; accepted is %s", name, names);
}

void kinds_print(void)
{
	for (const struct store_kind *const *kind = store_kinds; *kind; kind++)
		printf("%s %s%s, %s\n", kind == store_kinds ? "KIND:" : "     ",
		       (*kind)->name, kind == store_kinds ? " (default)" : "",
		       (*kind)->text);
}
