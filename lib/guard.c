// SPDX-License-Identifier: MIT
/*
 * The guarded copy: owns the process' SIGBUS handler. Each thread announces
 * the range of mapped memory it is about to touch; a fault inside it jumps
 * back to the copy, any other fault is somebody else's.
 *
 * Between announcing and withdrawing a range runs nothing but the copy, which
 * holds no lock and owns nothing, so that jumping out of it is safe.
 */
#include "guard.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

struct guard {
	sigjmp_buf env;
	uintptr_t start;
	uintptr_t end;
};

/* The copy this thread is in, NULL outside of one. */
static _Thread_local struct guard *volatile armed;
static struct sigaction previous;

/*
 * Hands the signal on. Returning from here touches the same address again,
 * now under the default action: the process ends as if we were not there.
 */
static void call_previous(int sig, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(sig, info, context);
	else if (previous.sa_handler != SIG_DFL &&
		 previous.sa_handler != SIG_IGN)
		previous.sa_handler(sig);
	else
		(void)signal(sig, SIG_DFL); /* cannot fail for SIGBUS */
}

static void handle_sigbus(int sig, siginfo_t *info, void *context)
{
	struct guard *guard = armed;
	uintptr_t address = (uintptr_t)info->si_addr;

	/* si_code > 0: from the kernel, not from kill(2) */
	if (!guard || info->si_code <= 0 || address < guard->start ||
	    address >= guard->end) {
		call_previous(sig, info, context);
		return;
	}
	siglongjmp(guard->env, info->si_code == BUS_MCEERR_AR ? EIO : EFAULT);
}

int guard_install(void)
{
	/* SA_NODEFER: the handler does not return. */
	struct sigaction action = {
		.sa_sigaction = handle_sigbus,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &previous) < 0)
		return -errno;
	return 0;
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACES_ARE_THE_CALLERS 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define RACES_ARE_THE_CALLERS 1
#endif

#ifdef RACES_ARE_THE_CALLERS
/*
 * Two callers who read and write the same bytes at once race by their own
 * choice, as on any file: ThreadSanitizer is not to look in here.
 */
__attribute__((no_sanitize("thread"), noinline)) static void
copy_bytes(void *to, const void *from, size_t len)
{
	volatile char *out = to;
	const volatile char *in = from;

	while (len--)
		*out++ = *in++;
}
#else
/*
 * In pieces, because memcpy(3) knows a faster way for what fits into a cache:
 * a MiB out of a mapping takes 33 microseconds instead of 46 (glibc 2.36, Zen
 * 5, "rep movsb").
 */
#define PIECE ((size_t)64 << 10)

/* Not inline: what sigsetjmp(3) returns to must not find it half done. */
__attribute__((noinline)) static void copy_bytes(char *to, const char *from,
						 size_t len)
{
	while (len > PIECE) {
		memcpy(to, from, PIECE);
		to += PIECE;
		from += PIECE;
		len -= PIECE;
	}
	memcpy(to, from, len);
}
#endif

/*
 * sigsetjmp(3) with the signal mask is a system call for each copy; the
 * handler is SA_NODEFER, so nothing needs unblocking. ThreadSanitizer calls
 * handlers with all signals blocked.
 */
#ifdef RACES_ARE_THE_CALLERS
#define SAVE_MASK 1
#else
#define SAVE_MASK 0
#endif

static int guarded_copy(void *to, const void *from, size_t len,
			const void *mapped)
{
	struct guard guard;
	int fault;

	guard.start = (uintptr_t)mapped;
	guard.end = guard.start + len;
	fault = sigsetjmp(guard.env, SAVE_MASK);
	if (fault) {
		armed = NULL;
		return -fault;
	}
	armed = &guard;
	atomic_signal_fence(memory_order_seq_cst);
	copy_bytes(to, from, len);
	atomic_signal_fence(memory_order_seq_cst);
	armed = NULL;
	return 0;
}

int guard_copy_in(void *mapped, const void *from, size_t len)
{
	return guarded_copy(mapped, from, len, mapped);
}

int guard_copy_out(void *to, const void *mapped, size_t len)
{
	return guarded_copy(to, mapped, len, mapped);
}
