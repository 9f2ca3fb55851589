/* SPDX-License-Identifier: MIT */
/*
 * -d: one line in the log for each request, written when it has been answered:
 *
 *   pid 4711 uid 1000: read "frames" 4096@8192 = 4096, 12 us
 *
 * Names are quoted, and what could end the line or steer a terminal is
 * escaped: they are anybody's to choose. Objects have the name that they have
 * in the namespace. Without -d all this is a test of fs->debug.
 */
#ifndef SHMFS_TRACE_H
#define SHMFS_TRACE_H

#include "fs.h"

/* A request being served; of one thread. */
struct trace {
	struct fs *fs;
	char *text; /* of TRACE_MAX bytes, or NULL: not traced */
	size_t len;
	uint64_t start; /* clock_now() */
};

/* Of a line: what a pipe takes in one piece, with what the log adds. */
#define TRACE_MAX 4000

/*
 * Begins the line of a request, which is still there. What its arguments are
 * the functions below add, before it is answered.
 */
void trace_start(struct trace *trace, fuse_req_t req, const char *operation);
void trace_finish(struct trace *trace);

static inline bool trace_begin(struct trace *trace, fuse_req_t req,
			       const char *operation)
{
	trace->text = NULL;
	if (fs_of(req)->debug)
		trace_start(trace, req, operation);
	return trace->text;
}

static inline void trace_end(struct trace *trace)
{
	if (trace->text)
		trace_finish(trace);
}

/* What this thread's request is answered with: a count, 0 or -errno. */
void trace_note(ssize_t result);
static inline void trace_result(const struct fs *fs, ssize_t result)
{
	if (fs->debug)
		trace_note(result);
}

/* What anybody may have chosen, in quotes. */
void trace_quoted(struct trace *trace, const char *text);
/* The name of a node; "/" is the root. */
void trace_node(struct trace *trace, fuse_ino_t nodeid);
/* A name in a directory. */
void trace_name(struct trace *trace, fuse_ino_t parent, const char *name);
void trace_mode(struct trace *trace, mode_t mode);
/* A number with what it is: " what=3". */
void trace_number(struct trace *trace, const char *what, uint64_t number);
/* So many bytes at an offset. */
void trace_range(struct trace *trace, uint64_t size, off_t off);
/* Words of which each stands for a bit or more. */
void trace_open_flags(struct trace *trace, int flags);
void trace_rename_flags(struct trace *trace, unsigned flags);
void trace_access(struct trace *trace, int mask);
void trace_allocate_mode(struct trace *trace, int mode);
void trace_attr(struct trace *trace, const struct stat *attr, int to_set);
/* "" adds nothing. */
void trace_word(struct trace *trace, const char *word);

#endif
