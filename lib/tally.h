/* SPDX-License-Identifier: MIT */
/*
 * What a view holds, as last seen: its objects and how long each is, found by
 * inode number, and the names that lead to them. An object counts once
 * however many names it has, as long as a name in view leads to it, it is open
 * through the mount, or an operation is at work on it.
 *
 * Beside the sizes that are, the sizes that may come to be: an operation that
 * may make an object longer puts a claim on it first. Claims bound the size by
 * the largest end claimed, plus all that is to be appended, whatever else
 * happens to the object meanwhile; so the sum of what may be is never less
 * than what the sizes add up to at any moment of these operations.
 *
 * Nothing here is locked: budget.c does that.
 */
#ifndef SHMFS_TALLY_H
#define SHMFS_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"

/* Of any number of sizes: they may add up to more than 64 bits hold. */
struct tally_sum {
	uint64_t low, high;
};

void tally_sum_add(struct tally_sum *sum, uint64_t n);
void tally_sum_subtract(struct tally_sum *sum, uint64_t n);
/* True if sum + more <= max. */
bool tally_sum_fits(struct tally_sum sum, uint64_t more, uint64_t max);

/* An operation in progress; its fields are set by who claims. */
struct tally_claim {
	uint64_t end;	 /* it may write up to here */
	uint64_t append; /* or this much at the end */
	struct tally_claim *next;
};

struct tally_entry {
	uint64_t ino;
	uint64_t size;
	unsigned names;
	unsigned opens; /* through the mount, and operations at work on it */
	struct tally_claim *claims;
	struct tally_entry *next;
};

struct tally_name;

struct tally {
	struct tally_entry **by_ino;
	struct tally_name **by_name;
	size_t buckets; /* of each, a power of two */
	size_t names;
	size_t objects;
	size_t nameless;       /* of these, without a name in view */
	struct tally_sum is;   /* all sizes */
	struct tally_sum may;  /* with the claims */
	struct tally_sum lost; /* the sizes of the nameless */
	unsigned scan;	       /* number of the last scan */
	struct hash_key key;
};

int tally_init(struct tally *tally); /* -ENOMEM */
void tally_destroy(struct tally *tally);

/*
 * The entry of an object, made if need be, counted as open until
 * tally_close(). -ENOMEM.
 */
int tally_open(struct tally *tally, uint64_t ino, uint64_t size,
	       struct tally_entry **ret_entry);
void tally_close(struct tally *tally, struct tally_entry *entry);

void tally_set_size(struct tally *tally, struct tally_entry *entry,
		    uint64_t size);

/* What a name leads to now; ino 0: nothing. -ENOMEM. */
int tally_set_name(struct tally *tally, const char *name, uint64_t ino,
		   uint64_t size);
/*
 * Names that have not been set between these two are gone.
 */
void tally_scan_begin(struct tally *tally);
void tally_scan_end(struct tally *tally);

/* By how much a claim would raise `may`, and how much `is` if it came true. */
uint64_t tally_claim_cost(const struct tally_entry *entry,
			  const struct tally_claim *claim);
uint64_t tally_claim_growth(const struct tally_entry *entry,
			    const struct tally_claim *claim);
/* The claim stays the caller's, and where it is until it is taken back. */
void tally_claim(struct tally *tally, struct tally_entry *entry,
		 struct tally_claim *claim);
void tally_unclaim(struct tally *tally, struct tally_entry *entry,
		   struct tally_claim *claim);

#endif
