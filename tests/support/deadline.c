// SPDX-License-Identifier: MIT
/*
 * Waiting with a deadline: before_deadline() of fixture.h.
 */
#include <stdbool.h>
#include <time.h>

#include "fixture.h"

static void nap(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	(void)nanosleep(&ms, NULL); /* a shorter nap does no harm */
}

bool before_deadline(double *deadline, double seconds)
{
	struct timespec now;
	double t;

	clock_gettime(CLOCK_MONOTONIC, &now);
	t = now.tv_sec + now.tv_nsec * 1e-9;
	if (*deadline == 0)
		*deadline = t + seconds;
	nap();
	return t < *deadline;
}
