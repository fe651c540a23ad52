/* The counters of flow control under upstream's names (apiserver_flowcontrol_*). */
#include "apiserver/flowcontrol/internal.h"
#include "apiserver/metrics.h"
#include "lib/base/metrics.h"

#define PREFIX "apiserver_flowcontrol_"
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const double seconds_bounds[] = {0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30};
static const char *const reasons[FLOW_REASONS] = {"queue-full", "concurrency-limit", "time-out", "cancelled"};

static double nominal(const struct seat_level *l)
{
	return l->nominal;
}

static double lower(const struct seat_level *l)
{
	return l->min;
}

static double upper(const struct seat_level *l)
{
	return l->max;
}

static double current(const struct seat_level *l)
{
	return l->current;
}

static double peak(const struct seat_level *l)
{
	return l->peak;
}

static double average(const struct seat_level *l)
{
	return l->average;
}

static double deviation(const struct seat_level *l)
{
	return l->deviation;
}

static double smoothed(const struct seat_level *l)
{
	return l->smoothed;
}

static double target(const struct seat_level *l)
{
	return l->target;
}

static const struct {
	const char *name, *help;
	double (*value)(const struct seat_level *l);
} of_level[] = {
    {PREFIX "nominal_limit_seats", "Seats by shares.", nominal},
    {PREFIX "lower_limit_seats", "Seats that are never lent.", lower},
    {PREFIX "upper_limit_seats", "Seats with all that may be borrowed.", upper},
    {PREFIX "current_limit_seats", "Seats at present.", current},
    {PREFIX "demand_seats_high_watermark", "Most seats wanted in the last period.", peak},
    {PREFIX "demand_seats_average", "Seats wanted in the last period, mean.", average},
    {PREFIX "demand_seats_stdev", "Seats wanted in the last period, standard deviation.", deviation},
    {PREFIX "demand_seats_smoothed", "Seats wanted, smoothed over periods.", smoothed},
    {PREFIX "target_seats", "What the last division aimed at.", target},
};

struct flow_metrics {
	struct metric *rejected, *dispatched, *waiting, *seats_waiting, *running, *seats_running, *waited,
	    *ran;
	struct metric *levels[LEN(of_level)];
	struct metric_series *fair_fraction;
};

static void put_levels(void *arg)
{
	const struct flowcontrol *fc = arg;
	struct flow_metrics *m = fc->metrics;

	for (size_t i = 0; i < LEN(of_level); i++) {
		metric_reset(m->levels[i]);
		for (const struct flow_level *l = fc->levels; l; l = l->next)
			metric_put(metric_series(m->levels[i], l->name), of_level[i].value(&l->seats));
	}
	metric_put(m->fair_fraction, fc->fair_fraction);
}

struct flow_metrics *flow_metrics_new(struct flowcontrol *fc)
{
#define LABELS "flow_schema,priority_level"
	struct metric_set *set = metrics_set(fc->server);
	struct flow_metrics *m = metric_set_alloc(set, sizeof(*m));

	m->rejected = metric_counter(
	    set, PREFIX "rejected_requests_total", "Requests refused, by reason.", LABELS ",reason");
	m->dispatched = metric_counter(
	    set, PREFIX "dispatched_requests_total", "Requests that were let through.", LABELS);
	m->waiting =
	    metric_gauge(set, PREFIX "current_inqueue_requests", "Requests that wait in queues.", LABELS);
	m->seats_waiting =
	    metric_gauge(set, PREFIX "current_inqueue_seats", "Seats that they wait for.", LABELS);
	m->running =
	    metric_gauge(set, PREFIX "current_executing_requests", "Requests that hold seats.", LABELS);
	m->seats_running =
	    metric_gauge(set, PREFIX "current_executing_seats", "Seats that they hold.", LABELS);
	m->waited = metric_histogram(set, PREFIX "request_wait_duration_seconds",
	    "Time from arrival to dispatch or refusal.", LABELS ",execute", seconds_bounds,
	    LEN(seconds_bounds));
	m->ran = metric_histogram(set, PREFIX "request_execution_seconds", "Time for which seats were held.",
	    LABELS ",type", seconds_bounds, LEN(seconds_bounds));
	for (size_t i = 0; i < LEN(of_level); i++)
		m->levels[i] = metric_gauge(set, of_level[i].name, of_level[i].help, "priority_level");
	m->fair_fraction = metric_series_of(metric_gauge(set, PREFIX "seat_fair_frac",
						"Proportion of its target that an unbounded level gets.", ""),
	    NULL);
	metric_set_on_write(set, put_levels, fc);
	return m;
}

void flow_metrics_of(struct flowcontrol *fc, struct flow_series *s)
{
	const struct flow_metrics *m = fc->metrics;

	s->dispatched = metric_series(m->dispatched, s->schema, s->level);
	s->waiting = metric_series(m->waiting, s->schema, s->level);
	s->seats_waiting = metric_series(m->seats_waiting, s->schema, s->level);
	s->running = metric_series(m->running, s->schema, s->level);
	s->seats_running = metric_series(m->seats_running, s->schema, s->level);
}

void flow_count_rejected(struct flowcontrol *fc, struct flow_series *s, enum flow_reason reason)
{
	const char *const labels[] = {s->schema, s->level, reasons[reason]};
	metric_add(metrics_once(&s->rejected[reason], fc->metrics->rejected, labels), 1);
}

void flow_count_waited(struct flowcontrol *fc, struct flow_series *s, bool has_run, double seconds)
{
	const char *const labels[] = {s->schema, s->level, has_run ? "true" : "false"};
	metric_observe(metrics_once(&s->waited[has_run], fc->metrics->waited, labels), seconds);
}

void flow_count_ran(struct flowcontrol *fc, struct flow_series *s, bool is_watch, double seconds)
{
	const char *const labels[] = {s->schema, s->level, is_watch ? "watch" : "regular"};
	metric_observe(metrics_once(&s->ran[is_watch], fc->metrics->ran, labels), seconds);
}
