/*
 * Custom resources: a schema, an object; one a line. Whatever schema a definition has, its objects are
 * pruned, filled with defaults and checked without harm; doing it a second time changes nothing, and what is
 * not changed is not complained about.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "apiserver/extensions/json_path.h"
#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct custom_schema *compile(struct arena *arena, const struct json *tree)
{
	const struct schema *props = schema_of(&apiextensions_v1__jsonschema_props__descriptor);
	ProtobufCMessage *msg = NULL;
	if (codec_from_json(arena, props, tree, NULL, &msg, NULL))
		return NULL;
	return custom_schema_compile(arena, (const ApiextensionsV1__JSONSchemaProps *)msg);
}

static void check(struct arena *arena, const struct custom_schema *schema, struct json *tree)
{
	struct codec_warnings unknown = {.arena = arena};
	struct field_errors errors;
	bool has_changed = custom_schema_prune(schema, tree, &unknown);
	assert(has_changed == (unknown.len > 0));
	assert(!custom_schema_prune(schema, tree, NULL));
	custom_schema_default(arena, schema, tree);
	assert(!custom_schema_default(arena, schema, tree));
	field_errors_init(&errors, arena);
	custom_schema_validate(schema, tree, NULL, &errors);
	field_errors_init(&errors, arena);
	custom_schema_validate(schema, tree, json_clone(arena, tree), &errors);
	assert(errors.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_limits limits = {.size_max = 65536, .depth_max = 60};
	struct arena *arena = arena_new();
	struct json *schema_tree, *tree;
	const uint8_t *end = memchr(data, '\n', size);
	size_t first = end ? (size_t)(end - data) : size;
	if (end && !json_parse(arena, (const char *)data, first, &limits, &schema_tree, NULL) &&
	    !json_parse(arena, (const char *)end + 1, size - first - 1, &limits, &tree, NULL) &&
	    tree->type == JSON_OBJECT) {
		struct custom_schema *schema = compile(arena, schema_tree);
		json_path_first(tree, json_get_string(schema_tree, "description", ""));
		if (schema)
			check(arena, schema, tree);
	}
	arena_free(arena);
	return 0;
}
