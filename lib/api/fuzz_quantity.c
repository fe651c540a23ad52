/*
 * Quantities, times and durations: what is read prints as text that reads back as the same value, and a
 * second trip changes no letter. A first one may: binary quantities that no power of 1024 divides print
 * without a suffix, as upstream's do.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	char *text = arena_strndup(arena, (const char *)data, size), out[QUANTITY_TEXT_MAX],
	     again[QUANTITY_TEXT_MAX];
	struct quantity q, r;
	int64_t seconds, ns;
	int32_t nanos;

	if (text && quantity_parse(text, &q, &(struct error){0}) == 0) {
		quantity_format(&q, out);
		assert(quantity_parse(out, &r, NULL) == 0);
		assert(quantity_compare(&q, &r) == 0);
		assert(quantity_parse(quantity_format(&r, out), &r, NULL) == 0);
		assert(quantity_compare(&q, &r) == 0);
		assert(strcmp(quantity_format(&r, again), out) == 0);
		quantity_value(&q);
		quantity_milli(&q);
	}
	if (text && time_parse(text, &seconds, &nanos)) {
		time_format(seconds, out);
		if (seconds >= TIME_ZERO_SECONDS && seconds < 253402300800)
			assert(time_parse(out, &ns, NULL) && ns == seconds);
	}
	if (text && duration_parse(text, &ns)) {
		duration_format(ns, out);
		assert(duration_parse(out, &seconds) && seconds == ns);
	}
	arena_free(arena);
	return 0;
}
