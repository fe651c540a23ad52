#include "apiserver/patch/json_patch.h"

#include "apiserver/patch/merge_patch.h"
#include "apiserver/patch/test_trees.h"

struct patch_case {
	const char *doc, *patch;
	const char *want; /* NULL: refused */
	enum error_code code;
};

static void run_cases(const struct patch_case *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const struct patch_case *c = &cases[i];
		struct arena *arena = arena_new();
		struct error err = ERROR_INIT;
		struct json *out = NULL;
		int rc = json_patch_apply(
		    arena, parse_tree(arena, c->doc), parse_tree(arena, c->patch), &out, &err);
		if (!c->want && (!rc || err.code != c->code))
			fail_msg("%s: rc %d code %d, want code %d", c->patch, rc, err.code, c->code);
		if (c->want && rc)
			fail_msg("%s: %s", c->patch, err.message);
		if (c->want)
			assert_tree(arena, c->patch, out, c->want);
		arena_free(arena);
	}
}

static void test_operations(void **state)
{
	static const struct patch_case cases[] = {
	    {"{\"a\":1}", "[]", "{\"a\":1}", 0},
	    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":{\"c\":2}}]",
		"{\"a\":1,\"b\":{\"c\":2}}", 0},
	    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":null}]", "{\"a\":null}", 0},
	    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[1]}]", "[1]", 0},
	    /* what upstream's library lets pass */
	    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":\"x\"}]", "{\"a\":1}", 0},
	    {"{\"a\":1}", "null", "{\"a\":1}", 0},
	    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":null}", 0},
	    {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/a\"}]", "{\"a\":null}", 0},
	    {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"x/b\",\"value\":2}]", "{\"a\":1,\"b\":2}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":9}]", "{\"a\":[1,9,2]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":9}]", "{\"a\":[1,2,9]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-\",\"value\":9}]", "{\"a\":[1,2,9]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":9}]", "{\"a\":[1,2,9]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-1\"}]", "{\"a\":[1]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/0\"}]", "{\"a\":[2]}", 0},
	    {"{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":\"x\"}]", "{\"a\":[1,\"x\"]}",
		0},
	    {"{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a/b\",\"path\":\"/c\"}]",
		"{\"a\":{},\"c\":1}", 0},
	    {"{\"a\":[1,2,3]}", "[{\"op\":\"move\",\"from\":\"/a/0\",\"path\":\"/a/2\"}]", "{\"a\":[2,3,1]}",
		0},
	    {"{\"a\":{\"b\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c\"}]",
		"{\"a\":{\"b\":1,\"c\":{\"b\":1}}}", 0},
	    {"{\"a/b\":{\"m~n\":1}}", "[{\"op\":\"replace\",\"path\":\"/a~1b/m~0n\",\"value\":2}]",
		"{\"a/b\":{\"m~n\":2}}", 0},
	    {"{\"a\":{\"x\":1,\"y\":2}}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":2,\"x\":1}}]",
		"{\"a\":{\"x\":1,\"y\":2}}", 0},
	    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]", "{\"a\":1}", 0},
	    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", "{\"a\":1}", 0},
	};
	run_cases(cases, sizeof cases / sizeof cases[0]);
}

static void test_refused(void **state)
{
	static const struct patch_case cases[] = {
	    {"{}", "{}", NULL, ERR_BAD_REQUEST},
	    {"{}", "[1]", NULL, ERR_BAD_REQUEST},
	    {"{}", "[{\"op\":\"frob\",\"path\":\"/a\"}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"add\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{}", "[null]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{}}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"test\",\"path\":\"/a/b\",\"value\":null}]", NULL, ERR_INVALID},
	    {"{\"a\":[1]}", "[{\"op\":\"test\",\"path\":\"/a/1\",\"value\":null}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/2\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{\"a\":[1]}", "[{\"op\":\"add\",\"path\":\"/a/x\",\"value\":1}]", NULL, ERR_INVALID},
	    {"{\"a\":[1]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", NULL, ERR_INVALID},
	    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL, ERR_INVALID},
	    {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":2}]", NULL, ERR_INVALID},
	    {"{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL, ERR_INVALID},
	    {"{}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", NULL, ERR_INVALID},
	};
	run_cases(cases, sizeof cases / sizeof cases[0]);
}

/* Each copy doubles the document: ten thousand of them would not end. */
static void test_copies_are_bounded(void **state)
{
	struct arena *arena = arena_new();
	struct buf patch = BUF_INIT;
	struct json *out = NULL;
	struct error err = ERROR_INIT;
	buf_putc(&patch, '[');
	for (int i = 0; i < 60; i++)
		buf_printf(
		    &patch, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/k%d\"}", i ? "," : "", i);
	buf_putc(&patch, ']');
	assert_int_equal(json_patch_apply(arena, parse_tree(arena, "{\"a\":{}}"),
			     parse_tree(arena, patch.data), &out, &err),
	    -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buf_reset(&patch);
	err = ERROR_INIT;
	buf_putc(&patch, '[');
	for (int i = 0; i <= JSON_PATCH_OPERATIONS_MAX; i++)
		buf_printf(&patch, "%s{\"op\":\"test\",\"path\":\"/b\",\"value\":null}", i ? "," : "");
	buf_putc(&patch, ']');
	assert_int_equal(
	    json_patch_apply(arena, parse_tree(arena, "{}"), parse_tree(arena, patch.data), &out, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buf_done(&patch);
	arena_free(arena);
}

/* The table at the end of RFC 7386. */
static void test_merge_patch(void **state)
{
	static const char *const cases[][3] = {
	    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	    {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	    {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	    {"{\"a\":\"foo\"}", "null", "null"},
	    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
	    {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct arena *arena = arena_new();
		struct json *out =
		    merge_patch_apply(arena, parse_tree(arena, cases[i][0]), parse_tree(arena, cases[i][1]));
		assert_tree(arena, cases[i][1], out, cases[i][2]);
		arena_free(arena);
	}
}

/* Large enough for the index: the result is the same. */
static void test_many_members(void **state)
{
	struct arena *arena = arena_new();
	struct json *doc = json_new_object(arena), *patch = json_new_object(arena);
	for (int i = 0; i < 2000; i++) {
		json_set(arena, doc, arena_printf(arena, "k%d", i), json_new_int(arena, i));
		json_set(arena, patch, arena_printf(arena, "k%d", i + 1000),
		    i % 2 ? json_new_null(arena) : json_new_int(arena, -i));
	}
	struct json *out = merge_patch_apply(arena, doc, patch);
	assert_int_equal(out->len, 2000);
	assert_int_equal(json_get_int(out, "k999", 0), 999);
	assert_int_equal(json_get_int(out, "k1000", 1), 0);
	assert_null(json_get(out, "k1001"));
	assert_int_equal(json_get_int(out, "k2998", 0), -1998);
	assert_null(json_get(out, "k2999"));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_operations), cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_copies_are_bounded), cmocka_unit_test(test_merge_patch),
	    cmocka_unit_test(test_many_members)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
