// SPDX-License-Identifier: MIT
/*
 * The kinds there are.
 */
#include "store.h"

const struct store_kind *const store_kinds[] = {
	&posix_kind,
	&sysv_kind,
	NULL,
};
