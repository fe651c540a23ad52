#include "lib/base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/test.h"

static const char *written(struct metric_set *set)
{
	static struct buf out;
	buf_reset(&out);
	metric_set_write(set, &out);
	return buf_str(&out);
}

static void test_counters_and_gauges(void **state)
{
	struct metric_set *set = metric_set_new();
	struct metric *requests = metric_counter(set, "requests_total", "Requests.", "verb,code");
	struct metric *depth = metric_gauge(set, "depth", "Depth.", "");
	assert_string_equal(written(set), "# HELP depth Depth.\n# TYPE depth gauge\ndepth 0\n");
	metric_add(metric_series(requests, "GET", "200"), 1);
	metric_add(metric_series(requests, "GET", "200"), 2);
	metric_add(metric_series(requests, "a\"b\\c\nd", ""), 0.25);
	metric_put(metric_series_of(depth, NULL), -3);
	assert_string_equal(written(set), "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
					  "requests_total{verb=\"GET\",code=\"200\"} 3\n"
					  "requests_total{verb=\"a\\\"b\\\\c\\nd\",code=\"\"} 0.25\n"
					  "# HELP depth Depth.\n# TYPE depth gauge\ndepth -3\n");
	assert_ptr_equal(metric_series(requests, "GET", "200"), metric_series(requests, "GET", "200"));
	metric_reset(requests);
	assert_null(strstr(written(set), "requests_total"));
	metric_set_free(set);
}

static void test_histogram(void **state)
{
	static const double bounds[] = {0.005, 1, 10};
	struct metric_set *set = metric_set_new();
	struct metric *m = metric_histogram(set, "took_seconds", "Time.", "verb", bounds, 3);
	struct metric_series *s = metric_series(m, "LIST");
	metric_observe(s, 0.005); /* a bound belongs to its own bucket */
	metric_observe(s, 0.5);
	metric_observe(s, 0.5);
	metric_observe(s, 100);
	assert_string_equal(written(set), "# HELP took_seconds Time.\n# TYPE took_seconds histogram\n"
					  "took_seconds_bucket{verb=\"LIST\",le=\"0.005\"} 1\n"
					  "took_seconds_bucket{verb=\"LIST\",le=\"1\"} 3\n"
					  "took_seconds_bucket{verb=\"LIST\",le=\"10\"} 3\n"
					  "took_seconds_bucket{verb=\"LIST\",le=\"+Inf\"} 4\n"
					  "took_seconds_sum{verb=\"LIST\"} 101.005\n"
					  "took_seconds_count{verb=\"LIST\"} 4\n");
	metric_set_free(set);
}

/* Values that somebody makes up without end must not cost memory without end. */
static void test_series_are_limited(void **state)
{
	struct metric_set *set = metric_set_new();
	struct metric *m = metric_counter(set, "n", "N.", "id");
	char id[16];
	for (int i = 0; i < METRIC_SERIES_MAX + 500; i++) {
		snprintf(id, sizeof id, "%d", i);
		metric_add(metric_series(m, id), 1);
	}
	assert_float_equal(metric_value(metric_series(m, "other")), 500, 0);
	assert_float_equal(metric_value(metric_series(m, "7")), 1, 0);
	metric_set_free(set);
}

static void count_writing(void *arg)
{
	metric_add(arg, 1);
}

static void test_hooks_and_process(void **state)
{
	struct metric_set *set = metric_set_new();
	metric_set_add_process(set);
	metric_set_on_write(
	    set, count_writing, metric_series_of(metric_gauge(set, "writings", "W.", ""), NULL));
	written(set);
	const char *text = written(set);
	assert_non_null(strstr(text, "\nwritings 2\n"));
	const char *resident = strstr(text, "\nprocess_resident_memory_bytes ");
	assert_non_null(resident);
	assert_true(atof(strchr(resident, ' ')) > 100000);
	const char *start = strstr(text, "\nprocess_start_time_seconds ");
	assert_true(atof(strchr(start, ' ')) > 1.6e9);
	assert_true(atof(strchr(strstr(text, "\nprocess_open_fds "), ' ')) >= 3);
	metric_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_counters_and_gauges),
	    cmocka_unit_test(test_histogram),
	    cmocka_unit_test(test_series_are_limited),
	    cmocka_unit_test(test_hooks_and_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
