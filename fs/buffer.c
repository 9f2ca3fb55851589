// SPDX-License-Identifier: MIT
/*
 * Thread-specific data (pthread_key_create(3)): freed when its thread ends.
 */
#include "buffer.h"

#include <pthread.h>
#include <stdlib.h>

struct buffer {
	size_t size;
	void *data;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error;

static void free_buffer(void *value)
{
	struct buffer *buffer = value;

	free(buffer->data);
	free(buffer);
}

static void make_key(void)
{
	key_error = pthread_key_create(&key, free_buffer);
}

static struct buffer *this_threads(void)
{
	struct buffer *buffer;

	pthread_once(&once, make_key);
	if (key_error)
		return NULL;
	buffer = pthread_getspecific(key);
	if (buffer)
		return buffer;
	buffer = calloc(1, sizeof(*buffer));
	if (buffer && pthread_setspecific(key, buffer)) {
		free(buffer);
		return NULL;
	}
	return buffer;
}

void *thread_buffer(size_t size)
{
	struct buffer *buffer = this_threads();
	void *data;

	if (!buffer)
		return NULL;
	if (buffer->size >= size)
		return buffer->data;
	if (posix_memalign(&data, 4096, size))
		return NULL;
	free(buffer->data);
	buffer->data = data;
	buffer->size = size;
	return data;
}
