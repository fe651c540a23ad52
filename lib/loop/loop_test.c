#include "lib/loop/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/test.h"

static int count;
static struct loop *loop;

static void add_one(void *arg)
{
	count++;
}

static void stop(void *arg)
{
	loop_stop(loop);
}

static void defer_again(void *arg)
{
	if (++count < 5)
		loop_defer(loop, defer_again, NULL);
}

static int setup(void **state)
{
	count = 0;
	loop = loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	loop_free(loop);
	return 0;
}

static void test_defer(void **state)
{
	loop_defer(loop, add_one, NULL);
	loop_defer(loop, add_one, NULL);
	assert_int_equal(count, 0);
	loop_run(loop); /* ends by itself when nothing is left */
	assert_int_equal(count, 2);
	count = 0;
	loop_defer(loop, defer_again, NULL);
	loop_run(loop);
	assert_int_equal(count, 5);
	loop_defer(loop, add_one, NULL); /* dropped by loop_free */
}

static struct loop_timer *own;

static void free_self(void *arg)
{
	count++;
	loop_timer_free(own);
}

static void test_timer_freed_in_callback(void **state)
{
	own = loop_timer_new(loop, free_self, NULL);
	loop_timer_start(own, 1, 1);
	loop_run(loop);
	assert_int_equal(count, 1);
	loop_timer_free(NULL);
}

static void test_timer_restart_and_stop(void **state)
{
	struct loop_timer *a = loop_timer_new(loop, add_one, NULL), *b = loop_timer_new(loop, add_one, NULL);
	loop_timer_start(a, 1, 0);
	loop_timer_start(b, 1, 0);
	assert_true(loop_timer_is_active(a));
	loop_timer_stop(b);
	assert_false(loop_timer_is_active(b));
	loop_run(loop);
	assert_int_equal(count, 1);
	loop_timer_start(a, -5, 0);
	loop_run(loop);
	assert_int_equal(count, 2);
	loop_timer_free(a);
}

static void test_thousands_of_timers(void **state)
{
	enum { LEN = 5000 };
	static struct loop_timer *timers[LEN];
	for (int i = 0; i < LEN; i++) {
		timers[i] = loop_timer_new(loop, add_one, NULL);
		loop_timer_start(timers[i], i % 20, 0);
	}
	for (int i = 0; i < LEN; i += 2)
		loop_timer_free(timers[i]);
	loop_run(loop);
	assert_int_equal(count, LEN / 2);
}

static void test_fake_clock(void **state)
{
	struct clock_fake clock;
	clock_fake_init(&clock, 1000000000);
	struct loop *fake = loop_new(&clock.clock);
	struct loop_timer *once = loop_timer_new(fake, add_one, NULL),
			  *repeat = loop_timer_new(fake, add_one, NULL);
	assert_int_equal(loop_now_ms(fake), 1000);
	loop_timer_start(once, 60000, 0);
	loop_timer_start(repeat, 50000, 50000);
	loop_poll(fake);
	assert_int_equal(count, 0);
	clock_fake_advance(&clock, 50000000000);
	loop_poll(fake);
	assert_int_equal(count, 1);
	clock_fake_advance(&clock, 10000000000);
	loop_poll(fake);
	assert_int_equal(count, 2);
	assert_false(loop_timer_is_active(once));
	assert_true(loop_timer_is_active(repeat));
	clock_fake_advance(&clock, 40000000000);
	loop_poll(fake);
	assert_int_equal(count, 3);
	loop_timer_free(once);
	loop_free(fake);
}

static void on_signal(void *arg, int signum)
{
	count = signum;
	loop_stop(loop);
}

static void raise_term(void *arg)
{
	kill(getpid(), SIGTERM);
}

static void test_signal(void **state)
{
	loop_on_signal(loop, SIGTERM, on_signal, NULL);
	loop_run(loop); /* a signal watch alone keeps nothing running */
	struct loop_timer *keep = loop_timer_new(loop, stop, NULL);
	loop_timer_start(keep, 5000, 0);
	loop_defer(loop, raise_term, NULL);
	loop_run(loop);
	assert_int_equal(count, SIGTERM);
}

static struct loop_fd *watch;
static int pipe_fds[2];

static void read_pipe(void *arg)
{
	char c;
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	count++;
	loop_fd_free(watch);
}

static void test_fd(void **state)
{
	assert_int_equal(pipe(pipe_fds), 0);
	watch = loop_fd_new(loop, pipe_fds[0], read_pipe, NULL);
	assert_int_equal(write(pipe_fds[1], "xy", 2), 2);
	loop_run(loop);
	assert_int_equal(count, 1);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void work(void *arg)
{
	*(int *)arg = 42;
}

static void test_work(void **state)
{
	int result = 0;
	loop_work(loop, work, add_one, &result);
	loop_run(loop);
	assert_int_equal(result, 42);
	assert_int_equal(count, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_defer),
	    TEST(test_timer_freed_in_callback),
	    TEST(test_timer_restart_and_stop),
	    TEST(test_thousands_of_timers),
	    TEST(test_fake_clock),
	    TEST(test_signal),
	    TEST(test_fd),
	    TEST(test_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
