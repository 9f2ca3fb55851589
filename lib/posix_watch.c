// SPDX-License-Identifier: MIT
/*
 * Watching the namespace of POSIX objects with inotify(7). The kernel queues
 * an event before the system call that caused it returns, so whoever is told
 * of a change afterwards finds its event there. One thing makes none: another
 * name of an object, in another directory of the same tmpfs, through which it
 * is changed.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/inotify.h>

#include "cleanup.h"
#include "posix.h"

#define EVENTS (IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO)

struct store_watch {
	int fd;
	size_t used, next; /* bytes in events, and those returned */
	char events[64 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
		__attribute__((aligned(__alignof__(struct inotify_event))));
};

int posix_watch_open(struct store *store, struct store_watch **ret_watch)
{
	auto_heap struct store_watch *watch = calloc(1, sizeof(*watch));
	auto_fd fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct posix_fd_path path = posix_fd_path(posix_store_fd(store));

	if (!watch)
		return -ENOMEM;
	if (fd < 0 || inotify_add_watch(fd, path.text, EVENTS) < 0)
		return -errno;
	watch->fd = steal_fd(&fd);
	*ret_watch = steal_pointer(&watch);
	return 0;
}

void posix_watch_close(struct store_watch *watch)
{
	(void)close(watch->fd); /* nothing was written */
	free(watch);
}

/* More events; returns 0 if there are none. */
static int read_events(struct store_watch *watch)
{
	ssize_t n;

	do {
		n = read(watch->fd, watch->events, sizeof(watch->events));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	watch->used = (size_t)n;
	watch->next = 0;
	return n > 0;
}

int posix_watch_next(struct store_watch *watch, const char **ret_name)
{
	for (;;) {
		const struct inotify_event *event;

		if (watch->next == watch->used) {
			int res = read_events(watch);

			if (res <= 0)
				return res;
		}
		event = (const void *)(watch->events + watch->next);
		watch->next += sizeof(*event) + event->len;
		if (event->mask & IN_Q_OVERFLOW)
			return -EOVERFLOW;
		if (event->len == 0)
			continue; /* of the directory itself */
		*ret_name = event->name;
		return 1;
	}
}
