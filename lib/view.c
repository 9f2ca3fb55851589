// SPDX-License-Identifier: MIT
/*
 * The view's rule on names. glibc keeps a named semaphore "/x" as the file
 * "sem.x" beside the shm objects; writing to one through a file would break
 * it, so they are left out unless asked for.
 */
#include "view.h"

#include <string.h>

bool view_contains(const struct view *view, const char *name)
{
	return view->semaphores || strncmp(name, "sem.", 4) != 0;
}
