/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from memory that may vanish under the copy.
 *
 * Touching a shared file mapping raises SIGBUS where the file ends or its
 * pages cannot be had (mmap(2)): another process truncated it, or memory is
 * full. The one handler for it lives in guard.c.
 */
#ifndef SHMFS_GUARD_H
#define SHMFS_GUARD_H

#include <stddef.h>

/*
 * Installs the process' SIGBUS handler; a fault that is not ours goes to the
 * handler that was there before. Call once, before any copy and before other
 * threads start. Returns 0 or -errno of sigaction(2).
 */
int guard_install(void);

/*
 * memcpy(3) into or out of a mapping. Returns 0 when all bytes were copied;
 * -EFAULT when a page of the mapping could not be touched, -EIO when the
 * memory itself is broken (BUS_MCEERR_AR, sigaction(2)). After a failure any
 * part of the destination may have been written. Takes no lock; threads do
 * not disturb each other.
 */
int guard_copy_in(void *mapped, const void *from, size_t len);
int guard_copy_out(void *to, const void *mapped, size_t len);

#endif
