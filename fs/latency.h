/* SPDX-License-Identifier: MIT */
/*
 * How long a CPU may take to wake up while the mount is busy: the kernel's
 * CPU latency request (Documentation/power/pm_qos_interface.rst).
 *
 * Who waits for an answer sleeps, and where nothing else runs their CPU does
 * too. Waking it can take longer than all the rest of a small request, in a
 * virtual machine most of all. With a request for less, CPUs with nothing to
 * do take a lighter sleep, or with 0 none at all. It holds for all CPUs of the
 * machine, and ends with the process at the latest: so it is in force only
 * while requests follow each other closely.
 */
#ifndef SHMFS_LATENCY_H
#define SHMFS_LATENCY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LATENCY_DEVICE "/dev/cpu_dma_latency"

struct latency {
	int fd;		      /* the device */
	int32_t microseconds; /* the most that waking up may take */
	int wake;	      /* eventfd(2), for the thread */
	pthread_t thread;
	atomic_bool busy; /* the request is in force, or about to be */
	atomic_bool stop;
	atomic_uint served; /* while busy; wraps */
};

/*
 * Makes ready to ask; nothing is asked for yet. 0 or -errno: only root may, and
 * not every container has the device. Freed by latency_close(), which is good
 * for a zeroed one as well.
 */
int latency_open(int32_t microseconds, struct latency *latency);
void latency_close(struct latency *latency);

/* Starts and ends the thread that asks. 0 or -errno. */
int latency_start(struct latency *latency);
void latency_stop(struct latency *latency);

/* A request has come; from any thread, between the two. */
void latency_note(struct latency *latency);

#endif
