// SPDX-License-Identifier: MIT
/*
 * Limits without a mount, in a mount namespace with a /dev/shm of the test's
 * own: what counts, what fits, and what operations in progress may still
 * come to. The truth is what fstat(2) says of the files there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

#include "fixture.h"
#include "guard.h"
#include "limit.h"
#include "rng.h"

#define SHM   "/dev/shm/"
#define LIMIT 1000

struct test {
	struct store_kind kind; /* the POSIX kind, or one that cannot watch */
	struct store *store;
	struct view view;
	struct budget *budget;
	struct store_caller me;
};

static int start(void **state)
{
	bool watch = !*state; /* or "blind": see BOTH */
	struct test *t = calloc(1, sizeof(*t));
	struct budget_config config = { .size = LIMIT, .objects = 5 };

	if (!t || guard_install() ||
	    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		  "size=64m,mode=1777") ||
	    posix_kind.open(&t->store))
		return -1;
	t->kind = posix_kind;
	if (!watch)
		t->kind.watch_open = NULL;
	t->me = (struct store_caller){ .uid = geteuid(), .gid = getegid() };
	config.kind = &t->kind;
	config.store = t->store;
	config.view = &t->view;
	*state = t;
	return budget_create(&config, &t->budget);
}

static int stop(void **state)
{
	struct test *t = *state;

	budget_destroy(t->budget);
	posix_kind.close(t->store);
	free(t);
	return umount("/dev/shm"); /* and all in it */
}

/* Directly: an object of this size, made if need be. */
static void put(const char *path, off_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, size), errno);
	close(fd);
}

static void assert_used(struct test *t, uint64_t size, uint64_t objects)
{
	uint64_t is_size, is_objects;

	assert_int_equal(budget_used(t->budget, &is_size, &is_objects), 0);
	assert_int_equal(is_size, size);
	assert_int_equal(is_objects, objects);
}

static struct object *object_of(struct test *t, const char *name)
{
	struct object *seen, *object;

	assert_int_equal(t->kind.find(t->store, name, &seen), 0);
	assert_int_equal(t->kind.reopen(seen, STORE_WRITE, &object), 0);
	object_put(seen);
	return object;
}

static int resize(struct test *t, struct object *object, off_t size)
{
	struct store_attr attr = { .set = STORE_SET_SIZE, .size = size };

	return limit_set_attr(t->budget, object, &attr);
}

static void counts_what_others_do(void **state)
{
	struct test *t = *state;

	assert_used(t, 0, 0);
	put(SHM "a", 10);
	put(SHM "b", 500);
	put(SHM "a", 20000);
	assert_used(t, 20500, 2);
	put(SHM "a", 7);
	assert_used(t, 507, 2);
	/* what is not in view, or no object */
	put(SHM "sem.s", 50);
	assert_return_code(mkdir(SHM "d", 0700), errno);
	assert_return_code(symlink("a", SHM "l"), errno);
	assert_used(t, 507, 2);
	assert_return_code(rename(SHM "sem.s", SHM "s"), errno);
	assert_used(t, 557, 3);
	assert_return_code(rename(SHM "s", SHM "b"), errno);
	assert_used(t, 57, 2);
	/* an object with two names is one */
	assert_return_code(link(SHM "b", SHM "c"), errno);
	assert_used(t, 57, 2);
	assert_return_code(unlink(SHM "b"), errno);
	assert_used(t, 57, 2);
	assert_return_code(rename(SHM "c", SHM "sem.s"), errno);
	assert_used(t, 7, 1);
	assert_return_code(unlink(SHM "a"), errno);
	assert_used(t, 0, 0);
}

/* More at once than one 64-bit number holds. */
static void counts_more_than_fits(void **state)
{
	struct test *t = *state;
	struct object *object;

	put(SHM "a", INT64_MAX);
	put(SHM "b", INT64_MAX);
	put(SHM "c", 100);
	assert_used(t, UINT64_MAX, 3);
	object = object_of(t, "c");
	assert_int_equal(resize(t, object, 101), -ENOSPC);
	object_put(object);
	assert_return_code(unlink(SHM "a"), errno);
	assert_used(t, (uint64_t)INT64_MAX + 100, 2);
	assert_return_code(unlink(SHM "b"), errno);
	assert_used(t, 100, 1);
}

/* The watch cannot keep that many; nothing is missed. */
static void survives_many_changes(void **state)
{
	struct test *t = *state;

	for (int i = 0; i < 20000; i++)
		put(i % 2 ? SHM "a" : SHM "b", i);
	put(SHM "c", 3);
	assert_return_code(unlink(SHM "a"), errno);
	assert_used(t, 20001, 2);
	put(SHM "b", 1);
	assert_used(t, 4, 2);
}

static ssize_t put_bytes(struct test *t, struct object *object, size_t len,
			 off_t off, unsigned flags)
{
	static const char bytes[LIMIT + 1];

	return limit_write(t->budget, object, bytes, len, off, flags);
}

static ssize_t copy(struct test *t, struct object *from, off_t from_off,
		    struct object *to, off_t to_off)
{
	return limit_copy(t->budget, from, from_off, to, to_off, 400);
}

static int allocate(struct test *t, struct object *object, off_t end)
{
	return limit_allocate(t->budget, object, 0, end - 1, 1);
}

/* Each operation: to the last byte, and not one more; others' bytes count. */
static void refuses_the_last_byte(void **state)
{
	struct test *t = *state;
	struct object *a, *b;

	put(SHM "a", 0);
	put(SHM "b", 400);
	a = object_of(t, "a");
	b = object_of(t, "b");
	assert_int_equal(resize(t, a, 601), -ENOSPC);
	assert_int_equal(put_bytes(t, a, 601, 0, 0), -ENOSPC);
	assert_int_equal(put_bytes(t, a, 1, 600, 0), -ENOSPC);
	assert_int_equal(put_bytes(t, b, 601, 0, STORE_APPEND), -ENOSPC);
	assert_int_equal(allocate(t, a, 601), -ENOSPC);
	assert_int_equal(copy(t, b, 0, a, 201), -ENOSPC);
	assert_used(t, 400, 2);
	assert_int_equal(put_bytes(t, b, 600, 0, STORE_APPEND), 600);
	assert_used(t, 1000, 2);
	object_put(a);
	object_put(b);
}

/* At the limit, what does not grow still goes; past it, what shrinks. */
static void refuses_nothing_else(void **state)
{
	struct test *t = *state;
	struct object *a, *b;

	put(SHM "a", 0);
	put(SHM "b", LIMIT);
	a = object_of(t, "a");
	b = object_of(t, "b");
	assert_int_equal(put_bytes(t, b, LIMIT, 0, 0), LIMIT);
	assert_int_equal(put_bytes(t, b, LIMIT + 1, 0, 0), -ENOSPC);
	assert_int_equal(allocate(t, b, LIMIT), 0);
	assert_int_equal(copy(t, b, 500, b, 0), 400);
	assert_int_equal(copy(t, b, 2000, a, 0), 0);
	assert_int_equal(resize(t, b, 999), 0);
	assert_int_equal(copy(t, b, 998, a, 0), 1);
	assert_int_equal(put_bytes(t, a, 1, 1, 0), -ENOSPC);
	put(SHM "c", 50); /* others do as they like */
	assert_int_equal(resize(t, a, 2), -ENOSPC);
	assert_int_equal(resize(t, b, 900), 0);
	assert_int_equal(resize(t, a, 50), 0);
	assert_int_equal(resize(t, a, 51), -ENOSPC);
	object_put(a);
	object_put(b);
}

static int make(struct test *t, const char *name)
{
	struct object *object;
	int error = limit_create_object(t->budget, &t->kind, t->store, name,
					0600, &t->me, &object);

	if (!error)
		object_put(object);
	return error;
}

static void refuses_the_last_object(void **state)
{
	struct test *t = *state;

	put(SHM "1", 0);
	put(SHM "2", 0);
	assert_int_equal(make(t, "3"), 0);
	assert_int_equal(make(t, "3"), -EEXIST);
	put(SHM "4", 0);
	assert_int_equal(make(t, "5"), 0);
	assert_int_equal(make(t, "6"), -ENOSPC);
	assert_int_equal(make(t, "5"), -EEXIST);
	assert_return_code(rename(SHM "4", SHM "1"), errno);
	assert_int_equal(make(t, "6"), 0);
	assert_int_equal(make(t, "7"), -ENOSPC);
	assert_return_code(unlink(SHM "6"), errno);
	assert_int_equal(make(t, "7"), 0);
	assert_used(t, 0, 5);
}

/* Without a name it counts while it is open. */
static void counts_what_is_open(void **state)
{
	struct test *t = *state;
	struct object *a, *b;

	put(SHM "a", 700);
	put(SHM "b", 0);
	a = object_of(t, "a");
	b = object_of(t, "b");
	assert_int_equal(budget_opened(t->budget, a), 0);
	assert_int_equal(budget_opened(t->budget, a), 0);
	assert_return_code(unlink(SHM "a"), errno);
	assert_used(t, 700, 2);
	assert_int_equal(resize(t, b, 301), -ENOSPC);
	assert_int_equal(resize(t, a, 900), 0);
	assert_int_equal(resize(t, a, 1001), -ENOSPC);
	assert_int_equal(resize(t, b, 101), -ENOSPC);
	budget_closed(t->budget, a);
	assert_used(t, 900, 2);
	budget_closed(t->budget, a);
	assert_used(t, 0, 1);
	assert_int_equal(resize(t, b, 1000), 0);
	object_put(a);
	object_put(b);
}

struct waiter {
	struct test *t;
	struct budget_growth growth;
	atomic_int result; /* 1: none yet */
	pthread_t thread;
};

static void *wait_for_room(void *data)
{
	struct waiter *w = data;

	atomic_store(&w->result, budget_begin(w->t->budget, &w->growth));
	return NULL;
}

static void waiter_start(struct waiter *w, struct test *t, const char *name,
			 uint64_t end)
{
	*w = (struct waiter){ .t = t, .result = 1 };
	w->growth.object = object_of(t, name);
	w->growth.claim.end = end;
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_room, w), 0);
}

static int waiter_end(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	if (w->result == 0)
		budget_settle(w->t->budget, &w->growth);
	object_put(w->growth.object);
	return w->result;
}

/* Begins and settles a growth of an object up to `end`. */
static int pass(struct test *t, const char *name, uint64_t end)
{
	struct waiter waiter;

	waiter_start(&waiter, t, name, end);
	return waiter_end(&waiter);
}

/*
 * What an operation in progress may take is nobody else's, whatever becomes of
 * its object; whether the rest fits shows when it is over.
 */
static void waits_for_operations_in_progress(void **state)
{
	struct test *t = *state;
	struct budget_growth growth = { .claim.end = 600 };
	struct waiter waiter;
	double deadline = 0;

	put(SHM "a", 500);
	put(SHM "b", 0);
	growth.object = object_of(t, "a");
	assert_int_equal(budget_begin(t->budget, &growth), 0);
	put(SHM "a", 0); /* what is in progress can make it 600 again */
	assert_int_equal(pass(t, "b", 1001), -ENOSPC);
	assert_int_equal(pass(t, "b", 400), 0);
	waiter_start(&waiter, t, "b", 401);
	while (before_deadline(&deadline, 0.2))
		assert_int_equal(atomic_load(&waiter.result), 1);
	budget_settle(t->budget, &growth); /* it wrote nothing */
	assert_int_equal(waiter_end(&waiter), 0);
	assert_int_equal(budget_begin(t->budget, &growth), 0);
	waiter_start(&waiter, t, "b", 401);
	put(SHM "a", 600); /* it did, while the other waits */
	budget_settle(t->budget, &growth);
	assert_int_equal(waiter_end(&waiter), -ENOSPC);
	object_put(growth.object);
}

/* Claims on one object: the largest end, and all that is appended. */
static void adds_up_claims(void **state)
{
	struct test *t = *state;
	struct budget_growth growths[4] = {
		{ .claim.end = 300 },
		{ .claim.end = 200 },
		{ .claim.append = 100 },
		{ .claim.append = 150 },
	};

	put(SHM "a", 50);
	put(SHM "b", 0);
	for (int i = 0; i < 4; i++) {
		growths[i].object = object_of(t, "a");
		assert_int_equal(budget_begin(t->budget, &growths[i]), 0);
	}
	assert_int_equal(pass(t, "b", LIMIT - 550), 0);
	budget_settle(t->budget, &growths[0]);
	assert_int_equal(pass(t, "b", LIMIT - 450), 0);
	for (int i = 1; i < 4; i++)
		budget_settle(t->budget, &growths[i]);
	for (int i = 0; i < 4; i++)
		object_put(growths[i].object);
	assert_used(t, 50, 2);
}

#define THREADS 6
#define NAMES	5
#define ROUNDS	3000

struct crowd {
	struct test *t;
	struct object *objects[NAMES];
	uint64_t seed;
	atomic_uint next;
};

static void *move_in_crowd(void *data)
{
	struct crowd *crowd = data;
	uint64_t rng = crowd->seed + atomic_fetch_add(&crowd->next, 1);

	for (int i = 0; i < ROUNDS; i++) {
		struct object *o = crowd->objects[rng_below(&rng, NAMES)];
		off_t n = (off_t)rng_below(&rng, LIMIT / 2);

		switch (rng_below(&rng, 4)) {
		case 0:
			(void)resize(crowd->t, o, n);
			break;
		case 1:
			(void)put_bytes(crowd->t, o, 30, n, 0);
			break;
		case 2:
			(void)put_bytes(crowd->t, o, 20, 0, STORE_APPEND);
			break;
		default:
			(void)allocate(crowd->t, o, n + 50);
		}
	}
	return NULL;
}

/* Many at once, and in the end the sum is the truth, and within the limit. */
static void keeps_count_in_a_crowd(void **state)
{
	struct test *t = *state;
	struct crowd crowd = { .t = t, .seed = rng_seed("crowd") };
	pthread_t threads[THREADS];
	char name[2] = "a";
	uint64_t sum = 0;

	for (int i = 0; i < NAMES; i++, name[0]++) {
		char path[sizeof(SHM) + 2];

		snprintf(path, sizeof(path), SHM "%s", name);
		put(path, 0);
		crowd.objects[i] = object_of(t, name);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						move_in_crowd, &crowd),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < NAMES; i++) {
		struct stat st;

		assert_int_equal(t->kind.get_attr(crowd.objects[i], &st), 0);
		sum += (uint64_t)st.st_size;
		object_put(crowd.objects[i]);
	}
	assert_true(sum <= LIMIT);
	assert_used(t, sum, NAMES);
}

static char blind[] = "blind";

#define BOTH(test)                                          \
	cmocka_unit_test_setup_teardown(test, start, stop), \
	{                                                   \
#test "_blind", test, start, stop, blind    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(counts_what_others_do),
		BOTH(counts_more_than_fits),
		BOTH(survives_many_changes),
		BOTH(refuses_the_last_byte),
		BOTH(refuses_nothing_else),
		BOTH(refuses_the_last_object),
		BOTH(counts_what_is_open),
		BOTH(waits_for_operations_in_progress),
		BOTH(adds_up_claims),
		BOTH(keeps_count_in_a_crowd),
	};
	int failed;

	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("budget: a mount namespace of its own");
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
