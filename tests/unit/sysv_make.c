// SPDX-License-Identifier: MIT
/*
 * Making System V segments through the store interface: what has no size yet,
 * what becomes of it, and what the kernel's limits say.
 */
#include "sysv.h"

static void a_size_makes_a_segment(void **state)
{
	struct fixture *f = *state;
	struct object *object = create(f, NAME, 0640);
	char buf[8];
	struct shmid_ds ds;
	struct stat st;
	int shmid;

	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(KIND->stat(f->store, "0x162e", &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(KIND->read(object, buf, 1, 0), 0);
	assert_int_equal(KIND->write(object, "hello", 5, 3, 0), 5);
	assert_int_equal(KIND->read(object, buf, 8, 0), 8);
	assert_memory_equal(buf, "\0\0\0hello", 8);
	assert_int_equal(set_size(object, 5000), 0);
	shmid = shmget(KEY, 0, 0);
	ds = ds_of(shmid);
	assert_int_equal(ds.shm_segsz, 5000);
	assert_int_equal(ds.shm_perm.mode & 0777, 0640);
	assert_int_equal(ds.shm_nattch, 1);
	assert_int_equal(KIND->read(object, buf, 8, 0), 8);
	assert_memory_equal(buf, "\0\0\0hello", 8);
	assert_int_equal(set_size(object, 5001), -EPERM);
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	object_put(object);
	assert_int_equal(ds_of(shmid).shm_nattch, 0);
}

/* Looked at by its name while somebody else gives it a size. */
static void a_size_by_name_makes_a_segment(void **state)
{
	struct fixture *f = *state;
	struct object *object = create(f, NAME, 0600);
	struct object *seen, *other;
	struct stat st;

	object_put(object);
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	seen = find(f, NAME);
	object = open_name(f, NAME, STORE_RESIZE);
	assert_int_equal(set_size(object, 5000), 0);
	object_put(object);
	assert_int_equal(ds_of(shmget(KEY, 0, 0)).shm_nattch, 0);
	assert_int_equal(KIND->open_object(f->store, NAME, st.st_ino,
					   STORE_READ, &other),
			 -ESTALE);
	assert_int_equal(KIND->get_attr(seen, &st), 0);
	assert_int_equal(st.st_size, 5000);
	assert_int_equal(KIND->reopen(seen, STORE_WRITE, &other), 0);
	assert_int_equal(KIND->write(other, "x", 1, 4999, 0), 1);
	object_put(other);
	object_put(seen);
	assert_int_equal(ds_of(shmget(KEY, 0, 0)).shm_nattch, 0);
}

static void closing_makes_a_segment(void **state)
{
	static char data[9 << 20];
	struct fixture *f = *state;
	struct object *object = create(f, NAME, 0444);
	const char *base;
	int shmid;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 4096);
	for (size_t at = 0; at < sizeof(data); at += 1 << 20)
		assert_int_equal(KIND->write(object, data + at, 1 << 20,
					     (off_t)at, STORE_APPEND),
				 1 << 20);
	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(KIND->finish(object), 0);
	assert_int_equal(KIND->finish(object), 0); /* again: nothing to do */
	object_put(object);
	shmid = shmget(KEY, 0, 0);
	assert_int_equal(ds_of(shmid).shm_segsz, sizeof(data));
	assert_int_equal(ds_of(shmid).shm_perm.mode & 0777, 0444);
	assert_int_equal(ds_of(shmid).shm_nattch, 0);
	base = shmat(shmid, NULL, SHM_RDONLY);
	assert_memory_equal(base, data, sizeof(data));
	shmdt(base);
}

static void what_has_no_size_stays_here(void **state)
{
	struct fixture *f = *state;
	struct object *object = create(f, NAME, 0600);
	struct object *other;
	struct stat st;

	assert_int_equal(KIND->finish(object), 0);
	object_put(object);
	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(KIND->create(f->store, "0x162E", 0600, &f->me, &other),
			 -EEXIST);
	object = open_name(f, NAME, STORE_WRITE);
	assert_int_equal(KIND->unlink(f->store, NAME, &f->me), 0);
	assert_int_equal(KIND->stat(f->store, NAME, &st), -ENOENT);
	/* and without a name it becomes nobody's segment */
	assert_int_equal(KIND->write(object, "x", 1, 0, 0), 1);
	assert_int_equal(KIND->finish(object), 0);
	assert_int_equal(shmget(KEY, 0, 0), -1);
	assert_int_equal(set_size(object, 4096), 0);
	assert_int_equal(KIND->write(object, "x", 1, 4095, 0), 1);
	assert_int_equal(shmget(KEY, 0, 0), -1);
	object_put(object);
	for (int i = 1; i <= 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "0x%x", i);
		object_put(create(f, name, 0600));
	}
	assert_int_equal(KIND->create(f->store, NAME, 0600, &f->me, &other),
			 -ENOSPC);
}

static void others_may_be_faster(void **state)
{
	struct fixture *f = *state;
	struct object *object = create(f, NAME, 0600);
	char reason[128];
	struct stat st;

	assert_int_equal(KIND->write(object, "mine", 4, 0, 0), 4);
	segment(KEY, 99, 0600);
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	assert_int_equal(st.st_size, 99);
	assert_int_equal(KIND->finish(object), -EEXIST);
	KIND->reason(object, reason, sizeof(reason));
	assert_non_null(strstr(reason, "somebody else"));
	object_put(object);
	assert_int_equal(KIND->unlink(f->store, NAME, &f->me), 0);
	assert_int_equal(KIND->stat(f->store, NAME, &st), -ENOENT);
}

static void set_limit(const char *name, const char *value)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(value, file);
	assert_int_equal(fclose(file), 0);
}

/* Gives a pending object 64 KiB: how that fails, and why. */
static void assert_limited(struct fixture *f, int error, const char *why)
{
	struct object *object = create(f, NAME, 0600);
	static const char data[65536];
	char reason[128];

	assert_int_equal(set_size(object, sizeof(data)), error);
	KIND->reason(object, reason, sizeof(reason));
	assert_non_null(strstr(reason, why));
	if (error == -EINVAL) {
		assert_int_equal(KIND->write(object, data, sizeof(data), 0, 0),
				 -EFBIG);
	} else {
		assert_int_equal(KIND->write(object, data, sizeof(data), 0, 0),
				 sizeof(data));
		assert_int_equal(KIND->finish(object), error);
		KIND->reason(object, reason, sizeof(reason));
		assert_non_null(strstr(reason, why));
	}
	(void)KIND->unlink(f->store, NAME, &f->me); /* gone by a failure */
	object_put(object);
}

static void limits_are_named(void **state)
{
	struct fixture *f = *state;

	set_limit("shmmax", "65535");
	assert_limited(f, -EINVAL, "kernel.shmmax");
	set_limit("shmmax", "65536");
	set_limit("shmall", "15");
	assert_limited(f, -ENOSPC, "kernel.shmall");
	set_limit("shmall", "100");
	set_limit("shmmni", "1");
	segment(1, 1, 0600);
	assert_limited(f, -ENOSPC, "kernel.shmmni");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_size_makes_a_segment),
		CASE(a_size_by_name_makes_a_segment),
		CASE(closing_makes_a_segment),
		CASE(what_has_no_size_stays_here),
		CASE(others_may_be_faster),
		CASE(limits_are_named),
	};
	int status = prepare();

	if (status)
		return status;
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
