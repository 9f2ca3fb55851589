// SPDX-License-Identifier: MIT
/*
 * The filesystem before its first operation and after its last: the namespace
 * opened, the limits counted, the tables made, as the options say.
 */
#include "open.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "directory.h"
#include "log.h"

#define FILES_LEFT 20 /* of descriptors: for all but open objects */

/*
 * A table for as many open objects as there may be descriptors, less some to
 * look at others with, and to keep a few within reach after a lookup.
 */
static int create_nodes(struct fs *fs)
{
	struct rlimit files;
	size_t max = 1024;
	int error;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		max = files.rlim_cur;
	error = node_table_create(FUSE_ROOT_ID, fs->kind->root(fs->store),
				  max > 8192 ? 64 : (unsigned)max / 128 + 1,
				  max > 2 * FILES_LEFT ? max - FILES_LEFT : 1,
				  &fs->nodes);
	if (error)
		log_error("out of memory");
	return error;
}

/* A limit is no use if it is passed from the start. */
static int check_limits(const struct options *options, struct budget *budget)
{
	uint64_t size, objects;
	int error = budget_used(budget, &size, &objects);

	if (error)
		return error;
	if (options->size && size > options->size) {
		log_error("option 'size=%s': the objects in view have %" PRIu64
			  " bytes; accepted is that or more",
			  options->size_text, size);
		return -EINVAL;
	}
	if (options->objects && objects > options->objects) {
		log_error("option 'objects=%" PRIu64 "': there are %" PRIu64
			  " objects in view; accepted is that or more",
			  options->objects, objects);
		return -EINVAL;
	}
	return 0;
}

static int create_budget(const struct options *options, struct fs *fs)
{
	const struct budget_config config = {
		.kind = fs->kind,
		.store = fs->store,
		.view = &fs->view,
		.size = options->size,
		.objects = options->objects,
	};
	int error;

	if (!config.size && !config.objects)
		return 0;
	error = budget_create(&config, &fs->budget);
	if (error)
		log_error("cannot count the %s objects: %s", fs->kind->name,
			  strerror(-error));
	return error ? error : check_limits(options, fs->budget);
}

/*
 * Whether the kernel has to check permissions. It need not where only root
 * gets in and the namespace is root's: then it would say yes to nearly
 * everything, and ask for attributes first, each time. See access.h. That
 * knows objects only: with directories the kernel checks.
 */
static bool needs_kernel_checks(const struct options *options,
				const struct fs *fs)
{
	struct stat st;

	/* Where rights are not those on files, it judges by what is shown. */
	if (!(fs->kind->traits & STORE_FILE_RIGHTS))
		return owner_is_shown(&fs->owner);
	return options->kernel_checks || fs->view.separator || geteuid() != 0 ||
	       fs->kind->get_attr(fs->kind->root(fs->store), &st) != 0 ||
	       st.st_uid != 0 || (st.st_mode & 0700) != 0700;
}

int fs_open(const struct options *options, struct fs *fs)
{
	int error;

	fs->kind = options->kind;
	fs->view = options->view;
	fs->owner = options->owner;
	fs->reserve = options->reserve;
	fs->all_writes = fs->reserve || options->size;
	fs->acl = options->allow_other && geteuid() == 0 &&
		  !owner_is_shown(&fs->owner) &&
		  (fs->kind->traits & STORE_FILE_RIGHTS);
	handles_init(&fs->handles, options->allow_other);
	backing_init(&fs->backing, !options->no_native);
	fs->debug = options->debug;
	error = stats_create(&fs->stats);
	if (error) {
		log_error("out of memory");
		return error;
	}
	error = fs->kind->open(&fs->store);
	if (error) {
		stats_destroy(fs->stats);
		log_error("cannot open the %s objects: %s", fs->kind->name,
			  error == -EOPNOTSUPP ? fs->kind->unsupported
					       : strerror(-error));
		return error;
	}
	fs->kernel_checks = needs_kernel_checks(options, fs);
	error = create_budget(options, fs);
	if (!error)
		error = create_nodes(fs);
	if (!error) {
		error = directory_open_all(fs);
		if (error)
			node_table_destroy(fs->nodes);
	}
	if (error) {
		budget_destroy(fs->budget);
		fs->kind->close(fs->store);
		stats_destroy(fs->stats);
		return error;
	}
	janitor_init(&fs->janitor, fs->nodes);
	return 0;
}

void fs_close(struct fs *fs)
{
	janitor_destroy(&fs->janitor);
	handles_end(&fs->handles, fs);
	directory_close_all(fs);
	node_table_destroy(fs->nodes);
	budget_destroy(fs->budget);
	fs->kind->close(fs->store);
	stats_destroy(fs->stats);
}
