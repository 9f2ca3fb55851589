// SPDX-License-Identifier: MIT
/*
 * Where a task runs is in /proc/TID/stat; reading that takes as long as a
 * request, so it is read once in a millisecond at most, and after many
 * requests. Where it cannot be read nobody is followed.
 *
 * Bound to the CPU while it follows, because the scheduler would rather move
 * it to one that is idle. That is good only as long as requests come fast:
 * when they do not, somebody else has work for that CPU, or the time goes into
 * copying, and we are free again.
 */
#include "follow.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

#define MANY	  32	    /* requests before it pays to look */
#define FAST_NS	  3200000   /* for that many of them, at most */
#define PAUSE_NS  1000000   /* from one look to the next */
#define AGAIN_NS  200000000 /* before another try, after they were slow */
#define CPU_FIELD 39	    /* "processor", counted from 1: proc_pid_stat(5) */

/* The CPU a task runs on or ran on last, or -1. */
static int cpu_of(uint32_t task)
{
	char path[32], text[1024];
	char *field;
	auto_fd fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	/* the second field may hold anything, also blanks and brackets */
	field = strrchr(text, ')');
	for (int i = 2; field && i < CPU_FIELD; i++)
		field = strchr(field + 1, ' ');
	return field ? atoi(field) : -1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void follow_init(struct follow *follow)
{
	*follow = (struct follow){ 0 };
	if (sched_getaffinity(0, sizeof(follow->all), &follow->all) < 0)
		CPU_ZERO(&follow->all); /* then nobody is followed */
}

static void bind_to(struct follow *follow, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	follow->there = sched_setaffinity(0, sizeof(one), &one) == 0;
}

/* A look at where the task is now. */
static void look(struct follow *follow)
{
	int cpu = cpu_of(follow->task);

	if (cpu < 0 || cpu >= CPU_SETSIZE ||
	    !CPU_ISSET((size_t)cpu, &follow->all))
		follow_end(follow);
	else if (!follow->there || cpu != sched_getcpu())
		bind_to(follow, cpu);
}

void follow_request(struct follow *follow, uint32_t task)
{
	uint64_t now = now_ns();
	bool slow = now - follow->begun_ns > FAST_NS;

	if (task == 0)
		return; /* the kernel by itself, mostly between others */
	if (task != follow->task || slow) {
		if (slow && follow->there)
			follow->look_ns = now + AGAIN_NS;
		follow_end(follow);
		follow->task = task;
		follow->begun_ns = now;
		return;
	}
	if (++follow->in_row < MANY)
		return;
	follow->in_row = 0;
	follow->begun_ns = now;
	if (now < follow->look_ns)
		return;
	follow->look_ns = now + PAUSE_NS;
	look(follow);
}

void follow_end(struct follow *follow)
{
	follow->in_row = 0;
	if (follow->there)
		(void)sched_setaffinity(0, sizeof(follow->all), &follow->all);
	follow->there = false;
}
