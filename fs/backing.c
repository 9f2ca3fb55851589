// SPDX-License-Identifier: MIT
/*
 * Backing ids. The kernel writes to a backing file with the credentials of
 * the thread that registered it. That thread gives up CAP_FSETID meanwhile,
 * so that these writes clear suid and sgid (file_remove_privs() in the
 * kernel's fs/inode.c): with HANDLE_KILLPRIV_V2 nobody else would.
 */
#include "backing.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "log.h"

#define CAPABILITY_WORDS 2 /* _LINUX_CAPABILITY_VERSION_3 */

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct words[CAPABILITY_WORDS];
};

/* capget(2), capset(2): of this thread only. */
static bool get_capabilities(struct capabilities *ret)
{
	ret->header = (struct __user_cap_header_struct){
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	return syscall(SYS_capget, &ret->header, ret->words) == 0;
}

static bool set_capabilities(const struct capabilities *capabilities)
{
	struct capabilities copy = *capabilities;

	return syscall(SYS_capset, &copy.header, copy.words) == 0;
}

static int register_fd(fuse_req_t req, int fd)
{
	struct capabilities before, without;
	int id;

	if (!get_capabilities(&before))
		return 0;
	without = before;
	without.words[CAP_TO_INDEX(CAP_FSETID)].effective &=
		~CAP_TO_MASK(CAP_FSETID);
	if (!set_capabilities(&without))
		return 0;
	log_capture(true); /* it is no error to us */
	id = fuse_passthrough_open(req, fd);
	log_capture(false);
	(void)set_capabilities(&before); /* what it had it may have again */
	return id;
}

void backing_init(struct backing *backing, bool wanted)
{
	*backing = (struct backing){ .wanted = wanted };
	pthread_mutex_init(&backing->lock, NULL);
}

/* Registers a file of the same filesystem type and takes it back. */
static enum backing_state try_it(struct backing *backing, fuse_req_t req)
{
	auto_fd probe = -1;
	int id = 0;

	if (!backing->wanted) {
		strcpy(backing->reason, "not asked for");
		return BACKING_DIRECT;
	}
	if (!backing->offered) {
		strcpy(backing->reason,
		       "the kernel does not offer FUSE passthrough");
		return BACKING_DIRECT;
	}
	probe = memfd_create("probe", MFD_CLOEXEC);
	if (probe >= 0)
		id = register_fd(req, probe);
	if (id <= 0) {
		strcpy(backing->reason,
		       "FUSE passthrough needs root (CAP_SYS_ADMIN)");
		return BACKING_DIRECT;
	}
	backing_close(req, id);
	return BACKING_NATIVE;
}

bool backing_is_native(struct backing *backing, fuse_req_t req)
{
	enum backing_state state;

	pthread_mutex_lock(&backing->lock);
	if (backing->state == BACKING_UNTRIED)
		backing->state = try_it(backing, req);
	state = backing->state;
	pthread_mutex_unlock(&backing->lock);
	return state == BACKING_NATIVE;
}

int backing_open(struct backing *backing, fuse_req_t req, struct object *object)
{
	int fd;

	if (!backing_is_native(backing, req))
		return 0;
	fd = object->kind->backing_fd(object);
	return fd < 0 ? 0 : register_fd(req, fd);
}

void backing_close(fuse_req_t req, int id)
{
	if (id > 0)
		/* Fails only for an id that is not registered. */
		(void)fuse_passthrough_close(req, id);
}
