#include "lib/base/feature_gates.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/test.h"

static struct feature_gates gates;
static struct error err;

static int parse(const char *a, const char *b)
{
	gates = feature_gates_defaults;
	err = (struct error)ERROR_INIT;
	return feature_gates_parse(&gates, (const char *const[]){a, b}, b ? 2 : 1, &err);
}

static void test_values(void **state)
{
	assert_true(feature_gates_defaults.on[FEATURE_WatchList]);
	assert_int_equal(parse("WatchList=false", "MemoryQoS=T"), 0);
	assert_false(gates.on[FEATURE_WatchList]);
	assert_true(gates.on[FEATURE_MemoryQoS]);
	assert_int_equal(parse("WatchBookmark=true", ""), 0); /* locked to true */
}

static void test_stages(void **state)
{
	assert_int_equal(parse("MemoryQoS=false", "AllAlpha=true"), 0);
	assert_false(gates.on[FEATURE_MemoryQoS]);
	assert_true(gates.on[FEATURE_ImageVolume]);
	assert_int_equal(parse("AllBeta=false", NULL), 0);
	assert_false(gates.on[FEATURE_WatchList]);
	assert_true(gates.on[FEATURE_WatchBookmark]);
}

static void expect_error(const char *item, const char *want)
{
	assert_int_equal(parse(item, NULL), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(err.message, want));
}

static void test_errors(void **state)
{
	expect_error("Nonsense=true", "unrecognized feature gate: Nonsense");
	expect_error("WatchList", "missing bool value for WatchList");
	expect_error("WatchList=yes", "invalid value of WatchList: \"yes\"");
	expect_error("WatchBookmark=false", "WatchBookmark to false, feature is locked to true");
	expect_error("=true", "unrecognized feature gate: ");
}

static void test_list(void **state)
{
	struct buf out = BUF_INIT;
	feature_gates_print(&out);
	assert_non_null(strstr(out.data, "\nWatchList=true|false (BETA - default=true)\n"));
	assert_null(strstr(out.data, "WatchBookmark"));
	for (int i = 1; i < FEATURES_LEN; i++)
		assert_true(strcasecmp(feature_name(i - 1), feature_name(i)) < 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_stages),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
