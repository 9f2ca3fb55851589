/* SPDX-License-Identifier: MIT */
/*
 * Owns what a side can do to the objects: each action does it on the file
 * system and, when that has worked, writes it into the shared record.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handoff.h"
#include "rng.h"

/* An object to act on: a name (opened for it), or one held open. */
struct target {
	int name; /* or NONE */
	int object;
	int slot; /* in fds, or NONE: fd is ours to close */
	int fd;
	char label[24];
};

static void act_failed(struct side *s, const char *what, const char *label)
{
	model_wrong(s, "%s %s: %s", what, label, strerror(errno));
}

static size_t act_size(struct side *s)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, OBJECT_MAX };

	if (rng_chance(&s->rng, 40))
		return sizes[rng_below(&s->rng, 6)];
	return rng_below(&s->rng, OBJECT_MAX + 1);
}

static mode_t act_mode(struct side *s)
{
	static const mode_t modes[] = { 0600, 0644, 0666, 0640, 0400, 0 };

	return modes[rng_below(&s->rng, geteuid() ? 4 : 6)];
}

static void act_fill(struct side *s, unsigned char *bytes, size_t length)
{
	uint64_t value = rng_next(&s->rng);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(value >> (i % 8 * 8)) + i / 256;
}

/* A random object: one of ours that is held, or one that has a name. */
static bool target_pick(struct side *s, struct target *t)
{
	struct pair *p = s->pair;
	int i = (int)rng_below(&s->rng, HELD);

	*t = (struct target){ .name = NONE, .slot = NONE, .fd = -1 };
	if (p->held[s->me][i] != NONE && rng_chance(&s->rng, 40)) {
		t->slot = i;
		t->fd = s->fds[i];
		t->object = p->held[s->me][i];
		snprintf(t->label, sizeof(t->label), "held#%d", t->object);
		return true;
	}
	i = (int)rng_below(&s->rng, NAMES);
	if (p->names[i] == NONE)
		return false;
	t->name = i;
	t->object = p->names[i];
	p->touched[i] = true;
	snprintf(t->label, sizeof(t->label), "%c#%d", 'a' + i, t->object);
	return true;
}

static bool target_open(struct side *s, struct target *t)
{
	if (t->slot == NONE)
		t->fd = side_open(s, t->name, O_RDWR, 0);
	if (t->fd < 0)
		act_failed(s, "open", t->label);
	return t->fd >= 0;
}

static void target_close(struct side *s, struct target *t)
{
	if (t->slot == NONE && t->fd >= 0 && close(t->fd))
		act_failed(s, "close", t->label);
}

static void act_write(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	size_t start = rng_below(&s->rng, OBJECT_MAX);
	size_t length = rng_below(&s->rng, OBJECT_MAX - start) + 1;

	if (!target_open(s, t))
		return;
	act_fill(s, o->data + start, length);
	model_say(s, " pwrite %s %zu+%zu", t->label, start, length);
	if (pwrite(t->fd, o->data + start, length, (off_t)start) !=
	    (ssize_t)length)
		act_failed(s, "pwrite", t->label);
	if (o->size < start + length)
		o->size = start + length;
	o->mtime = 0;
	target_close(s, t);
}

static void act_store(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	size_t start, length;
	unsigned char *map;

	if (!o->size || !target_open(s, t))
		return;
	start = rng_below(&s->rng, o->size);
	length = rng_below(&s->rng, o->size - start) + 1;
	model_say(s, " store %s %zu+%zu of %zu", t->label, start, length,
		  o->size);
	map = mmap(NULL, o->size, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED) {
		act_failed(s, "mmap", t->label);
		target_close(s, t);
		return;
	}
	act_fill(s, o->data + start, length);
	memcpy(map + start, o->data + start, length);
	o->mtime = 0;
	/* A held one is not closed: only msync makes the store known. */
	if ((t->slot != NONE || rng_chance(&s->rng, 50)) &&
	    msync(map, o->size, MS_SYNC))
		act_failed(s, "msync", t->label);
	if (munmap(map, o->size))
		act_failed(s, "munmap", t->label);
	target_close(s, t);
}

static void act_resize(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	size_t size = act_size(s);
	int ret;

	if (t->slot == NONE && rng_chance(&s->rng, 50)) {
		model_say(s, " truncate %s to %zu", t->label, size);
		ret = truncate(side_path(s, t->name), (off_t)size);
	} else {
		if (!target_open(s, t))
			return;
		model_say(s, " ftruncate %s to %zu", t->label, size);
		ret = ftruncate(t->fd, (off_t)size);
		target_close(s, t);
	}
	if (ret)
		act_failed(s, "truncate", t->label);
	model_resize(o, size);
}

static void act_chmod(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	mode_t mode = act_mode(s);
	int ret;

	if (t->slot == NONE && rng_chance(&s->rng, 50)) {
		model_say(s, " chmod %s to %o", t->label, mode);
		ret = chmod(side_path(s, t->name), mode);
	} else {
		if (!target_open(s, t))
			return;
		model_say(s, " fchmod %s to %o", t->label, mode);
		ret = fchmod(t->fd, mode);
		target_close(s, t);
	}
	if (ret)
		act_failed(s, "chmod", t->label);
	o->mode = mode;
}

static void act_chown(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	uid_t uid = rng_chance(&s->rng, 50) ? 0 : 4242;
	gid_t gid = rng_chance(&s->rng, 50) ? 0 : 4243;

	if (geteuid() || !target_open(s, t))
		return;
	model_say(s, " fchown %s to %u:%u", t->label, uid, gid);
	if (fchown(t->fd, uid, gid))
		act_failed(s, "fchown", t->label);
	o->uid = uid;
	o->gid = gid;
	target_close(s, t);
}

static void act_times(struct side *s, struct target *t)
{
	struct object *o = &s->pair->objects[t->object];
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = 1 } };

	times[1].tv_sec += (time_t)rng_below(&s->rng, 2000000000);
	if (!target_open(s, t))
		return;
	model_say(s, " futimens %s to %lld", t->label,
		  (long long)times[1].tv_sec);
	if (futimens(t->fd, times))
		act_failed(s, "futimens", t->label);
	o->mtime = times[1].tv_sec;
	target_close(s, t);
}

/* Makes a new object of name i (NAMES: the temporary one). */
static int act_create(struct side *s, int i)
{
	int object = model_new(s->pair);
	struct object *o = &s->pair->objects[object];
	struct stat st = { 0 };
	int fd;

	o->mode = act_mode(s);
	o->size = act_size(s);
	act_fill(s, o->data, o->size);
	model_say(s, " create %c#%d of %zu, mode %o",
		  i == NAMES ? 't' : 'a' + i, object, o->size, o->mode);
	fd = side_open(s, i, O_RDWR | O_CREAT | O_EXCL, o->mode);
	if (fd < 0 || write(fd, o->data, o->size) != (ssize_t)o->size ||
	    fstat(fd, &st) || close(fd))
		act_failed(s, "create", side_path(s, i));
	o->ino = st.st_ino;
	o->uid = st.st_uid;
	o->gid = st.st_gid;
	return object;
}

static void act_unlink(struct side *s, int i)
{
	struct pair *p = s->pair;

	model_say(s, " unlink %c#%d", 'a' + i, p->names[i]);
	if (unlink(side_path(s, i)))
		act_failed(s, "unlink", side_path(s, i));
	p->names[i] = NONE;
}

static void act_rename(struct side *s, int from, int to)
{
	struct pair *p = s->pair;

	p->touched[to] = true;
	model_say(s, " rename %c#%d to %c#%d", 'a' + from, p->names[from],
		  'a' + to, p->names[to]);
	if (rename(side_path(s, from), side_path(s, to)))
		act_failed(s, "rename", side_path(s, from));
	if (from == to)
		return;
	p->names[to] = p->names[from];
	p->names[from] = NONE;
}

static void act_exchange(struct side *s, int i, int j)
{
	struct pair *p = s->pair;
	int object = p->names[i];

	p->touched[j] = true;
	model_say(s, " exchange %c#%d and %c#%d", 'a' + i, object, 'a' + j,
		  p->names[j]);
	if (renameat2(AT_FDCWD, side_path(s, i), AT_FDCWD, side_path(s, j),
		      RENAME_EXCHANGE))
		act_failed(s, "exchange", side_path(s, i));
	p->names[i] = p->names[j];
	p->names[j] = object;
}

static void act_replace(struct side *s, int i)
{
	struct pair *p = s->pair;
	int object;

	if (p->names[i] != NONE && rng_chance(&s->rng, 50))
		act_unlink(s, i);
	if (p->names[i] == NONE && rng_chance(&s->rng, 70)) {
		p->names[i] = act_create(s, i);
		return;
	}
	object = act_create(s, NAMES);
	model_say(s, " rename t#%d to %c#%d", object, 'a' + i, p->names[i]);
	if (rename(side_path(s, NAMES), side_path(s, i)))
		act_failed(s, "rename", side_path(s, NAMES));
	p->names[i] = object;
}

static void act_names(struct side *s)
{
	struct pair *p = s->pair;
	int i = (int)rng_below(&s->rng, NAMES);
	int j = (int)rng_below(&s->rng, NAMES);
	unsigned int what = rng_below(&s->rng, 10);

	p->touched[i] = true;
	if (p->names[i] == NONE || what < 5)
		act_replace(s, i);
	else if (what == 5)
		act_unlink(s, i);
	else if (what < 9 || p->names[j] == NONE)
		act_rename(s, i, j);
	else
		act_exchange(s, i, j);
}

void act(struct side *s)
{
	static void (*const actions[])(struct side * s, struct target * t) = {
		act_write, act_store, act_resize, act_resize,
		act_chmod, act_chown, act_times,
	};
	struct target t;

	do {
		if (rng_chance(&s->rng, 50) || !target_pick(s, &t))
			act_names(s);
		else
			actions[rng_below(&s->rng, 7)](s, &t);
	} while (!s->pair->failed && rng_chance(&s->rng, 30));
}

void act_drop(struct side *s, int slot)
{
	int *held = s->pair->held[s->me];

	if (held[slot] == NONE)
		return;
	held[slot] = NONE;
	if (close(s->fds[slot]))
		act_failed(s, "close", "held");
}

void act_hold(struct side *s)
{
	int slot = (int)rng_below(&s->rng, HELD);
	int i = (int)rng_below(&s->rng, NAMES);
	int *held = s->pair->held[s->me];

	if (held[slot] != NONE) {
		if (rng_chance(&s->rng, 30))
			act_drop(s, slot);
		return;
	}
	if (s->pair->names[i] == NONE)
		return;
	s->fds[slot] = side_open(s, i, O_RDWR, 0);
	if (s->fds[slot] < 0)
		act_failed(s, "open to hold", side_path(s, i));
	else
		held[slot] = s->pair->names[i];
}
