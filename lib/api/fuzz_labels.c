/* Selectors: what is read prints as text that reads back and prints the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/labels.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	const char *text = arena_strndup(arena, (const char *)data, size), *out;
	struct field_selector *fields;
	struct error err = ERROR_INIT;
	struct selector *sel;

	if (selector_parse(arena, text, &sel, &err) == 0) {
		out = selector_format(arena, sel);
		selector_matches_map(sel, 0, NULL);
		assert(selector_parse(arena, out, &sel, NULL) == 0);
		assert(strcmp(selector_format(arena, sel), out) == 0);
	}
	field_selector_parse(arena, text, &fields, NULL);
	arena_free(arena);
	return 0;
}
