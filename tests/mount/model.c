/* SPDX-License-Identifier: MIT */
/*
 * Random operations on the mount and on a plain tmpfs (see model.h): owns
 * the choice of the steps and the comparison. SHMFS_SEED repeats a run;
 * SHMFS_STEPS makes it shorter or longer, SHMFS_TRACE=1 prints each step,
 * SHMFS_COMPARE=1 compares all contents after each.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "model.h"
#include "rng.h"

#define STEPS	      100000
#define CONTENT_EVERY 500 /* SHMFS_COMPARE: another number */
#define ALL_EVERY     20

const char *model_path(const struct model *m, int side, int name)
{
	struct place p = { .dir = side ? m->twin.dir : m->fixture.dir,
			   .prefix = m->fixture.prefix };
	char letter[2] = { (char)('a' + name) };

	return place_path(&p, letter);
}

ino_t model_ino(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

bool model_marked(const struct model *m, enum mark mark, ino_t ino)
{
	for (int i = 0; i < MARKED; i++)
		if (m->marked[mark][i] == ino)
			return true;
	return false;
}

void model_mark(struct model *m, enum mark mark, int fd)
{
	ino_t ino = model_ino(fd);

	if (!model_marked(m, mark, ino))
		m->marked[mark][m->marked_next[mark]++ % MARKED] = ino;
}

/* Mostly where files are dense; sometimes as far away as they can reach. */
static off_t choose_offset(struct model *m)
{
	static const off_t far[] = { 1 << 22, 1 << 30, 1L << 40, 1L << 62 };
	off_t offset = (off_t)rng_below(&m->rng, 1 << 17);

	if (rng_chance(&m->rng, 20))
		offset = (off_t)rng_below(&m->rng, 4 << 20);
	if (rng_chance(&m->rng, 30))
		offset = offset / 4096 * 4096 + (off_t)rng_below(&m->rng, 3) -
			 (offset >= 4096);
	if (rng_chance(&m->rng, 10))
		offset += far[rng_below(&m->rng, 4)];
	return offset;
}

static size_t choose_length(struct model *m)
{
	static const size_t special[] = { 0,	   1,	      4095,  4096,
					  4097,	   8192,      65536, 131072,
					  1 << 20, LENGTH_MAX };

	if (rng_chance(&m->rng, 15))
		return special[rng_below(&m->rng, 10)];
	return rng_below(&m->rng, rng_chance(&m->rng, 80) ? 10000 : 200000);
}

/* Mostly one that is open. */
static int choose_fd(struct model *m)
{
	int fd = 0;

	for (int i = 0; i < 8; i++) {
		fd = (int)rng_below(&m->rng, FDS);
		if (m->fds[1][fd] >= 0)
			break;
	}
	return fd;
}

static void choose_step(struct model *m, struct step *s)
{
	*s = (struct step){
		.name = (int)rng_below(&m->rng, NAMES),
		.name2 = (int)rng_below(&m->rng, NAMES),
		.fd = choose_fd(m),
		.fd2 = choose_fd(m),
		.offset = choose_offset(m),
		.offset2 = choose_offset(m),
		.length = choose_length(m),
		.mode = rng_below(&m->rng, 010000),
		.number = (unsigned int)rng_next(&m->rng),
		.data = m->data + rng_below(&m->rng, LENGTH_MAX),
	};
}

static const struct operation *choose_operation(struct model *m)
{
	const struct operation *o;
	uint64_t sum = 0;

	for (o = operations; o->name; o++)
		sum += o->weight;
	sum = rng_below(&m->rng, sum);
	for (o = operations; sum >= o->weight; o++)
		sum -= o->weight;
	return o;
}

static void print_step(const struct model *m, const struct operation *o,
		       const struct step *s)
{
	print_message("step %lu: %s names %c %c fds %d %d offsets %lld %lld "
		      "length %zu flags %#o mode %#o number %u\n",
		      m->number, o->name, 'a' + s->name, 'a' + s->name2, s->fd,
		      s->fd2, (long long)s->offset, (long long)s->offset2,
		      s->length, s->flags, s->mode, s->number);
}

static bool same_stat(const struct model *m, const char *what, int which,
		      const int ret[SIDES], const struct stat st[SIDES],
		      bool blocks)
{
	const struct stat *a = &st[0], *b = &st[1];

	if (ret[0] == ret[1] &&
	    (ret[0] || (a->st_size == b->st_size && a->st_mode == b->st_mode &&
			a->st_nlink == b->st_nlink && a->st_uid == b->st_uid &&
			a->st_gid == b->st_gid &&
			(!blocks || a->st_blocks == b->st_blocks))))
		return true;
	for (int i = 0; i < SIDES; i++)
		print_error("%s: %s %d: %d size %lld mode %o links %u owner "
			    "%u:%u blocks %lld\n",
			    i ? "tmpfs" : "mount", what, which, ret[i],
			    (long long)st[i].st_size, st[i].st_mode,
			    (unsigned int)st[i].st_nlink, st[i].st_uid,
			    st[i].st_gid, (long long)st[i].st_blocks);
	return false;
}

static bool same_name(const struct model *m, int name)
{
	struct stat st[SIDES] = { 0 };
	int ret[SIDES];

	for (int i = 0; i < SIDES; i++) {
		ret[i] = lstat(model_path(m, i, name), &st[i]);
		if (ret[i])
			ret[i] = errno;
	}
	return same_stat(m, "name", name, ret, st,
			 !model_marked(m, WAS_MAPPED, st[1].st_ino));
}

static bool same_fd(const struct model *m, int fd)
{
	struct stat st[SIDES] = { 0 };
	int ret[SIDES];

	if (m->fds[0][fd] < 0 && m->fds[1][fd] < 0)
		return true;
	for (int i = 0; i < SIDES; i++)
		ret[i] = fstat(m->fds[i][fd], &st[i]);
	return same_stat(m, "fd", fd, ret, st,
			 !model_marked(m, WAS_MAPPED, st[1].st_ino));
}

static bool same_state(const struct model *m, const struct step *s)
{
	bool same = same_name(m, s->name) && same_name(m, s->name2) &&
		    same_fd(m, s->fd) && same_fd(m, s->fd2);

	if (m->number % ALL_EVERY)
		return same;
	for (int i = 0; i < NAMES; i++)
		same = same && same_name(m, i);
	for (int i = 0; i < FDS; i++)
		same = same && same_fd(m, i);
	return same;
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
	size_t i = 0;

	if (a->ret == b->ret && a->err == b->err && a->length == b->length &&
	    !memcmp(a->bytes, b->bytes, a->length))
		return true;
	print_error("mount: %ld %s, %zu bytes; tmpfs: %ld %s, %zu bytes\n",
		    a->ret, strerror(a->err), a->length, b->ret,
		    strerror(b->err), b->length);
	while (i < a->length && i < b->length && a->bytes[i] == b->bytes[i])
		i++;
	if (i < a->length && i < b->length)
		print_error("byte %zu: %02x, tmpfs %02x\n", i, a->bytes[i],
			    b->bytes[i]);
	return false;
}

static void do_step(struct model *m)
{
	const struct operation *o = choose_operation(m);
	struct step s;
	bool same;

	choose_step(m, &s);
	if (o->choose)
		o->choose(m, &s);
	if (getenv("SHMFS_TRACE"))
		print_step(m, o, &s);
	for (int i = 0; i < SIDES; i++) {
		struct answer *a = m->answers[i];

		a->length = 0;
		errno = 0;
		a->ret = o->perform(m, i, &s, a);
		a->err = a->ret < 0 ? errno : 0;
	}
	same = same_answer(m->answers[0], m->answers[1]);
	same = same_state(m, &s) && same;
	if (same)
		return;
	print_step(m, o, &s);
	fail_msg("the mount and tmpfs differ; see SHMFS_SEED above");
}

/* [from, to) in both, a piece at a time. */
static void compare_range(struct model *m, const int fds[SIDES], off_t from,
			  off_t to)
{
	while (from < to) {
		size_t length = to - from < LENGTH_MAX ? (size_t)(to - from)
						       : LENGTH_MAX;

		for (int i = 0; i < SIDES; i++) {
			struct answer *a = m->answers[i];

			a->ret = pread(fds[i], a->bytes, length, from);
			a->err = a->ret < 0 ? errno : 0;
			a->length = a->ret > 0 ? (size_t)a->ret : 0;
		}
		if (!same_answer(m->answers[0], m->answers[1]))
			fail_msg("step %lu: contents differ in %lld+%zu",
				 m->number, (long long)from, length);
		from += (off_t)length;
	}
}

static void compare_files(struct model *m, const int fds[SIDES])
{
	off_t data = lseek(fds[1], 0, SEEK_DATA), hole;
	off_t end = lseek(fds[1], 0, SEEK_END);
	uint64_t rng = m->number;

	while (data >= 0) {
		hole = lseek(fds[1], data, SEEK_HOLE);
		compare_range(m, fds, data, hole);
		data = lseek(fds[1], hole, SEEK_DATA);
	}
	/* Not from m->rng: the steps must not depend on when we compare. */
	for (int i = 0; end > 0 && i < 4; i++) {
		off_t at = (off_t)rng_below(&rng, (uint64_t)end);

		compare_range(m, fds, at, at + 4096);
	}
	compare_range(m, fds, end, end + 1);
}

/* Where there is data, and in the holes between; by names and by fds. */
static void model_compare_content(struct model *m)
{
	for (int i = 0; i < NAMES + FDS; i++) {
		int fds[SIDES];

		for (int side = 0; side < SIDES; side++) {
			char path[64];

			snprintf(path, sizeof(path), "/proc/self/fd/%d",
				 i < NAMES ? -1 : m->fds[side][i - NAMES]);
			fds[side] =
				open(i < NAMES ? model_path(m, side, i) : path,
				     O_RDONLY);
		}
		assert_int_equal(fds[0] < 0, fds[1] < 0);
		if (fds[0] < 0)
			continue;
		compare_files(m, fds);
		close(fds[0]);
		close(fds[1]);
	}
}

static void random_operations(void **state)
{
	struct model *m = *state;
	const char *given = getenv("SHMFS_STEPS");
	const char *often = getenv("SHMFS_COMPARE");
	unsigned long steps = given ? strtoul(given, NULL, 0) : STEPS;
	unsigned long every = often ? strtoul(often, NULL, 0) : CONTENT_EVERY;

	m->rng = rng_seed("model");
	for (size_t i = 0; i < 2 * LENGTH_MAX; i++)
		m->data[i] = (unsigned char)rng_next(&m->rng);
	for (m->number = 1; m->number <= steps; m->number++) {
		do_step(m);
		if (m->number % every == 0)
			model_compare_content(m);
	}
	model_compare_content(m);
}

static bool is_native(const char *dir)
{
	char path[16] = "";

	return getxattr(dir, "user.shmfs.io", path, sizeof(path)) > 0 &&
	       !strcmp(path, "native");
}

static int model_start(void **state)
{
	struct model *m = calloc(1, sizeof(*m));

	*state = m;
	if (!m)
		return -1;
	m->data = malloc(2 * LENGTH_MAX);
	memset(m->fds, -1, sizeof(m->fds));
	for (int i = 0; i < SIDES; i++)
		m->answers[i] = malloc(sizeof(*m->answers[i]));
	if (!m->data || !m->answers[0] || !m->answers[1])
		return -1;
	twin_start(&m->twin, NULL);
	fixture_start(&m->fixture, NULL);
	/*
	 * A native write clears suid and sgid that came after the open, also
	 * root's: see shmfs(8).
	 */
	m->modes = is_native(m->fixture.mount) ? 0777 : 07777;
	return 0;
}

static int model_stop(void **state)
{
	struct model *m = *state;
	int code;

	for (int i = 0; i < FDS; i++) {
		close(m->fds[0][i]);
		close(m->fds[1][i]);
	}
	code = fixture_stop(&m->fixture);
	twin_stop(&m->twin);
	for (int i = 0; i < SIDES; i++)
		free(m->answers[i]);
	free(m->data);
	free(m);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_operations, model_start,
						model_stop),
	};
	int failed;

	if (!twin_possible("model"))
		return 77;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed != 0;
}
