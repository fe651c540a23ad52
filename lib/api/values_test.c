#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "proto/core_v1.pb-c.h"

static void test_canonical(void **state)
{
	static const struct {
		const char *in, *out;
	} table[] = {
	    {"0", "0"},
	    {"0Ki", "0"},
	    {"0.5", "500m"},
	    {"100m", "100m"},
	    {"1000m", "1"},
	    {"1500m", "1500m"},
	    {"1024Ki", "1Mi"},
	    {"1.5Gi", "1536Mi"},
	    {"1000", "1k"},
	    {"1500", "1500"},
	    {"1000000", "1M"},
	    {"12e6", "12e6"},
	    {"1e3", "1e3"},
	    {"1E3", "1e3"},
	    {"1E", "1E"},
	    {"1e-3", "1e-3"},
	    {"1.5e3", "1500"},
	    {"100k", "100k"},
	    {"0.1n", "1n"},
	    {"1.0000000001", "1000000001n"},
	    {"-1", "-1"},
	    {"-0.5", "-500m"},
	    {"+5", "5"},
	    {".5", "500m"},
	    {"5.", "5"},
	    {"1Ki", "1Ki"},
	    {"1023Ki", "1023Ki"},
	    {"512", "512"},
	    {"0.1Ki", "102400m"},
	    {"0.5Ki", "512"},
	    {"1.25Ki", "1280"},
	    {"1.5Ki", "1536"},
	    {"8Ei", "8Ei"},
	    {"1u", "1u"},
	    {"1000u", "1m"},
	    {"9223372036854775807", "9223372036854775807"},
	    {"1T", "1T"},
	    {"1P", "1P"},
	    {"000100", "100"},
	    {"100000000000000000000", "100E"},
	    {"3.3333333333333333333", "3333333334n"},
	    {"2Ti", "2Ti"},
	    {"64Mi", "64Mi"},
	    {"128974848", "128974848"},
	    {"129M", "129M"},
	    {"129e6", "129e6"},
	    {"123Mi", "123Mi"},
	};
	char text[QUANTITY_TEXT_MAX];
	struct quantity q;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(quantity_parse(table[i].in, &q, NULL), 0);
		if (strcmp(quantity_format(&q, text), table[i].out) != 0)
			fail_msg("%s became %s, expected %s", table[i].in, text, table[i].out);
	}
}

static void test_malformed(void **state)
{
	static const char *const table[] = {"", "x", "1x", "1 Ki", " 1", "1 ", "1KiB", "1ki", "--1", "1.2.3",
	    "1e", "1e+", "1e3Ki", "1K", "1mm", "Ki", ".", "1e3.5", "0x10", "1,5"};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct error err = ERROR_INIT;
		struct quantity q;

		if (quantity_parse(table[i], &q, &err) == 0)
			fail_msg("\"%s\" was taken", table[i]);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void test_extremes(void **state)
{
	struct quantity q, r;
	char text[QUANTITY_TEXT_MAX];

	assert_int_equal(quantity_parse("1e9999999999", &q, NULL), 0);
	assert_int_equal(quantity_value(&q), INT64_MAX);
	assert_true(strlen(quantity_format(&q, text)) < QUANTITY_TEXT_MAX);
	assert_int_equal(
	    quantity_parse(
		"-99999999999999999999999999999999999999999999999999999999999999999999999Ei", &q, NULL),
	    0);
	assert_int_equal(quantity_value(&q), INT64_MIN);
	assert_int_equal(quantity_parse("1e-9999999999", &q, NULL), 0);
	assert_string_equal(quantity_format(&q, text), "1e-9");
	assert_int_equal(
	    quantity_parse(
		"0.00000000000000000000000000000000000000000000000000000000000000000000001", &q, NULL),
	    0);
	assert_string_equal(quantity_format(&q, text), "1n");
	assert_int_equal(
	    quantity_parse(
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000007", &q,
		NULL),
	    0);
	assert_int_equal(quantity_value(&q), 7);
	assert_int_equal(quantity_parse("1", &q, NULL), 0);
	assert_int_equal(quantity_parse("1000m", &r, NULL), 0);
	assert_int_equal(quantity_compare(&q, &r), 0);
}

static void test_arithmetic(void **state)
{
	struct arena *arena = arena_new();
	struct quantity a = {0}, b;
	char text[QUANTITY_TEXT_MAX];

	quantity_parse("100m", &b, NULL);
	quantity_add(&a, &b);
	quantity_add(&a, &b);
	assert_string_equal(quantity_format(&a, text), "200m");
	assert_int_equal(quantity_milli(&a), 200);
	assert_int_equal(quantity_value(&a), 1);
	quantity_parse("1Gi", &a, NULL);
	quantity_parse("512Mi", &b, NULL);
	quantity_sub(&a, &b);
	assert_string_equal(quantity_format(&a, text), "512Mi");
	assert_true(quantity_of(NULL).nano == 0);
	assert_true(quantity_of(quantity_new_text(arena, "junk")).nano == 0);
	assert_string_equal(quantity_new(arena, &b)->string, "512Mi");
	arena_free(arena);
}

static void test_times(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} table[] = {{0, "1970-01-01T00:00:00Z"}, {1199149261, "2008-01-01T01:01:01Z"},
	    {951782400, "2000-02-29T00:00:00Z"}, {4107542399, "2100-02-28T23:59:59Z"},
	    {-1, "1969-12-31T23:59:59Z"}, {TIME_ZERO_SECONDS, "0001-01-01T00:00:00Z"},
	    {253402300799, "9999-12-31T23:59:59Z"}};
	static const char *const bad[] = {"", "2008-01-01", "2008-01-01T01:01:01", "2008-13-01T01:01:01Z",
	    "2008-02-30T01:01:01Z", "2007-02-29T00:00:00Z", "2008-01-01T24:01:01Z", "2008-01-01T01:01:01.Z",
	    "2008-01-01T01:01:01+1:00", "2008-01-01 01:01:01Z", "2008-01-01T01:01:01ZZ",
	    "2008-1-1T01:01:01Z"};
	char text[TIME_TEXT_MAX];
	int64_t seconds;
	int32_t nanos;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_string_equal(time_format(table[i].seconds, text), table[i].text);
		assert_true(time_parse(table[i].text, &seconds, &nanos));
		assert_int_equal(seconds, table[i].seconds);
		assert_int_equal(nanos, 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (time_parse(bad[i], &seconds, &nanos))
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_true(time_parse("2008-01-01T03:01:01.123456789+02:00", &seconds, &nanos));
	assert_int_equal(seconds, 1199149261);
	assert_int_equal(nanos, 123456789);
	assert_string_equal(time_format_micro(seconds, nanos, text), "2008-01-01T01:01:01.123456Z");
}

static void test_micro_time(void **state)
{
	struct arena *arena = arena_new();
	MetaV1__MicroTime *t = micro_time_new(arena, -1500);

	assert_int_equal(t->seconds, -1);
	assert_int_equal(t->nanos, 999998000);
	assert_int_equal(micro_time_ns(micro_time_new(arena, 1199149261123456000)), 1199149261123456000);
	assert_int_equal(time_seconds(time_new(arena, 5)), 5);
	assert_int_equal(time_seconds(NULL), 0);
	arena_free(arena);
}

static void test_human(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} table[] = {{-5, "<invalid>"}, {-1, "0s"}, {0, "0s"}, {5, "5s"}, {119, "119s"}, {120, "2m"},
	    {192, "3m12s"}, {600, "10m"}, {3 * 3600 - 1, "179m"}, {4 * 3600, "4h"}, {4 * 3600 + 300, "4h5m"},
	    {8 * 3600 + 300, "8h"}, {47 * 3600, "47h"}, {51 * 3600, "2d3h"}, {30 * 86400, "30d"},
	    {400 * 86400, "400d"}, {800 * 86400, "2y70d"}, {3000 * 86400ll, "8y"}};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(time_human_duration(table[i].seconds, text), table[i].text);
}

static void test_durations(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} table[] = {{0, "0s"}, {1, "1ns"}, {1500, "1.5\302\265s"}, {1000000, "1ms"}, {1500000000, "1.5s"},
	    {60000000000, "1m0s"}, {3600000000000, "1h0m0s"}, {90061000000000, "25h1m1s"},
	    {-1500000000, "-1.5s"}, {3661001000000, "1h1m1.001s"}};
	static const char *const bad[] = {"", "1", "s", "1x", "1h1", ".s", "1.5.5s", "-", "99999999999h"};
	char text[TIME_TEXT_MAX];
	int64_t ns;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_string_equal(duration_format(table[i].ns, text), table[i].text);
		assert_true(duration_parse(table[i].text, &ns));
		assert_int_equal(ns, table[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (duration_parse(bad[i], &ns))
			fail_msg("\"%s\" was taken", bad[i]);
	}
	assert_string_equal(duration_format(INT64_MIN, text), "-2562047h47m16.854775808s");
}

static void test_int_or_string(void **state)
{
	struct arena *arena = arena_new();
	int32_t n;

	assert_true(intstr_scaled(intstr_new_string(arena, "25%"), 10, true, &n) && n == 3);
	assert_true(intstr_scaled(intstr_new_string(arena, "25%"), 10, false, &n) && n == 2);
	assert_true(intstr_scaled(intstr_new_int(arena, 7), 10, false, &n) && n == 7);
	assert_false(intstr_scaled(intstr_new_string(arena, "25"), 10, false, &n));
	assert_false(intstr_scaled(intstr_new_string(arena, "%"), 10, false, &n));
	assert_false(intstr_scaled(NULL, 10, false, &n));
	arena_free(arena);
}

static void test_quantity_in(void **state)
{
	struct arena *arena = arena_new();
	CoreV1__ResourceRequirements *r = API_NEW(arena, core_v1__resource_requirements);
	CoreV1__ResourceRequirements__RequestsEntry *e =
	    API_NEW(arena, core_v1__resource_requirements__requests_entry);
	struct quantity q;

	e->key = "cpu";
	e->value = quantity_new_text(arena, "250m");
	api_append(arena, r, requests, e);
	assert_true(quantity_in(r, requests, "cpu", &q));
	assert_int_equal(quantity_milli(&q), 250);
	assert_false(quantity_in(r, limits, "cpu", &q));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_arithmetic),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_micro_time),
	    cmocka_unit_test(test_human),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_int_or_string),
	    cmocka_unit_test(test_quantity_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
