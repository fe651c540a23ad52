/* The division of seats among levels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "apiserver/flowcontrol/seats.h"

/* Those that every cluster has: shares and what is lent. */
static struct seat_level levels[8];
static struct seat_level *all[8];
enum { EXEMPT, CATCH_ALL, SYSTEM, NODE_HIGH, LEADER, HIGH, LOW, GLOBAL };

static int reset(void **state)
{
	static const int shares[] = {0, 5, 30, 40, 10, 40, 100, 20}, lent[] = {0, 0, 33, 25, 0, 50, 90, 50};

	for (int i = 0; i < 8; i++) {
		levels[i] = (struct seat_level){.is_exempt = i == EXEMPT,
		    .shares = shares[i],
		    .lendable_percent = lent[i],
		    .borrowing_percent = SEATS_UNBOUNDED};
		all[i] = &levels[i];
	}
	return 0;
}

static void want(int level, double seats)
{
	const struct seat_demand_result demand = {10, seats, 0, seats};
	seats_observe(&levels[level], &demand);
}

static int sum_current(void)
{
	int sum = 0;
	for (int i = 0; i < 8; i++)
		sum += levels[i].current;
	return sum;
}

static void test_shares(void **state)
{
	/* The figures that upstream documents for 600 seats. */
	static const int nominal[] = {0, 13, 74, 98, 25, 98, 245, 49},
			 min[] = {0, 13, 50, 73, 25, 49, 24, 24};
	int sum = 0;

	assert_int_equal(seats_assign(all, 8, 600), 602);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(levels[i].nominal, nominal[i]);
		assert_in_range(levels[i].min, min[i], min[i] + 1); /* halves are rounded */
		assert_int_equal(levels[i].current, nominal[i]);
		assert_int_equal(levels[i].max, nominal[i] + 600);
		sum += levels[i].nominal;
	}
	assert_int_equal(sum, 602);
}

/* Who wants more gets what the others do not use, down to what they never lend. */
static void test_borrows(void **state)
{
	int sum = seats_assign(all, 8, 600);

	want(GLOBAL, 500);
	seats_divide(all, 8, sum);
	assert_true(levels[GLOBAL].current > 200);
	assert_true(levels[LOW].current >= levels[LOW].min && levels[LOW].current < levels[LOW].nominal);
	assert_true(levels[CATCH_ALL].current >= levels[CATCH_ALL].nominal); /* lends nothing */
	assert_in_range(sum_current(), sum - 4, sum + 4);
}

static void test_borrowing_is_limited(void **state)
{
	levels[GLOBAL].borrowing_percent = 50;
	int sum = seats_assign(all, 8, 600);

	assert_int_equal(levels[GLOBAL].max, 74); /* 49, and half as many */
	want(GLOBAL, 500);
	seats_divide(all, 8, sum);
	assert_int_equal(levels[GLOBAL].current, 74);
}

/* A lender that is busy itself keeps what it wants, up to its own. */
static void test_lender_comes_first(void **state)
{
	int sum = seats_assign(all, 8, 600);

	want(GLOBAL, 500);
	want(LOW, 400);
	seats_divide(all, 8, sum);
	assert_true(levels[LOW].current >= levels[LOW].nominal);
	assert_in_range(sum_current(), sum - 4, sum + 4);
}

/* An exempt level is not held back: what it uses is missing elsewhere, but never below the minimum. */
static void test_exempt_takes(void **state)
{
	int sum = seats_assign(all, 8, 600);

	want(EXEMPT, 100);
	for (int i = CATCH_ALL; i <= GLOBAL; i++)
		want(i, 500);
	seats_divide(all, 8, sum);
	assert_int_equal(levels[EXEMPT].current, 100);
	assert_in_range(sum_current(), sum - 4, sum + 4);
	want(EXEMPT, 5000);
	seats_divide(all, 8, sum);
	for (int i = CATCH_ALL; i <= GLOBAL; i++)
		assert_int_equal(levels[i].current, levels[i].min);
}

static void test_old_demand_fades(void **state)
{
	seats_assign(all, 8, 600);
	want(LOW, 100);
	for (int i = 0; i < 30; i++) /* five minutes */
		want(LOW, 0);
	assert_in_range((int)levels[LOW].smoothed, 45, 55);
}

static void test_no_shares(void **state)
{
	for (int i = 0; i < 8; i++)
		levels[i].shares = 0;
	int sum = seats_assign(all, 8, 600);
	assert_int_equal(sum, 0);
	seats_divide(all, 8, sum);
	assert_int_equal(sum_current(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_shares, reset),
	    cmocka_unit_test_setup(test_borrows, reset),
	    cmocka_unit_test_setup(test_borrowing_is_limited, reset),
	    cmocka_unit_test_setup(test_lender_comes_first, reset),
	    cmocka_unit_test_setup(test_exempt_takes, reset),
	    cmocka_unit_test_setup(test_old_demand_fades, reset),
	    cmocka_unit_test_setup(test_no_shares, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
