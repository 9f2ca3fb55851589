// SPDX-License-Identifier: MIT
/*
 * To be preloaded into the daemon under a valgrind that does not know the
 * newest system calls: makes openat(2) of openat2(2) (what that would refuse
 * besides, the load under valgrind does not try), and answers for cachestat(2)
 * as a kernel does that has none, which valgrind does with a lot of words.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CACHESTAT 451

long syscall(long number, ...)
{
	long (*next)(long, ...) =
		(long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == CACHESTAT) {
		errno = ENOSYS;
		return -1;
	}
	if (number == SYS_openat2) {
		const struct open_how *how = (const struct open_how *)a[2];

		return openat((int)a[0], (const char *)a[1], (int)how->flags,
			      (mode_t)how->mode);
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
