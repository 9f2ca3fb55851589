/* SPDX-License-Identifier: MIT */
/*
 * Serving on the CPU of whoever asks.
 *
 * A request over /dev/fuse is two wake-ups: of the thread that serves it, and
 * of the one that asked. Both on one CPU, that is two switches; on two CPUs,
 * each wakes the other from its sleep, which takes several times as long, in a
 * virtual machine above all (on the machine this was measured on, 4 KiB reads
 * go from 21 to 110 thousand a second). So a thread that serves requests of
 * one task only, and many of them, moves to the CPU that this task runs on.
 */
#ifndef SHMFS_FOLLOW_H
#define SHMFS_FOLLOW_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct follow {
	cpu_set_t all;	   /* where the thread may run if it follows nobody */
	uint32_t task;	   /* whose request was the last */
	unsigned in_row;   /* requests of it, one after the other, */
	uint64_t begun_ns; /* since then */
	uint64_t look_ns;  /* when to look next where it is */
	bool there;	   /* on its CPU, and bound to it */
};

/* For the calling thread, which makes all calls below. */
void follow_init(struct follow *follow);
/* A request of this task has come; 0: of one that we cannot see. */
void follow_request(struct follow *follow, uint32_t task);
/* Free to run anywhere again. */
void follow_end(struct follow *follow);

#endif
