// SPDX-License-Identifier: MIT
/*
 * shmfs: shared memory objects as files. See shmfs(8).
 */
#define FUSE_USE_VERSION 318
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"
#include "session.h"

/*
 * Makes sure that descriptors 0 to 2 are open: else the first files opened
 * would be taken for the standard ones.
 */
static void open_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd); /* one more than was needed */
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_FAILURE;

	open_standard_files();
	if (options_parse(argc, argv, &options) == 0) {
		status = EXIT_SUCCESS;
		if (options.help)
			options_print_help();
		else if (options.version)
			printf("shmfs %s (libfuse %s)\n", SHMFS_VERSION,
			       fuse_pkgversion());
		else if (!options.helper.fake)
			status = session_run(&options);
		if (options.helper.called)
			status = helper_status(status);
	}
	options_free(&options);
	return status;
}
