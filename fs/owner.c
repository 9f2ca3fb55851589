// SPDX-License-Identifier: MIT
/*
 * What uid=, gid= and umask= show, and what may be changed all the same.
 */
#include "owner.h"

#include <errno.h>
#include <unistd.h>

void owner_show(const struct owner *owner, struct stat *st)
{
	if (owner->has_uid)
		st->st_uid = owner->uid;
	if (owner->has_gid)
		st->st_gid = owner->gid;
	if (owner->has_umask)
		st->st_mode = (st->st_mode & S_IFMT) | (0777 & ~owner->umask);
}

int owner_filter(const struct owner *owner, const struct stat *st,
		 struct store_attr *attr)
{
	struct stat shown = *st;

	owner_show(owner, &shown);
	if ((attr->set & STORE_SET_UID) && attr->uid == shown.st_uid)
		attr->set &= ~(unsigned)STORE_SET_UID;
	if ((attr->set & STORE_SET_GID) && attr->gid == shown.st_gid)
		attr->set &= ~(unsigned)STORE_SET_GID;
	if ((attr->set & STORE_SET_MODE) &&
	    (attr->mode & 07777) == (shown.st_mode & 07777))
		attr->set &= ~(unsigned)STORE_SET_MODE;
	if (attr->set & (STORE_SET_UID | STORE_SET_GID))
		return -EPERM;
	if ((attr->set & STORE_SET_MODE) &&
	    (owner->has_umask || (attr->mode & (S_ISUID | S_ISGID))))
		return -EPERM;
	return S_ISDIR(st->st_mode) && attr->set ? -EPERM : 0;
}

int owner_give(struct object *object, uid_t uid, gid_t gid)
{
	struct store_attr attr = {
		.set = STORE_SET_UID | STORE_SET_GID,
		.uid = uid,
		.gid = gid,
	};

	if (geteuid() != 0)
		return 0;
	return object->kind->set_attr(object, &attr);
}
