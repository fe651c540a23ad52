#include "scheduler/cycle.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

const struct plugin *const plugins[] = {
#define PLUGIN(name) &plugin_##name,
#include "scheduler/plugins.def"
#undef PLUGIN
};
const size_t plugins_len = sizeof plugins / sizeof plugins[0];

struct reason_count {
	const char *text;
	size_t count;
};

struct reason_counts {
	struct arena *arena;
	struct reason_count *items;
	size_t len;
};

static enum verdict run_pre_filters(struct cycle *cycle, uint32_t *wakes_on);
static enum verdict run_filters(
    const struct cycle *cycle, const struct node_info *node, struct reasons *reasons, uint32_t *wakes_on);
static struct node_info *choose(struct cycle *cycle, struct node_info **nodes, size_t len);
static void count_reasons(struct reason_counts *counts, const struct reasons *reasons);
static const char *message(struct arena *arena, size_t nodes_len, const struct reasons *pre_filter,
    const struct reason_counts *counts);

static void cycle_init(struct cycle *cycle, struct arena *arena, const struct snapshot *snapshot,
    const struct pod_info *pod, const struct scheduling_caches *caches)
{
	*cycle = (struct cycle){.arena = arena,
	    .snapshot = snapshot,
	    .pod = pod,
	    .claims = caches->claims,
	    .volumes = caches->volumes,
	    .storage_classes = caches->storage_classes,
	    .namespaces = caches->namespaces,
	    .states = arena_calloc(arena, plugins_len, sizeof(void *))};
}

void cycle_run(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, struct cycle_result *ret)
{
	struct cycle cycle;
	struct reason_counts counts = {.arena = arena};
	size_t len, fit_len = 0;
	struct node_info **nodes = snapshot_nodes(snapshot, &len), **fit;

	*ret = (struct cycle_result){0};
	cycle_init(&cycle, arena, snapshot, pod, caches);
	ret->states = cycle.states;
	ret->verdicts = ARENA_ARRAY(arena, enum verdict, len + 1);
	if (len == 0) {
		ret->message = "no nodes available to schedule pods";
		ret->wakes_on = EVENT_NODE_ADD;
		return;
	}
	if (run_pre_filters(&cycle, &ret->wakes_on) != FITS) {
		for (size_t i = 0; i < len; i++)
			ret->verdicts[i] = UNRESOLVABLE;
		ret->message = message(arena, len, &cycle.pre_filter_reasons, &counts);
		return;
	}
	fit = ARENA_ARRAY(arena, struct node_info *, len);
	for (size_t i = 0; i < len; i++) {
		struct reasons reasons = {.len = 0};

		ret->verdicts[i] = run_filters(&cycle, nodes[i], &reasons, &ret->wakes_on);
		if (ret->verdicts[i] == FITS)
			fit[fit_len++] = nodes[i];
		else
			count_reasons(&counts, &reasons);
	}
	if (fit_len)
		ret->node = choose(&cycle, fit, fit_len);
	else
		ret->message = message(arena, len, NULL, &counts);
}

bool cycle_fits(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct node_info *node)
{
	struct cycle cycle;
	struct reasons reasons = {.len = 0};
	uint32_t ignored = 0;

	cycle_init(&cycle, arena, snapshot, pod, caches);
	return run_pre_filters(&cycle, &ignored) == FITS &&
	       run_filters(&cycle, node, &reasons, &ignored) == FITS;
}

size_t plugin_index(const struct plugin *plugin)
{
	size_t i = 0;

	while (plugins[i] != plugin)
		i++;
	return i;
}

void reasons_add_literal(struct reasons *reasons, const char *text)
{
	if (reasons->len < REASONS_MAX)
		reasons->texts[reasons->len++] = text;
}

void reasons_add(struct cycle *cycle, struct reasons *reasons, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	reasons_add_literal(reasons, arena_vprintf(cycle->arena, fmt, ap));
	va_end(ap);
}

void scores_normalize(int64_t *scores, size_t len, bool reverse)
{
	int64_t max = 0;

	for (size_t i = 0; i < len; i++)
		max = scores[i] > max ? scores[i] : max;
	for (size_t i = 0; i < len; i++) {
		int64_t scaled = max ? scores[i] * SCORE_MAX / max : 0;

		scores[i] = reverse ? SCORE_MAX - scaled : scaled;
	}
}

static enum verdict run_pre_filters(struct cycle *cycle, uint32_t *wakes_on)
{
	for (size_t i = 0; i < plugins_len; i++) {
		if (!plugins[i]->pre_filter)
			continue;
		if (plugins[i]->pre_filter(cycle, &cycle->states[i], &cycle->pre_filter_reasons) != FITS) {
			*wakes_on |= plugins[i]->wakes_on;
			return UNRESOLVABLE;
		}
	}
	return FITS;
}

/* The first plugin that objects ends the node's trial, as upstream's do. */
static enum verdict run_filters(
    const struct cycle *cycle, const struct node_info *node, struct reasons *reasons, uint32_t *wakes_on)
{
	for (size_t i = 0; i < plugins_len; i++) {
		enum verdict verdict =
		    plugins[i]->filter ? plugins[i]->filter(cycle, cycle->states[i], node, reasons) : FITS;

		if (verdict == FITS)
			continue;
		*wakes_on |= plugins[i]->wakes_on;
		return verdict;
	}
	return FITS;
}

/* The highest sum of weighted scores; among equals one at random, so that nodes fill evenly. */
static struct node_info *choose(struct cycle *cycle, struct node_info **nodes, size_t len)
{
	int64_t *scores, *totals, best = INT64_MIN;
	struct node_info *chosen = nodes[0];
	long ties = 0;

	if (len == 1)
		return chosen;
	scores = ARENA_ARRAY(cycle->arena, int64_t, len);
	totals = ARENA_ARRAY(cycle->arena, int64_t, len);
	for (size_t p = 0; p < plugins_len; p++) {
		if (!plugins[p]->score)
			continue;
		for (size_t i = 0; i < len; i++)
			scores[i] = plugins[p]->score(cycle, cycle->states[p], nodes[i]);
		if (plugins[p]->normalize)
			plugins[p]->normalize(cycle, cycle->states[p], nodes, scores, len);
		for (size_t i = 0; i < len; i++)
			totals[i] += scores[i] * plugins[p]->weight;
	}
	for (size_t i = 0; i < len; i++) {
		if (totals[i] > best) {
			best = totals[i];
			chosen = nodes[i];
			ties = 1;
		} else if (totals[i] == best && random() % ++ties == 0) {
			chosen = nodes[i];
		}
	}
	return chosen;
}

static void count_reasons(struct reason_counts *counts, const struct reasons *reasons)
{
	for (size_t i = 0; i < reasons->len; i++) {
		size_t k = 0;

		while (k < counts->len && strcmp(counts->items[k].text, reasons->texts[i]) != 0)
			k++;
		if (k == counts->len) {
			counts->items = arena_grow(counts->arena, counts->items,
			    counts->len * sizeof *counts->items, (counts->len + 1) * sizeof *counts->items);
			counts->items[counts->len++] = (struct reason_count){reasons->texts[i], 0};
		}
		counts->items[k].count++;
	}
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable." with the reasons sorted as
 * text. */
static const char *message(struct arena *arena, size_t nodes_len, const struct reasons *pre_filter,
    const struct reason_counts *counts)
{
	char **lines = ARENA_ARRAY(arena, char *, counts->len + 1);
	struct buf out = BUF_INIT;
	const char *text;

	buf_printf(&out, "0/%zu nodes are available", nodes_len);
	if (pre_filter && pre_filter->len)
		buf_printf(&out, ": %s.", pre_filter->texts[0]);
	for (size_t i = 0; i < counts->len; i++)
		lines[i] = arena_printf(arena, "%zu %s", counts->items[i].count, counts->items[i].text);
	qsort(lines, counts->len, sizeof *lines, compare_lines);
	for (size_t i = 0; i < counts->len; i++)
		buf_printf(&out, "%s%s", i ? ", " : ": ", lines[i]);
	if (counts->len)
		buf_putc(&out, '.');
	text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}
