// SPDX-License-Identifier: MIT
/*
 * System V segments as the kernel has them: each function is one question or
 * one order (shmget(2), shmctl(2), shmat(2), and /proc/sysvipc/shm for what
 * these do not tell).
 *
 * An id has a place in the kernel's table in its low bits and a count above,
 * so that it is not given again before millions of segments have been made,
 * unless someone asks for that (kernel.shm_next_id). Together with the pid of
 * who made the segment it is the inode number.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "caller.h"
#include "cleanup.h"
#include "sysv.h"

/* shmctl(2) and shmat(2) of an id that is not, or no more. */
static int error_of(int error)
{
	return error == EINVAL || error == EIDRM ? -ENOENT : -error;
}

int sysv_stat(int shmid, struct shmid_ds *ret_ds)
{
	struct shmid_ds ds;
	/*
	 * Asks for a place in the table, the low bits of the id, and returns
	 * the id of what is there.
	 */
	int found = shmctl(shmid, SHM_STAT_ANY, &ds);

	if (found < 0)
		return error_of(errno);
	if (found != shmid)
		return -ENOENT;
	*ret_ds = ds;
	return 0;
}

int sysv_find_key(key_t key)
{
	/* Asks for no right at all, so that the mode does not matter. */
	int shmid = shmget(key, 0, 0);

	return shmid < 0 ? -errno : shmid;
}

uint64_t sysv_ino(int shmid, const struct shmid_ds *ds)
{
	/* + 2: 0 is nobody's number, 1 the directory's. */
	return ((uint64_t)(uint32_t)ds->shm_cpid << 32 & INT64_MAX) +
	       (uint64_t)shmid + 2;
}

int sysv_shmid(uint64_t ino)
{
	return (int)((ino - 2) & INT32_MAX);
}

/* A line of /proc/sysvipc/shm, if it is this segment's: rss + swap. */
static bool parse_line(const char *line, int shmid, uint64_t *ret_bytes)
{
	char *at;

	(void)strtol(line, &at, 10); /* key */
	if (at == line)		     /* the heading */
		return false;
	if (strtol(at, &at, 10) != shmid || *at != ' ')
		return false;
	for (int field = 0; field < 12; field++) {
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	*ret_bytes = strtoull(at, &at, 10);
	*ret_bytes += strtoull(at, NULL, 10);
	return true;
}

blkcnt_t sysv_blocks(int shmid)
{
	FILE *table = fopen("/proc/sysvipc/shm", "re");
	uint64_t bytes = 0;
	char line[512];

	while (table && fgets(line, sizeof(line), table))
		if (parse_line(line, shmid, &bytes))
			break;
	if (table)
		(void)fclose(table); /* was only read */
	return (blkcnt_t)(bytes / 512);
}

void sysv_fill_stat(int shmid, const struct shmid_ds *ds, struct stat *ret)
{
	/* 0: nobody has attached it, or detached it, yet. */
	time_t atime = ds->shm_atime ? ds->shm_atime : ds->shm_ctime;
	time_t mtime = ds->shm_dtime ? ds->shm_dtime : ds->shm_ctime;

	*ret = (struct stat){
		.st_ino = sysv_ino(shmid, ds),
		.st_mode = S_IFREG | (ds->shm_perm.mode & 0777),
		.st_nlink = ds->shm_perm.mode & SHM_DEST ? 0 : 1,
		.st_uid = ds->shm_perm.uid,
		.st_gid = ds->shm_perm.gid,
		.st_size = (off_t)ds->shm_segsz,
		.st_blksize = sysconf(_SC_PAGESIZE),
		.st_atim.tv_sec = atime,
		.st_mtim.tv_sec = mtime,
		.st_ctim.tv_sec = ds->shm_ctime,
	};
}

/* As the caller, unless that is NULL. */
static int enter(const struct store_caller *caller, struct caller_saved *saved)
{
	return caller ? caller_enter_ipc(caller, saved) : 0;
}

static void leave(const struct store_caller *caller,
		  const struct caller_saved *saved)
{
	if (caller)
		caller_leave_ipc(saved);
}

int sysv_set(int shmid, const struct store_attr *attr)
{
	struct caller_saved saved;
	struct shmid_ds ds;
	/* IPC_SET sets all three: what is not to change stays. */
	int error = sysv_stat(shmid, &ds);

	if (error)
		return error;
	if (attr->set & STORE_SET_MODE)
		ds.shm_perm.mode = attr->mode & 0777;
	if (attr->set & STORE_SET_UID)
		ds.shm_perm.uid = attr->uid;
	if (attr->set & STORE_SET_GID)
		ds.shm_perm.gid = attr->gid;
	error = enter(attr->caller, &saved);
	if (error)
		return error;
	if (shmctl(shmid, IPC_SET, &ds) < 0)
		error = error_of(errno);
	leave(attr->caller, &saved);
	return error;
}

int sysv_remove(int shmid, const struct store_caller *caller)
{
	struct caller_saved saved;
	int error = enter(caller, &saved);

	if (error)
		return error;
	if (shmctl(shmid, IPC_RMID, NULL) < 0)
		error = error_of(errno);
	leave(caller, &saved);
	return error;
}

int sysv_touch(int shmid, const struct store_caller *caller)
{
	struct caller_saved saved;
	int error = enter(caller, &saved);
	void *base;

	if (error)
		return error;
	base = shmat(shmid, NULL, 0);
	if (base == (void *)-1)
		error = error_of(errno);
	else
		(void)shmdt(base); /* it has just been attached */
	leave(caller, &saved);
	return error;
}

/*
 * The kernel's own file behind an attachment, opened through proc(5),
 * map_files, which takes CAP_SYS_ADMIN. The pages of a file with huge ones
 * can only be mapped in ways that nobody asks for by its size: none then.
 */
static int open_pages(const struct sysv_segment *segment)
{
	off_t page = sysconf(_SC_PAGESIZE);
	size_t len = (size_t)((segment->size + page - 1) / page * page);
	auto_fd fd = -1;
	struct statfs fs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)(uintptr_t)segment->base,
		 (unsigned long)((uintptr_t)segment->base + len));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
		return -1;
	return steal_fd(&fd);
}

int sysv_attach(struct sysv_segment *segment, bool writable)
{
	struct shmid_ds ds;
	void *base = shmat(segment->shmid, NULL, writable ? 0 : SHM_RDONLY);
	int error;

	if (base == (void *)-1)
		return error_of(errno);
	/* While it is attached its id is its own. */
	error = sysv_stat(segment->shmid, &ds);
	if (!error && sysv_ino(segment->shmid, &ds) != segment->ino)
		error = -ENOENT;
	if (error) {
		(void)shmdt(base); /* it has just been attached */
		return error;
	}
	segment->base = base;
	segment->size = (off_t)ds.shm_segsz;
	segment->writable = writable;
	segment->fd = open_pages(segment);
	return 0;
}

void sysv_detach(struct sysv_segment *segment)
{
	if (!segment->base)
		return;
	if (segment->fd >= 0)
		(void)close(segment->fd); /* memory: nothing to report */
	(void)shmdt(segment->base);	  /* it is attached there */
	segment->fd = -1;
	segment->base = NULL;
}
