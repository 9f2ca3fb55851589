// SPDX-License-Identifier: MIT
/*
 * A thread for as long as the question takes.
 */
#include "question.h"

#include <errno.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * The question waits for our own answer, and not even SIGKILL ends that while
 * /dev/fuse is open: so this thread, which may be what is left of a killed
 * process, has it no more.
 */
static void *ask(void *data)
{
	struct question *question = data;

	question->error = 0;
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_UNSHARE) < 0 ||
	    getxattr(question->mountpoint, "user.shmfs.io", question->path,
		     sizeof(question->path) - 1) < 0)
		question->error = errno;
	return NULL;
}

void question_ask(struct question *question)
{
	pthread_t thread;

	question->error = pthread_create(&thread, NULL, ask, question);
	if (!question->error)
		pthread_join(thread, NULL);
}
