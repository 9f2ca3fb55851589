/* SPDX-License-Identifier: MIT */
/*
 * How long a CPU may take to wake up while the mount is busy: the kernel's
 * CPU latency request (Documentation/power/pm_qos_interface.rst).
 *
 * Who waits for an answer sleeps, and where nothing else runs their CPU does
 * too. Waking it can take longer than all the rest of a small request, in a
 * virtual machine most of all. With a request for less, CPUs with nothing to
 * do take a lighter sleep, or with 0 none at all. It holds for all CPUs of the
 * machine, and ends with the process at the latest.
 */
#ifndef SHMFS_LATENCY_H
#define SHMFS_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

#define LATENCY_DEVICE "/dev/cpu_dma_latency"

struct latency {
	int fd;		      /* -1: no request is wanted */
	int32_t microseconds; /* the most that waking up may take */
};

/*
 * Makes ready to hold a request; none is in force yet. 0 or -errno: only root
 * may, and not every container has the device. Freed by latency_close().
 */
int latency_open(int32_t microseconds, struct latency *ret_latency);
void latency_close(struct latency *latency);

/*
 * Puts the request in force, or takes it back. One thread at a time. Wakes all
 * idle CPUs of the machine: not for each request.
 */
void latency_hold(const struct latency *latency, bool hold);

#endif
