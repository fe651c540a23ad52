#include <string.h>

#include "kubectl/printers/custom_columns.h"
#include "kubectl/printers/jsonpath.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static const char data[] =
    "{\"kind\":\"List\",\"items\":[{\"metadata\":{\"name\":\"a\",\"labels\":{\"app.io/"
    "x\":\"1\"}},\"n\":1,\"ok\":true},"
    "{\"metadata\":{\"name\":\"b\"},\"n\":20,\"ok\":false,\"ports\":[{\"port\":80},{\"port\":443}]}]}";

static int run(const char *path, struct buf *out, struct error *err)
{
	struct arena *arena = arena_new();
	struct json *tree;
	struct jsonpath *parsed;
	int result = -1;
	assert_int_equal(json_parse(arena, data, strlen(data), NULL, &tree, err), 0);
	if (!jsonpath_parse(arena, path, &parsed, err))
		result = jsonpath_print(arena, parsed, tree, out, err);
	arena_free(arena);
	return result;
}

static void check(const char *path, const char *want)
{
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	if (run(path, &out, &err))
		fail_msg("%s: %s", path, err.message);
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
}

static void test_fields(void **state)
{
	check("{.kind}", "List");
	check("{$.kind}", "List");
	check("{['kind']}", "List");
	check("kind={.kind}!", "kind=List!");
	check("{.items[0].metadata.labels.app\\.io/x}", "1");
	check("{.items[0].metadata.labels['app.io/x']}", "1");
	check("{.none.at.all}", "");
	check("{.items[1].ports[0]}", "{\"port\":80}");
}

static void test_lists(void **state)
{
	check("{.items[*].metadata.name}", "a b");
	check("{.items[-1].n}", "20");
	check("{.items[0:1].n}", "1");
	check("{.items[0,1].n}", "1 20");
	check("{.items[1].ports[*].port}", "80 443");
	check("{..name}", "a b");
	check("{.items[*]['n','ok']}", "1 true 20 false");
}

static void test_filters(void **state)
{
	check("{.items[?(@.metadata.name==\"b\")].n}", "20");
	check("{.items[?(@.n>5)].metadata.name}", "b");
	check("{.items[?(@.n<=1)].metadata.name}", "a");
	check("{.items[?(@.ok==true)].metadata.name}", "a");
	check("{.items[?(@.ports)].metadata.name}", "b");
	check("{.items[?(@.metadata.name!='b')].n}", "1");
}

static void test_range(void **state)
{
	check("{range .items[*]}{.metadata.name}{\"\\t\"}{.n}{\"\\n\"}{end}", "a\t1\nb\t20\n");
	check("{range .items[*]}{range .ports[*]}[{.port}]{end};{end}", ";[80][443];");
}

static void test_errors(void **state)
{
	static const char *const bad[] = {"{.a", "{.items[?(@.x}", "{end}", "{.items[5].n}", "{.items['x}"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buf out = BUF_INIT;
		struct error err = ERROR_INIT;
		assert_int_equal(run(bad[i], &out, &err), -1);
		assert_true(err.message[0]);
		buf_done(&out);
	}
}

static void test_relaxed(void **state)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	assert_string_equal(jsonpath_relaxed(arena, "a.b", &err), "{.a.b}");
	assert_string_equal(jsonpath_relaxed(arena, ".a", &err), "{.a}");
	assert_string_equal(jsonpath_relaxed(arena, "{.a}", &err), "{.a}");
	assert_null(jsonpath_relaxed(arena, "{{a", &err));
	arena_free(arena);
}

static void test_column_specs(void **state)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct custom_columns *columns;
	assert_int_equal(custom_columns_parse(arena, "A:.a,B:.b[0,1].c", false, &columns, &err), 0);
	assert_int_equal(custom_columns_parse(arena, "A", false, &columns, &err), -1);
	assert_string_equal(
	    err.message, "unexpected custom-columns spec: A, expected <header>:<json-path-expr>");
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_range),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_relaxed),
	    cmocka_unit_test(test_column_specs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
