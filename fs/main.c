// SPDX-License-Identifier: MIT
/*
 * shmfs: shared memory objects as files. See shmfs(8).
 */
#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "session.h"

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_FAILURE;

	if (options_parse(argc, argv, &options) == 0) {
		status = EXIT_SUCCESS;
		if (options.help)
			options_print_help();
		else if (options.version)
			printf("shmfs %s (libfuse %s)\n", SHMFS_VERSION,
			       fuse_pkgversion());
		else
			status = session_run(&options);
	}
	options_free(&options);
	return status;
}
