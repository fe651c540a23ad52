/* Printer columns of custom resources: what a cell shows of what value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apiserver/extensions/columns.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

static void check_cell(const char *type, const char *value, const char *expected)
{
	struct arena *arena = arena_new();
	char *text = arena_printf(arena,
	    "{\"apiVersion\":\"a.b/v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"v\":%s}}",
	    value);
	ApiextensionsV1__CustomResourceColumnDefinition column =
	    APIEXTENSIONS_V1__CUSTOM_RESOURCE_COLUMN_DEFINITION__INIT;
	ApiextensionsV1__CustomResourceColumnDefinition *columns[] = {&column};
	ApiextensionsV1__CustomResourceDefinitionVersion version =
	    APIEXTENSIONS_V1__CUSTOM_RESOURCE_DEFINITION_VERSION__INIT;
	const struct resource_context ctx = {.arena = arena, .now_s = 1700000000, .subresource = ""};
	struct json *cells[2] = {NULL};
	struct buf out = BUF_INIT;
	struct object *obj;

	column.name = "V";
	column.type = (char *)(uintptr_t)type;
	column.json_path = ".spec.v";
	version.n_additional_printer_columns = 1;
	version.additional_printer_columns = columns;
	assert_int_equal(object_decode(text, strlen(text), &obj, NULL), 0);
	custom_cells(&version, obj, &ctx, cells);
	if (cells[1])
		json_write(&out, cells[1], 0);
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
	object_unref(obj);
	arena_free(arena);
}

static void test_integers(void **state)
{
	check_cell("integer", "3", "3");
	check_cell("integer", "-2.9", "-2");
	check_cell("integer", "9223372036854775807", "9223372036854775807"); /* no double on the way */
	check_cell("integer", "9007199254740993", "9007199254740993");
	check_cell("integer", "1e3", "1000");
	check_cell("integer", "1e300", ""); /* no integer holds it */
	check_cell("integer", "-9223372036854775809e1", "");
	check_cell("integer", "\"3\"", "");
}

static void test_others(void **state)
{
	check_cell("number", "1e300", "1e300");
	check_cell("string", "{\"a\":1}", "\"{\\\"a\\\":1}\"");
	check_cell("boolean", "true", "true");
	check_cell("boolean", "1", "");
	check_cell("date", "\"2023-11-14T22:13:10Z\"", "\"10s\"");
	check_cell("date", "\"x\"", "\"\\u003cinvalid\\u003e\"");
	check_cell("string", "null", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
