// SPDX-License-Identifier: MIT
/*
 * Values of options. strtoul(3) alone would take signs and spaces.
 */
#include "values.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
