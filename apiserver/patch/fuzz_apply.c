/*
 * Server-side apply to a Pod: live, config, the field set applied last. Nothing may crash, and a field set
 * must survive being written and read.
 */
#include <assert.h>

#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/ownership.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"

static void check_round_trip(struct arena *arena, const struct fieldset *set)
{
	struct buf text = BUF_INIT;
	struct fieldset *again = NULL;
	fieldset_write(&text, set);
	assert(!fieldset_parse(arena, text.data, text.size, &again, NULL));
	assert(fieldset_equal(set, again));
	buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct typed type = typed_root(schema_by_gvk("", "v1", "Pod"), NULL);
	struct managers managers = {.arena = arena};
	struct manager self = {.name = "m", .api_version = "v1", .subresource = "", .is_apply = true};
	struct json *in[3];
	struct buf text = BUF_INIT;
	struct fieldset *last = NULL;
	if (fuzz_parse_lines(arena, data, size, in, 3) && in[0]->type == JSON_OBJECT &&
	    in[1]->type == JSON_OBJECT) {
		json_sort(in[0]);
		json_sort(in[1]);
		struct fieldset *set = typed_fields(arena, type, in[1]);
		check_round_trip(arena, set);
		managers_add(&managers, &self)->set = set;
		struct json *merged = typed_merge(arena, type, in[0], in[1]);
		json_write(&text, in[2], 0);
		if (!fieldset_parse(arena, text.data, text.size, &last, NULL))
			ownership_prune(arena, type, merged, &managers, last);
		struct ownership o = {.arena = arena,
		    .view = {.api_version = "v1", .type = type, .before = in[0], .after = merged}};
		ownership_compare(&o, &o.view);
		ownership_update(&o, &managers, &self, 1);
	}
	buf_done(&text);
	arena_free(arena);
	return 0;
}
