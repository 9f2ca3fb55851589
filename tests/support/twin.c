/* SPDX-License-Identifier: MIT */
/*
 * Owns the plain tmpfs that the mount is compared with, and the transcripts
 * of what was done on each.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "twin.h"

bool twin_possible(const char *test)
{
	if (!geteuid())
		return true;
	fprintf(stderr, "%s: skipped: needs root for a tmpfs of its own\n",
		test);
	return false;
}

void twin_start(struct twin *t, const char *size)
{
	int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	assert_return_code(context, errno);
	if (size)
		assert_return_code(
			fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0),
			errno);
	assert_return_code(
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), errno);
	t->fd = fsmount(context, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	assert_return_code(t->fd, errno);
	close(context);
	snprintf(t->dir, sizeof(t->dir), "/proc/self/fd/%d", t->fd);
	assert_return_code(chmod(t->dir, 01777), errno);
}

void twin_stop(struct twin *t)
{
	if (t->dir[0])
		close(t->fd);
	t->dir[0] = '\0';
}

static char *twin_transcript(scenario_fn scenario, struct place p)
{
	char *text = NULL;
	size_t len;

	p.notes = open_memstream(&text, &len);
	assert_non_null(p.notes);
	scenario(&p);
	assert_int_equal(fclose(p.notes), 0);
	return text;
}

void twin_same(const struct fixture *f, const struct twin *t,
	       scenario_fn scenario)
{
	struct place mount = { .dir = f->dir,
			       .direct = "/dev/shm",
			       .prefix = f->prefix,
			       .direct_prefix = f->object_prefix };
	struct place plain = { .dir = t->dir,
			       .direct = t->dir,
			       .prefix = f->prefix,
			       .direct_prefix = f->prefix };
	char *got = twin_transcript(scenario, mount);
	char *expected = twin_transcript(scenario, plain);
	bool same = !strcmp(got, expected);
	size_t i = 0;

	if (!same) {
		while (got[i] == expected[i])
			i++;
		while (i && got[i - 1] != '\n')
			i--;
		print_error("mount:\n%.400s\ntmpfs:\n%.400s\n", got + i,
			    expected + i);
		print_error("whole transcript of the mount:\n%s\n", got);
	}
	free(got);
	free(expected);
	assert_true(same);
}

int beside_setup(void **state)
{
	struct beside *b = calloc(1, sizeof(*b));

	*state = b;
	if (!b)
		return -1;
	twin_start(&b->twin, NULL);
	fixture_start(&b->fixture, geteuid() ? NULL : "allow_other");
	return 0;
}

int beside_teardown(void **state)
{
	struct beside *b = *state;
	int code = fixture_stop(&b->fixture);

	twin_stop(&b->twin);
	free(b);
	return code ? -1 : 0;
}

static const char *joined(const char *dir, const char *prefix, const char *name)
{
	static _Thread_local char paths[4][512];
	static _Thread_local unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s%s", dir, prefix, name);
	return path;
}

const char *place_path(const struct place *p, const char *name)
{
	return joined(p->dir, p->prefix, name);
}

const char *place_direct(const struct place *p, const char *name)
{
	return joined(p->direct, p->direct_prefix, name);
}

long note(const struct place *p, const char *what, long ret)
{
	int err = errno;

	if (ret == -1)
		fprintf(p->notes, "%s: %s\n", what, strerrorname_np(err));
	else
		fprintf(p->notes, "%s: %ld\n", what, ret);
	errno = err;
	return ret;
}

void note_stat(const struct place *p, const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st)) {
		note(p, what, -1);
		return;
	}
	fprintf(p->notes,
		"%s: size %lld mode %o links %u owner %u:%u "
		"blocks %lld\n",
		what, (long long)st.st_size, st.st_mode,
		(unsigned int)st.st_nlink, st.st_uid, st.st_gid,
		(long long)st.st_blocks);
}

void note_bytes(const struct place *p, const char *what, const void *data,
		size_t len)
{
	const unsigned char *bytes = data;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	fprintf(p->notes, "%s: %zu bytes, digest %016llx", what, len,
		(unsigned long long)hash);
	for (size_t i = 0; len <= 16 && i < len; i++)
		fprintf(p->notes, " %02x", bytes[i]);
	fputc('\n', p->notes);
}
