#include <string.h>

#include "kubectl/patch/three_way.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static struct json *parse(struct arena *arena, const char *text)
{
	struct json *tree = NULL;
	struct error err = ERROR_INIT;
	if (text && json_parse(arena, text, strlen(text), NULL, &tree, &err))
		fail_msg("%s in %s", err.message, text);
	return tree;
}

static void expect(struct arena *arena, struct json *patch, const char *want)
{
	struct buf got = BUF_INIT;
	json_write(&got, patch, 0);
	if (!json_equal(patch, parse(arena, want)))
		fail_msg("got %s\nwant %s", buf_str(&got), want);
	buf_done(&got);
}

static void check_deployment(
    const char *original, const char *modified, const char *current, const char *want)
{
	struct arena *arena = arena_new();
	const struct schema *schema = schema_by_gvk("apps", "v1", "Deployment");
	assert_non_null(schema);
	expect(arena,
	    three_way_strategic(
		arena, schema, parse(arena, original), parse(arena, modified), parse(arena, current)),
	    want);
	arena_free(arena);
}

#define POD(containers) "{\"spec\":{\"template\":{\"spec\":{\"containers\":[" containers "]}}}}"

static void test_nothing(void **state)
{
	check_deployment("{\"spec\":{\"replicas\":2}}", "{\"spec\":{\"replicas\":2}}",
	    "{\"spec\":{\"replicas\":2,\"paused\":true},\"status\":{\"replicas\":1}}", "{}");
}

static void test_scalars(void **state)
{
	/* changed here; removed here; set by others and left alone */
	check_deployment("{\"spec\":{\"replicas\":2,\"paused\":true}}", "{\"spec\":{\"replicas\":3}}",
	    "{\"spec\":{\"replicas\":2,\"paused\":true,\"minReadySeconds\":5}}",
	    "{\"spec\":{\"replicas\":3,\"paused\":null}}");
}

static void test_labels_are_a_map(void **state)
{
	check_deployment("{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}",
	    "{\"metadata\":{\"labels\":{\"a\":\"9\"}}}",
	    "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\",\"theirs\":\"3\"}}}",
	    "{\"metadata\":{\"labels\":{\"a\":\"9\",\"b\":null}}}");
}

static void test_containers_merge_by_name(void **state)
{
	check_deployment(POD("{\"name\":\"web\",\"image\":\"nginx:1\"}"),
	    POD("{\"name\":\"web\",\"image\":\"nginx:2\"}"),
	    POD("{\"name\":\"web\",\"image\":\"nginx:1\",\"imagePullPolicy\":\"Always\"}"),
	    "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"web\"}],"
	    "\"containers\":[{\"name\":\"web\",\"image\":\"nginx:2\"}]}}}}");
}

static void test_container_added_and_removed(void **state)
{
	check_deployment(POD("{\"name\":\"old\",\"image\":\"x\"},{\"name\":\"web\",\"image\":\"y\"}"),
	    POD("{\"name\":\"web\",\"image\":\"y\"},{\"name\":\"new\",\"image\":\"z\"}"),
	    POD("{\"name\":\"old\",\"image\":\"x\"},{\"name\":\"web\",\"image\":\"y\"}"),
	    "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/"
	    "containers\":[{\"name\":\"web\"},{\"name\":\"new\"}],"
	    "\"containers\":[{\"name\":\"new\",\"image\":\"z\"},{\"name\":\"old\",\"$patch\":\"delete\"}]}}}"
	    "}");
}

static void test_containers_reordered(void **state)
{
	check_deployment(NULL, POD("{\"name\":\"b\",\"image\":\"x\"},{\"name\":\"a\",\"image\":\"y\"}"),
	    POD("{\"name\":\"a\",\"image\":\"y\"},{\"name\":\"b\",\"image\":\"x\"}"),
	    "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/"
	    "containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}}}");
}

static void test_nested_list_in_container(void **state)
{
	check_deployment(POD("{\"name\":\"a\",\"image\":\"x\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{"
			     "\"name\":\"B\",\"value\":\"2\"}]}"),
	    POD("{\"name\":\"a\",\"image\":\"x\",\"env\":[{\"name\":\"A\",\"value\":\"3\"}]}"),
	    POD("{\"name\":\"a\",\"image\":\"x\",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\","
		"\"value\":\"2\"}]}"),
	    "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/"
	    "containers\":[{\"name\":\"a\"}],\"containers\":[{\"name\":\"a\","
	    "\"$setElementOrder/"
	    "env\":[{\"name\":\"A\"}],\"env\":[{\"name\":\"A\",\"value\":\"3\"},{\"name\":\"B\",\"$patch\":"
	    "\"delete\"}]}]}}}}");
}

static void test_atomic_list_is_replaced(void **state)
{
	check_deployment(POD("{\"name\":\"a\",\"args\":[\"x\"]}"),
	    POD("{\"name\":\"a\",\"args\":[\"x\",\"y\"]}"), POD("{\"name\":\"a\",\"args\":[\"x\"]}"),
	    "{\"spec\":{\"template\":{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"a\"}],"
	    "\"containers\":[{\"name\":\"a\",\"args\":[\"x\",\"y\"]}]}}}}");
}

static void test_retain_keys(void **state)
{
	/* strategy is one of its members: what the manifest does not name must go */
	check_deployment(NULL, "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}",
	    "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}",
	    "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}");
}

static void test_primitive_list(void **state)
{
	struct arena *arena = arena_new();
	const struct schema *schema = schema_by_gvk("", "v1", "Pod");
	struct json *before = parse(arena, "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}");
	struct json *after = parse(arena, "{\"metadata\":{\"finalizers\":[\"b\",\"c\"]}}");
	expect(arena, two_way_strategic(arena, schema, before, after),
	    "{\"metadata\":{\"$setElementOrder/finalizers\":[\"b\",\"c\"],\"$deleteFromPrimitiveList/"
	    "finalizers\":[\"a\"],"
	    "\"finalizers\":[\"c\"]}}");
	arena_free(arena);
}

static void test_custom_resources_use_json_merge(void **state)
{
	struct arena *arena = arena_new();
	expect(arena,
	    three_way_merge(arena, parse(arena, "{\"spec\":{\"a\":1,\"gone\":2,\"list\":[1]}}"),
		parse(arena, "{\"spec\":{\"a\":2,\"list\":[1,2]}}"),
		parse(arena, "{\"spec\":{\"a\":1,\"gone\":2,\"list\":[1],\"theirs\":true}}")),
	    "{\"spec\":{\"gone\":null,\"a\":2,\"list\":[1,2]}}");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_scalars),
	    cmocka_unit_test(test_labels_are_a_map),
	    cmocka_unit_test(test_containers_merge_by_name),
	    cmocka_unit_test(test_container_added_and_removed),
	    cmocka_unit_test(test_containers_reordered),
	    cmocka_unit_test(test_nested_list_in_container),
	    cmocka_unit_test(test_atomic_list_is_replaced),
	    cmocka_unit_test(test_retain_keys),
	    cmocka_unit_test(test_primitive_list),
	    cmocka_unit_test(test_custom_resources_use_json_merge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
