// SPDX-License-Identifier: MIT
/*
 * The System V kind behind the store interface, held against shmget(2),
 * shmat(2) and shmctl(2).
 */
#include "sysv.h"

static const char *const spellings[] = {
	NAME, "0x162e", "0X162E", "0x0162E", "0x000000000000000000000162e",
};
static const char *const no_names[] = {
	"0x",
	"162e",
	"0x162g",
	"0x00000000",
	"0x1162e000011",
	"x",
	"private-",
	"private-00",
	"private--1",
	"private-x",
	"private-99999999999",
	"Private-0",
	"0x162e ",
	"0x-162e",
};

static void names_are_keys_and_ids(void **state)
{
	struct fixture *f = *state;
	char name[STORE_NAME_MAX + 1];
	struct object *object;
	struct stat st;

	segment(KEY, 1, 0600);
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		assert_int_equal(KIND->stat(f->store, spellings[i], &st), 0);
		assert_int_equal(KIND->spell(spellings[i], name), 0);
		assert_string_equal(name, NAME);
	}
	for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
		assert_int_equal(KIND->stat(f->store, no_names[i], &st),
				 -ENOENT);
		assert_int_equal(KIND->spell(no_names[i], name), -EINVAL);
		assert_int_equal(KIND->create(f->store, no_names[i], 0600,
					      &f->me, &object),
				 -EINVAL);
	}
	assert_int_equal(
		KIND->create(f->store, "private-7", 0600, &f->me, &object),
		-EINVAL);
	assert_int_equal(
		KIND->create(f->store, "0x162E", 0600, &f->me, &object),
		-EEXIST);
}

static void attributes_are_the_segments(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 12345, 0640);
	char *base = shmat(shmid, NULL, 0);
	struct shmid_ds ds;
	struct stat st;

	base[5000] = 1;
	ds = ds_of(shmid);
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_size, 12345);
	assert_int_equal(st.st_nlink, 1);
	KIND->count_blocks(f->store, &st);
	assert_int_equal(st.st_blocks, 8); /* the page that was touched */
	assert_int_equal(st.st_atim.tv_sec, ds.shm_atime);
	assert_int_equal(st.st_mtim.tv_sec, ds.shm_ctime);
	assert_int_equal(st.st_ctim.tv_sec, ds.shm_ctime);
	shmdt(base);
	ds = ds_of(shmid);
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, ds.shm_dtime);
}

static void private_ones_go_by_id(void **state)
{
	struct fixture *f = *state;
	int keyed = segment(KEY, 1, 0600);
	int shmid = segment(IPC_PRIVATE, 77, 0600);
	char name[64];
	struct stat st;
	uint64_t ino;

	snprintf(name, sizeof(name), "private-%d", shmid);
	assert_int_equal(KIND->stat(f->store, name, &st), 0);
	assert_int_equal(st.st_size, 77);
	snprintf(name, sizeof(name), "private-%d", keyed);
	assert_int_equal(KIND->stat(f->store, name, &st), -ENOENT);
	/* marked for removal: it has no key then, but is the same */
	assert_int_equal(KIND->stat(f->store, NAME, &st), 0);
	ino = st.st_ino;
	assert_ptr_not_equal(shmat(keyed, NULL, 0), (void *)-1);
	assert_return_code(shmctl(keyed, IPC_RMID, NULL), errno);
	assert_int_equal(KIND->stat(f->store, NAME, &st), -ENOENT);
	assert_int_equal(KIND->stat(f->store, name, &st), 0);
	assert_true(st.st_ino == ino);
	assert_int_equal(st.st_nlink, 0);
}

static void bytes_are_the_segments(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 10000, 0600);
	char *base = shmat(shmid, NULL, 0);
	struct object *object = open_name(f, NAME, STORE_WRITE);
	char buf[20000];

	assert_int_equal(ds_of(shmid).shm_nattch, 2);
	memcpy(base + 4090, "direct", 6);
	assert_int_equal(KIND->read(object, buf, 6, 4090), 6);
	assert_memory_equal(buf, "direct", 6);
	assert_int_equal(KIND->write(object, "mount", 5, 8190, 0), 5);
	assert_memory_equal(base + 8190, "mount", 5);

	/* its size is all there is */
	assert_int_equal(KIND->read(object, buf, sizeof(buf), 9000), 1000);
	assert_int_equal(KIND->read(object, buf, 1, 10000), 0);
	assert_int_equal(KIND->read(object, buf, 1, INT64_MAX), 0);
	assert_int_equal(KIND->read(object, buf, 1, -1), -EINVAL);
	assert_int_equal(KIND->write(object, buf, 2000, 9000, 0), 1000);
	assert_int_equal(KIND->write(object, "x", 1, 10000, 0), -EFBIG);
	assert_int_equal(KIND->write(object, "x", 1, INT64_MAX, 0), -EFBIG);
	assert_int_equal(KIND->write(object, "x", 1, 0, STORE_APPEND), -EFBIG);
	assert_int_equal(KIND->write(object, "x", 1, 10000, STORE_NOGROW), 1);
	assert_int_equal(KIND->write(object, buf, 2000, 9000, STORE_NOGROW),
			 2000);
	assert_int_equal(set_size(object, 10000), 0);
	assert_int_equal(set_size(object, 9999), -EPERM);
	assert_int_equal(set_size(object, 0), -EPERM);

	object_put(object);
	assert_int_equal(ds_of(shmid).shm_nattch, 1);
	shmdt(base);
}

static void a_removed_segment_works_until_closed(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 4096, 0600);
	struct object *object = open_name(f, NAME, STORE_WRITE);
	struct shmid_ds ds;
	struct stat st;
	char byte;

	assert_int_equal(KIND->unlink(f->store, "0x162E", &f->me), 0);
	assert_int_equal(KIND->stat(f->store, NAME, &st), -ENOENT);
	assert_int_equal(KIND->write(object, "y", 1, 1, 0), 1);
	assert_int_equal(KIND->read(object, &byte, 1, 1), 1);
	assert_int_equal(byte, 'y');
	assert_int_equal(KIND->get_attr(object, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	object_put(object);
	assert_int_equal(shmctl(shmid, IPC_STAT, &ds), -1);
}

static void a_key_made_anew_is_another_object(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 4096, 0600);
	struct object *object = find(f, NAME);
	struct object *other;
	struct store_attr mode = { .set = STORE_SET_MODE, .mode = 0644 };
	struct stat old, new;

	assert_int_equal(KIND->stat(f->store, NAME, &old), 0);
	assert_return_code(shmctl(shmid, IPC_RMID, NULL), errno);
	shmid = segment(KEY, 4096, 0600);
	assert_int_equal(KIND->stat(f->store, NAME, &new), 0);
	assert_true(new.st_ino != old.st_ino);
	for (int access = STORE_ATTR; access <= STORE_WRITE; access++) {
		assert_int_equal(KIND->open_object(f->store, NAME, old.st_ino,
						   (enum store_access)access,
						   &other),
				 -ESTALE);
		assert_int_equal(KIND->reopen(object, STORE_READ, &other),
				 -ESTALE);
	}
	/* what was found by name is still known, and nothing of it is left */
	assert_int_equal(KIND->get_attr(object, &new), 0);
	assert_true(new.st_ino == old.st_ino);
	assert_int_equal(new.st_nlink, 0);
	assert_int_equal(KIND->set_attr(object, &mode), -ESTALE);
	assert_int_equal(ds_of(shmid).shm_nattch, 0);
	object_put(object);
}

static void ids_that_come_again_are_told_apart(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 4096, 0600);
	struct object *object = open_name(f, NAME, STORE_ATTR);
	FILE *next = fopen("/proc/sys/kernel/shm_next_id", "w");
	struct stat st;
	pid_t pid;

	assert_non_null(next);
	assert_return_code(shmctl(shmid, IPC_RMID, NULL), errno);
	fprintf(next, "%d", shmid);
	assert_int_equal(fclose(next), 0);
	pid = fork();
	if (pid == 0)
		_exit(shmget(KEY, 4096, IPC_CREAT | 0600) != shmid);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	assert_int_equal(shmget(KEY, 0, 0), shmid);
	assert_int_equal(KIND->get_attr(object, &st), -ESTALE);
	object_put(object);
}

static void attributes_are_set(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 4096, 0600);
	struct object *object = find(f, NAME);
	struct store_caller other = { .uid = 4711, .gid = 4712 };
	struct store_attr attr = {
		.set = STORE_SET_MODE,
		.mode = 04751,
		.caller = &other,
	};

	assert_int_equal(KIND->set_attr(object, &attr), -EPERM);
	attr.caller = NULL;
	assert_int_equal(KIND->set_attr(object, &attr), 0);
	assert_int_equal(ds_of(shmid).shm_perm.mode & 07777, 0751);
	attr.set = STORE_SET_UID;
	attr.uid = other.uid;
	assert_int_equal(KIND->set_attr(object, &attr), 0);
	assert_int_equal(ds_of(shmid).shm_perm.uid, other.uid);
	assert_int_equal(ds_of(shmid).shm_perm.gid, f->me.gid);
	assert_int_equal(ds_of(shmid).shm_perm.mode & 0777, 0751);
	attr.set = STORE_SET_GID;
	attr.gid = 4713;
	attr.caller = &other;
	assert_int_equal(KIND->set_attr(object, &attr), 0);
	assert_int_equal(ds_of(shmid).shm_perm.gid, 4713);
	/* times are the kernel's, but for now */
	attr.set = STORE_SET_TIMES;
	attr.atime = attr.mtime = (struct timespec){ .tv_sec = 1 };
	assert_int_equal(KIND->set_attr(object, &attr), -EPERM);
	attr.atime.tv_nsec = attr.mtime.tv_nsec = UTIME_NOW;
	assert_int_equal(ds_of(shmid).shm_dtime, 0);
	assert_int_equal(KIND->set_attr(object, &attr), 0);
	assert_int_not_equal(ds_of(shmid).shm_dtime, 0);
	assert_int_equal(geteuid(), 0);
	object_put(object);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void each_segment_is_listed_once(void **state)
{
	enum { COUNT = 500 };
	static char expected[COUNT + 1][32], listed[COUNT + 8][32];
	struct fixture *f = *state;
	struct object *object = create(f, "0x1", 0600);
	struct store_entry entry;
	struct store_dir *dir;
	size_t n = 0;
	off_t off = 0;

	strcpy(expected[COUNT], "0x00000001");
	for (int i = 0; i < COUNT; i++) {
		key_t key = i % 3 ? (key_t)(0xfffff000u + (unsigned)i) : 0;
		int shmid = segment(key, 1, i % 5 ? 0600 : 0);

		if (key)
			snprintf(expected[i], 32, "0x%08x", (unsigned)key);
		else
			snprintf(expected[i], 32, "private-%d", shmid);
	}
	assert_int_equal(KIND->dir_open(f->store, &dir), 0);
	while (KIND->dir_next(dir, off, &entry) == 1) {
		struct stat st;

		assert_int_equal(entry.next, off + 1);
		off = entry.next;
		if (entry.name[0] == '.')
			continue;
		assert_int_equal(KIND->stat(f->store, entry.name, &st), 0);
		assert_true(st.st_ino == entry.ino);
		assert_true(n < COUNT + 8);
		snprintf(listed[n++], 32, "%s", entry.name);
	}
	KIND->dir_close(dir);
	assert_int_equal(n, COUNT + 1);
	qsort(expected, COUNT + 1, 32, by_name);
	qsort(listed, COUNT + 1, 32, by_name);
	assert_memory_equal(expected, listed, sizeof(expected));
	object_put(object);
}

static void holes_stay_holes(void **state)
{
	struct fixture *f = *state;
	static char buf[1 << 20];
	struct object *object;
	struct stat st;

	segment(KEY, 64 << 20, 0600);
	object = open_name(f, NAME, STORE_WRITE);
	if (KIND->backing_fd(object) < 0) {
		object_put(object);
		skip(); /* needs CAP_SYS_ADMIN on the machine */
	}
	assert_int_equal(KIND->write(object, "x", 1, 5 << 20, 0), 1);
	for (off_t at = 0; at < 64 << 20; at += sizeof(buf))
		assert_int_equal(KIND->read(object, buf, sizeof(buf), at),
				 sizeof(buf));
	assert_int_equal(KIND->get_attr(object, &st), 0);
	assert_int_equal(st.st_blocks, 8);
	assert_int_equal(KIND->seek(object, 0, SEEK_DATA), 5 << 20);
	assert_int_equal(KIND->seek(object, 5 << 20, SEEK_HOLE),
			 (5 << 20) + 4096);
	assert_int_equal(KIND->seek(object, 64 << 20, SEEK_DATA), -ENXIO);
	object_put(object);
}

static void facts_are_told(void **state)
{
	struct fixture *f = *state;
	int shmid = segment(KEY, 1, 0600);
	struct object *object = open_name(f, NAME, STORE_READ);
	char text[64], expected[64];

	snprintf(expected, sizeof(expected), "%d", shmid);
	assert_true(KIND->get_fact(object, "shmid", text, sizeof(text)) > 0);
	assert_string_equal(text, expected);
	assert_int_equal(KIND->get_fact(object, "key", text, sizeof(text)), 10);
	assert_string_equal(text, NAME);
	assert_int_equal(KIND->get_fact(object, "attached", text, sizeof(text)),
			 1);
	assert_string_equal(text, "1");
	assert_int_equal(KIND->get_fact(object, "other", text, sizeof(text)),
			 -ENODATA);
	object_put(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_are_keys_and_ids),
		CASE(attributes_are_the_segments),
		CASE(private_ones_go_by_id),
		CASE(bytes_are_the_segments),
		CASE(a_removed_segment_works_until_closed),
		CASE(a_key_made_anew_is_another_object),
		CASE(ids_that_come_again_are_told_apart),
		CASE(attributes_are_set),
		CASE(each_segment_is_listed_once),
		CASE(holes_stay_holes),
		CASE(facts_are_told),
	};
	int status = prepare();

	if (status)
		return status;
	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
