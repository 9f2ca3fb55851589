// SPDX-License-Identifier: MIT
/*
 * The protocol is small and promised to stay as it is (sd_notify(3), Notes),
 * so no library is needed for it.
 */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "log.h"

/* 0, or -EINVAL for what is no address of a socket that we could reach. */
static int make_address(const char *name, struct sockaddr_un *address,
			socklen_t *ret_size)
{
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 ||
	    len >= sizeof(address->sun_path))
		return -EINVAL;
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, len);
	/* unix(7): an abstract name begins with a null byte. */
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* -EAGAIN: there has been no room for it for a while. */
static int send_to(const char *name, const char *text, size_t size)
{
	static const struct timeval patience = { .tv_usec = 200000 };
	struct sockaddr_un address = { 0 };
	socklen_t address_size;
	auto_fd fd = -1;
	int error = make_address(name, &address, &address_size);

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		       sizeof(patience)) < 0 ||
	    sendto(fd, text, size, MSG_NOSIGNAL, (struct sockaddr *)&address,
		   address_size) < 0)
		return -errno;
	return 0;
}

void notify_ready(struct fuse_session *session, const char *data_path)
{
	const char *name = getenv("NOTIFY_SOCKET");
	char text[128];
	int error;

	if (!name)
		return;
	snprintf(text, sizeof(text), "READY=1\nSTATUS=data path is %s\n",
		 data_path);
	/* A manager may be busy, or not listen any more when it ends us. */
	do {
		error = send_to(name, text, strlen(text));
	} while (error == -EAGAIN && !fuse_session_exited(session));
	if (error)
		log_error("NOTIFY_SOCKET=%s: %s", name, strerror(-error));
}
