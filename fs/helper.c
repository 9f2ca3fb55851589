// SPDX-License-Identifier: MIT
/*
 * mount(8) calls: mount.shmfs SPEC DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS]
 * [-t TYPE.SUBTYPE]. Its -f means something else than ours, so the two command
 * lines are never mixed.
 */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "log.h"

#define MOUNT_FAILED 32 /* mount(8), EXIT STATUS */

bool helper_is(const char *program)
{
	const char *slash = strrchr(program, '/');

	return !strncmp(slash ? slash + 1 : program, "mount.", 6);
}

const char *helper_letters(void)
{
	/* With it getopt(3) ends at SPEC, where mount(8) only begins. */
	(void)unsetenv("POSIXLY_CORRECT"); /* a valid name: cannot fail */
	return ":fsnvN:t:hVo:";
}

/* mount(8) passes a path like /proc/PID/fd/N. */
static int enter_namespace(const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0) {
		error = errno;
		log_error("option '-N %s': %s", path, strerror(error));
	}
	return -error;
}

int helper_set_letter(struct helper *helper, int letter, const char *value)
{
	switch (letter) {
	case 'f':
		helper->fake = true;
		return 0;
	case 's':
		helper->sloppy = true;
		return 0;
	case 'N':
		return enter_namespace(value);
	case 'n': /* there is no mtab to leave alone */
	case 'v': /* what there is to say is said */
	case 't': /* the type is known */
		return 0;
	default:
		return 1;
	}
}

int helper_status(int status)
{
	return status ? MOUNT_FAILED : 0;
}
