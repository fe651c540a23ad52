#include "lib/base/flags.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/test.h"

static struct {
	const char *kubeconfig, *dry_run;
	bool all, tty, stdin_;
	int64_t port, timeout;
	struct flag_list hosts, sets;
	bool port_set;
} opt;

static const struct flag flags[] = {
    {"kubeconfig", 0, FLAG_STRING, &opt.kubeconfig, "path"},
    {"dry-run", 0, FLAG_STRING, &opt.dry_run, "mode", "unchanged"},
    {"all", 'A', FLAG_BOOL, &opt.all, "all"},
    {"tty", 't', FLAG_BOOL, &opt.tty, "tty"},
    {"stdin", 'i', FLAG_BOOL, &opt.stdin_, "stdin"},
    {"port", 'p', FLAG_INT, &opt.port, "port", NULL, &opt.port_set},
    {"timeout", 0, FLAG_DURATION, &opt.timeout, "timeout"},
    {"hosts", 0, FLAG_LIST, &opt.hosts, "hosts"},
    {"set", 0, FLAG_ARRAY, &opt.sets, "sets"},
    {NULL},
};

static const char **args;
static size_t args_len;
static int dash;
static struct error err;

/* Splits a command line at blanks and parses it. */
static int parse(const char *line)
{
	static char copy[512];
	static char *argv[64];
	int argc = 0;
	flags_done(flags);
	memset(&opt, 0, sizeof(opt));
	error_clear(&err);
	free(args);
	args = NULL;
	argv[argc++] = "prog";
	strcpy(copy, line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return flags_parse(flags, argc, argv, &args, &args_len, &dash, &err);
}

static void test_kinds(void **state)
{
	assert_int_equal(parse("get --kubeconfig /a --all=false --port=8080 --timeout 1h30m pods -- -x"), 0);
	assert_string_equal(opt.kubeconfig, "/a");
	assert_false(opt.all);
	assert_int_equal(opt.port, 8080);
	assert_true(opt.port_set);
	assert_int_equal(opt.timeout, 5400000);
	assert_int_equal(args_len, 3);
	assert_string_equal(args[1], "pods");
	assert_string_equal(args[2], "-x");
	assert_int_equal(dash, 2);
}

static void test_lists(void **state)
{
	assert_int_equal(parse("--hosts a,b --hosts=c --set x=1,2 --set y=3 -"), 0);
	assert_int_equal(opt.hosts.len, 3);
	assert_string_equal(opt.hosts.items[2], "c");
	assert_int_equal(opt.sets.len, 2);
	assert_string_equal(opt.sets.items[0], "x=1,2");
	assert_string_equal(args[0], "-");
	assert_int_equal(dash, -1);
}

static void test_bare_and_short(void **state)
{
	assert_int_equal(parse("-it -p99 --dry-run -A --no_such=1"), -1);
	assert_int_equal(parse("-it -p99 --dry-run -A --dry_run=client"), 0);
	assert_true(opt.tty && opt.stdin_ && opt.all);
	assert_int_equal(opt.port, 99);
	assert_string_equal(opt.dry_run, "client");
	assert_int_equal(parse("--dry-run -p=5"), 0);
	assert_string_equal(opt.dry_run, "unchanged");
	assert_int_equal(opt.port, 5);
}

static void test_mistakes(void **state)
{
	assert_int_equal(parse("--kubconfig x"), -1);
	assert_string_equal(err.message, "unknown flag: --kubconfig (did you mean --kubeconfig?)");
	assert_int_equal(parse("--zzzzzzzz"), -1);
	assert_string_equal(err.message, "unknown flag: --zzzzzzzz");
	assert_int_equal(parse("--port"), -1);
	assert_string_equal(err.message, "flag needs an argument: --port");
	assert_int_equal(parse("--port x"), -1);
	assert_int_equal(parse("--all=maybe"), -1);
	assert_int_equal(parse("--timeout 5"), -1);
	assert_int_equal(parse("-z"), -1);
	assert_int_equal(parse("-p"), -1);
	assert_false(opt.port_set);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"0", 0}, {"5m", 300000}, {"250ms", 250}, {"1.5h", 5400000}, {"-2s", -2000},
	    {"2h3m4s", 7384000}, {"1500us", 2}, {".5s", 500}};
	static const char *const bad[] = {
	    "", "5", "s", "1x", "inf", "1e3s", "0x1s", "..s", "1.2.3s", "9999999999h"};
	int64_t ms;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(flags_parse_duration(good[i].text, &ms, NULL), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(flags_parse_duration(bad[i], &ms, NULL), -1);
}

static int teardown(void **state)
{
	free(args);
	flags_done(flags);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_bare_and_short),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
