/* SPDX-License-Identifier: MIT */
/*
 * The first question to a mount, asked as anybody would: which data path it
 * has.
 *
 * A process of its own asks. The question waits for the daemon's answer, and
 * not even SIGKILL ends such a wait before the kernel has seen the daemon go:
 * a thread that waits would keep the killed daemon's descriptors, or at least
 * its memory, where the rings of io_uring are mapped, and so /dev/fuse, open
 * for ever.
 */
#ifndef SHMFS_QUESTION_H
#define SHMFS_QUESTION_H

#include <sys/types.h>

struct question {
	char path[16]; /* the answer */
	int error;     /* errno */
	pid_t child;   /* who asks, or -1 */
	int socket;    /* to it, or -1 */
};

/*
 * Starts who is to ask; before there are threads, and before the mount. 0 or
 * -errno; question_end() in any case.
 */
int question_prepare(struct question *question, const char *mountpoint);
/* Has it asked, and waits for the answer. */
void question_ask(struct question *question);
/* Whether it was asked or not. */
void question_end(struct question *question);

#endif
