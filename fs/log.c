// SPDX-License-Identifier: MIT
/*
 * Where messages go. The only state is set at start, before other threads
 * exist.
 */
#define FUSE_USE_VERSION 318
#include <fuse_log.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "log.h"

static struct {
	bool to_syslog;
	bool capture;
	char captured[256];
} output;

__attribute__((format(printf, 2, 0))) static void
print(int priority, const char *format, va_list args)
{
	char line[1024];
	int n = vsnprintf(line, sizeof(line), format, args);

	if (n < 0)
		return;
	line[strcspn(line, "\n")] = '\0';
	if (output.to_syslog)
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
	output.to_syslog = true;
}

__attribute__((format(printf, 2, 0))) static void
from_fuse(enum fuse_log_level level, const char *format, va_list args)
{
	if (output.capture && level <= FUSE_LOG_ERR) {
		vsnprintf(output.captured, sizeof(output.captured), format,
			  args);
		output.captured[strcspn(output.captured, "\n")] = '\0';
		return;
	}
	/* -d prints lines in several parts: as they come. */
	if (level == FUSE_LOG_DEBUG && !output.to_syslog)
		vfprintf(stderr, format, args);
	else
		print((int)level, format, args); /* the same numbers */
}

void log_fuse(void)
{
	fuse_set_log_func(from_fuse);
}

void log_capture(int on)
{
	output.capture = on;
}

const char *log_captured(void)
{
	return output.captured;
}
