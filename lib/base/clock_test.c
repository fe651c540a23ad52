#include "lib/base/clock.h"

#include "lib/base/test.h"

static void test_system(void **state)
{
	assert_true(clock_wall_s(&clock_system) > 1600000000);
	int64_t before = clock_monotonic_ms(&clock_system);
	assert_true(clock_monotonic_ms(&clock_system) >= before);
}

static void test_fake(void **state)
{
	struct clock_fake fake;
	clock_fake_init(&fake, 5000000000);
	assert_int_equal(clock_wall_s(&fake.clock), 5);
	clock_fake_advance(&fake, 1500000000);
	assert_int_equal(clock_monotonic_ms(&fake.clock), 6500);
	assert_int_equal(clock_wall_ns(&fake.clock), 6500000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_system), cmocka_unit_test(test_fake)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
