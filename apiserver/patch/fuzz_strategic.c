/*
 * Strategic merge: a document, a patch; the kind is what the document says, or a Deployment. The result
 * prints as text that reads back the same, and without directives a patch that was applied changes nothing
 * when it is applied again.
 */
#include <assert.h>

#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/strategic.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"

static const struct schema *schema_of_document(const struct json *doc)
{
	const struct schema *schema =
	    schema_by_gvk("", json_get_string(doc, "apiVersion", ""), json_get_string(doc, "kind", ""));
	return schema ? schema : schema_by_gvk("apps", "v1", "Deployment");
}

/* A merge key that is null finds nothing and stays behind as no key at all: each time adds an element. */
static bool has_null_in_list(const struct json *v, bool is_item)
{
	for (size_t i = 0; i < v->len && (v->type == JSON_ARRAY || v->type == JSON_OBJECT); i++) {
		const struct json *child = v->type == JSON_ARRAY ? v->items[i] : v->members[i].value;
		if ((is_item && child->type == JSON_NULL) || has_null_in_list(child, v->type == JSON_ARRAY))
			return true;
	}
	return false;
}

/* What is new is taken as it stands, equal keys included, so a second time may still join some; a third must
 * not. */
static void check_again(
    struct arena *arena, const struct schema *schema, struct json *doc, const struct json *patch)
{
	struct json *twice = NULL, *thrice = NULL;
	if (strategic_apply(arena, schema, doc, patch, &twice, NULL) ||
	    strategic_apply(arena, schema, json_clone(arena, twice), patch, &thrice, NULL))
		return;
	assert(json_equal(twice, thrice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json *in[2], *out = NULL, *again = NULL;
	struct buf text = BUF_INIT;
	if (fuzz_parse_lines(arena, data, size, in, 2) && in[0]->type == JSON_OBJECT) {
		const struct schema *schema = schema_of_document(in[0]);
		if (!strategic_apply(arena, schema, in[0], in[1], &out, NULL)) {
			json_write(&text, out, 0);
			assert(!json_parse(arena, text.data, text.size,
			    &(struct json_limits){.size_max = SIZE_MAX, .depth_max = 2048}, &again, NULL));
			assert(json_equal(out, again));
			if (!memchr(data, '$', size) && !memchr(data, '\\', size) &&
			    !has_null_in_list(in[1], false))
				check_again(arena, schema, again, in[1]);
		}
	}
	buf_done(&text);
	arena_free(arena);
	return 0;
}
