#include "lib/base/error.h"

#include <errno.h>
#include <string.h>

#include "lib/base/test.h"

static void test_first_error_wins(void **state)
{
	struct error err = ERROR_INIT;
	assert_int_equal(error_set(&err, ERR_NOT_FOUND, "pods \"%s\" not found", "a"), -1);
	error_set(&err, ERR_INTERNAL, "later");
	error_set_errno(&err, EPERM, "later");
	assert_true(error_is(&err, ERR_NOT_FOUND));
	assert_string_equal(err.message, "pods \"a\" not found");
}

static void test_prefix_and_errno(void **state)
{
	struct error err = ERROR_INIT;
	error_set_errno(&err, ENOENT, "open %s", "/x");
	error_prefix(&err, "kubeconfig");
	assert_string_equal(err.message, "kubeconfig: open /x: No such file or directory");
	assert_int_equal(err.code, ERR_IO);
	error_clear(&err);
	assert_int_equal(err.code, ERR_NONE);
}

static void test_long_messages_are_cut(void **state)
{
	struct error err = ERROR_INIT;
	char text[2000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	error_set(&err, ERR_INTERNAL, "%s", text);
	error_prefix(&err, "%s", text);
	error_about(&err, text, text, text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	assert_int_equal(strlen(err.name), sizeof(err.name) - 1);
}

static void test_null_is_accepted(void **state)
{
	assert_int_equal(error_set(NULL, ERR_INTERNAL, "x"), -1);
	assert_int_equal(error_set_errno(NULL, EIO, "x"), -1);
	assert_int_equal(error_prefix(NULL, "x"), -1);
	error_about(NULL, "", "", "");
	error_clear(NULL);
	assert_false(error_is(NULL, ERR_INTERNAL));
}

static void test_table_both_ways(void **state)
{
	for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
		assert_true(error_http_status(code) >= 400);
		if (*error_reason(code))
			assert_int_equal(error_from_reason(error_reason(code), 500), code);
	}
	assert_int_equal(error_from_reason("", 409), ERR_CONFLICT);
	assert_int_equal(error_from_reason(NULL, 404), ERR_NOT_FOUND);
	assert_int_equal(error_from_reason("Strange", 418), ERR_BAD_REQUEST);
	assert_int_equal(error_from_reason("", 502), ERR_INTERNAL);
	assert_int_equal(error_from_reason("", 504), ERR_TIMEOUT);
	assert_int_equal(error_from_reason("", 501), ERR_NOT_IMPLEMENTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_error_wins),
	    cmocka_unit_test(test_prefix_and_errno),
	    cmocka_unit_test(test_long_messages_are_cut),
	    cmocka_unit_test(test_null_is_accepted),
	    cmocka_unit_test(test_table_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
