/* SPDX-License-Identifier: MIT */
/*
 * A buffer for each thread, to put a reply together in. Kept as long as the
 * thread, so that a request allocates nothing.
 */
#ifndef SHMFS_BUFFER_H
#define SHMFS_BUFFER_H

#include <stddef.h>

/*
 * At least `size` bytes, page-aligned, valid until this thread asks again.
 * NULL when out of memory.
 */
void *thread_buffer(size_t size);

#endif
