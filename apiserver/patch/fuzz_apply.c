/*
 * Server-side apply: live object, config, the live object's managedFields; one a line. The kind is what the
 * live object says, or a custom one. managedFields that are accepted are written back as the same sets, what
 * is applied is in the result, and applying it again changes nothing.
 */
#include <assert.h>

#include "apiserver/patch/fuzz_input.h"
#include "apiserver/patch/ownership.h"
#include "lib/api/codec.h"
#include "lib/api/schema.h"
#include "lib/base/buf.h"

static const char custom_schema[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"size\":{\"type\":\"integer\"},"
    "\"map\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"a\","
    "\"b\"],"
    "\"items\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},"
    "\"b\":{\"type\":\"integer\",\"default\":1},\"c\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\","
    "\"items\":{\"type\":\"string\"}}}}},"
    "\"whole\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\","
    "\"additionalProperties\":{\"type\":\"string\"}},"
    "\"free\":{\"x-kubernetes-preserve-unknown-fields\":true}}}}}";

static void check_round_trip(struct arena *arena, const struct fieldset *set)
{
	struct buf text = BUF_INIT;
	struct fieldset *again = NULL;
	fieldset_write(&text, set);
	assert(!fieldset_parse(arena, text.data, text.size, &again, NULL));
	assert(fieldset_equal(set, again));
	buf_done(&text);
}

static bool read_managers(struct arena *arena, const struct json *entries, struct managers *ret)
{
	const struct schema *schema = schema_of(&meta_v1__object_meta__descriptor);
	struct json *meta = json_new_object(arena);
	ProtobufCMessage *msg = NULL;
	json_set(arena, meta, "managedFields", json_clone(arena, entries));
	return !codec_from_json(arena, schema, meta, NULL, &msg, NULL) &&
	       !managers_read(ret, arena, (const MetaV1__ObjectMeta *)msg, NULL);
}

static void check_managers(struct arena *arena, struct managers *managers)
{
	MetaV1__ObjectMeta *meta = API_NEW(arena, meta_v1__object_meta);
	struct managers again = {0};
	managers_drop_empty(managers);
	managers_write(managers, arena, meta);
	assert(!managers_read(&again, arena, meta, NULL));
	assert(again.len == managers->len);
	for (size_t i = 0; i < managers->len; i++) {
		const struct manager *m = managers_find(&again, &managers->items[i]);
		assert(m && fieldset_equal(m->set, managers->items[i].set));
	}
}

static struct typed type_of(struct arena *arena, const struct json *live, const struct schema **ret_schema)
{
	const char *version = json_get_string(live, "apiVersion", ""), *slash = strchr(version, '/');
	const char *group = slash ? arena_strndup(arena, version, (size_t)(slash - version)) : "";
	struct json *custom = NULL;
	*ret_schema = schema_by_gvk(group, slash ? slash + 1 : version, json_get_string(live, "kind", ""));
	if (!*ret_schema)
		json_parse(arena, custom_schema, sizeof custom_schema - 1, NULL, &custom, NULL);
	return typed_root(*ret_schema, custom);
}

/* As the server refuses it: items without or with equal keys, and what is not of the kind. */
static bool is_valid(
    struct arena *arena, struct typed type, const struct schema *schema, const struct json *tree)
{
	struct codec_warnings unknown = {.arena = arena};
	ProtobufCMessage *msg = NULL;
	if (typed_find_bad_item(arena, type, tree))
		return false;
	return !schema || (!codec_from_json(arena, schema, tree, &unknown, &msg, NULL) && unknown.len == 0);
}

static void check_merge(
    struct arena *arena, struct typed type, const struct json *config, const struct json *merged)
{
	const struct fieldset *set = typed_fields(arena, type, config);
	struct typed_difference none = typed_compare(arena, type, merged, merged);
	assert(fieldset_is_empty(none.added) && fieldset_is_empty(none.removed) &&
	       fieldset_is_empty(none.modified));
	assert(fieldset_is_empty(fieldset_difference(arena, set, typed_fields(arena, type, merged))));
	assert(json_equal(merged, typed_merge(arena, type, merged, config)));
}

static void apply(struct arena *arena, struct json **in)
{
	const struct manager self = {.name = "m", .api_version = "v1", .subresource = "", .is_apply = true};
	const struct schema *schema;
	struct typed type = type_of(arena, in[0], &schema);
	struct managers managers = {.arena = arena};
	json_sort(in[0]);
	json_sort(in[1]);
	struct fieldset *set = typed_fields(arena, type, in[1]);
	check_round_trip(arena, set);
	if (read_managers(arena, in[2], &managers))
		check_managers(arena, &managers);
	struct manager *before = managers_find(&managers, &self);
	struct fieldset *last = before ? before->set : NULL;
	(before ? before : managers_add(&managers, &self))->set = set;
	struct json *merged = typed_merge(arena, type, in[0], in[1]);
	if (is_valid(arena, type, schema, in[0]) && is_valid(arena, type, schema, in[1]))
		check_merge(arena, type, in[1], merged);
	if (last)
		merged = ownership_prune(arena, type, merged, &managers, last);
	struct ownership o = {
	    .arena = arena, .view = {.api_version = "v1", .type = type, .before = in[0], .after = merged}};
	size_t conflicts = 0;
	ownership_compare(&o, &o.view);
	ownership_settle(&o, &managers, managers_find(&managers, &self), false, &conflicts);
	ownership_settle(&o, &managers, managers_find(&managers, &self), true, &conflicts);
	ownership_settle(&o, &managers, managers_find(&managers, &self), false, &conflicts);
	assert(conflicts == 0);
	ownership_update(&o, &managers, &self, 1);
	check_managers(arena, &managers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct json *in[3];
	if (fuzz_parse_lines(arena, data, size, in, 3) && in[0]->type == JSON_OBJECT &&
	    in[1]->type == JSON_OBJECT)
		apply(arena, in);
	arena_free(arena);
	return 0;
}
