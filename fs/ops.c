// SPDX-License-Identifier: MIT
/*
 * The table of operations, in the order of the protocol, and what is agreed
 * with the kernel before the first of them.
 *
 * Left out on purpose, because the kernel then does the right thing itself
 * and asks no more: fsync (memory has nowhere to go), locks (kept by the
 * kernel among the users of this mount).
 *
 * Each operation is called through a function made here, which counts it and,
 * with -d, writes its line: the last argument of SERVE adds to it what the
 * request is about, with the functions of trace.h.
 */
#include "ops.h"

#include <unistd.h>

#include "latency.h"
#include "log.h"
#include "trace.h"

static const char *yes(bool yes)
{
	return yes ? "yes" : "no";
}

/* The first line of -d. */
static void log_agreed(const struct fs *fs, const struct fuse_conn_info *conn)
{
	if (fs->debug)
		log_info("FUSE %u.%u; passthrough: %s; kernel checks "
			 "permissions: %s; keeps names: %s",
			 conn->proto_major, conn->proto_minor,
			 yes(fs->backing.offered), yes(fs->kernel_checks),
			 yes(fs->keep_names));
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	/*
	 * Each where the kernel has it:
	 * - names of one directory are looked up in parallel;
	 * - suid and sgid are ours to clear on write and truncate, else every
	 *   write asks for security.capability first;
	 * - files without page cache can be mapped all the same.
	 */
	static const uint64_t wanted[] = {
		FUSE_CAP_PARALLEL_DIROPS,
		FUSE_CAP_HANDLE_KILLPRIV_V2,
		FUSE_CAP_DIRECT_IO_ALLOW_MMAP,
	};
	struct fs *fs = userdata;

	if (fs->acl)
		fs->acl = fuse_set_feature_flag(conn, FUSE_CAP_POSIX_ACL);
	fs->backing.offered = fs->backing.wanted &&
			      fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
	conn->max_backing_stack_depth = FUSE_BACKING_STACKED_UNDER;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		(void)fuse_set_feature_flag(conn, wanted[i]);
	/*
	 * INC_EPOCH came with this version of the protocol, Linux 6.16. It
	 * ends the entries of directories as well, and with them, for a
	 * moment, the working directory of whoever is in one.
	 */
	fs->keep_names =
		!fs->kernel_checks && !fs->dirs && conn->proto_minor >= 44;
	/* A listing cannot tell when its entries begin to be kept. */
	if (fs->keep_names)
		fuse_unset_feature_flag(conn, FUSE_CAP_READDIRPLUS);
	log_agreed(fs, conn);
	fs->ready(fs->ready_data);
}

#define SERVE(op, parameters, arguments, line)   \
	static void serve_##op parameters        \
	{                                        \
		struct trace trace, *t = &trace; \
                                                 \
		count_request(req, STATS_##op);  \
		if (trace_begin(t, req, #op))    \
			line;                    \
		op_##op arguments;               \
		trace_end(t);                    \
	}

static void count_request(fuse_req_t req, enum stats_counter operation)
{
	struct fs *fs = fs_of(req);
	struct stats *stats = fs->stats;

	stats_add(stats, operation, 1);
	if (fuse_req_is_uring(req))
		stats_add(stats, STATS_IO_URING, 1);
	if (fs->latency)
		latency_note(fs->latency);
}

SERVE(lookup, (fuse_req_t req, fuse_ino_t parent, const char *name),
      (req, parent, name), (trace_name(t, parent, name)))

SERVE(forget, (fuse_req_t req, fuse_ino_t nodeid, uint64_t count),
      (req, nodeid, count),
      (trace_node(t, nodeid), trace_number(t, "lookups", count)))

SERVE(getattr, (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi), (trace_node(t, nodeid)))

SERVE(setattr,
      (fuse_req_t req, fuse_ino_t nodeid, struct stat *attr, int to_set,
       struct fuse_file_info *fi),
      (req, nodeid, attr, to_set, fi),
      (trace_node(t, nodeid), trace_attr(t, attr, to_set)))

SERVE(mknod,
      (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
       dev_t rdev),
      (req, parent, name, mode, rdev),
      (trace_name(t, parent, name), trace_mode(t, mode)))

SERVE(mkdir, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode),
      (req, parent, name, mode),
      (trace_name(t, parent, name), trace_mode(t, mode)))

SERVE(unlink, (fuse_req_t req, fuse_ino_t parent, const char *name),
      (req, parent, name), (trace_name(t, parent, name)))

SERVE(rmdir, (fuse_req_t req, fuse_ino_t parent, const char *name),
      (req, parent, name), (trace_name(t, parent, name)))

SERVE(symlink,
      (fuse_req_t req, const char *target, fuse_ino_t parent, const char *name),
      (req, target, parent, name), (trace_name(t, parent, name)))

SERVE(rename,
      (fuse_req_t req, fuse_ino_t parent, const char *name,
       fuse_ino_t new_parent, const char *new_name, unsigned flags),
      (req, parent, name, new_parent, new_name, flags),
      (trace_name(t, parent, name), trace_word(t, "to"),
       trace_name(t, new_parent, new_name), trace_rename_flags(t, flags)))

SERVE(link,
      (fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t new_parent,
       const char *new_name),
      (req, nodeid, new_parent, new_name),
      (trace_node(t, nodeid), trace_word(t, "to"),
       trace_name(t, new_parent, new_name)))

SERVE(open, (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi),
      (trace_node(t, nodeid), trace_open_flags(t, fi->flags)))

SERVE(read,
      (fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
       struct fuse_file_info *fi),
      (req, nodeid, size, off, fi),
      (trace_node(t, nodeid), trace_range(t, size, off)))

SERVE(write,
      (fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size,
       off_t off, struct fuse_file_info *fi),
      (req, nodeid, buf, size, off, fi),
      (trace_node(t, nodeid), trace_range(t, size, off),
       trace_word(t, fi->writepage ? "from a mapping" : "")))

SERVE(flush, (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi), (trace_node(t, nodeid)))

SERVE(release, (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi), (trace_node(t, nodeid)))

SERVE(opendir, (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi), (trace_node(t, nodeid)))

SERVE(readdir,
      (fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
       struct fuse_file_info *fi),
      (req, nodeid, size, off, fi),
      (trace_node(t, nodeid), trace_range(t, size, off)))

SERVE(releasedir,
      (fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi),
      (req, nodeid, fi), (trace_node(t, nodeid)))

SERVE(statfs, (fuse_req_t req, fuse_ino_t nodeid), (req, nodeid),
      (trace_node(t, nodeid)))

SERVE(setxattr,
      (fuse_req_t req, fuse_ino_t nodeid, const char *name, const char *value,
       size_t size, int flags),
      (req, nodeid, name, value, size, flags),
      (trace_node(t, nodeid), trace_quoted(t, name),
       trace_number(t, "size", size)))

SERVE(getxattr,
      (fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size),
      (req, nodeid, name, size),
      (trace_node(t, nodeid), trace_quoted(t, name),
       trace_number(t, "size", size)))

SERVE(listxattr, (fuse_req_t req, fuse_ino_t nodeid, size_t size),
      (req, nodeid, size),
      (trace_node(t, nodeid), trace_number(t, "size", size)))

SERVE(removexattr, (fuse_req_t req, fuse_ino_t nodeid, const char *name),
      (req, nodeid, name), (trace_node(t, nodeid), trace_quoted(t, name)))

SERVE(access, (fuse_req_t req, fuse_ino_t nodeid, int mask),
      (req, nodeid, mask), (trace_node(t, nodeid), trace_access(t, mask)))

SERVE(create,
      (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
       struct fuse_file_info *fi),
      (req, parent, name, mode, fi),
      (trace_name(t, parent, name), trace_open_flags(t, fi->flags),
       trace_mode(t, mode & 07777)))

SERVE(forget_multi,
      (fuse_req_t req, size_t count, struct fuse_forget_data *forgets),
      (req, count, forgets), (trace_number(t, "nodes", count)))

SERVE(fallocate,
      (fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off, off_t len,
       struct fuse_file_info *fi),
      (req, nodeid, mode, off, len, fi),
      (trace_node(t, nodeid), trace_range(t, (uint64_t)len, off),
       trace_allocate_mode(t, mode)))

SERVE(readdirplus,
      (fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off,
       struct fuse_file_info *fi),
      (req, nodeid, size, off, fi),
      (trace_node(t, nodeid), trace_range(t, size, off)))

SERVE(copy_file_range,
      (fuse_req_t req, fuse_ino_t from_node, off_t from_off,
       struct fuse_file_info *from, fuse_ino_t to_node, off_t to_off,
       struct fuse_file_info *to, size_t len, int flags),
      (req, from_node, from_off, from, to_node, to_off, to, len, flags),
      (trace_node(t, from_node), trace_range(t, len, from_off),
       trace_word(t, "to"), trace_node(t, to_node),
       trace_range(t, len, to_off)))

SERVE(lseek,
      (fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence,
       struct fuse_file_info *fi),
      (req, nodeid, off, whence, fi),
      (trace_node(t, nodeid),
       trace_word(t, whence == SEEK_DATA ? "SEEK_DATA" : "SEEK_HOLE"),
       trace_number(t, "from", (uint64_t)off)))

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = serve_lookup,
	.forget = serve_forget,
	.getattr = serve_getattr,
	.setattr = serve_setattr,
	.mknod = serve_mknod,
	.mkdir = serve_mkdir,
	.unlink = serve_unlink,
	.rmdir = serve_rmdir,
	.symlink = serve_symlink,
	.rename = serve_rename,
	.link = serve_link,
	.open = serve_open,
	.read = serve_read,
	.write = serve_write,
	.flush = serve_flush,
	.release = serve_release,
	.opendir = serve_opendir,
	.readdir = serve_readdir,
	.releasedir = serve_releasedir,
	.statfs = serve_statfs,
	.setxattr = serve_setxattr,
	.getxattr = serve_getxattr,
	.listxattr = serve_listxattr,
	.removexattr = serve_removexattr,
	.access = serve_access,
	.create = serve_create,
	.forget_multi = serve_forget_multi,
	.fallocate = serve_fallocate,
	.readdirplus = serve_readdirplus,
	.copy_file_range = serve_copy_file_range,
	.lseek = serve_lseek,
};
