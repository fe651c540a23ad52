#include "lib/client/json_split.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/test.h"

static struct buf items;

static void on_item(void *arg, const char *text, size_t size)
{
	buf_append(&items, text, size);
	buf_putc(&items, '|');
}

/* The same result, however the text is cut. */
static void check(const char *text, const char *rest, const char *expected)
{
	for (size_t step = 1; step <= strlen(text); step++) {
		struct json_split split;
		json_split_init(&split, on_item, NULL);
		for (size_t at = 0; at < strlen(text); at += step) {
			size_t left = strlen(text) - at;
			json_split_feed(&split, text + at, left < step ? left : step);
		}
		assert_string_equal(buf_str(&split.rest), rest);
		assert_string_equal(buf_str(&items), expected);
		assert_true(json_split_is_complete(&split));
		json_split_done(&split);
		buf_reset(&items);
	}
}

static void test_items_are_cut_out(void **state)
{
	check("{\"kind\":\"L\",\"items\":[{\"a\":[1,2]},{\"items\":[3]}],\"metadata\":{\"b\":\"]\"}}",
	    "{\"kind\":\"L\",\"items\":[],\"metadata\":{\"b\":\"]\"}}", "{\"a\":[1,2]}|{\"items\":[3]}|");
}

static void test_strings_hide_brackets(void **state)
{
	check("{ \"items\" : [ {\"a\":\"}],\\\"{[\"} , {\"b\":\"\\\\\"} ] }", "{ \"items\" : [] }",
	    "{\"a\":\"}],\\\"{[\"} |{\"b\":\"\\\\\"} |");
}

static void test_lists_without_items(void **state)
{
	check("{\"items\":[]}", "{\"items\":[]}", "");
	check("{\"items\":null,\"x\":[1,{}]}", "{\"items\":null,\"x\":[1,{}]}", "");
	check("{\"metadata\":{\"items\":[1]}}", "{\"metadata\":{\"items\":[1]}}", "");
}

static void test_half_a_document_is_not_complete(void **state)
{
	struct json_split split;
	json_split_init(&split, on_item, NULL);
	json_split_feed(&split, "{\"items\":[{}", 12);
	assert_false(json_split_is_complete(&split));
	json_split_done(&split);
	buf_done(&items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_items_are_cut_out),
	    cmocka_unit_test(test_strings_hide_brackets),
	    cmocka_unit_test(test_lists_without_items),
	    cmocka_unit_test(test_half_a_document_is_not_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
