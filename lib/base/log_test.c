#include "lib/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/test.h"

static char out[8192];

/* Runs the calls with standard error in a pipe. */
static void capture(void (*fn)(void))
{
	int fds[2], saved = dup(STDERR_FILENO);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	fn();
	dup2(saved, STDERR_FILENO);
	close(fds[1]);
	close(saved);
	ssize_t size = read(fds[0], out, sizeof(out) - 1);
	out[size > 0 ? size : 0] = 0;
	close(fds[0]);
}

static void write_some(void)
{
	log_warning("two\nlines %d", 7);
	log_debug("hidden");
}

static void test_one_line_an_event(void **state)
{
	log_init("test", LOG_INFO);
	capture(write_some);
	assert_non_null(strstr(out, "Z warning test: two lines 7\n"));
	assert_null(strstr(out, "hidden"));
	log_set_level(LOG_DEBUG);
	capture(write_some);
	assert_non_null(strstr(out, " debug test: hidden\n"));
}

static void write_long(void)
{
	char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	log_error("%s", text);
}

static void test_long_lines_are_cut(void **state)
{
	capture(write_long);
	assert_true(strlen(out) <= 2048);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_line_an_event),
	    cmocka_unit_test(test_long_lines_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
