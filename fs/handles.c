// SPDX-License-Identifier: MIT
/*
 * A ring of handles and its lock.
 */
#include "handles.h"

void handles_init(struct handles *handles)
{
	pthread_mutex_init(&handles->lock, NULL);
	handles->first.prev = handles->first.next = &handles->first;
}

void handles_add(struct handles *handles, struct handle *handle)
{
	pthread_mutex_lock(&handles->lock);
	handle->prev = &handles->first;
	handle->next = handles->first.next;
	handle->next->prev = handle;
	handles->first.next = handle;
	pthread_mutex_unlock(&handles->lock);
}

void handles_remove(struct handles *handles, struct handle *handle)
{
	pthread_mutex_lock(&handles->lock);
	handle->prev->next = handle->next;
	handle->next->prev = handle->prev;
	pthread_mutex_unlock(&handles->lock);
}

void handles_end(struct handles *handles, struct fs *fs)
{
	while (handles->first.next != &handles->first) {
		struct handle *handle = handles->first.next;

		handles_remove(handles, handle);
		handle->end(fs, handle);
	}
	pthread_mutex_destroy(&handles->lock);
}
