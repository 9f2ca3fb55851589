/* SPDX-License-Identifier: MIT */
/*
 * The first question to a mount, asked by its own daemon as anybody would:
 * which data path it has.
 */
#ifndef SHMFS_QUESTION_H
#define SHMFS_QUESTION_H

struct question {
	const char *mountpoint;
	char path[16]; /* the answer */
	int error;     /* errno */
};

/* Asks, and waits for the answer. */
void question_ask(struct question *question);

#endif
