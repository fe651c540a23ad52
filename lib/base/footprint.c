#include "lib/base/footprint.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/*
 * Only mappings of files that can't be written to and hold no page of our own (Anonymous: relocated data) are
 * dropped: such pages can always be read again from the file.
 */
void footprint_trim(void)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long from = 0, to = 0, next_from, next_to, anonymous;
	char line[4096], permissions[5], path[2048];
	bool candidate = false;

	malloc_trim(0);
	while (maps && fgets(line, sizeof line, maps)) {
		int fields =
		    sscanf(line, "%lx-%lx %4s %*s %*s %*s %2047s", &next_from, &next_to, permissions, path);

		if (fields >= 3) {
			from = next_from;
			to = next_to;
			candidate = fields == 4 && path[0] == '/' && permissions[0] == 'r' &&
				    permissions[1] == '-' && permissions[3] == 'p';
		} else if (candidate && sscanf(line, "Anonymous: %lu", &anonymous) == 1) {
			if (anonymous == 0)
				madvise((void *)from, to - from,
				    MADV_DONTNEED); /* a refusal costs memory, nothing else */
			candidate = false;
		}
	}
	if (maps)
		fclose(maps);
}
