// SPDX-License-Identifier: MIT
/*
 * Reading bracket expressions as POSIX has them (glob(7)): a ']' in the first
 * place is a member, and [:class:], [.x.] and [=x=] are members with brackets
 * of their own.
 */
#include "glob.h"

#include <stddef.h>
#include <string.h>
#include <wctype.h>

static bool is_class(const char *name, size_t len)
{
	char text[16];

	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return wctype(text) != 0;
}

/* The end of a member like [:alpha:], at its '['; NULL if there is none. */
static const char *skip_named(const char *at)
{
	char end[3] = { at[1], ']', '\0' };
	const char *close = strstr(at + 2, end);

	if (!close || close == at + 2)
		return NULL;
	if (at[1] == ':' && !is_class(at + 2, (size_t)(close - at - 2)))
		return NULL;
	return close + 2;
}

/* The end of a bracket expression, at its '['; NULL if there is none. */
static const char *skip_bracket(const char *at)
{
	at++;
	if (*at == '!' || *at == '^')
		at++;
	if (*at == ']')
		at++;
	while (at && *at != ']') {
		if (*at == '\0')
			return NULL;
		if (*at == '[' && at[1] && strchr(":.=", at[1]))
			at = skip_named(at);
		else if (*at == '\\' && at[1])
			at += 2;
		else
			at++;
	}
	return at ? at + 1 : NULL;
}

bool glob_is_sound(const char *glob)
{
	const char *at = glob;

	if (!*glob)
		return false;
	while (at && *at) {
		if (*at == '[')
			at = skip_bracket(at);
		else if (*at != '\\')
			at++;
		else if (at[1])
			at += 2;
		else
			return false;
	}
	return at;
}
