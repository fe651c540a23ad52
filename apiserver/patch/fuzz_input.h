/* fuzz_input: an input of several JSON texts, one a line; for this folder's fuzz targets. */
#ifndef CUBE_APISERVER_PATCH_FUZZ_INPUT_H
#define CUBE_APISERVER_PATCH_FUZZ_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False unless there are `len` lines of JSON; the last takes all that is left. */
static inline bool fuzz_parse_lines(
    struct arena *arena, const uint8_t *data, size_t size, struct json **ret, size_t len)
{
	struct json_limits limits = {.size_max = 65536, .depth_max = 100};
	for (size_t i = 0; i < len; i++) {
		const uint8_t *end = i + 1 < len ? memchr(data, '\n', size) : NULL;
		size_t part = end ? (size_t)(end - data) : size;
		if (json_parse(arena, (const char *)data, part, &limits, &ret[i], NULL))
			return false;
		part += end != NULL;
		data += part;
		size -= part;
	}
	return true;
}

#endif
