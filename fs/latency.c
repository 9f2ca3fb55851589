// SPDX-License-Identifier: MIT
/*
 * The CPU latency request: a number in a file that is held open.
 */
#include "latency.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* PM_QOS_CPU_LATENCY_DEFAULT_VALUE: as if nobody had asked. */
#define ANY_LATENCY 2000000000

int latency_open(int32_t microseconds, struct latency *ret_latency)
{
	int fd = open(LATENCY_DEVICE, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ret_latency->fd = fd;
	ret_latency->microseconds = microseconds;
	return 0;
}

void latency_close(struct latency *latency)
{
	if (latency->fd >= 0)
		(void)close(latency->fd); /* takes the request back as well */
	latency->fd = -1;
}

void latency_hold(const struct latency *latency, bool hold)
{
	int32_t us = hold ? latency->microseconds : ANY_LATENCY;

	/* A request that is not heard costs time, nothing else. */
	if (latency->fd >= 0)
		(void)!write(latency->fd, &us, sizeof(us));
}
