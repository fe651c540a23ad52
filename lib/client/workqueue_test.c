#include "lib/client/workqueue.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"

#define MS 1000000LL

static struct clock_fake fake;
static struct loop *loop;
static struct workqueue *queue;
static int ready_count;

static void on_ready(void *arg)
{
	ready_count++;
}

static int setup(void **state)
{
	clock_fake_init(&fake, 1000 * MS);
	loop = loop_new(&fake.clock);
	queue = workqueue_new(loop, on_ready, NULL);
	ready_count = 0;
	return 0;
}

static int teardown(void **state)
{
	workqueue_free(queue);
	loop_free(loop);
	return 0;
}

static void poll_loop(void)
{
	for (int i = 0; i < 5; i++)
		loop_poll(loop);
}

static void pass(int64_t ms)
{
	clock_fake_advance(&fake, ms * MS);
	poll_loop();
}

static void test_key_is_once_in_the_queue(void **state)
{
	workqueue_add(queue, "a");
	workqueue_add(queue, "b");
	workqueue_add(queue, "a");
	assert_int_equal(workqueue_len(queue), 2);
	poll_loop();
	assert_int_equal(ready_count, 1);
	assert_string_equal(workqueue_take(queue), "a");
	assert_string_equal(workqueue_take(queue), "b");
	assert_null(workqueue_take(queue));
	workqueue_done(queue, "a");
	workqueue_done(queue, "b");
	assert_int_equal(workqueue_len(queue), 0);
}

static void test_added_while_worked_on_comes_again_after(void **state)
{
	workqueue_add(queue, "a");
	assert_string_equal(workqueue_take(queue), "a");
	workqueue_add(queue, "a");
	workqueue_add(queue, "a");
	assert_null(workqueue_take(queue));
	workqueue_done(queue, "a");
	assert_string_equal(workqueue_take(queue), "a");
	workqueue_done(queue, "a");
	assert_null(workqueue_take(queue));
}

static void test_delayed_comes_in_its_time(void **state)
{
	workqueue_add_after(queue, "late", 500);
	workqueue_add_after(queue, "early", 100);
	workqueue_add_after(queue, "late", 900); /* the earlier of two times is kept */
	workqueue_add_after(queue, "early", 50);
	poll_loop();
	assert_null(workqueue_take(queue));
	pass(49);
	assert_null(workqueue_take(queue));
	pass(1);
	assert_string_equal(workqueue_take(queue), "early");
	workqueue_done(queue, "early");
	assert_null(workqueue_take(queue));
	pass(450);
	assert_string_equal(workqueue_take(queue), "late");
	workqueue_done(queue, "late");
}

static void test_many_delays_come_in_order(void **state)
{
	char key[16];
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "%d", i);
		workqueue_add_after(queue, key, 1 + (i * 7919) % 1009);
	}
	int64_t last = 0;
	size_t seen = 0;
	for (int ms = 0; ms < 1010; ms++) {
		pass(1);
		for (const char *taken; (taken = workqueue_take(queue)); seen++) {
			int i;
			sscanf(taken, "%d", &i);
			int64_t due = 1 + (i * 7919) % 1009;
			assert_true(due >= last && due == ms + 1);
			last = due;
			workqueue_done(queue, taken);
		}
	}
	assert_int_equal(seen, 200);
}

/* 5 ms doubling, and forgotten after a success. */
static void test_failures_back_off(void **state)
{
	int64_t delay = 5;
	for (int i = 0; i < 6; i++, delay *= 2) {
		workqueue_add_limited(queue, "a");
		assert_int_equal(workqueue_failures(queue, "a"), i + 1);
		pass(delay - 1);
		assert_null(workqueue_take(queue));
		pass(1);
		assert_string_equal(workqueue_take(queue), "a");
		workqueue_done(queue, "a");
	}
	workqueue_forget(queue, "a");
	assert_int_equal(workqueue_failures(queue, "a"), 0);
	workqueue_add_limited(queue, "a");
	pass(5);
	assert_string_equal(workqueue_take(queue), "a");
	workqueue_done(queue, "a");
}

/* 100 failing keys at once, then ten a second. */
static void test_all_failures_share_a_bucket(void **state)
{
	char key[16];
	for (int i = 0; i < 120; i++) {
		snprintf(key, sizeof(key), "%d", i);
		workqueue_add_limited(queue, key);
	}
	pass(10);
	assert_int_equal(workqueue_len(queue), 100);
	pass(1000);
	assert_int_equal(workqueue_len(queue), 110);
	pass(1000);
	assert_int_equal(workqueue_len(queue), 120);
}

static void test_failing_for_long_ends_at_a_thousand_seconds(void **state)
{
	for (int i = 0; i < 40; i++) {
		workqueue_add_limited(queue, "a");
		pass(1000000);
		assert_string_equal(workqueue_take(queue), "a");
		workqueue_done(queue, "a");
	}
}

static void test_wake_only_when_keys_wait(void **state)
{
	workqueue_wake(queue);
	poll_loop();
	assert_int_equal(ready_count, 0);
	workqueue_add(queue, "a");
	poll_loop();
	workqueue_wake(queue);
	poll_loop();
	assert_int_equal(ready_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_key_is_once_in_the_queue, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_added_while_worked_on_comes_again_after, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_delayed_comes_in_its_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_delays_come_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failures_back_off, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_all_failures_share_a_bucket, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_failing_for_long_ends_at_a_thousand_seconds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wake_only_when_keys_wait, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
