/* SPDX-License-Identifier: MIT */
/*
 * Counters. Each thread counts in cache lines that it shares with few others
 * or none, so that counting takes no lock and makes nobody wait; who wants to
 * know adds them up. What only the kernel knows is not here: bytes that it
 * reads, writes and maps itself in the native data path.
 */
#ifndef SHMFS_STATS_H
#define SHMFS_STATS_H

#include <stddef.h>
#include <stdint.h>

struct fs;

/* The operations, in the order of the protocol (ops.c). */
#define STATS_OPERATIONS(X) \
	X(lookup)           \
	X(forget)           \
	X(getattr)          \
	X(setattr)          \
	X(mknod)            \
	X(mkdir)            \
	X(unlink)           \
	X(rmdir)            \
	X(symlink)          \
	X(rename)           \
	X(link)             \
	X(open)             \
	X(read)             \
	X(write)            \
	X(flush)            \
	X(release)          \
	X(opendir)          \
	X(readdir)          \
	X(releasedir)       \
	X(statfs)           \
	X(setxattr)         \
	X(getxattr)         \
	X(listxattr)        \
	X(removexattr)      \
	X(access)           \
	X(create)           \
	X(forget_multi)     \
	X(fallocate)        \
	X(readdirplus)      \
	X(copy_file_range)  \
	X(lseek)

enum stats_counter {
#define STATS_OPERATION(op) STATS_##op,
	STATS_OPERATIONS(STATS_OPERATION)
#undef STATS_OPERATION
	/* All from here on are no operations. */
	STATS_IO_URING, /* requests that came over io_uring */
	STATS_BYTES_READ,
	STATS_BYTES_WRITTEN,
	STATS_BYTES_WRITTEN_BACK, /* pages of mappings */
	STATS_BYTES_COPIED,	  /* copy_file_range */
	STATS_OPENED_NATIVE,	  /* the kernel does it all */
	STATS_OPENED_MAPPED,	  /* it maps, reads and writes are ours */
	STATS_OPENED_DIRECT,	  /* all is ours */
	STATS_CLOSED,
	STATS_EPOCHS, /* ended: see node.h */
	STATS_COUNTERS,
};

struct stats;

/* -ENOMEM. */
int stats_create(struct stats **ret_stats);
/* NULL is allowed. */
void stats_destroy(struct stats *stats);

void stats_add(struct stats *stats, enum stats_counter counter, uint64_t n);
/* An operation answers -errno. */
void stats_add_error(struct stats *stats, int error);

/*
 * What has been counted, and what there is now, as lines of "key: value",
 * each ended by a newline, in malloc'ed memory. -ENOMEM.
 */
int stats_print(struct fs *fs, char **ret_text);

#endif
