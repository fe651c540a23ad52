/* YAML text: reading must survive within its limits, and what was read is written as YAML that reads back
 * equal. */
#include <assert.h>
#include <stdint.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_limits limits = {.size_max = 65536};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json **docs, *again;
	size_t *lines, len;

	if (yaml_parse_all(arena, (const char *)data, size, &limits, &docs, &lines, &len, &err) == 0) {
		for (size_t i = 0; i < len; i++) {
			struct buf text = BUF_INIT;

			yaml_write(&text, docs[i]);
			if (yaml_parse(arena, text.data, text.size,
				&(struct json_limits){.size_max = SIZE_MAX}, &again, &err) == 0)
				assert(json_equal(docs[i], again));
			buf_done(&text);
		}
	}
	arena_free(arena);
	return 0;
}
