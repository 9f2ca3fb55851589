// SPDX-License-Identifier: MIT
/*
 * The window pool: windows are where they should be, are shared and kept,
 * stay within the bound, and reach to the last offset that can be mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
/* after the headers it needs */
#include <cmocka.h>

#include "window.h"

static struct window_source make_source(off_t size)
{
	struct window_source source = {
		.fd = memfd_create("window", MFD_CLOEXEC),
		.writable = true,
	};

	assert_true(source.fd >= 0);
	assert_int_equal(ftruncate(source.fd, size), 0);
	return source;
}

static void window_shows_its_part(void **state)
{
	struct window_source source = make_source(3 * WINDOW_SIZE);
	struct window_pool pool;
	struct window *window;
	off_t off = 2 * WINDOW_SIZE + 12345;

	window_pool_init(&pool, 8);
	assert_int_equal(window_get(&pool, &source, off, &window), 0);
	assert_true(window->start == 2 * WINDOW_SIZE);
	assert_true(window->end == 3 * WINDOW_SIZE);
	assert_int_equal(pwrite(source.fd, "here", 4, off), 4);
	assert_memory_equal(window->base + (off - window->start), "here", 4);
	window_put(&pool, window);
	window_drop(&pool, &source);
	window_pool_destroy(&pool);
	(void)close(source.fd);
}

static void windows_are_shared_and_kept(void **state)
{
	struct window_source source = make_source(WINDOW_SIZE);
	struct window *first, *second;
	struct window_pool pool;

	window_pool_init(&pool, 8);
	assert_int_equal(window_get(&pool, &source, 0, &first), 0);
	assert_int_equal(window_get(&pool, &source, WINDOW_SIZE - 1, &second),
			 0);
	assert_ptr_equal(first, second);
	assert_int_equal(pool.count, 1);
	window_put(&pool, first);
	window_put(&pool, second);
	assert_int_equal(window_get(&pool, &source, 5, &second), 0);
	assert_ptr_equal(first, second);
	window_put(&pool, second);
	window_drop(&pool, &source);
	assert_int_equal(pool.count, 0);
	window_pool_destroy(&pool);
	(void)close(source.fd);
}

static void pool_keeps_its_bound(void **state)
{
	struct window_source sources[2] = { make_source(1), make_source(1) };
	struct window_pool pool;
	struct window *held;

	window_pool_init(&pool, 4);
	assert_int_equal(window_get(&pool, &sources[0], 0, &held), 0);
	for (int i = 1; i < 1000; i++) {
		struct window *window;
		off_t off = (off_t)(rand() % 100) * WINDOW_SIZE;

		assert_int_equal(
			window_get(&pool, &sources[i % 2], off, &window), 0);
		assert_true(window->start == off);
		assert_ptr_equal(window->source, &sources[i % 2]);
		assert_true(pool.count <= 5);
		window_put(&pool, window);
		assert_true(pool.count <= 4);
	}
	/* the one in use was never taken away */
	assert_int_equal(msync(held->base, 4096, MS_ASYNC), 0);
	window_put(&pool, held);
	window_drop(&pool, &sources[0]);
	window_drop(&pool, &sources[1]);
	assert_int_equal(pool.count, 0);
	window_pool_destroy(&pool);
	(void)close(sources[0].fd);
	(void)close(sources[1].fd);
}

static void all_in_use_is_allowed(void **state)
{
	struct window_source source = make_source(1);
	struct window *windows[10];
	struct window_pool pool;

	window_pool_init(&pool, 2);
	for (int i = 0; i < 10; i++)
		assert_int_equal(window_get(&pool, &source, i * WINDOW_SIZE,
					    &windows[i]),
				 0);
	assert_int_equal(pool.count, 10);
	for (int i = 0; i < 10; i++)
		window_put(&pool, windows[i]);
	assert_int_equal(pool.count, 2);
	window_drop(&pool, &source);
	window_pool_destroy(&pool);
	(void)close(source.fd);
}

static void last_window_ends_at_the_last_page(void **state)
{
	struct window_source source = make_source(INT64_MAX);
	struct window_pool pool;
	struct window *window;

	window_pool_init(&pool, 2);
	assert_int_equal(
		window_get(&pool, &source, WINDOW_END_MAX - 1, &window), 0);
	assert_true(window->end == WINDOW_END_MAX);
	window->base[WINDOW_END_MAX - 1 - window->start] = 1;
	window_put(&pool, window);
	window_drop(&pool, &source);
	window_pool_destroy(&pool);
	(void)close(source.fd);
}

static off_t bytes_allocated(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks * 512;
}

static void populates_the_range_and_no_more(void **state)
{
	struct window_source source = make_source(WINDOW_SIZE);
	struct window_pool pool;
	struct window *window;
	off_t part = WINDOW_SIZE / 64;

	window_pool_init(&pool, 2);
	assert_int_equal(window_get(&pool, &source, 0, &window), 0);
	window_populate(window, part, (size_t)part - 1);
	assert_int_equal(bytes_allocated(source.fd), 0); /* too small */
	window_populate(window, 3 * part - 1, (size_t)part + 2);
	assert_int_equal(bytes_allocated(source.fd), part + 2 * 4096);
	window_populate(window, 0, (size_t)WINDOW_SIZE);
	assert_int_equal(bytes_allocated(source.fd), WINDOW_SIZE);
	/* once is enough: what was taken away meanwhile stays away */
	assert_int_equal(ftruncate(source.fd, 0), 0);
	assert_int_equal(ftruncate(source.fd, WINDOW_SIZE), 0);
	window_populate(window, 0, (size_t)WINDOW_SIZE);
	assert_int_equal(bytes_allocated(source.fd), 0);
	window_put(&pool, window);
	window_drop(&pool, &source);
	window_pool_destroy(&pool);
	(void)close(source.fd);
}

static void bad_descriptor_is_reported(void **state)
{
	struct window_source source = { .fd = -1 };
	struct window_pool pool;
	struct window *window;

	window_pool_init(&pool, 2);
	assert_int_equal(window_get(&pool, &source, 0, &window), -EBADF);
	assert_int_equal(pool.count, 0);
	window_pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_shows_its_part),
		cmocka_unit_test(windows_are_shared_and_kept),
		cmocka_unit_test(pool_keeps_its_bound),
		cmocka_unit_test(all_in_use_is_allowed),
		cmocka_unit_test(last_window_ends_at_the_last_page),
		cmocka_unit_test(populates_the_range_and_no_more),
		cmocka_unit_test(bad_descriptor_is_reported),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed != 0;
}
