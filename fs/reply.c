// SPDX-License-Identifier: MIT
/*
 * Each counts, tells the trace, and replies. A reply fails only when the
 * request is gone; then nobody waits for it.
 */
#include "reply.h"

#include <errno.h>

#include "fs.h"
#include "trace.h"

void reply_status(fuse_req_t req, int error)
{
	struct fs *fs = fs_of(req);

	/* "Ask no more" is no failure: nobody but the kernel sees it. */
	if (error && error != -ENOSYS)
		stats_add_error(fs->stats, error);
	trace_result(fs, error);
	(void)fuse_reply_err(req, -error);
}

void reply_data(fuse_req_t req, ssize_t n, const char *data)
{
	if (n < 0) {
		reply_status(req, (int)n);
		return;
	}
	trace_result(fs_of(req), n);
	(void)fuse_reply_buf(req, data, (size_t)n);
}

void reply_count(fuse_req_t req, ssize_t n)
{
	if (n < 0) {
		reply_status(req, (int)n);
		return;
	}
	trace_result(fs_of(req), n);
	(void)fuse_reply_write(req, (size_t)n);
}
