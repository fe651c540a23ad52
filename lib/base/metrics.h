/*
 * metrics: counters, gauges and histograms with labels, written in Prometheus' text format (version 0.0.4).
 *
 *   struct metric_set *set = metric_set_new();
 *   struct metric *requests = metric_counter(set, "apiserver_request_total", "Requests answered.",
 * "verb,code"); metric_add(metric_series(requests, "GET", "200"), 1);
 *
 * metric_series() hashes the label values; whoever counts often keeps the pointer, which lives as long as the
 * set. Label values must come from a closed set (a client must not be able to make series): see
 * METRIC_SERIES_MAX. Not for several threads at once.
 */
#ifndef CUBE_BASE_METRICS_H
#define CUBE_BASE_METRICS_H

#include <stddef.h>

struct buf;
struct metric;
struct metric_series;
struct metric_set;

/* A metric keeps this many series; what would come after is counted in one series whose labels are "other".
 */
enum { METRIC_SERIES_MAX = 10000, METRIC_LABELS_MAX = 10 };

struct metric_set *metric_set_new(void);
void metric_set_free(struct metric_set *set);

/*
 * A metric of the set, in the order of making; name and help are not copied. `labels` are names with commas
 * between them, "" for none: such a metric has its one series from the start. `bounds` are the upper bounds
 * of a histogram's buckets, ascending, not copied; +Inf comes by itself.
 */
struct metric *metric_counter(struct metric_set *set, const char *name, const char *help, const char *labels);
struct metric *metric_gauge(struct metric_set *set, const char *name, const char *help, const char *labels);
struct metric *metric_histogram(struct metric_set *set, const char *name, const char *help,
    const char *labels, const double *bounds, size_t bounds_len);

/* The series with these label values, as many as the metric has labels; made when it is new. */
struct metric_series *metric_series_of(struct metric *metric, const char *const *values);
#define metric_series(metric, ...) metric_series_of((metric), (const char *const[]){__VA_ARGS__, NULL})

void metric_add(struct metric_series *series, double by);        /* counters and gauges */
void metric_put(struct metric_series *series, double value);     /* gauges */
void metric_observe(struct metric_series *series, double value); /* histograms */
double metric_value(const struct metric_series *series); /* of a histogram: the sum of what was observed */
/* Forgets a metric's series: for gauges that are made anew before each writing. Pointers to them end here. */
void metric_reset(struct metric *metric);

/* Memory that lives as long as the set, zeroed: for who keeps pointers to series. */
void *metric_set_alloc(struct metric_set *set, size_t size);

/* Called before each writing: the place to set gauges. */
void metric_set_on_write(struct metric_set *set, void (*fn)(void *arg), void *arg);
void metric_set_write(struct metric_set *set, struct buf *out);

/* Adds process_* of this process under the names that Prometheus' own libraries use. */
void metric_set_add_process(struct metric_set *set);

#endif
