// SPDX-License-Identifier: MIT
/*
 * The guarded copy: faults past the end of a file are reported, faults that
 * are not ours reach the handler that was there before, and threads do not
 * disturb each other.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

#include "guard.h"

#define PAGE 4096

/* Two pages mapped of a file that has one. */
static char *map_beyond_end(int *ret_fd)
{
	int fd = memfd_create("guard", MFD_CLOEXEC);
	char *map;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	*ret_fd = fd;
	return map;
}

static void unmap(char *map, int fd)
{
	assert_int_equal(munmap(map, 2 * PAGE), 0);
	assert_int_equal(close(fd), 0);
}

static void copies_what_is_there(void **state)
{
	char in[PAGE], out[PAGE];
	char *map;
	int fd;

	assert_int_equal(guard_install(), 0);
	map = map_beyond_end(&fd);
	memset(in, 'x', sizeof(in));
	assert_int_equal(guard_copy_in(map, in, PAGE), 0);
	assert_int_equal(guard_copy_out(out, map, PAGE), 0);
	assert_memory_equal(in, out, PAGE);
	unmap(map, fd);
}

static void reports_each_fault(void **state)
{
	char buf[2 * PAGE] = { 0 };
	char *map;
	int fd;

	assert_int_equal(guard_install(), 0);
	map = map_beyond_end(&fd);
	/* again and again: the signal must not stay blocked after the first */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(guard_copy_out(buf, map, 2 * PAGE), -EFAULT);
		assert_int_equal(guard_copy_in(map, buf, 2 * PAGE), -EFAULT);
		assert_int_equal(guard_copy_out(buf, map + PAGE, 1), -EFAULT);
		assert_int_equal(guard_copy_in(map + 2 * PAGE - 1, buf, 1),
				 -EFAULT);
	}
	assert_int_equal(guard_copy_out(buf, map, PAGE), 0);
	unmap(map, fd);
}

static volatile sig_atomic_t handled;
static sigjmp_buf outside;

static void other_handler(int sig)
{
	handled++;
	siglongjmp(outside, 1);
}

static void foreign_fault_goes_to_previous_handler(void **state)
{
	struct sigaction action = { .sa_handler = other_handler };
	char byte;
	char *map;
	int fd;

	handled = 0;
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	assert_int_equal(guard_install(), 0);
	map = map_beyond_end(&fd);
	if (sigsetjmp(outside, 1) == 0)
		*(volatile char *)(map + PAGE) = 1;
	assert_int_equal(handled, 1);
	/* and ours still come to us */
	assert_int_equal(guard_copy_out(&byte, map + PAGE, 1), -EFAULT);
	assert_int_equal(handled, 1);
	unmap(map, fd);
}

static void foreign_fault_without_handler_kills(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		char *map;
		int fd;

		(void)signal(SIGBUS, SIG_DFL);
		if (guard_install() != 0)
			_exit(1);
		map = map_beyond_end(&fd);
		*(volatile char *)(map + PAGE) = 1;
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void *fault_many_times(void *data)
{
	char *map = data;
	uintptr_t wrong = 0;
	char byte;

	for (int i = 0; i < 20000; i++) {
		if (guard_copy_out(&byte, map + PAGE, 1) != -EFAULT)
			wrong++;
		if (guard_copy_out(&byte, map, 1) != 0)
			wrong++;
	}
	return (void *)wrong;
}

static void threads_fault_on_their_own(void **state)
{
	pthread_t threads[4];
	char *map;
	int fd;

	assert_int_equal(guard_install(), 0);
	map = map_beyond_end(&fd);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						fault_many_times, map),
				 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	unmap(map, fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_what_is_there),
		cmocka_unit_test(reports_each_fault),
		cmocka_unit_test(foreign_fault_goes_to_previous_handler),
		cmocka_unit_test(foreign_fault_without_handler_kills),
		cmocka_unit_test(threads_fault_on_their_own),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
