/* SPDX-License-Identifier: MIT */
/*
 * Owns making the objects of a cell and comparing what becomes of them. All
 * of it is done by direct calls as root, but for one look through the mount
 * after each cell, at whether it shows what is there.
 */
#include "perm_cell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SHM	  "/dev/shm"
#define PRINTED	  40 /* differing cells, then only their number */
#define NAMES	  3
#define DIRECTORY NAMES /* the state's index of the directory */

static const char *const names[NAMES] = { "object", "mine", "fresh" };

/* What a name leads to, in what permissions can make a difference to. */
struct state {
	int error; /* ENOENT and the like; the rest is 0 then */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	off_t size;
	nlink_t nlink;
	time_t mtime;  /* PERM_TIME, PERM_SET or 0 for all others */
	char first;    /* byte: tells "object" from "mine" */
	char xattr[8]; /* user.t and user.u */
};

struct outcome {
	int answer;
	bool stale; /* the mount shows something else than there is */
	struct state states[NAMES + 1];
};

int perm_bench_init(struct perm_bench *b)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *program;

	*b = (struct perm_bench){ .job = actor_share(sizeof(*b->job)) };
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	program = malloc((size_t)st.st_size);
	if (!b->job || !program ||
	    read(fd, program, (size_t)st.st_size) != st.st_size)
		return -EIO;
	close(fd);
	b->program = program;
	b->program_size = (size_t)st.st_size;
	return 0;
}

static void name_object(const struct perm_bench *b, const char *dir,
			const char *name, char ret_path[192])
{
	snprintf(ret_path, 192, "%.127s/%.48s%s", dir, b->prefix, name);
}

static int make(const char *path, const void *data, size_t size, uid_t uid,
		gid_t gid, mode_t mode)
{
	const struct timespec times[2] = { { .tv_sec = PERM_TIME },
					   { .tv_sec = PERM_TIME } };
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return -errno;
	ok = write(fd, data, size) == (ssize_t)size &&
	     fsetxattr(fd, "user.t", "value", 5, 0) == 0 &&
	     fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0 &&
	     futimens(fd, times) == 0;
	close(fd);
	return ok ? 0 : -EIO;
}

void perm_bench_clear(const struct perm_bench *b)
{
	char path[192];

	for (int i = 0; i < NAMES; i++) {
		name_object(b, SHM, names[i], path);
		(void)unlink(path); /* often absent */
	}
	(void)removexattr(SHM, "user.t"); /* likewise */
	(void)removexattr(SHM, "system.posix_acl_default");
	(void)removexattr(SHM, "system.posix_acl_access");
	(void)!chown(SHM, 0, 0); /* root's own tmpfs: cannot fail */
	(void)chmod(SHM, 01777);
}

static int set_acl(const char *object, const struct perm_acl *acl)
{
	bool on_dir;

	if (!acl)
		return 0;
	on_dir = strstr(acl->xattr, "default") != NULL;
	return setxattr(on_dir ? SHM : object, acl->xattr, acl->value,
			acl->size, 0);
}

/* Makes what the cell begins with. */
static int prepare(const struct perm_bench *b, const struct perm_cell *c)
{
	const struct timespec times[2] = { { .tv_sec = PERM_TIME },
					   { .tv_sec = PERM_TIME } };
	bool exec = c->op->flags & PERM_EXEC;
	char object[192], mine[192];

	perm_bench_clear(b);
	name_object(b, SHM, "object", object);
	name_object(b, SHM, "mine", mine);
	if (make(object, exec ? b->program : "object",
		 exec ? b->program_size : 6, c->uid, c->gid, c->mode) < 0 ||
	    make(mine, "mine!", 5, c->actor->uid, c->actor->uid, 0600) < 0 ||
	    set_acl(object, c->acl) < 0 ||
	    chown(SHM, c->dir_uid, c->dir_gid) < 0 ||
	    chmod(SHM, c->dir_mode) < 0)
		return -EIO;
	return utimensat(AT_FDCWD, SHM, times, 0);
}

static void look(const char *path, struct state *ret_state)
{
	struct stat st;
	int fd;

	memset(ret_state, 0, sizeof(*ret_state)); /* compared with memcmp */
	if (lstat(path, &st) < 0) {
		ret_state->error = errno;
		return;
	}
	ret_state->uid = st.st_uid;
	ret_state->gid = st.st_gid;
	ret_state->mode = st.st_mode;
	ret_state->nlink = st.st_nlink;
	if (st.st_mtime == PERM_TIME || st.st_mtime == PERM_SET)
		ret_state->mtime = st.st_mtime;
	(void)!getxattr(path, "user.t", ret_state->xattr, 5); /* or none */
	(void)!getxattr(path, "user.u", ret_state->xattr + 5, 3);
	if (!S_ISREG(st.st_mode))
		return;
	ret_state->size = st.st_size;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		(void)!pread(fd, &ret_state->first, 1, 0); /* or empty */
		close(fd);
	}
}

/* Whether stat(2) says the same of both, or, if that will do, less. */
static bool shown_right(const char *direct, const char *mounted, bool less)
{
	struct stat a, b;
	int ra = lstat(direct, &a), rb = lstat(mounted, &b);

	if (ra < 0 || rb < 0)
		return ra == rb;
	if (less && !(b.st_mode & ~a.st_mode))
		b.st_mode = a.st_mode;
	return a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
	       a.st_mode == b.st_mode && a.st_size == b.st_size &&
	       a.st_nlink == b.st_nlink && a.st_ino == b.st_ino &&
	       a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
	       a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

static int run(const struct perm_bench *b, const struct perm_cell *c)
{
	int fd = -1, answer;

	if (c->op->flags & PERM_LEND) {
		fd = open(b->job->object, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	answer = actor_run(c->actor, perm_run, b->job, fd);
	if (fd >= 0)
		close(fd);
	return answer;
}

static void check_shown(const struct perm_bench *b, struct outcome *out)
{
	char direct[192];

	for (int i = 0; i < NAMES; i++) {
		char *mounted = i == 0	 ? b->job->object
				: i == 1 ? b->job->mine
					 : b->job->fresh;

		name_object(b, SHM, names[i], direct);
		if (!shown_right(direct, mounted, b->never_more))
			out->stale = true;
	}
}

/* The whole cell in one directory. */
static int play(const struct perm_bench *b, const struct perm_cell *c,
		const char *dir, struct outcome *ret_out)
{
	struct perm_job *job = b->job;
	struct outcome out = { 0 };
	char path[192];

	snprintf(job->dir, sizeof(job->dir), "%s", dir);
	name_object(b, dir, "object", job->object);
	name_object(b, dir, "mine", job->mine);
	name_object(b, dir, "fresh", job->fresh);
	job->op = c->op;
	job->umask = c->umask;
	if (prepare(b, c) < 0)
		return -EIO;
	out.answer = run(b, c);
	if (!b->may)
		check_shown(b, &out);
	for (int i = 0; i < NAMES; i++) {
		name_object(b, SHM, names[i], path);
		look(path, &out.states[i]);
	}
	look(SHM, &out.states[DIRECTORY]);
	*ret_out = out;
	return 0;
}

static const char *errno_text(int answer)
{
	static char buf[2][32];
	static unsigned int turn;
	char *b = buf[turn++ % 2];

	if (answer < 0 && strerrorname_np(-answer))
		return strerrorname_np(-answer);
	snprintf(b, sizeof(buf[0]), "%d", answer);
	return b;
}

static void print_state(const char *where, const struct state *s)
{
	if (s->error) {
		printf("#     %s: %s\n", where, strerrorname_np(s->error));
		return;
	}
	printf("#     %s: %o %u:%u size %lld links %lu time %lld '%c' %.8s\n",
	       where, s->mode, s->uid, s->gid, (long long)s->size,
	       (unsigned long)s->nlink, (long long)s->mtime,
	       s->first ? s->first : '-', s->xattr);
}

static void print_cell(const struct perm_cell *c, const struct outcome *want,
		       const struct outcome *got)
{
	printf("# %s: %s of %u:%u %04o, umask %03o, directory %u:%u %04o%s%s: "
	       "wanted %s, got %s%s\n",
	       c->actor->name, c->op->name, c->uid, c->gid, c->mode, c->umask,
	       c->dir_uid, c->dir_gid, c->dir_mode, c->acl ? ", " : "",
	       c->acl ? c->acl->label : "", errno_text(want->answer),
	       errno_text(got->answer), got->stale ? ", shown stale" : "");
	for (int i = 0; i <= NAMES; i++) {
		if (!memcmp(&want->states[i], &got->states[i],
			    sizeof(want->states[i])))
			continue;
		printf("#   %s\n", i < NAMES ? names[i] : SHM);
		print_state("wanted", &want->states[i]);
		print_state("got   ", &got->states[i]);
	}
}

static int op_nothing(const struct perm_job *job, int fd)
{
	return 0;
}

static int play_nothing(const struct perm_bench *b, const struct perm_cell *c,
			struct outcome *ret_out)
{
	static const struct perm_op nothing = { "nothing", op_nothing };
	static const struct perm_op nothing_to_exec = { "nothing", op_nothing,
							0, NULL, PERM_EXEC };
	struct perm_cell untouched = *c;

	untouched.op = c->op->flags & PERM_EXEC ? &nothing_to_exec : &nothing;
	return play(b, &untouched, SHM, ret_out);
}

static bool refused(int answer)
{
	return answer == -EACCES || answer == -EPERM;
}

/* Whom the mount does not let in leaves all as it was. */
static bool right_for_outsider(const struct perm_cell *c,
			       const struct outcome *got,
			       const struct outcome *untouched)
{
	bool answer = refused(got->answer) || got->answer == -EINVAL ||
		      (c->op->flags & PERM_IDLE && got->answer == 0);

	return answer &&
	       !memcmp(untouched->states, got->states, sizeof(got->states));
}

static bool same(const struct outcome *want, const struct outcome *got)
{
	return want->answer == got->answer && !got->stale &&
	       !memcmp(want->states, got->states, sizeof(want->states));
}

static bool no_more(const struct outcome *want, const struct outcome *got,
		    const struct outcome *untouched)
{
	struct outcome less = *got;

	if (refused(got->answer) &&
	    !memcmp(untouched->states, got->states, sizeof(got->states)))
		return !got->stale;
	for (int i = 0; i < NAMES; i++) {
		if (got->states[i].mode & ~want->states[i].mode)
			return false;
		less.states[i].mode = want->states[i].mode;
	}
	return same(want, &less);
}

void perm_cell_check(struct perm_bench *b, const struct perm_cell *c)
{
	bool outsider = b->may && b->may != c->actor, right;
	struct outcome want, got, untouched = { 0 };

	/* Root, who lends descriptors, is not let in. */
	if (b->may && !outsider && c->op->flags & PERM_LEND)
		return;
	b->cells++;
	if (play(b, c, SHM, &want) < 0 || play(b, c, b->dir, &got) < 0 ||
	    ((outsider || b->never_more) &&
	     play_nothing(b, c, &untouched) < 0)) {
		printf("# cannot prepare the objects\n");
		b->differing++;
		return;
	}
	/* FUSE does not tell chown(-1, -1) from what a write brings along. */
	if (c->op->flags & PERM_VAIN && want.answer == -EPERM && !got.answer)
		want.answer = 0;
	if (outsider)
		right = right_for_outsider(c, &got, &untouched);
	else if (b->never_more)
		right = no_more(&want, &got, &untouched);
	else
		right = same(&want, &got);
	if (!right && b->differing++ < PRINTED)
		print_cell(c, outsider ? &untouched : &want, &got);
}

void perm_table_check(struct perm_bench *b, const struct perm_cell *c,
		      const struct perm_op *ops)
{
	struct perm_cell cell = *c;

	for (; ops->name; ops++) {
		cell.op = ops;
		perm_cell_check(b, &cell);
	}
}
