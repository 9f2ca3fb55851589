// SPDX-License-Identifier: MIT
/*
 * Closing. Objects of some kinds are complete only when who wrote to them has
 * closed them (finish in store.h), which can fail, and only close(2) can tell.
 *
 * FUSE_FLUSH comes with each close(2) of each descriptor, also those that a
 * shell's children inherited: `(cat a; cat b) >file` is not complete when the
 * first cat ends. So the process that opened the file has to be the one that
 * closes it; failing that, it is finished when the last descriptor is gone
 * (FUSE_RELEASE), with nobody left to tell but the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "ops.h"

/* The process of a thread: proc_pid_status(5). 0 if that cannot be seen. */
static pid_t process_of(pid_t thread)
{
	char path[64], line[256];
	int process = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	status = fopen(path, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "Tgid: %d", &process) == 1)
			break;
	(void)fclose(status); /* was only read */
	return process;
}

pid_t file_writer(fuse_req_t req, int flags)
{
	if (!fs_of(req)->kind->finish || (flags & O_ACCMODE) == O_RDONLY)
		return -1;
	return process_of(fuse_req_ctx(req)->pid);
}

static int finish(struct fs *fs, fuse_ino_t nodeid, struct file *file)
{
	int error = fs->kind->finish(file->object);

	if (error)
		fs_log_reason(fs, nodeid, file->object);
	return error;
}

void op_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct file *file = file_of(fi);
	int error = 0;

	if (!fs->kind->finish)
		error = -ENOSYS; /* the kernel then asks no more */
	else if (file->writer >= 0 &&
		 file->writer == process_of(fuse_req_ctx(req)->pid))
		error = finish(fs, nodeid, file);
	reply_status(req, error);
}

void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct file *file = file_of(fi);

	if (file->writer >= 0)
		(void)finish(fs, nodeid, file); /* nobody to tell */
	file_end(req, nodeid, file);
	reply_status(req, 0);
}
