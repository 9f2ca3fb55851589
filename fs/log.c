// SPDX-License-Identifier: MIT
/*
 * Where messages go. The one thing that all threads share is set before there
 * is more than one that would log.
 */
#define FUSE_USE_VERSION 318
#include <fuse_log.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "log.h"

static atomic_bool to_syslog;
static _Thread_local bool capturing;
static _Thread_local char captured[256];

__attribute__((format(printf, 2, 0))) static void
print(int priority, const char *format, va_list args)
{
	char line[8192]; /* a path may be 4096 */
	int n = vsnprintf(line, sizeof(line), format, args);

	if (n < 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	if (to_syslog)
		syslog(priority, "%s", line);
	else
		fprintf(stderr, "shmfs: %s\n", line);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_ERR, format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(LOG_INFO, format, args);
	va_end(args);
}

void log_to_syslog(void)
{
	openlog("shmfs", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

__attribute__((format(printf, 2, 0))) static void
from_fuse(enum fuse_log_level level, const char *format, va_list args)
{
	if (capturing && level <= FUSE_LOG_ERR) {
		vsnprintf(captured, sizeof(captured), format, args);
		captured[strcspn(captured, "\n")] = '\0';
		return;
	}
	print((int)level, format, args); /* the same numbers */
}

void log_fuse(void)
{
	fuse_set_log_func(from_fuse);
}

void log_capture(bool on)
{
	capturing = on;
}

const char *log_captured(void)
{
	return captured;
}
