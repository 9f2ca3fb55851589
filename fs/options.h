/* SPDX-License-Identifier: MIT */
/*
 * The command line. One table says what is accepted; --help, the checks and
 * the errors all come from it.
 */
#ifndef SHMFS_OPTIONS_H
#define SHMFS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "helper.h"
#include "owner.h"
#include "store.h"
#include "view.h"

struct options {
	struct helper helper;
	bool help;
	bool version;
	bool foreground;
	bool debug;
	const struct store_kind *kind;
	const char *mountpoint; /* in argv */
	struct view view;
	uint64_t size;	       /* bytes; 0: no limit */
	const char *size_text; /* in argv */
	uint64_t objects;      /* 0: no limit */
	bool reserve;
	struct owner owner;
	bool read_only;
	bool allow_other;
	bool kernel_checks; /* default_permissions, or others get in */
	bool auto_unmount;
	bool no_native;	  /* io=direct */
	bool only_native; /* io=native */
	bool io_uring;
	unsigned max_threads;
	unsigned spin;	 /* microseconds */
	int cpu_latency; /* microseconds; -1: not asked for */
	char *fuse;	 /* what libfuse is to have after -o; malloc'ed */
	uint64_t given;	 /* option_rules.c: a bit for each rule that was used */
};

/*
 * Reads argv. 0, or -EINVAL after one line that names what is wrong and what
 * is accepted instead, -ENOMEM. options_free() in any case.
 */
int options_parse(int argc, char **argv, struct options *ret_options);
void options_free(struct options *options);

void options_print_help(void);

#endif
