/* SPDX-License-Identifier: MIT */
/*
 * A small random number generator (splitmix64): one seed gives the same
 * numbers on every machine, so that a printed seed repeats a failed run.
 */
#ifndef SHMFS_TESTS_RNG_H
#define SHMFS_TESTS_RNG_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t rng_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* A number in 0 .. limit - 1; limit > 0. */
static inline uint64_t rng_below(uint64_t *state, uint64_t limit)
{
	return rng_next(state) % limit;
}

/* True in `percent` of 100 cases. */
static inline int rng_chance(uint64_t *state, unsigned int percent)
{
	return rng_below(state, 100) < percent;
}

/* $SHMFS_SEED, or one from the clock; prints it, so that it can be given. */
static inline uint64_t rng_seed(const char *who)
{
	const char *given = getenv("SHMFS_SEED");
	struct timespec now;
	uint64_t seed;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	seed = given ? strtoull(given, NULL, 0)
		     : (uint64_t)(now.tv_sec * 1000003 + now.tv_nsec);
	fprintf(stderr, "%s: SHMFS_SEED=%llu\n", who, (unsigned long long)seed);
	return seed;
}

#endif
