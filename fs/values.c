// SPDX-License-Identifier: MIT
/*
 * Values of options. strtoul(3) alone would take signs and spaces.
 */
#include "values.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX (UINT_MAX - 1) /* -1 is no id: chown(2) */

int value_number(const char *text, unsigned min, unsigned max,
		 unsigned *ret_number)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max)
		return -EINVAL;
	*ret_number = (unsigned)n;
	return 0;
}

int value_size(const char *text, uint64_t *ret_size)
{
	static const char units[] = "KMG";
	unsigned shift = 0;
	uint64_t n;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || n == 0)
		return -EINVAL;
	if (*end) {
		const char *unit = strchr(units, toupper((unsigned char)*end));

		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (n > (uint64_t)INT64_MAX >> shift)
		return -EINVAL;
	*ret_size = n << shift;
	return 0;
}

int value_uid(const char *text, uid_t *ret_uid)
{
	const struct passwd *user;
	unsigned id;

	if (value_number(text, 0, ID_MAX, &id) == 0) {
		*ret_uid = id;
		return 0;
	}
	user = getpwnam(text);
	if (!user)
		return -EINVAL;
	*ret_uid = user->pw_uid;
	return 0;
}

int value_gid(const char *text, gid_t *ret_gid)
{
	const struct group *group;
	unsigned id;

	if (value_number(text, 0, ID_MAX, &id) == 0) {
		*ret_gid = id;
		return 0;
	}
	group = getgrnam(text);
	if (!group)
		return -EINVAL;
	*ret_gid = group->gr_gid;
	return 0;
}

int value_mode(const char *text, mode_t *ret_mode)
{
	size_t len = strlen(text);
	unsigned long mode = strtoul(text, NULL, 8);

	if (len < 1 || len > 4 || strspn(text, "01234567") != len ||
	    mode > 0777)
		return -EINVAL;
	*ret_mode = (mode_t)mode;
	return 0;
}
