/* What decoding refuses and warns about, and the JSON rules that the vectors, where everything is set, do not
 * show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

static ProtobufCMessage *decode(struct arena *arena, const char *group, const char *version, const char *kind,
    const char *json, struct codec_warnings *strict)
{
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;

	if (codec_from_json_text(
		arena, schema_by_gvk(group, version, kind), json, strlen(json), strict, &msg, &err) < 0)
		fail_msg("%s: %s", json, err.message);
	return msg;
}

/* Decodes, and encodes both directly and after a trip through protobuf. */
static void check_json(const char *group, const char *version, const char *kind, const char *in,
    const char *direct, const char *stored)
{
	const struct schema *schema = schema_by_gvk(group, version, kind);
	struct arena *arena = arena_new();
	ProtobufCMessage *msg = decode(arena, group, version, kind, in, NULL);
	struct buf text = BUF_INIT, proto = BUF_INIT;
	struct error err = ERROR_INIT;

	codec_to_json_text(&text, schema, msg);
	if (strcmp(buf_str(&text), direct) != 0)
		fail_msg("printed  %s\nexpected %s", buf_str(&text), direct);
	codec_to_proto(&proto, schema, msg);
	if (codec_from_proto(arena, schema, proto.data, proto.size, &msg, &err) < 0)
		fail_msg("%s", err.message);
	buf_reset(&text);
	codec_to_json_text(&text, schema, msg);
	if (strcmp(buf_str(&text), stored) != 0)
		fail_msg("stored   %s\nexpected %s", buf_str(&text), stored);
	buf_done(&text);
	buf_done(&proto);
	arena_free(arena);
}

static void check_same(
    const char *group, const char *version, const char *kind, const char *in, const char *out)
{
	check_json(group, version, kind, in, out, out);
}

static void check_refused(
    const char *group, const char *version, const char *kind, const char *json, const char *message)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg;

	if (codec_from_json_text(
		arena, schema_by_gvk(group, version, kind), json, strlen(json), NULL, &msg, &err) == 0)
		fail_msg("taken: %s", json);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_string_equal(err.message, message);
	arena_free(arena);
}

static void test_zero_values(void **state)
{
	check_same("", "v1", "Pod", "{}",
	    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":null},\"spec\":{"
	    "\"containers\":null},\"status\":{}}");
	check_same("apps", "v1", "Deployment", "{\"apiVersion\":\"x\",\"kind\":\"y\"}",
	    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},\"spec\":{\"selector\":null,"
	    "\"template\":{\"metadata\":{\"creationTimestamp\":null},\"spec\":{\"containers\":null}},"
	    "\"strategy\":{}},\"status\":{}}");
	check_same("", "v1", "PodList", "{}",
	    "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[]}");
	check_json("rbac.authorization.k8s.io", "v1", "ClusterRole", "{\"rules\":[]}",
	    "{\"kind\":\"ClusterRole\",\"apiVersion\":\"rbac.authorization.k8s.io/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},\"rules\":[]}",
	    "{\"kind\":\"ClusterRole\",\"apiVersion\":\"rbac.authorization.k8s.io/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},\"rules\":null}");
	check_same("", "v1", "Service", "{\"spec\":{\"ports\":[{\"port\":80}]}}",
	    "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":null},\"spec\":{"
	    "\"ports\":[{\"port\":80,\"targetPort\":0}]},"
	    "\"status\":{\"loadBalancer\":{}}}");
	check_same("", "v1", "Event", "{\"metadata\":{\"name\":\"e\"}}",
	    "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"e\",\"creationTimestamp\":"
	    "null},\"involvedObject\":{},\"source\":{},"
	    "\"firstTimestamp\":null,\"lastTimestamp\":null,\"eventTime\":null,\"reportingComponent\":\"\","
	    "\"reportingInstance\":\"\"}");
}

static void test_pointers(void **state)
{
	check_same("apps", "v1", "ReplicaSet", "{\"spec\":{\"replicas\":0,\"selector\":{}}}",
	    "{\"kind\":\"ReplicaSet\",\"apiVersion\":\"apps/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},\"spec\":{\"replicas\":0,\"selector\":{},"
	    "\"template\":{\"metadata\":{\"creationTimestamp\":null},\"spec\":{\"containers\":null}}},"
	    "\"status\":{\"replicas\":0}}");
	check_same("", "v1", "PersistentVolumeClaim", "{\"spec\":{\"storageClassName\":\"\"}}",
	    "{\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":"
	    "null},\"spec\":{\"resources\":{},"
	    "\"storageClassName\":\"\"},\"status\":{}}");
	check_same("", "v1", "ConfigMap",
	    "{\"immutable\":false,\"data\":{\"b\":\"2\",\"a\":\"<1>\",\"b\":\"3\"},\"binaryData\":{\"x\":"
	    "\"AQI=\\n\"}}",
	    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":null},"
	    "\"immutable\":false,"
	    "\"data\":{\"a\":\"\\u003c1\\u003e\",\"b\":\"3\"},\"binaryData\":{\"x\":\"AQI=\"}}");
}

static void test_special_values(void **state)
{
	check_same("", "v1", "LimitRange",
	    "{\"spec\":{\"limits\":[{\"type\":\"Pod\",\"max\":{\"memory\":\"1024Ki\",\"cpu\":0.5}}]}}",
	    "{\"kind\":\"LimitRange\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":null},"
	    "\"spec\":{\"limits\":[{\"type\":\"Pod\","
	    "\"max\":{\"cpu\":\"500m\",\"memory\":\"1Mi\"}}]}}");
	check_same("", "v1", "List", "{\"items\":[{\"z\":1,\"a\":\"<\"},null]}",
	    "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[{\"z\":1,\"a\":\"\\u003c\"},"
	    "null]}");
	check_same("coordination.k8s.io", "v1", "Lease",
	    "{\"spec\":{\"renewTime\":\"2020-01-02T03:04:05.6789Z\"}}",
	    "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},"
	    "\"spec\":{\"renewTime\":\"2020-01-02T03:04:05.678900Z\"}}");
	check_same("", "v1", "Pod", "{\"metadata\":{\"creationTimestamp\":\"2020-01-02T05:04:05.9+02:00\"}}",
	    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"creationTimestamp\":\"2020-01-02T03:04:"
	    "05Z\"},\"spec\":{\"containers\":null},\"status\":{}}");
	check_same("metrics.k8s.io", "v1beta1", "NodeMetrics", "{\"window\":\"90s\",\"usage\":null}",
	    "{\"kind\":\"NodeMetrics\",\"apiVersion\":\"metrics.k8s.io/"
	    "v1beta1\",\"metadata\":{\"creationTimestamp\":null},\"timestamp\":null,"
	    "\"window\":\"1m30s\",\"usage\":null}");
}

static void test_custom_resource_definition(void **state)
{
	static const char schema[] =
	    "{\"$schema\":\"u\",\"$ref\":\"r\",\"default\":{\"b\":1,\"a\":[true,null]},\"maximum\":1.5,"
	    "\"enum\":[1,\"x\",null],"
	    "\"items\":{\"type\":\"string\"},\"properties\":{\"p\":{\"additionalProperties\":false}},"
	    "\"additionalProperties\":{\"items\":[{},{\"type\":\"integer\"}]},"
	    "\"dependencies\":{\"d\":[\"e\"],\"f\":{\"type\":\"null\"}},\"x-kubernetes-preserve-unknown-"
	    "fields\":true}";
	struct buf in = BUF_INIT, out = BUF_INIT;

	buf_printf(
	    &in, "{\"spec\":{\"versions\":[{\"name\":\"v1\",\"schema\":{\"openAPIV3Schema\":%s}}]}}", schema);
	buf_printf(&out,
	    "{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/"
	    "v1\",\"metadata\":{\"creationTimestamp\":null},"
	    "\"spec\":{\"group\":\"\",\"names\":{\"plural\":\"\",\"kind\":\"\"},\"scope\":\"\",\"versions\":["
	    "{\"name\":\"v1\",\"served\":false,"
	    "\"storage\":false,\"schema\":{\"openAPIV3Schema\":%s}}]},\"status\":{\"conditions\":null,"
	    "\"acceptedNames\":{\"plural\":\"\",\"kind\":\"\"},"
	    "\"storedVersions\":null}}",
	    schema);
	check_same("apiextensions.k8s.io", "v1", "CustomResourceDefinition", buf_str(&in), buf_str(&out));
	buf_done(&in);
	buf_done(&out);
}

static void test_warnings(void **state)
{
	struct arena *arena = arena_new();
	struct codec_warnings w = {.arena = arena};

	decode(arena, "apps", "v1", "Deployment",
	    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/"
	    "v1\",\"spec\":{\"reaplicas\":3,\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\"},"
	    "{\"name\":\"b\",\"name\":\"c\",\"Image\":\"x\",\"volumeMounts\":[{\"qqqqqqqqqqq\":1}]}]}}}}",
	    &w);
	assert_int_equal(w.len, 4);
	assert_string_equal(w.items[0], "duplicate field \"spec.template.spec.containers[1].name\"");
	assert_string_equal(w.items[1], "unknown field \"spec.reaplicas\", did you mean \"replicas\"?");
	assert_string_equal(
	    w.items[2], "unknown field \"spec.template.spec.containers[1].Image\", did you mean \"image\"?");
	assert_string_equal(
	    w.items[3], "unknown field \"spec.template.spec.containers[1].volumeMounts[0].qqqqqqqqqqq\"");
	/* inline members have no name of their own; kinds inside lists may say what they are */
	w.len = 0;
	decode(arena, "", "v1", "PodList",
	    "{\"items\":[{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"volumes\":[{\"name\":\"v\","
	    "\"emptyDir\":{},\"hostPth\":{}}]}}]}",
	    &w);
	assert_int_equal(w.len, 1);
	assert_string_equal(
	    w.items[0], "unknown field \"items[0].spec.volumes[0].hostPth\", did you mean \"hostPath\"?");
	arena_free(arena);
}

/* A body can have any number of faults; what is told of them is bounded. */
static void test_many_unknown_fields(void **state)
{
	struct arena *arena = arena_new();
	struct codec_warnings unknown = {.arena = arena};
	struct buf text = BUF_INIT;
	struct json *tree;
	ProtobufCMessage *msg;

	buf_puts(&text, "{\"data\":{}");
	for (int i = 0; i < 50000; i++)
		buf_printf(&text, ",\"k%d\":1", i);
	buf_puts(&text, "}");
	assert_int_equal(json_parse(arena, text.data, text.size, NULL, &tree, NULL), 0);
	assert_int_equal(
	    codec_from_json(arena, schema_by_gvk("", "v1", "ConfigMap"), tree, &unknown, &msg, NULL), 0);
	assert_int_equal(unknown.len, CODEC_WARNINGS_MAX);
	assert_string_equal(unknown.items[99], "unknown field \"k99\"");
	buf_done(&text);
	arena_free(arena);
}

static void test_type_errors(void **state)
{
	check_refused("apps", "v1", "Deployment", "{\"spec\":{\"replicas\":\"x\"}}",
	    "spec.replicas: expected an integer of 32 bits, found the string \"x\"");
	check_refused("apps", "v1", "Deployment", "{\"spec\":{\"replicas\":1.0}}",
	    "spec.replicas: expected an integer of 32 bits, found the number 1.0");
	check_refused("apps", "v1", "Deployment", "{\"spec\":{\"replicas\":2147483648}}",
	    "spec.replicas: expected an integer of 32 bits, found the number 2147483648");
	check_refused(
	    "apps", "v1", "Deployment", "{\"spec\":[]}", "spec: expected an object, found an array");
	check_refused("", "v1", "Pod", "{\"spec\":{\"containers\":{}}}",
	    "spec.containers: expected an array, found an object");
	check_refused("", "v1", "Pod", "{\"spec\":{\"containers\":[{\"name\":5}]}}",
	    "spec.containers[0].name: expected a string, found the number 5");
	check_refused("", "v1", "Pod", "{\"spec\":{\"hostNetwork\":\"yes\"}}",
	    "spec.hostNetwork: expected true or false, found the string \"yes\"");
	check_refused("", "v1", "Pod", "{\"metadata\":{\"labels\":{\"a\":true}}}",
	    "metadata.labels.a: expected a string, found true");
	check_refused("", "v1", "Pod", "{\"metadata\":{\"creationTimestamp\":\"now\"}}",
	    "metadata.creationTimestamp: expected a time such as \"2006-01-02T15:04:05Z\", found the string "
	    "\"now\"");
	check_refused("", "v1", "Secret", "{\"data\":{\"a\":\"!\"}}",
	    "data.a: expected a string of base64, found the string \"!\"");
	check_refused("", "v1", "Pod", "5", "expected an object, found the number 5");
	check_refused("", "v1", "Service", "{\"spec\":{\"ports\":[{\"targetPort\":1.5}]}}",
	    "spec.ports[0].targetPort: expected an integer of 32 bits or a string, found the number 1.5");
}

static void test_int64(void **state)
{
	struct arena *arena = arena_new();
	struct json *tree;
	ProtobufCMessage *msg =
	    decode(arena, "", "v1", "Pod", "{\"metadata\":{\"generation\":9223372036854775807}}", NULL);

	tree = codec_to_json(arena, schema_of(msg->descriptor), msg);
	assert_string_equal(json_get_path(tree, "metadata.generation")->text, "9223372036854775807");
	check_refused("", "v1", "Pod", "{\"metadata\":{\"generation\":9223372036854775808}}",
	    "metadata.generation: expected an integer, found the number 9223372036854775808");
	arena_free(arena);
}

/* Nested as deep as JSON may be: props in props. Protobuf refuses what is deeper than its own limit, and
 * nothing crashes. */
static void test_depth(void **state)
{
	static const int depths[] = {40, 120, 2000};

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		const struct schema *schema = schema_by_name(
		    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
		struct arena *arena = arena_new();
		struct buf text = BUF_INIT, proto = BUF_INIT;
		ProtobufCMessage *msg;
		int r;

		for (int d = 0; d < depths[i]; d++)
			buf_puts(&text, "{\"items\":");
		buf_puts(&text, "{}");
		for (int d = 0; d < depths[i]; d++)
			buf_puts(&text, "}");
		r = codec_from_json_text(arena, schema, text.data, text.size, NULL, &msg, NULL);
		assert_int_equal(r, depths[i] < 256 ? 0 : -1);
		if (r == 0) {
			assert_true(api_equal(api_clone_message(arena, msg), msg));
			codec_to_proto(&proto, schema, msg);
			assert_int_equal(codec_from_proto(arena, schema, proto.data, proto.size, &msg, NULL),
			    depths[i] < 60 ? 0 : -1);
		}
		buf_done(&text);
		buf_done(&proto);
		arena_free(arena);
	}
}

static void test_malformed_protobuf(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} table[] = {{"\x0a", 1}, {"\x0a\x05", 2}, {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
	    {"\x08\x01", 2}, {"\x0b", 1}, {"\x00", 1}, {"\x0a\x03\x0a\x01\x00", 5},
	    {"\x12\x02\x58\x0a\x62", 5}, {"\x0a\x04\x38\xff\xff\xff", 6}};
	const struct schema *schema = schema_by_gvk("", "v1", "Pod");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		ProtobufCMessage *msg;

		if (codec_from_proto(arena, schema, table[i].bytes, table[i].size, &msg, &err) == 0)
			fail_msg("case %zu was taken", i);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		arena_free(arena);
	}
}

/* Raw values of any origin come out as valid JSON. */
static void test_raw_bytes(void **state)
{
	static const struct {
		const char *raw, *printed;
	} table[] = {{"{\"a\": 1}", "{\"a\":1}"}, {"{", "null"}, {"", "null"}, {"\"<\"", "\"\\u003c\""},
	    {"[1,2]", "[1,2]"}, {"{}{}", "null"}};
	const struct schema *schema = schema_by_name("io.k8s.apimachinery.pkg.runtime.RawExtension");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct buf proto = BUF_INIT, text = BUF_INIT;
		ProtobufCMessage *msg;

		buf_printf(&proto, "\x0a%c%s", (char)strlen(table[i].raw), table[i].raw);
		assert_int_equal(codec_from_proto(arena, schema, proto.data, proto.size, &msg, NULL), 0);
		codec_to_json_text(&text, schema, msg);
		assert_string_equal(buf_str(&text), table[i].printed);
		buf_done(&proto);
		buf_done(&text);
		arena_free(arena);
	}
}

/* Numbers beyond every double: JSON that our own parser would refuse is not printed. */
static void test_raw_numbers(void **state)
{
	static const struct {
		const char *raw, *refused;
	} table[] = {{"{\"a\":1E8888}", "data: number 1E8888 is out of range"},
	    {"[-1e400,\"b\"]", "data: number -1e400 is out of range"}, {"{\"1e999\":\"\\\"1e999\"}", NULL},
	    {"{\"a\":1e308}", NULL}, {"{", NULL}, {"\"", NULL}, {"\"\\", NULL}, {"", NULL}};
	const struct schema *schema = schema_by_gvk("apps", "v1", "ControllerRevision");

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct buf proto = BUF_INIT;
		size_t size = strlen(table[i].raw);
		ProtobufCMessage *msg;
		int r;

		buf_printf(&proto, "\x12%c\x0a%c%s", (char)(size + 2), (char)size, table[i].raw);
		r = codec_from_proto(arena, schema, proto.data, proto.size, &msg, &err);
		assert_int_equal(r, table[i].refused ? -1 : 0);
		if (r < 0)
			assert_non_null(strstr(err.message, table[i].refused));
		buf_done(&proto);
		arena_free(arena);
	}
}

/* fieldsV1 stands in every object and is not looked through when read: what cannot be printed becomes null.
 */
static void test_raw_numbers_of_fields(void **state)
{
	static const char proto[] = "\x0a\x0d{\"f:a\":1e999}";
	const struct schema *schema = schema_by_name("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1");
	struct arena *arena = arena_new();
	struct buf text = BUF_INIT;
	ProtobufCMessage *msg;

	assert_int_equal(codec_from_proto(arena, schema, proto, sizeof(proto) - 1, &msg, NULL), 0);
	codec_to_json_text(&text, schema, msg);
	assert_string_equal(buf_str(&text), "null");
	buf_done(&text);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zero_values),
	    cmocka_unit_test(test_pointers),
	    cmocka_unit_test(test_special_values),
	    cmocka_unit_test(test_custom_resource_definition),
	    cmocka_unit_test(test_warnings),
	    cmocka_unit_test(test_many_unknown_fields),
	    cmocka_unit_test(test_type_errors),
	    cmocka_unit_test(test_int64),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_malformed_protobuf),
	    cmocka_unit_test(test_raw_bytes),
	    cmocka_unit_test(test_raw_numbers),
	    cmocka_unit_test(test_raw_numbers_of_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
