// SPDX-License-Identifier: MIT
/*
 * A ring of handles, users and their counts, and the lock of both.
 */
#include "handles.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void handles_init(struct handles *handles, bool shared)
{
	struct rlimit files;

	pthread_mutex_init(&handles->lock, NULL);
	handles->first.prev = handles->first.next = &handles->first;
	if (shared && getrlimit(RLIMIT_NOFILE, &files) == 0)
		handles->share_max = files.rlim_cur / 2;
}

static struct share **find_share(struct handles *handles, uid_t uid)
{
	struct share **at = &handles->shares[uid % HANDLES_BUCKETS];

	while (*at && (*at)->uid != uid)
		at = &(*at)->next;
	return at;
}

/* Called with the lock held. */
static int take_share(struct handles *handles, uid_t uid,
		      struct share **ret_share)
{
	struct share **at, *share;

	*ret_share = NULL;
	if (!handles->share_max || uid == 0 || uid == geteuid())
		return 0;
	at = find_share(handles, uid);
	share = *at;
	if (!share) {
		share = calloc(1, sizeof(*share));
		if (!share)
			return -ENOMEM;
		share->uid = uid;
		*at = share;
	}
	if (share->count == handles->share_max)
		return -ENFILE;
	share->count++;
	*ret_share = share;
	return 0;
}

/* Called with the lock held. */
static void give_share(struct handles *handles, struct share *share)
{
	struct share **at;

	if (!share || --share->count > 0)
		return;
	at = find_share(handles, share->uid);
	*at = share->next;
	free(share);
}

int handles_add(struct handles *handles, struct handle *handle, uid_t uid)
{
	int error;

	pthread_mutex_lock(&handles->lock);
	error = take_share(handles, uid, &handle->share);
	if (!error) {
		handle->prev = &handles->first;
		handle->next = handles->first.next;
		handle->next->prev = handle;
		handles->first.next = handle;
	}
	pthread_mutex_unlock(&handles->lock);
	return error;
}

void handles_remove(struct handles *handles, struct handle *handle)
{
	pthread_mutex_lock(&handles->lock);
	handle->prev->next = handle->next;
	handle->next->prev = handle->prev;
	give_share(handles, handle->share);
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
