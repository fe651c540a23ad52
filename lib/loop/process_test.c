#include "lib/loop/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/test.h"
#include "lib/loop/loop.h"

static struct loop *loop;
static int fired;
static struct {
	int exit_code, signal;
	char out[256], err_out[256], error[256];
	size_t out_size;
	enum error_code code;
} last;

static void done(void *arg, const struct process_result *result)
{
	fired++;
	memset(&last, 0, sizeof(last));
	last.exit_code = result->exit_code;
	last.signal = result->signal;
	last.out_size = result->out_size;
	snprintf(last.out, sizeof(last.out), "%s", result->out);
	snprintf(last.err_out, sizeof(last.err_out), "%s", result->err_out);
	if (result->error) {
		snprintf(last.error, sizeof(last.error), "%s", result->error->message);
		last.code = result->error->code;
	}
	if (arg)
		process_cancel(*(struct process **)arg); /* legal, and means nothing any more */
}

static void run_with(struct process_options options, const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	options.argv = argv;
	fired = 0;
	struct process *process;
	process = process_spawn(loop, &options, done, &process);
	assert_int_equal(fired, 0);
	loop_run(loop);
	assert_int_equal(fired, 1);
}

static void run(const char *script)
{
	run_with((struct process_options){0}, script);
}

static int setup(void **state)
{
	loop = loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	loop_free(loop);
	return 0;
}

static void test_output_and_status(void **state)
{
	run("echo hello; echo oops >&2; exit 3");
	assert_int_equal(last.exit_code, 3);
	assert_string_equal(last.out, "hello\n");
	assert_string_equal(last.err_out, "oops\n");
	assert_int_equal(last.code, ERR_NONE);
	run("kill -9 $$");
	assert_int_equal(last.exit_code, -1);
	assert_int_equal(last.signal, SIGKILL);
}

static void test_input(void **state)
{
	char *input = malloc(300000);
	memset(input, 'i', 300000);
	run_with((struct process_options){.input = input, .input_size = 300000}, "wc -c");
	assert_int_equal(atoi(last.out), 300000);
	run("wc -c"); /* /dev/null */
	assert_int_equal(atoi(last.out), 0);
	free(input);
}

static void test_much_output_is_cut(void **state)
{
	run_with((struct process_options){.output_max = 1000}, "head -c 500000 /dev/zero");
	assert_int_equal(last.exit_code, 0);
	assert_int_equal(last.out_size, 1000);
	run("head -c 500000 /dev/zero");
	assert_int_equal(last.out_size, 500000);
}

static void test_environment_and_directory(void **state)
{
	const char *const env[] = {"A=b", "PATH=/usr/bin:/bin", NULL};
	run_with((struct process_options){.env = env, .cwd = "/proc"}, "echo $A$HOME; pwd");
	assert_string_equal(last.out, "b\n/proc\n");
	run_with((struct process_options){.cwd = "/no/such"}, "true");
	assert_int_equal(last.code, ERR_IO);
}

static void test_start_failure(void **state)
{
	const char *const argv[] = {"/no/such/program", NULL};
	fired = 0;
	struct process *process = process_spawn(loop, &(struct process_options){.argv = argv}, done, NULL);
	assert_int_equal(process_pid(process), 0);
	loop_run(loop);
	assert_int_equal(fired, 1);
	assert_string_equal(last.error, "can't start /no/such/program: No such file or directory");
	process = process_spawn(loop, &(struct process_options){.argv = argv}, done, NULL);
	process_cancel(process);
	loop_run(loop);
	assert_int_equal(fired, 1);
}

static void test_timeout(void **state)
{
	run_with((struct process_options){.timeout_ms = 50}, "exec sleep 100");
	assert_int_equal(last.code, ERR_TIMEOUT);
	assert_int_equal(last.signal, SIGKILL);
}

static void test_grandchild_does_not_delay(void **state)
{
	int64_t start = loop_now_ms(loop);
	run("echo out; sleep 3 & exit 0");
	assert_string_equal(last.out, "out\n");
	assert_true(loop_now_ms(loop) - start < 2500);
}

static void test_cancel(void **state)
{
	const char *const argv[] = {"sleep", "100", NULL};
	fired = 0;
	struct process *process = process_spawn(loop, &(struct process_options){.argv = argv}, done, NULL);
	int pid = process_pid(process);
	process_cancel(process);
	loop_run(loop); /* until it is reaped */
	assert_int_equal(fired, 0);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_many_at_once(void **state)
{
	const char *const argv[] = {"true", NULL};
	fired = 0;
	for (int i = 0; i < 100; i++)
		process_spawn(loop, &(struct process_options){.argv = argv}, done, NULL);
	loop_run(loop);
	assert_int_equal(fired, 100);
}

static void test_no_descriptors_leak_in(void **state)
{
	int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC on purpose */
	run("ls /proc/self/fd | wc -l");
	assert_int_equal(atoi(last.out), 4); /* the three and the directory */
	close(leak);
}

static void test_loop_free_forgets(void **state)
{
	const char *const argv[] = {"sleep", "100", NULL};
	struct loop *other = loop_new(NULL);
	int pid = process_pid(
	    process_spawn(other, &(struct process_options){.argv = argv, .inherit_death = true}, done, NULL));
	loop_free(other);
	assert_int_equal(kill(pid, 0), 0);
	kill(pid, SIGKILL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_output_and_status),
	    TEST(test_input),
	    TEST(test_much_output_is_cut),
	    TEST(test_environment_and_directory),
	    TEST(test_start_failure),
	    TEST(test_timeout),
	    TEST(test_grandchild_does_not_delay),
	    TEST(test_cancel),
	    TEST(test_many_at_once),
	    TEST(test_no_descriptors_leak_in),
	    TEST(test_loop_free_forgets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
