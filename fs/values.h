/* SPDX-License-Identifier: MIT */
/*
 * Reading what stands after the = of an option. All return 0, or -EINVAL for
 * what is not wholly such a value; nothing is printed.
 */
#ifndef SHMFS_VALUES_H
#define SHMFS_VALUES_H

#include <stdint.h>
#include <sys/types.h>

/* A whole number from min to max. */
int value_number(const char *text, unsigned min, unsigned max,
		 unsigned *ret_number);

/* A number of bytes, or of KiB, MiB, GiB with K, M, G; more than none. */
int value_size(const char *text, uint64_t *ret_size);

/* A user or a group: a number, or a name that passwd(5) or group(5) has. */
int value_uid(const char *text, uid_t *ret_uid);
int value_gid(const char *text, gid_t *ret_gid);

/* Permission bits, in octal. */
int value_mode(const char *text, mode_t *ret_mode);

#endif
