/* JSON <-> protobuf on upstream's vectors: one object of many kinds with every field set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/test_files.h"
#include "lib/api/yaml.h"
#include "lib/base/error.h"

static const struct schema *schema_of_tree(struct arena *arena, const struct json *tree)
{
	const char *api_version = json_get_string(tree, "apiVersion", ""), *slash = strchr(api_version, '/');
	const char *group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";

	return schema_by_gvk(group, slash ? slash + 1 : api_version, json_get_string(tree, "kind", ""));
}

/* The vectors come from upstream's serializer alone: its server adds the type of a StatefulSet's claims
 * before that, which is ours to do when we print (SCHEMA_TYPED). */
static void drop_claim_types(struct json *tree)
{
	struct json *claims = json_get_path(tree, "spec.volumeClaimTemplates");

	for (size_t i = 0; claims && i < claims->len; i++) {
		assert_string_equal(json_get_string(claims->items[i], "kind", ""), "PersistentVolumeClaim");
		assert_string_equal(json_get_string(claims->items[i], "apiVersion", ""), "v1");
		json_remove(claims->items[i], "kind");
		json_remove(claims->items[i], "apiVersion");
	}
}

static void check_vector(struct arena *arena, const char *name)
{
	size_t json_size = 0, pb_size = 0, yaml_size = 0;
	char *json = test_read_file(arena, name, ".json", &json_size);
	char *pb = test_read_file(arena, name, ".pb", &pb_size);
	char *yaml = test_read_file(arena, name, ".yaml", &yaml_size);
	struct codec_warnings warnings = {.arena = arena};
	struct buf text = BUF_INIT, envelope = BUF_INIT;
	struct codec_envelope opened;
	struct error err = ERROR_INIT;
	ProtobufCMessage *from_json, *from_pb, *copy;
	const struct schema *schema;
	struct json *tree;

	assert_int_equal(json_parse(arena, json, json_size, NULL, &tree, &err), 0);
	schema = schema_of_tree(arena, tree);
	if (!schema)
		fail_msg("%s: no schema", name);
	if (codec_from_json_text(arena, schema, json, json_size, &warnings, &from_json, &err) < 0)
		fail_msg("%s: %s", name, err.message);
	if (warnings.len > 0)
		fail_msg("%s: %s", name, warnings.items[0]);
	codec_write_envelope(
	    &envelope, json_get_string(tree, "apiVersion", ""), schema->kind, schema, from_json);
	if (envelope.size != pb_size || memcmp(envelope.data, pb, pb_size) != 0)
		fail_msg("%s: protobuf of the JSON differs (%zu bytes, expected %zu)", name, envelope.size,
		    pb_size);
	assert_int_equal(codec_open_envelope(arena, pb, pb_size, &opened, &err), 0);
	assert_string_equal(opened.kind, schema->kind);
	if (codec_from_proto(arena, schema, opened.raw, opened.raw_size, &from_pb, &err) < 0)
		fail_msg("%s: %s", name, err.message);
	assert_true(api_equal(from_json, from_pb));
	copy = api_clone_message(arena, from_pb);
	assert_true(api_equal(copy, from_pb));
	codec_to_json_text(&text, schema, copy);
	assert_int_equal(json_parse(arena, text.data, text.size, NULL, &tree, &err), 0);
	drop_claim_types(tree);
	buf_reset(&text);
	json_write(&text, tree, 2);
	if (strcmp(buf_str(&text), json) != 0)
		fail_msg("%s: JSON of the protobuf differs:\n%s", name, buf_str(&text));
	buf_reset(&text);
	yaml_write(&text, tree);
	if (strcmp(buf_str(&text), yaml) != 0)
		fail_msg("%s: YAML differs:\n%s", name, buf_str(&text));
	if (yaml_parse(arena, yaml, yaml_size, NULL, &tree, &err) < 0 ||
	    codec_from_json(arena, schema, tree, &warnings, &from_json, &err) < 0)
		fail_msg("%s: %s", name, err.message);
	assert_true(api_equal(from_json, from_pb));
	buf_done(&text);
	buf_done(&envelope);
}

static void test_vectors(void **state)
{
	struct arena *arena = arena_new();
	size_t len;
	char **names = test_list_vectors(arena, &len);

	assert_true(len > 40);
	for (size_t i = 0; i < len; i++) {
		struct arena *one = arena_new();

		check_vector(one, names[i]);
		arena_free(one);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
