#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

static void check(const char *yaml, const char *json)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	struct json *v;

	if (yaml_parse(arena, yaml, strlen(yaml), NULL, &v, &err) < 0)
		fail_msg("%s\n%s", yaml, err.message);
	json_write(&out, v, 0);
	if (strcmp(buf_str(&out), json) != 0)
		fail_msg("%s\nbecame %s\nexpected %s", yaml, buf_str(&out), json);
	buf_done(&out);
	arena_free(arena);
}

static void check_refused(const char *yaml, enum error_code code, const char *words)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json *v;

	if (yaml_parse(arena, yaml, strlen(yaml), NULL, &v, &err) == 0)
		fail_msg("taken: %s", yaml);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	arena_free(arena);
}

static void check_written(const char *json, const char *yaml)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;
	struct json *v, *again;

	assert_int_equal(json_parse(arena, json, strlen(json), NULL, &v, NULL), 0);
	yaml_write(&out, v);
	if (strcmp(buf_str(&out), yaml) != 0)
		fail_msg("%s\nbecame\n%s\nexpected\n%s", json, buf_str(&out), yaml);
	if (yaml_parse(arena, out.data, out.size, NULL, &again, &err) < 0)
		fail_msg("%s\n%s", yaml, err.message);
	assert_true(json_equal(v, again));
	buf_done(&out);
	arena_free(arena);
}

static void test_scalars(void **state)
{
	check("a: yes\nb: No\nc: on\nd: OFF\ne: y\nf: n\ng: true\nh: \"yes\"\ni: 'off'\n",
	    "{\"a\":true,\"b\":false,\"c\":true,\"d\":false,\"e\":true,\"f\":false,\"g\":true,\"h\":\"yes\","
	    "\"i\":\"off\"}");
	check("[0777, 0x1F, 0b101, 0o17, 1_000, +5, -3, 08, 0, -0]", "[511,31,5,15,1000,5,-3,8,0,0]");
	check("[1.10, 3.0, 1e3, .5, 1e+21, 1.5e-7, 18446744073709551615, 18446744073709551616]",
	    "[1.1,3,1000,0.5,1e+21,1.5e-7,18446744073709551615,18446744073709552000]");
	check("[~, null, Null, NULL, '']", "[null,null,null,null,\"\"]");
	check("[2001-01-01, 12:30:45, 1.2.3, 0x, -, +, 1e, v1, 10Gi, 1_, .]",
	    "[\"2001-01-01\",\"12:30:45\",\"1.2.3\",\"0x\",\"-\",\"+\",\"1e\",\"v1\",\"10Gi\",1,\".\"]");
	check("[!!str 123, !!int \"7\", ! x, !foo 5]", "[\"123\",7,\"x\",\"5\"]");
	check("{1: a, yes: b, 1.50: c, ~: d, \"2\": e}",
	    "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"null\":\"d\",\"2\":\"e\"}");
	check("a: |\n  x\n  y\nb: >-\n  p\n  q\n", "{\"a\":\"x\\ny\\n\",\"b\":\"p q\"}");
	check("9223372036854775807", "9223372036854775807");
}

static void test_merge(void **state)
{
	check("base: &b {a: 1, b: 2}\nx:\n  <<: *b\n  b: 3\n",
	    "{\"base\":{\"a\":1,\"b\":2},\"x\":{\"a\":1,\"b\":3}}");
	check("x:\n  b: 3\n  <<: {b: 1, c: 2}\n", "{\"x\":{\"b\":3,\"c\":2}}");
	check("- &p {a: 1}\n- &q {a: 2, b: 2}\n- <<: [*p, *q]\n  c: 3\n",
	    "[{\"a\":1},{\"a\":2,\"b\":2},{\"a\":1,\"b\":2,\"c\":3}]");
	check("a: &x hello\nb: *x\n*x : c\n", "{\"a\":\"hello\",\"b\":\"hello\",\"hello\":\"c\"}");
	check_refused("x:\n  <<: 5\n", ERR_BAD_REQUEST, "map merge requires");
	check_refused("a: *none\n", ERR_BAD_REQUEST, "unknown anchor 'none'");
	check_refused("a: &a [*a]\n", ERR_BAD_REQUEST, "unknown anchor");
}

static void test_bombs(void **state)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 10; i++)
		buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	check_refused(buf_str(&text), ERR_TOO_LARGE, "aliases unfold");
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_putc(&text, '[');
	check_refused(buf_str(&text), ERR_BAD_REQUEST, "deeper than 256");
	buf_reset(&text);
	for (int i = 0; i < 2000; i++)
		buf_printf(&text, "%*s-\n", i, "");
	check_refused(buf_str(&text), ERR_BAD_REQUEST, "deeper than 256");
	buf_reset(&text);
	buf_puts(&text, "a0: &a0 [[[[[[[[x]]]]]]]]\n");
	for (int i = 1; i < 60; i++)
		buf_printf(&text, "a%d: &a%d [[[[[[[[*a%d]]]]]]]]\n", i, i, i - 1);
	check_refused(buf_str(&text), ERR_BAD_REQUEST, "deeper than 256");
	buf_done(&text);
}

static void test_errors(void **state)
{
	check_refused("a: b\n c: d\n", ERR_BAD_REQUEST, "line 2");
	check_refused("a: [1, 2\nb: 3\n", ERR_BAD_REQUEST, "yaml: line 2");
	check_refused("? [a]\n: b\n", ERR_BAD_REQUEST, "key must be a scalar");
	check_refused("a: .inf\n", ERR_BAD_REQUEST, "JSON has no value");
	check_refused("a: \"x\\0y\"\n", ERR_BAD_REQUEST, "NUL");
	check_refused("a: 1\n---\nb: 2\n", ERR_BAD_REQUEST, "found 2");
	check_refused("\xff\xfe", ERR_BAD_REQUEST, "yaml");
	check_refused("a: @x", ERR_BAD_REQUEST, "yaml");
}

static void check_stream(const char *text, size_t docs, const size_t *lines)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	struct json **found;
	size_t *found_lines, len;

	if (yaml_parse_all(arena, text, strlen(text), NULL, &found, &found_lines, &len, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(len, docs);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(found_lines[i], lines[i]);
	arena_free(arena);
}

static void test_streams(void **state)
{
	check_stream("", 0, NULL);
	check_stream("---\n---\n# only a comment\n", 0, NULL);
	check_stream("a: 1\n---\nb: 2\n---\n\n---\nc: 3\n", 3, (size_t[]){1, 3, 7});
	check_stream("# license\n---\na: 1\n...\n", 1, (size_t[]){3});
	check_stream("{\"a\":1}{\"b\":[\"}\"]}\n\n{\"c\":3}\n", 3, (size_t[]){1, 1, 3});
	check_stream("{\"a\":1}\n---\nb: 2\n", 2, (size_t[]){1, 3});
	check_stream("{a: 1, b: [x]}\n", 1, (size_t[]){1});
}

struct seen {
	char text[200];
};

static void on_duplicate(void *arg, const char *path)
{
	strcat(((struct seen *)arg)->text, path);
}

static void test_duplicates(void **state)
{
	static const char text[] =
	    "base: &b {k: 1}\nspec:\n  list:\n  - <<: *b\n    k: 2\n  - a: 1\n    a: 2\n";
	struct seen seen = {0};
	struct json_limits limits = {.on_duplicate = on_duplicate, .arg = &seen};
	struct arena *arena = arena_new();
	struct json *v;

	assert_int_equal(yaml_parse(arena, text, strlen(text), &limits, &v, NULL), 0);
	assert_string_equal(seen.text, "spec.list[1].a");
	arena_free(arena);
}

static void test_writing(void **state)
{
	check_written("{}", "{}\n");
	check_written(
	    "{\"b\":[{\"x\":1,\"a\":[]},[1,[2]]],\"a\":{}}", "a: {}\nb:\n- a: []\n  x: 1\n- - 1\n  - - 2\n");
	check_written("{\"a\":[\"yes\",\"123\",\"1e3\",\"null\",\"\",\"~\",\"2001-01-01\",\"0x1f\",\"1:30\","
		      "\"<<\",\"true\",\"y\"]}",
	    "a:\n- \"yes\"\n- \"123\"\n- \"1e3\"\n- \"null\"\n- \"\"\n- \"~\"\n- \"2001-01-01\"\n- "
	    "\"0x1f\"\n- \"1:30\"\n- \"<<\"\n- \"true\"\n- \"y\"\n");
	check_written("{\"a\":[\"a: b\",\"a #b\",\"-\",\"- a\",\"@x\",\"{x\",\"*a\",\"&a\",\"!a\",\"%a\",\" "
		      "a\",\"a \",\"it's\",\"'q\",\"a:b\",\"a#b\"]}",
	    "a:\n- 'a: b'\n- 'a #b'\n- '-'\n- '- a'\n- '@x'\n- '{x'\n- '*a'\n- '&a'\n- '!a'\n- '%a'\n- ' "
	    "a'\n- 'a '\n- it's\n- '''q'\n- a:b\n- a#b\n");
	check_written(
	    "{\"a\":\"x\\ny\\n\",\"b\":\"x\\ny\",\"c\":\"x\\n\\n\",\"d\":\"tab\\there\",\"e\":\"\\u00e9\"}",
	    "a: |\n  x\n  y\nb: |-\n  x\n  y\nc: |+\n  x\n\nd: \"tab\\there\"\ne: \xc3\xa9\n");
	check_written("{\"a10\":1,\"a9\":2,\"B\":3,\"a\":4,\"a-b\":5,\"a_b\":6,\"ab\":7,\"1\":8}",
	    "\"1\": 8\nB: 3\na: 4\na-b: 5\na_b: 6\na9: 2\na10: 1\nab: 7\n");
	check_written(
	    "{\"t\":true,\"f\":false,\"n\":null,\"x\":1.5}", "f: false\n\"n\": null\nt: true\nx: 1.5\n");
}

static void check_long(const char *digits, const char *expected)
{
	struct arena *arena = arena_new();
	struct buf text = BUF_INIT;
	struct json *v, *again;

	assert_int_equal(yaml_parse(arena, digits, strlen(digits), NULL, &v, NULL), 0);
	assert_int_equal(v->type, expected ? JSON_NUMBER : JSON_STRING);
	assert_string_equal(v->text, expected ? expected : digits);
	yaml_write(&text, v);
	assert_int_equal(yaml_parse(arena, text.data, text.size, NULL, &again, NULL), 0);
	assert_true(json_equal(v, again));
	/* and the same number in JSON, whose text is kept */
	if (expected) {
		assert_int_equal(json_parse(arena, digits, strlen(digits), NULL, &v, NULL), 0);
		buf_reset(&text);
		yaml_write(&text, v);
		assert_int_equal(yaml_parse(arena, text.data, text.size, NULL, &again, NULL), 0);
		assert_true(json_equal(v, again));
	}
	buf_reset(&text);
	v = json_new_string(arena, digits);
	yaml_write(&text, v);
	assert_int_equal(yaml_parse(arena, text.data, text.size, NULL, &again, NULL), 0);
	assert_int_equal(again->type, JSON_STRING);
	assert_string_equal(again->text, digits);
	buf_done(&text);
	arena_free(arena);
}

/* A number is a number at any length, and a string from where doubles end: as Go's ParseFloat has it. */
static void test_long_numbers(void **state)
{
	char text[1500];

	memset(text, '1', sizeof(text));
	text[150] = '\0';
	check_long(text, "1.111111111111111e+149");
	text[150] = '1';
	text[309] = '\0';
	check_long(text, "1.1111111111111112e+308");
	text[309] = '1';
	text[310] = '\0';
	check_long(text, NULL);
	memset(text, '0', sizeof(text));
	text[1] = '.';
	text[200] = '7';
	text[201] = '\0';
	check_long(text, "7e-199");
	text[201] = '0';
	text[1400] = '\0';
	check_long(text, "7e-199");
}

static void test_long_lines(void **state)
{
	check_written("{\"d\":\"aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg "
		      "hhhhhhhhh iiiiiiiii jjjjjjjjj\"}",
	    "d: aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee fffffffff ggggggggg hhhhhhhhh\n  iiiiiiiii "
	    "jjjjjjjjj\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scalars),
	    cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_bombs),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_duplicates),
	    cmocka_unit_test(test_writing),
	    cmocka_unit_test(test_long_numbers),
	    cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
