// SPDX-License-Identifier: MIT
/*
 * SipHash-1-3: one round for each word of eight bytes, three at the end.
 */
#include "hash.h"

#include <string.h>
#include <sys/random.h>

struct hash_key hash_new_key(void)
{
	struct hash_key key = { 0 };

	/* Failing that, hashing still works. */
	(void)!getrandom(&key, sizeof(key), GRND_NONBLOCK);
	return key;
}

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void add_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	v[0] ^= word;
}

uint64_t hash_bytes(const struct hash_key *key, const char *bytes, size_t len)
{
	uint64_t v[4] = {
		key->words[0] ^ 0x736f6d6570736575u,
		key->words[1] ^ 0x646f72616e646f6du,
		key->words[0] ^ 0x6c7967656e657261u,
		key->words[1] ^ 0x7465646279746573u,
	};
	size_t rest = len;
	uint64_t word;

	for (; rest >= sizeof(word); rest -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		add_word(v, word);
		bytes += sizeof(word);
	}
	word = 0;
	memcpy(&word, bytes, rest);
	add_word(v, word ^ (uint64_t)len << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
