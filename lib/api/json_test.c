#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/json.h"
#include "lib/api/json_text.h"
#include "lib/api/number.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

static struct json *parse(struct arena *arena, const char *text)
{
	struct error err = ERROR_INIT;
	struct json *v = NULL;

	if (json_parse(arena, text, strlen(text), NULL, &v, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return v;
}

static void check_text(const char *in, const char *expected)
{
	struct arena *arena = arena_new();
	struct buf out = BUF_INIT;

	json_write(&out, parse(arena, in), 0);
	assert_string_equal(buf_str(&out), expected);
	assert_true(json_text_is_clean(out.data, out.size, 256));
	buf_done(&out);
	arena_free(arena);
}

static void check_refused(const char *in, enum error_code code, const char *words)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json *v;

	assert_int_equal(json_parse(arena, in, strlen(in), NULL, &v, &err), -1);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	arena_free(arena);
}

static void test_round_trip(void **state)
{
	check_text(" { \"b\" : [ 1 , 2.50 , -3e+7 , true , null ] , \"a\" : \"x\" } ",
	    "{\"b\":[1,2.50,-3e+7,true,null],\"a\":\"x\"}");
	check_text("9223372036854775807", "9223372036854775807");
	check_text("123456789012345678901234567890", "123456789012345678901234567890");
	check_text("\"<&>\\u2028\\u00e9\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\\ud83d\\ude00\"",
	    "\"\\u003c\\u0026\\u003e\\u2028\xc3\xa9\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\xf0\x9f\x98\x80\"");
	check_text("[]", "[]");
	check_text("{}", "{}");
}

static void test_pretty(void **state)
{
	struct arena *arena = arena_new();
	struct buf out = BUF_INIT;

	json_write(&out, parse(arena, "{\"a\":[1,{}],\"b\":[],\"c\":{\"d\":null}}"), 2);
	assert_string_equal(buf_str(&out),
	    "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": {\n    \"d\": null\n  }\n}");
	buf_done(&out);
	arena_free(arena);
}

static void test_refused(void **state)
{
	char *deep = malloc(1001);

	check_refused("", ERR_BAD_REQUEST, "invalid JSON");
	check_refused("{", ERR_BAD_REQUEST, "premature");
	check_refused("{\"a\":1}\n{", ERR_BAD_REQUEST, "line 2");
	check_refused("{\"a\":\n  tru}", ERR_BAD_REQUEST, "line 2, column");
	check_refused("[1,]", ERR_BAD_REQUEST, "invalid JSON");
	check_refused("\"a\\u0000b\"", ERR_BAD_REQUEST, "NUL");
	check_refused("{\"\\u0000\":1}", ERR_BAD_REQUEST, "NUL");
	check_refused("01", ERR_BAD_REQUEST, "invalid JSON");
	check_refused("{\"a\":\n\v1}", ERR_BAD_REQUEST, "line 2, column 1: it has a vertical tab");
	check_refused("{\"a\":1}\"", ERR_BAD_REQUEST, "line 1, column 8: trailing garbage");
	check_refused("{}\n\"{}", ERR_BAD_REQUEST, "line 2, column 1: trailing garbage");
	check_refused("1 \"\\", ERR_BAD_REQUEST, "trailing garbage");
	check_refused("\"a\" \"b", ERR_BAD_REQUEST, "trailing garbage");
	check_refused("[1]\f", ERR_BAD_REQUEST, "line 1, column 4");
	check_refused("\"\v\"", ERR_BAD_REQUEST, "vertical tab");
	check_refused("{\"b\":1.5e+309}", ERR_BAD_REQUEST, "number 1.5e+309 is out of range");
	check_refused("[-1E999]", ERR_BAD_REQUEST, "out of range");
	memset(deep, '[', 1000);
	deep[1000] = '\0';
	check_refused(deep, ERR_BAD_REQUEST, "deeper than 256");
	free(deep);
}

static void test_size_limit(void **state)
{
	struct json_limits limits = {.size_max = 4};
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json *v;

	assert_int_equal(json_parse(arena, "12345", 5, &limits, &v, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	arena_free(arena);
}

struct seen {
	char text[512];
};

static void on_duplicate(void *arg, const char *path)
{
	struct seen *seen = arg;

	strncat(seen->text, path, 100);
	strcat(seen->text, ";");
}

static void test_duplicates(void **state)
{
	static const char text[] = "{\"spec\":{\"containers\":[{},{\"name\":\"a\",\"image\":\"i\",\"name\":"
				   "\"b\"}]},\"x\":1,\"x\":2}";
	struct seen seen = {0};
	struct json_limits limits = {.on_duplicate = on_duplicate, .arg = &seen};
	struct arena *arena = arena_new();
	struct buf many = BUF_INIT;
	struct json *v;

	assert_int_equal(json_parse(arena, text, strlen(text), &limits, &v, NULL), 0);
	assert_string_equal(seen.text, "spec.containers[1].name;x;");
	assert_string_equal(json_get_string(json_get_path(v, "spec.containers")->items[1], "name", ""), "b");
	assert_int_equal(json_get(v, "spec")->len, 1);
	assert_int_equal(json_get_int(v, "x", 0), 2);
	/* more keys than are compared in pairs, the repeated one first and last */
	buf_puts(&many, "{\"a\":1");
	for (int i = 0; i < 20; i++)
		buf_printf(&many, ",\"k%d\":%d", i, i);
	buf_puts(&many, ",\"a\":3,\"a\":4}");
	seen.text[0] = '\0';
	assert_int_equal(json_parse(arena, many.data, many.size, &limits, &v, NULL), 0);
	assert_string_equal(seen.text, "a;a;");
	assert_int_equal(v->len, 21);
	assert_string_equal(v->members[0].key, "a");
	assert_int_equal(json_get_int(v, "a", 0), 4);
	buf_done(&many);
	arena_free(arena);
}

static void test_edit(void **state)
{
	struct arena *arena = arena_new();
	struct json *v = json_new_object(arena), *list = json_new_array(arena);
	struct buf out = BUF_INIT;

	for (int i = 0; i < 10; i++)
		json_push(arena, list, json_new_int(arena, i));
	json_array_remove(list, 0);
	json_insert(arena, list, 1, json_new_string(arena, "x"));
	json_set(arena, v, "b", list);
	json_set(arena, v, "a", json_new_bool(arena, true));
	json_set(arena, v, "c", json_new_null(arena));
	json_set(arena, v, "c", json_new_number(arena, "1.5"));
	json_remove(v, "none");
	json_remove(v, "a");
	json_set(arena, v, "a", json_new_object(arena));
	json_sort(v);
	json_write(&out, v, 0);
	assert_string_equal(buf_str(&out), "{\"a\":{},\"b\":[1,\"x\",2,3,4,5,6,7,8,9],\"c\":1.5}");
	assert_true(json_equal(v, json_clone(arena, v)));
	assert_true(json_is_deeper(v, 1));
	assert_false(json_is_deeper(v, 2));
	buf_done(&out);
	arena_free(arena);
}

static void test_equal(void **state)
{
	struct arena *arena = arena_new();

	assert_true(
	    json_equal(parse(arena, "{\"a\":1,\"b\":[1.0,2]}"), parse(arena, "{\"b\":[1,2e0],\"a\":1}")));
	assert_false(json_equal(parse(arena, "{\"a\":1}"), parse(arena, "{\"a\":\"1\"}")));
	assert_false(json_equal(parse(arena, "9007199254740993"), parse(arena, "9007199254740992")));
	assert_false(json_equal(parse(arena, "[1,2]"), parse(arena, "[2,1]")));
	assert_false(json_equal(parse(arena, "{\"a\":null}"), parse(arena, "{}")));
	arena_free(arena);
}

static void test_clean(void **state)
{
	static const char *const dirty[] = {"", "{ }", "{\"a\": 1}", "[1,]", "{\"a\"}", "\"<\"",
	    "\"\\u00e9\"", "\"\xff\"", "1.", "-", "01", "nul", "{}x", "\"\\", "\"\\u003", "[", "{\"a\":1",
	    "}", "[}", "{]", "\"\n\""};
	static const char *const clean[] = {"{}", "[]", "[[],{\"a\":[]}]", "\"\\u003c\\n\"", "-1.5e+7",
	    "null", "{\"a\":{\"b\":[1,2,\"x\"]},\"c\":true}"};

	for (size_t i = 0; i < sizeof(dirty) / sizeof(dirty[0]); i++) {
		if (json_text_is_clean(dirty[i], strlen(dirty[i]), 256))
			fail_msg("taken for clean: %s", dirty[i]);
	}
	for (size_t i = 0; i < sizeof(clean) / sizeof(clean[0]); i++) {
		if (!json_text_is_clean(clean[i], strlen(clean[i]), 256))
			fail_msg("not taken for clean: %s", clean[i]);
	}
	assert_false(json_text_is_clean("[[[]]]", 6, 2));
	assert_true(json_text_is_clean("[[[]]]", 6, 3));
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *text;
	} table[] = {{0, "0"}, {1, "1"}, {-1.5, "-1.5"}, {0.1, "0.1"}, {100, "100"},
	    {1e20, "100000000000000000000"}, {1e21, "1e+21"}, {1e-6, "0.000001"}, {1e-7, "1e-7"},
	    {1.7976931348623157e308, "1.7976931348623157e+308"}, {5e-324, "5e-324"},
	    {0.30000000000000004, "0.30000000000000004"}, {123456.789, "123456.789"}};
	char text[NUMBER_TEXT_MAX];
	int64_t n;
	double d;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(number_format_double(table[i].value, text), table[i].text);
	assert_true(number_parse_int64("-9223372036854775808", &n) && n == INT64_MIN);
	assert_false(number_parse_int64("9223372036854775808", &n));
	assert_false(number_parse_int64("1.0", &n));
	assert_false(number_parse_int64("1e3", &n));
	assert_false(number_parse_int64("-", &n));
	assert_false(number_parse_double("1e999", &d));
	assert_false(number_parse_double("0x10", &d));
}

/* Whatever stands before and behind a byte that needs an escape, and at whatever place of a word. */
static void test_escapes_at_every_place(void **state)
{
	for (int c = 1; c < 256; c++) {
		for (size_t at = 0; at < 19; at++) {
			char text[20], expected[32], one[8] = {(char)c};
			struct buf out = BUF_INIT, escaped = BUF_INIT;
			memset(text, 'x', 19);
			text[at] = (char)c;
			json_write_string(&escaped, one, 1);
			snprintf(expected, sizeof expected, "\"%.*s%.*s%.*s\"", (int)at, text,
			    (int)escaped.size - 2, escaped.data + 1, (int)(18 - at), "xxxxxxxxxxxxxxxxxx");
			json_write_string(&out, text, 19);
			assert_string_equal(buf_str(&out), expected);
			assert_true(json_text_is_clean(out.data, out.size, 1));
			buf_done(&out);
			buf_done(&escaped);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_pretty),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_size_limit),
	    cmocka_unit_test(test_duplicates),
	    cmocka_unit_test(test_edit),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_escapes_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
