// SPDX-License-Identifier: MIT
/*
 * Checks of the mountpoint, of /dev/fuse and of fusermount3. Nothing is
 * changed; whatever a check misses, mounting itself reports.
 */
#include "preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "cleanup.h"
#include "log.h"

#define DEVICE "/dev/fuse"

static const char *unmount_command(void)
{
	return geteuid() == 0 ? "umount" : "fusermount3 -u";
}

static int complain_mountpoint(const char *path, int error)
{
	switch (error) {
	case ENOENT:
		log_error("%s: no such directory; create it first: "
			  "mkdir -p '%s'",
			  path, path);
		break;
	case ENOTCONN:
	case ECONNABORTED:
		log_error("%s: a dead mount, its daemon was killed; clear it "
			  "with: %s '%s'",
			  path, unmount_command(), path);
		break;
	case ENAMETOOLONG:
		log_error("the path of the mountpoint is too long: %.60s...",
			  path);
		break;
	default:
		log_error("%s: cannot be used as mountpoint: %s", path,
			  strerror(error));
	}
	return -error;
}

/* An ordinary user may mount only where they may write: fusermount3(1). */
static int check_own_right(const char *path, const struct statx *st)
{
	if (geteuid() == 0)
		return 0;
	if (access(path, W_OK) == 0 &&
	    (!(st->stx_mode & S_ISVTX) || st->stx_uid == getuid()))
		return 0;
	log_error("%s: you may not mount here; choose a directory of your own",
		  path);
	return -EACCES;
}

/* What waits for its first use, to have us mount over it; open(2), O_PATH. */
static bool is_automount(const char *path)
{
	auto_fd fd = open(path, O_PATH | O_CLOEXEC);
	struct statfs st;

	return fd >= 0 && fstatfs(fd, &st) == 0 &&
	       st.f_type == AUTOFS_SUPER_MAGIC;
}

static int check_mountpoint(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &st) < 0)
		return complain_mountpoint(path, errno);
	if (!S_ISDIR(st.stx_mode)) {
		log_error("%s: not a directory; give an empty directory as "
			  "mountpoint",
			  path);
		return -ENOTDIR;
	}
	if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) &&
	    !is_automount(path)) {
		log_error("%s: busy, something is mounted there; choose "
			  "another directory, or first: %s '%s'",
			  path, unmount_command(), path);
		return -EBUSY;
	}
	return check_own_right(path, &st);
}

static int check_device(void)
{
	auto_fd fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	int error = errno;

	if (fd >= 0)
		return 0;
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		log_error(DEVICE ": %s; as root, load the kernel's FUSE "
				 "module: modprobe fuse",
			  strerror(error));
		break;
	case EACCES:
	case EPERM:
		log_error(DEVICE ": %s; as root, open it to users: "
				 "chmod 0666 " DEVICE,
			  strerror(error));
		break;
	default:
		log_error(DEVICE ": %s", strerror(error));
	}
	return -error;
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	char *list = strdup(path ? path : "/usr/bin:/bin");
	bool found = false;
	char *rest = list;
	char *dir;

	while (rest && !found && (dir = strsep(&rest, ":"))) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", *dir ? dir : ".",
			 program);
		found = access(file, X_OK) == 0;
	}
	free(list);
	return found;
}

static int check_helper(void)
{
	if (geteuid() == 0 || in_path("fusermount3"))
		return 0;
	log_error("fusermount3 is not in PATH; it mounts for ordinary users "
		  "and comes with the package fuse3");
	return -ENOENT;
}

int preflight(const struct options *options)
{
	int error = check_mountpoint(options->mountpoint);

	if (!error)
		error = check_device();
	if (!error)
		error = check_helper();
	return error;
}
