// SPDX-License-Identifier: MIT
/*
 * Building lines. What does not fit is cut off; the result always fits.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "directory.h"
#include "log.h"

#define END_MAX 100 /* bytes of " = RESULT, N us" */

static _Thread_local ssize_t noted;

__attribute__((format(printf, 2, 3))) static void add(struct trace *trace,
						      const char *format, ...)
{
	size_t room = TRACE_MAX - END_MAX - trace->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(trace->text + trace->len, room, format, args);
	va_end(args);
	if (n > 0)
		trace->len += (size_t)n < room ? (size_t)n : room - 1;
}

void trace_start(struct trace *trace, fuse_req_t req, const char *operation)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	trace->text = malloc(TRACE_MAX);
	if (!trace->text)
		return;
	trace->fs = fs_of(req);
	trace->len = 0;
	trace->start = clock_now();
	noted = 0;
	add(trace, "pid %d uid %u: %s", (int)ctx->pid, (unsigned)ctx->uid,
	    operation);
}

void trace_finish(struct trace *trace)
{
	const char *name = noted < 0 ? strerrorname_np((int)-noted) : NULL;
	char *end = trace->text + trace->len;
	uint64_t us = (clock_now() - trace->start) / 1000;

	if (name)
		snprintf(end, END_MAX, " = %s, %" PRIu64 " us", name, us);
	else
		snprintf(end, END_MAX, " = %zd, %" PRIu64 " us", noted, us);
	log_info("%s", trace->text);
	free(trace->text);
}

void trace_note(ssize_t result)
{
	noted = result;
}

void trace_word(struct trace *trace, const char *word)
{
	if (*word)
		add(trace, " %s", word);
}

void trace_quoted(struct trace *trace, const char *text)
{
	add(trace, " \"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			add(trace, "\\%c", c);
		else if (c == '\n')
			add(trace, "\\n");
		else if (c < ' ' || c > '~')
			add(trace, "\\x%02x", c);
		else
			add(trace, "%c", c);
	}
	add(trace, "\"");
}

void trace_node(struct trace *trace, fuse_ino_t nodeid)
{
	char name[STORE_NAME_MAX + 1];
	struct fs *fs = trace->fs;
	int error;

	if (nodeid == FUSE_ROOT_ID) {
		add(trace, " /");
		return;
	}
	error = dirs_is_id(nodeid) ? directory_name(fs, nodeid, name)
				   : node_name(fs->nodes, nodeid, name);
	if (error)
		add(trace, " (removed)");
	else
		trace_quoted(trace, name);
}

void trace_name(struct trace *trace, fuse_ino_t parent, const char *name)
{
	trace_quoted(trace, name);
	if (parent == FUSE_ROOT_ID)
		return;
	add(trace, " in");
	trace_node(trace, parent);
}

void trace_mode(struct trace *trace, mode_t mode)
{
	add(trace, " mode=%04o", (unsigned)mode);
}

void trace_number(struct trace *trace, const char *what, uint64_t number)
{
	add(trace, " %s=%" PRIu64, what, number);
}

void trace_range(struct trace *trace, uint64_t size, off_t off)
{
	add(trace, " %" PRIu64 "@%lld", size, (long long)off);
}

/* Those of open(2) that an operation can get and that change what it does. */
void trace_open_flags(struct trace *trace, int flags)
{
	static const struct {
		int flag;
		const char *name;
	} names[] = {
		{ O_CREAT, "O_CREAT" },	  { O_EXCL, "O_EXCL" },
		{ O_TRUNC, "O_TRUNC" },	  { O_APPEND, "O_APPEND" },
		{ O_DIRECT, "O_DIRECT" },
	};
	int mode = flags & O_ACCMODE;

	add(trace, " %s",
	    mode == O_RDONLY   ? "O_RDONLY"
	    : mode == O_WRONLY ? "O_WRONLY"
			       : "O_RDWR");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].flag)
			add(trace, "|%s", names[i].name);
}

void trace_rename_flags(struct trace *trace, unsigned flags)
{
	if (flags & RENAME_NOREPLACE)
		add(trace, " RENAME_NOREPLACE");
	if (flags & RENAME_EXCHANGE)
		add(trace, " RENAME_EXCHANGE");
}

/* What access(2) is asked. */
void trace_access(struct trace *trace, int mask)
{
	add(trace, " %s%s%s", mask & R_OK ? "r" : "-", mask & W_OK ? "w" : "-",
	    mask & X_OK ? "x" : "-");
}

void trace_allocate_mode(struct trace *trace, int mode)
{
	if (mode & FALLOC_FL_KEEP_SIZE)
		add(trace, " KEEP_SIZE");
	if (mode & FALLOC_FL_PUNCH_HOLE)
		add(trace, " PUNCH_HOLE");
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		add(trace, " mode=0x%x", (unsigned)mode);
}

static void add_time(struct trace *trace, const char *what, bool now,
		     const struct timespec *time)
{
	if (now)
		add(trace, " %s=now", what);
	else
		add(trace, " %s=%lld.%09ld", what, (long long)time->tv_sec,
		    time->tv_nsec);
}

void trace_attr(struct trace *trace, const struct stat *attr, int to_set)
{
	if (to_set & FUSE_SET_ATTR_MODE)
		trace_mode(trace, attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		trace_number(trace, "uid", attr->st_uid);
	if (to_set & FUSE_SET_ATTR_GID)
		trace_number(trace, "gid", attr->st_gid);
	if (to_set & FUSE_SET_ATTR_SIZE)
		trace_number(trace, "size", (uint64_t)attr->st_size);
	if (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
		add_time(trace, "atime", to_set & FUSE_SET_ATTR_ATIME_NOW,
			 &attr->st_atim);
	if (to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		add_time(trace, "mtime", to_set & FUSE_SET_ATTR_MTIME_NOW,
			 &attr->st_mtim);
}
