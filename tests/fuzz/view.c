/* SPDX-License-Identifier: MIT */
/*
 * The view's promises on whatever libFuzzer comes up with. Built by clang with
 * -Dfuzz=true. The unit test "view" replays the corpus; what is found goes to
 * the first directory:
 * build/tests/fuzz_view /tmp/found tests/fuzz/view
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "view_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong = view_check_text((const char *)data, size);

	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
