/* SPDX-License-Identifier: MIT */
/*
 * Owns the record that both sides of a pair share: what each object must
 * look like now, and what was done in the last steps.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "handoff.h"

#define REPORTS 5 /* in full, of each pair */

static bool model_used(const struct pair *p, int object)
{
	for (int i = 0; i < NAMES; i++)
		if (p->names[i] == object)
			return true;
	for (int i = 0; i < HELD; i++)
		if (p->held[0][i] == object || p->held[1][i] == object)
			return true;
	return false;
}

int model_new(struct pair *p)
{
	int i = 0;

	while (model_used(p, i))
		i++;
	memset(&p->objects[i], 0, sizeof(p->objects[i]));
	return i;
}

unsigned int model_links(const struct pair *p, int object)
{
	unsigned int links = 0;

	for (int i = 0; i < NAMES; i++)
		links += p->names[i] == object;
	return links;
}

void model_resize(struct object *o, size_t size)
{
	if (size < o->size)
		memset(o->data + size, 0, o->size - size);
	o->size = size;
	o->mtime = 0;
}

void model_say(struct side *s, const char *format, ...)
{
	struct pair *p = s->pair;
	char *log = p->log[p->step % LOG_STEPS];
	size_t room = LOG_BYTES - p->log_length;
	va_list args;
	int n;

	p->operations++;
	if (!p->log_length)
		n = snprintf(log, room, "step %lu, %s:", p->step,
			     s->me ? "mount" : "direct");
	else
		n = snprintf(log + p->log_length, room, ",");
	p->log_length += n;
	va_start(args, format);
	n = vsnprintf(log + p->log_length, LOG_BYTES - p->log_length, format,
		      args);
	va_end(args);
	p->log_length += n;
	if (p->log_length > LOG_BYTES - 2)
		p->log_length = LOG_BYTES - 2;
}

void model_wrong(struct side *s, const char *format, ...)
{
	struct pair *p = s->pair;
	unsigned long step = p->step < LOG_STEPS ? 0 : p->step - LOG_STEPS + 1;
	char *text = NULL;
	size_t size;
	va_list args;
	FILE *out;

	p->failed = true;
	if (p->wrong >= REPORTS)
		return;
	out = open_memstream(&text, &size);
	if (!out)
		abort();
	fprintf(out, "WRONG: seed %llu, pair %d, step %lu, seen %s: ",
		(unsigned long long)s->seed, s->number, p->step,
		s->me ? "through the mount" : "directly");
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
	for (; step <= p->step; step++)
		fprintf(out, "    %s\n", p->log[step % LOG_STEPS]);
	fclose(out);
	fputs(text, stderr);
	free(text);
}

const char *side_path(const struct side *s, int i)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%sp%d.%c", s->dir, s->prefix,
		 s->number, i == NAMES ? 't' : 'a' + i);
	return path;
}

int side_open(const struct side *s, int i, int flags, mode_t mode)
{
	const char *path = side_path(s, i);

	if (s->shm_open)
		return shm_open(path + strlen(s->dir), flags, mode);
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}
