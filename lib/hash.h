/* SPDX-License-Identifier: MIT */
/*
 * Hashing names that others choose: SipHash-1-3 (Aumasson and Bernstein,
 * "SipHash: a fast short-input PRF"). Without the key nobody can choose names
 * that collide.
 */
#ifndef SHMFS_HASH_H
#define SHMFS_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t words[2];
};

/* A random key; zeros only where the kernel has no random numbers yet. */
struct hash_key hash_new_key(void);

uint64_t hash_bytes(const struct hash_key *key, const char *bytes, size_t len);

#endif
