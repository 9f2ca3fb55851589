// SPDX-License-Identifier: MIT
/*
 * The tally: two hash tables, one of objects by inode number, one of names.
 * Every change of an entry goes through take_out() and put_in(), which keep
 * the sums what the entries say.
 */
#include "tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 256

struct tally_name {
	struct tally_name *next;
	struct tally_entry *entry;
	unsigned scan; /* the last one that saw it */
	char name[];
};

void tally_sum_add(struct tally_sum *sum, uint64_t n)
{
	if (__builtin_add_overflow(sum->low, n, &sum->low))
		sum->high++;
}

void tally_sum_subtract(struct tally_sum *sum, uint64_t n)
{
	if (__builtin_sub_overflow(sum->low, n, &sum->low))
		sum->high--;
}

bool tally_sum_fits(struct tally_sum sum, uint64_t more, uint64_t max)
{
	tally_sum_add(&sum, more);
	return sum.high == 0 && sum.low <= max;
}

/* inode numbers of tmpfs are a counter: the low bits will do */
static struct tally_entry **ino_slot(const struct tally *tally, uint64_t ino)
{
	return &tally->by_ino[ino & (tally->buckets - 1)];
}

static struct tally_name **name_slot(const struct tally *tally,
				     const char *name)
{
	uint64_t hash = hash_bytes(&tally->key, name, strlen(name));

	return &tally->by_name[hash & (tally->buckets - 1)];
}

int tally_init(struct tally *tally)
{
	*tally = (struct tally){ .buckets = BUCKETS_MIN };
	tally->by_ino = calloc(BUCKETS_MIN, sizeof(*tally->by_ino));
	tally->by_name = calloc(BUCKETS_MIN, sizeof(*tally->by_name));
	tally->key = hash_new_key();
	if (tally->by_ino && tally->by_name)
		return 0;
	free(tally->by_ino);
	free(tally->by_name);
	return -ENOMEM;
}

void tally_destroy(struct tally *tally)
{
	for (size_t i = 0; i < tally->buckets; i++) {
		while (tally->by_ino[i]) {
			struct tally_entry *entry = tally->by_ino[i];

			tally->by_ino[i] = entry->next;
			free(entry);
		}
		while (tally->by_name[i]) {
			struct tally_name *name = tally->by_name[i];

			tally->by_name[i] = name->next;
			free(name);
		}
	}
	free(tally->by_ino);
	free(tally->by_name);
}

static void rehash(struct tally *tally, const struct tally *old)
{
	for (size_t i = 0; i < old->buckets; i++) {
		while (old->by_ino[i]) {
			struct tally_entry *entry = old->by_ino[i];
			struct tally_entry **slot = ino_slot(tally, entry->ino);

			old->by_ino[i] = entry->next;
			entry->next = *slot;
			*slot = entry;
		}
		while (old->by_name[i]) {
			struct tally_name *name = old->by_name[i];
			struct tally_name **slot = name_slot(tally, name->name);

			old->by_name[i] = name->next;
			name->next = *slot;
			*slot = name;
		}
	}
}

/* Without memory for larger tables it is slower, not wrong. */
static void grow_if_full(struct tally *tally)
{
	struct tally old = *tally;

	if (tally->names < tally->buckets && tally->objects < tally->buckets)
		return;
	tally->buckets *= 4;
	tally->by_ino = calloc(tally->buckets, sizeof(*tally->by_ino));
	tally->by_name = calloc(tally->buckets, sizeof(*tally->by_name));
	if (!tally->by_ino || !tally->by_name) {
		free(tally->by_ino);
		free(tally->by_name);
		*tally = old;
		return;
	}
	rehash(tally, &old);
	free(old.by_ino);
	free(old.by_name);
}

/* Sizes are at most 2^63 - 1, and so are ends; appends are short. */
static uint64_t may_become(const struct tally_entry *entry)
{
	uint64_t end = entry->size;
	uint64_t appended = 0;

	for (const struct tally_claim *c = entry->claims; c; c = c->next) {
		if (c->end > end)
			end = c->end;
		appended += c->append;
	}
	return end + appended;
}

static void take_out(struct tally *tally, const struct tally_entry *entry)
{
	tally_sum_subtract(&tally->is, entry->size);
	tally_sum_subtract(&tally->may, may_become(entry));
	tally->objects--;
	if (!entry->names) {
		tally_sum_subtract(&tally->lost, entry->size);
		tally->nameless--;
	}
}

static void put_in(struct tally *tally, const struct tally_entry *entry)
{
	tally_sum_add(&tally->is, entry->size);
	tally_sum_add(&tally->may, may_become(entry));
	tally->objects++;
	if (!entry->names) {
		tally_sum_add(&tally->lost, entry->size);
		tally->nameless++;
	}
}

static int get_entry(struct tally *tally, uint64_t ino, uint64_t size,
		     struct tally_entry **ret_entry)
{
	struct tally_entry **slot = ino_slot(tally, ino);
	struct tally_entry *entry = *slot;

	while (entry && entry->ino != ino)
		entry = entry->next;
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		entry->ino = ino;
		entry->next = *slot;
		*slot = entry;
		put_in(tally, entry);
	}
	tally_set_size(tally, entry, size);
	*ret_entry = entry;
	return 0;
}

static void drop_if_unused(struct tally *tally, struct tally_entry *entry)
{
	struct tally_entry **link = ino_slot(tally, entry->ino);

	if (entry->names || entry->opens)
		return;
	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	take_out(tally, entry);
	free(entry);
}

int tally_open(struct tally *tally, uint64_t ino, uint64_t size,
	       struct tally_entry **ret_entry)
{
	int error;

	grow_if_full(tally);
	error = get_entry(tally, ino, size, ret_entry);
	if (!error)
		(*ret_entry)->opens++;
	return error;
}

void tally_close(struct tally *tally, struct tally_entry *entry)
{
	entry->opens--;
	drop_if_unused(tally, entry);
}

void tally_set_size(struct tally *tally, struct tally_entry *entry,
		    uint64_t size)
{
	take_out(tally, entry);
	entry->size = size;
	put_in(tally, entry);
}

static void add_names(struct tally *tally, struct tally_entry *entry,
		      unsigned more)
{
	take_out(tally, entry);
	entry->names += more;
	put_in(tally, entry);
}

/* Removes the name that *link leads to. */
static void remove_name(struct tally *tally, struct tally_name **link)
{
	struct tally_name *name = *link;

	*link = name->next;
	add_names(tally, name->entry, -1U);
	drop_if_unused(tally, name->entry);
	free(name);
	tally->names--;
}

static int add_name(struct tally *tally, const char *text,
		    struct tally_entry *entry)
{
	struct tally_name **slot = name_slot(tally, text);
	struct tally_name *name = malloc(sizeof(*name) + strlen(text) + 1);

	if (!name) {
		drop_if_unused(tally, entry);
		return -ENOMEM;
	}
	strcpy(name->name, text);
	name->entry = entry;
	name->scan = tally->scan;
	name->next = *slot;
	*slot = name;
	tally->names++;
	add_names(tally, entry, 1);
	return 0;
}

int tally_set_name(struct tally *tally, const char *name, uint64_t ino,
		   uint64_t size)
{
	struct tally_name **link;
	struct tally_entry *entry;
	int error;

	grow_if_full(tally);
	link = name_slot(tally, name);
	while (*link && strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	if (*link && (*link)->entry->ino == ino) {
		(*link)->scan = tally->scan;
		tally_set_size(tally, (*link)->entry, size);
		return 0;
	}
	if (*link)
		remove_name(tally, link);
	if (!ino)
		return 0;
	error = get_entry(tally, ino, size, &entry);
	return error ? error : add_name(tally, name, entry);
}

void tally_scan_begin(struct tally *tally)
{
	tally->scan++;
}

void tally_scan_end(struct tally *tally)
{
	for (size_t i = 0; i < tally->buckets; i++) {
		struct tally_name **link = &tally->by_name[i];

		while (*link) {
			if ((*link)->scan == tally->scan)
				link = &(*link)->next;
			else
				remove_name(tally, link);
		}
	}
}

uint64_t tally_claim_growth(const struct tally_entry *entry,
			    const struct tally_claim *claim)
{
	uint64_t more = claim->end > entry->size ? claim->end - entry->size : 0;

	return more + claim->append;
}

uint64_t tally_claim_cost(const struct tally_entry *entry,
			  const struct tally_claim *claim)
{
	struct tally_entry with = *entry;
	struct tally_claim first = *claim;

	first.next = entry->claims;
	with.claims = &first;
	return may_become(&with) - may_become(entry);
}

void tally_claim(struct tally *tally, struct tally_entry *entry,
		 struct tally_claim *claim)
{
	take_out(tally, entry);
	claim->next = entry->claims;
	entry->claims = claim;
	put_in(tally, entry);
}

void tally_unclaim(struct tally *tally, struct tally_entry *entry,
		   struct tally_claim *claim)
{
	struct tally_claim **link = &entry->claims;

	take_out(tally, entry);
	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	put_in(tally, entry);
}
