/* The counters of flow control under upstream's names (apiserver_flowcontrol_*). */
#include <inttypes.h>

#include "apiserver/flowcontrol/internal.h"
#include "lib/base/buf.h"
#include "lib/base/strmap.h"

#define PREFIX "apiserver_flowcontrol_"

const double flow_seconds_buckets[FLOW_BUCKETS] = {0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30};
const char *const flow_reasons[FLOW_REASONS] = {"queue-full", "concurrency-limit", "time-out", "cancelled"};

void flow_histogram_add(struct flow_histogram *h, double seconds)
{
	size_t i = 0;

	while (i < FLOW_BUCKETS && seconds > flow_seconds_buckets[i])
		i++;
	h->counts[i]++;
	h->len++;
	h->sum += seconds;
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

/* --- of a schema in a level --- */

static void print_rejected(struct flowcontrol *fc, struct buf *out)
{
	head(out, "rejected_requests_total", "counter", "Requests refused, by reason.");
	strmap_for_each (fc->series, e) {
		const struct flow_series *s = strmap_value(e);
		for (size_t i = 0; i < FLOW_REASONS; i++)
			if (s->rejected[i])
				buf_printf(out,
				    PREFIX "rejected_requests_total{flow_schema=\"%s\",priority_level=\"%s\","
					   "reason=\"%s\"} %" PRIu64 "\n",
				    s->schema, s->level, flow_reasons[i], s->rejected[i]);
	}
}

static double dispatched(const struct flow_series *s)
{
	return (double)s->dispatched;
}

static double waiting(const struct flow_series *s)
{
	return s->waiting;
}

static double seats_waiting(const struct flow_series *s)
{
	return s->seats_waiting;
}

static double running(const struct flow_series *s)
{
	return s->running;
}

static double seats_running(const struct flow_series *s)
{
	return s->seats_running;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct flow_series *s);
} of_series[] = {
    {"dispatched_requests_total", "counter", "Requests that were let through.", dispatched},
    {"current_inqueue_requests", "gauge", "Requests that wait in queues.", waiting},
    {"current_inqueue_seats", "gauge", "Seats that they wait for.", seats_waiting},
    {"current_executing_requests", "gauge", "Requests that hold seats.", running},
    {"current_executing_seats", "gauge", "Seats that they hold.", seats_running},
};

static void print_series(struct flowcontrol *fc, struct buf *out)
{
	for (size_t i = 0; i < sizeof(of_series) / sizeof(of_series[0]); i++) {
		head(out, of_series[i].name, of_series[i].type, of_series[i].help);
		strmap_for_each (fc->series, e) {
			const struct flow_series *s = strmap_value(e);
			buf_printf(out, PREFIX "%s{flow_schema=\"%s\",priority_level=\"%s\"} %.0f\n",
			    of_series[i].name, s->schema, s->level, of_series[i].value(s));
		}
	}
}

static void print_histogram(struct buf *out, const char *name, const struct flow_series *s,
    const struct flow_histogram *h, const char *label, const char *value)
{
	uint64_t below = 0;

	if (!h->len)
		return;
	for (size_t i = 0; i <= FLOW_BUCKETS; i++) {
		below += h->counts[i];
		buf_printf(out, PREFIX "%s_bucket{flow_schema=\"%s\",priority_level=\"%s\",%s=\"%s\",le=\"",
		    name, s->schema, s->level, label, value);
		if (i < FLOW_BUCKETS)
			buf_printf(out, "%g", flow_seconds_buckets[i]);
		else
			buf_puts(out, "+Inf");
		buf_printf(out, "\"} %" PRIu64 "\n", below);
	}
	buf_printf(out,
	    PREFIX "%s_sum{flow_schema=\"%s\",priority_level=\"%s\",%s=\"%s\"} %.9g\n" PREFIX
		   "%s_count{flow_schema=\"%s\",priority_level=\"%s\",%s=\"%s\"} %" PRIu64 "\n",
	    name, s->schema, s->level, label, value, h->sum, name, s->schema, s->level, label, value, h->len);
}

static void print_durations(struct flowcontrol *fc, struct buf *out)
{
	head(out, "request_wait_duration_seconds", "histogram", "Time from arrival to dispatch or refusal.");
	strmap_for_each (fc->series, e) {
		const struct flow_series *s = strmap_value(e);
		print_histogram(out, "request_wait_duration_seconds", s, &s->waited[0], "execute", "false");
		print_histogram(out, "request_wait_duration_seconds", s, &s->waited[1], "execute", "true");
	}
	head(out, "request_execution_seconds", "histogram", "Time for which seats were held.");
	strmap_for_each (fc->series, f) {
		const struct flow_series *s = strmap_value(f);
		print_histogram(out, "request_execution_seconds", s, &s->ran[0], "type", "regular");
		print_histogram(out, "request_execution_seconds", s, &s->ran[1], "type", "watch");
	}
}

/* --- of a level --- */

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
    {"nominal_limit_seats", "Seats by shares.", nominal},
    {"lower_limit_seats", "Seats that are never lent.", lower},
    {"upper_limit_seats", "Seats with all that may be borrowed.", upper},
    {"current_limit_seats", "Seats at present.", current},
    {"demand_seats_high_watermark", "Most seats wanted in the last period.", peak},
    {"demand_seats_average", "Seats wanted in the last period, mean.", average},
    {"demand_seats_stdev", "Seats wanted in the last period, standard deviation.", deviation},
    {"demand_seats_smoothed", "Seats wanted, smoothed over periods.", smoothed},
    {"target_seats", "What the last division aimed at.", target},
};

void flowcontrol_print_metrics(struct api_server *server, struct buf *out)
{
	struct flowcontrol *fc = server->flowcontrol;

	if (!fc || !fc->rules)
		return;
	print_rejected(fc, out);
	print_series(fc, out);
	print_durations(fc, out);
	for (size_t i = 0; i < sizeof(of_level) / sizeof(of_level[0]); i++) {
		head(out, of_level[i].name, "gauge", of_level[i].help);
		for (const struct flow_level *l = fc->levels; l; l = l->next)
			buf_printf(out, PREFIX "%s{priority_level=\"%s\"} %.9g\n", of_level[i].name, l->name,
			    of_level[i].value(&l->seats));
	}
	head(out, "seat_fair_frac", "gauge", "Proportion of its target that an unbounded level gets.");
	buf_printf(out, PREFIX "seat_fair_frac %.9g\n", fc->fair_fraction);
}
