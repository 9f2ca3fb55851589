/* SPDX-License-Identifier: MIT */
/*
 * Messages to whoever runs the daemon: to stderr, each line beginning with
 * "shmfs: ", until the daemon is in the background, then to syslog(3).
 */
#ifndef SHMFS_LOG_H
#define SHMFS_LOG_H

#include <stdbool.h>

/* One line, without a newline at its end. Any thread. */
__attribute__((format(printf, 1, 2))) void log_error(const char *format, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *format, ...);

/* From now on to syslog, facility daemon. Before threads start. */
void log_to_syslog(void);

/*
 * Sends libfuse's own messages the same way. While a thread captures them,
 * errors of its calls are kept instead, the last one being log_captured(): so
 * that a failed mount has one line of ours, not three of theirs.
 */
void log_fuse(void);
void log_capture(bool on);
const char *log_captured(void);

#endif
