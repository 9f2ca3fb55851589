/* SPDX-License-Identifier: MIT */
/*
 * Copies out of mapped files that leave holes alone.
 */
#ifndef SHMFS_SPARSE_H
#define SHMFS_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/*
 * True if every page of the range is there, in memory or swapped out, so
 * that touching it allocates nothing. False also where the kernel does not
 * say: before Linux 6.5, or for objects that are not ours (EPERM).
 */
bool sparse_is_allocated(int fd, off_t off, size_t len);

/*
 * Reads `len` bytes at `off` of the file fd, whose mapping has them at
 * `mapped`. Holes read as zeros and stay holes. What is past the end by now
 * reads as zeros too. 0, or -EIO, or -errno of lseek(2).
 */
int sparse_read(int fd, char *buf, const char *mapped, off_t off, size_t len);

/* The same where no descriptor can tell: touches all of it. */
int sparse_copy(char *buf, const char *mapped, off_t off, size_t len);

/* A constant for the compiler's sake would be wrong on other machines. */
static inline off_t sparse_page(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* How much of [off, off + len) is in the page of its first byte. */
static inline size_t sparse_page_rest(off_t off, size_t len)
{
	size_t rest = (size_t)(sparse_page() - off % sparse_page());

	return rest < len ? rest : len;
}

#endif
