// SPDX-License-Identifier: MIT
/*
 * The child knows the mountpoint, waits for a byte, asks once, and sends the
 * answer. It has nothing of the daemon's open but its end of the socket, and
 * ends when the daemon does.
 */
#include "question.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

struct answer {
	char path[sizeof(((struct question *)0)->path)];
	int error;
};

static void ask(int socket, const char *mountpoint)
{
	struct answer answer = { .error = 0 };
	char byte;

	if (read(socket, &byte, 1) != 1)
		return; /* the daemon ends without a question */
	if (getxattr(mountpoint, "user.shmfs.io", answer.path,
		     sizeof(answer.path) - 1) < 0)
		answer.error = errno;
	/* Fails only where nobody waits for it any more. */
	(void)!send(socket, &answer, sizeof(answer), MSG_NOSIGNAL);
}

int question_prepare(struct question *question, const char *mountpoint)
{
	int ends[2];

	*question = (struct question){ .child = -1, .socket = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	question->socket = ends[0];
	question->child = fork();
	if (question->child == 0) {
		(void)dup2(ends[1], STDIN_FILENO); /* both are open */
		(void)close_range(STDERR_FILENO + 1, ~0U, 0); /* a courtesy */
		ask(STDIN_FILENO, mountpoint);
		_exit(0);
	}
	(void)close(ends[1]); /* the child's */
	return question->child < 0 ? -errno : 0;
}

void question_ask(struct question *question)
{
	struct answer answer;
	ssize_t n;

	question->error = EIO; /* if the child is gone */
	if (send(question->socket, "", 1, MSG_NOSIGNAL) != 1)
		return;
	do {
		n = recv(question->socket, &answer, sizeof(answer), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(answer))
		return;
	question->error = answer.error;
	memcpy(question->path, answer.path, sizeof(answer.path));
}

void question_end(struct question *question)
{
	if (question->socket >= 0)
		(void)close(question->socket); /* lets the child go */
	question->socket = -1;
	if (question->child > 0)
		while (waitpid(question->child, NULL, 0) < 0 && errno == EINTR)
			;
	question->child = -1;
}
