#include "lib/base/metrics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct metric_series {
	double value; /* of a histogram: the sum */
	uint64_t count;
	const struct metric *metric;
	uint64_t buckets[]; /* of a histogram: observations up to each bound and above the bound before */
};

struct metric {
	struct metric *next;
	enum kind kind;
	const char *name, *help;
	char *labels[METRIC_LABELS_MAX];
	size_t labels_len;
	const double *bounds;
	size_t bounds_len;
	struct strmap *series; /* `a="x",b="y"` as it is written -> struct metric_series */
};

struct hook {
	struct hook *next;
	void (*fn)(void *arg);
	void *arg;
};

struct metric_set {
	struct arena *arena;
	struct metric *first, **end;
	struct hook *hooks, **hooks_end;
};

struct metric_set *metric_set_new(void)
{
	struct arena *arena = arena_new();
	struct metric_set *set = ARENA_NEW(arena, struct metric_set);
	set->arena = arena;
	set->end = &set->first;
	set->hooks_end = &set->hooks;
	return set;
}

void metric_set_free(struct metric_set *set)
{
	if (!set)
		return;
	for (struct metric *m = set->first; m; m = m->next)
		strmap_free(m->series, free);
	arena_free(set->arena);
}

void *metric_set_alloc(struct metric_set *set, size_t size)
{
	return arena_alloc(set->arena, size);
}

static void split_labels(struct metric_set *set, struct metric *m, const char *labels)
{
	char *text = arena_strdup(set->arena, labels), *rest = text;
	for (char *name; *text && (name = strsep(&rest, ","));) {
		if (m->labels_len == METRIC_LABELS_MAX)
			abort(); /* a mistake in the program */
		m->labels[m->labels_len++] = name;
	}
}

static struct metric *add(
    struct metric_set *set, enum kind kind, const char *name, const char *help, const char *labels)
{
	struct metric *m = ARENA_NEW(set->arena, struct metric);
	*m = (struct metric){.kind = kind, .name = name, .help = help, .series = strmap_new()};
	split_labels(set, m, labels);
	*set->end = m;
	set->end = &m->next;
	return m;
}

static struct metric *with_first_series(struct metric *m)
{
	if (m->labels_len == 0)
		metric_series_of(m, NULL);
	return m;
}

struct metric *metric_counter(struct metric_set *set, const char *name, const char *help, const char *labels)
{
	return with_first_series(add(set, COUNTER, name, help, labels));
}

struct metric *metric_gauge(struct metric_set *set, const char *name, const char *help, const char *labels)
{
	return with_first_series(add(set, GAUGE, name, help, labels));
}

struct metric *metric_histogram(struct metric_set *set, const char *name, const char *help,
    const char *labels, const double *bounds, size_t bounds_len)
{
	struct metric *m = add(set, HISTOGRAM, name, help, labels);
	m->bounds = bounds;
	m->bounds_len = bounds_len;
	return with_first_series(m);
}

static void put_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			buf_puts(out, "\\n");
			continue;
		}
		if (*text == '"' || *text == '\\')
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
}

static void put_labels(struct buf *out, const struct metric *m, const char *const *values)
{
	for (size_t i = 0; i < m->labels_len; i++) {
		buf_printf(out, "%s%s=\"", i ? "," : "", m->labels[i]);
		put_escaped(out, values ? values[i] : "other");
		buf_putc(out, '"');
	}
}

static struct metric_series *find_or_make(struct metric *m, const char *key)
{
	struct metric_series *s = strmap_get(m->series, key);
	if (s || strmap_len(m->series) > METRIC_SERIES_MAX)
		return s;
	s = calloc(1, sizeof *s + (m->bounds_len + 1) * sizeof s->buckets[0]);
	if (!s)
		abort();
	s->metric = m;
	strmap_put(m->series, key, s);
	return s;
}

struct metric_series *metric_series_of(struct metric *m, const char *const *values)
{
	struct buf key = BUF_INIT;
	put_labels(&key, m, values);
	bool is_known = strmap_has(m->series, buf_str(&key));
	if (!is_known && strmap_len(m->series) >= METRIC_SERIES_MAX) {
		buf_reset(&key);
		put_labels(&key, m, NULL);
	}
	struct metric_series *s = find_or_make(m, buf_str(&key));
	buf_done(&key);
	return s;
}

void metric_add(struct metric_series *s, double by)
{
	s->value += by;
}

void metric_put(struct metric_series *s, double value)
{
	s->value = value;
}

void metric_observe(struct metric_series *s, double value)
{
	const struct metric *m = s->metric;
	size_t i = 0;
	while (i < m->bounds_len && value > m->bounds[i])
		i++;
	s->buckets[i]++;
	s->count++;
	s->value += value;
}

double metric_value(const struct metric_series *s)
{
	return s->value;
}

void metric_reset(struct metric *m)
{
	strmap_free(m->series, free);
	m->series = strmap_new();
	with_first_series(m);
}

void metric_set_on_write(struct metric_set *set, void (*fn)(void *arg), void *arg)
{
	struct hook *hook = ARENA_NEW(set->arena, struct hook);
	*hook = (struct hook){NULL, fn, arg};
	*set->hooks_end = hook;
	set->hooks_end = &hook->next;
}

/* Whole numbers without an exponent, others with as many digits as tell them apart. */
static void put_number(struct buf *out, double value)
{
	if (isinf(value))
		buf_puts(out, value > 0 ? "+Inf" : "-Inf");
	else if (value == floor(value) && fabs(value) < 1e15)
		buf_printf(out, "%.0f", value);
	else
		buf_printf(out, "%.17g", value);
}

static void put_sample(
    struct buf *out, const char *name, const char *suffix, const char *labels, double value)
{
	buf_puts(out, name);
	buf_puts(out, suffix);
	if (*labels)
		buf_printf(out, "{%s}", labels);
	buf_putc(out, ' ');
	put_number(out, value);
	buf_putc(out, '\n');
}

static void put_histogram(
    struct buf *out, const struct metric *m, const char *labels, const struct metric_series *s)
{
	uint64_t total = 0;
	for (size_t i = 0; i <= m->bounds_len; i++) {
		total += s->buckets[i];
		buf_printf(out, "%s_bucket{%s%sle=\"", m->name, labels, *labels ? "," : "");
		if (i < m->bounds_len)
			buf_printf(out, "%g", m->bounds[i]);
		else
			buf_puts(out, "+Inf");
		buf_printf(out, "\"} %llu\n", (unsigned long long)total);
	}
	put_sample(out, m->name, "_sum", labels, s->value);
	put_sample(out, m->name, "_count", labels, (double)s->count);
}

static void put_metric(struct buf *out, const struct metric *m)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	if (strmap_len(m->series) == 0)
		return;
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, types[m->kind]);
	strmap_for_each (m->series, e) {
		const struct metric_series *s = strmap_value(e);
		if (m->kind == HISTOGRAM)
			put_histogram(out, m, strmap_key(e), s);
		else
			put_sample(out, m->name, "", strmap_key(e), s->value);
	}
}

void metric_set_write(struct metric_set *set, struct buf *out)
{
	for (struct hook *hook = set->hooks; hook; hook = hook->next)
		hook->fn(hook->arg);
	for (struct metric *m = set->first; m; m = m->next)
		put_metric(out, m);
}
