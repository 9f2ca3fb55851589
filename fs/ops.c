// SPDX-License-Identifier: MIT
/*
 * The table of operations, in the order of the protocol, and what is agreed
 * with the kernel before the first of them.
 *
 * Left out on purpose, because the kernel then does the right thing itself
 * and asks no more: fsync (memory has nowhere to go), locks (kept by the
 * kernel among the users of this mount).
 */
#include "ops.h"

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
	fs->ready(fs->ready_data);
}

const struct fuse_lowlevel_ops fs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.access = op_access,
	.create = op_create,
	.forget_multi = op_forget_multi,
	.fallocate = op_fallocate,
	.readdirplus = op_readdirplus,
	.copy_file_range = op_copy_file_range,
	.lseek = op_lseek,
};
