/*
 * JSON patch and merge patch: a document, a patch. Whatever comes out prints as text that reads back the
 * same, a merge patch applied twice is applied once, and `test` holds of what `add` has put somewhere.
 */
#include <assert.h>

#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/json_patch.h"
#include "apiserver/patch/merge_patch.h"
#include "lib/base/buf.h"

static void check_text(struct arena *arena, const struct json *v)
{
	struct buf text = BUF_INIT;
	struct json *again = NULL;
	json_write(&text, v, 0);
	assert(!json_parse(arena, text.data, text.size,
	    &(struct json_limits){.size_max = SIZE_MAX, .depth_max = 2048}, &again, NULL));
	assert(json_equal(v, again));
	buf_done(&text);
}

/* A patch of one `add` of one value, and then a `test` of it. "-" is where nothing stands yet. */
static void check_add(struct arena *arena, const struct json *doc, const struct json *patch)
{
	const struct json *op = patch->type == JSON_ARRAY && patch->len == 1 ? patch->items[0] : NULL;
	const char *path = json_get_string(op, "path", "");
	size_t len = strlen(path);
	struct json *out = NULL, *pair, *test;
	if (strcmp(json_get_string(op, "op", ""), "add") != 0 || (len > 1 && !strcmp(path + len - 2, "/-")))
		return;
	pair = json_clone(arena, patch);
	test = json_clone(arena, op);
	json_set(arena, test, "op", json_new_string(arena, "test"));
	json_push(arena, pair, test);
	if (!json_patch_apply(arena, json_clone(arena, doc), patch, &out, NULL))
		assert(!json_patch_apply(arena, json_clone(arena, doc), pair, &out, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json *in[2], *out = NULL;
	if (fuzz_parse_lines(arena, data, size, in, 2)) {
		if (!json_patch_apply(arena, json_clone(arena, in[0]), in[1], &out, NULL)) {
			assert(!json_is_deeper(out, JSON_PATCH_DEPTH_MAX));
			check_text(arena, out);
		}
		check_add(arena, in[0], in[1]);
		out = merge_patch_apply(arena, in[0], in[1]);
		check_text(arena, out);
		assert(json_equal(out, merge_patch_apply(arena, json_clone(arena, out), in[1])));
	}
	arena_free(arena);
	return 0;
}
