#include "scheduler/preemption.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "proto/policy_v1.pb-c.h"

struct candidate {
	struct node_info *node;
	struct pod_info **victims;
	size_t len;
	size_t broken_budgets;
	int64_t highest, sum, earliest_start;
};

static bool try_node(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct informer *budgets, struct node_info *node,
    struct candidate *ret);
static bool is_better(const struct candidate *a, const struct candidate *b);
static bool budget_forbids(struct arena *arena, const struct informer *budgets, const struct pod_info *pod);

void preemption_find(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct cycle_result *failed, const struct informer *budgets,
    struct preemption *ret)
{
	size_t len, unresolvable = 0;
	struct node_info **nodes = snapshot_nodes(snapshot, &len);
	struct candidate best = {0}, candidate;
	struct node_info **list = arena_memdup(arena, nodes, len * sizeof *nodes + 1);

	*ret = (struct preemption){0};
	if (str_eq(pod->pod->spec->preemption_policy, "Never")) {
		ret->message = arena_printf(arena, "preemption: not eligible due to preemptionPolicy=Never.");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (failed->verdicts[i] != UNSCHEDULABLE) {
			unresolvable++;
			continue;
		}
		if (try_node(arena, snapshot, pod, caches, budgets, list[i], &candidate) &&
		    (!best.node || is_better(&candidate, &best)))
			best = candidate;
	}
	ret->node = best.node;
	ret->victims = best.victims;
	ret->victims_len = best.len;
	if (best.node)
		return;
	ret->message = arena_printf(arena, "preemption: 0/%zu nodes are available:%s%s%s.", len,
	    len > unresolvable
		? arena_printf(arena, " %zu No preemption victims found for incoming pod", len - unresolvable)
		: "",
	    len > unresolvable && unresolvable ? "," : "",
	    unresolvable ? arena_printf(arena, " %zu Preemption is not helpful for scheduling", unresolvable)
			 : "");
}

static int by_importance(const void *a, const void *b)
{
	const struct pod_info *pa = *(struct pod_info *const *)a, *pb = *(struct pod_info *const *)b;
	int32_t x = pod_priority(pa->pod), y = pod_priority(pb->pod);
	int64_t sa = time_seconds(pa->pod->status->start_time),
		sb = time_seconds(pb->pod->status->start_time);

	if (x != y)
		return x > y ? -1 : 1;
	return sa < sb ? -1 : sa > sb; /* the longer a pod has run, the more it matters */
}

/* Removes every less important pod, then lets back in, most important first, those that are not in the way
 * after all. */
static bool try_node(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct informer *budgets, struct node_info *node,
    struct candidate *ret)
{
	struct pod_info **lower = ARENA_ARRAY(arena, struct pod_info *, node->pods_len + 1);
	size_t lower_len = 0;
	bool fits;

	*ret = (struct candidate){.node = node, .highest = INT64_MIN, .earliest_start = INT64_MAX};
	for (size_t i = 0; i < node->pods_len; i++) {
		if (pod_priority(node->pods[i]->pod) < pod_priority(pod->pod))
			lower[lower_len++] = node->pods[i];
	}
	for (size_t i = 0; i < lower_len; i++)
		node_info_remove(node, lower[i]);
	fits = lower_len > 0 && cycle_fits(arena, snapshot, pod, caches, node);
	qsort(lower, lower_len, sizeof *lower, by_importance);
	ret->victims = ARENA_ARRAY(arena, struct pod_info *, lower_len + 1);
	/* First those that a disruption budget protects, then the others. */
	for (int guarded = 1; guarded >= 0; guarded--) {
		for (size_t i = 0; i < lower_len; i++) {
			if (!lower[i] || budget_forbids(arena, budgets, lower[i]) != (guarded == 1))
				continue;
			node_info_add(node, lower[i]);
			if (fits && !cycle_fits(arena, snapshot, pod, caches, node)) {
				node_info_remove(node, lower[i]);
				ret->victims[ret->len++] = lower[i];
				ret->broken_budgets += guarded == 1;
			}
			lower[i] = NULL;
		}
	}
	for (size_t i = 0; i < ret->len; i++) { /* everything back as it was */
		const CoreV1__Pod *victim = ret->victims[i]->pod;
		int64_t priority = pod_priority(victim), start = time_seconds(victim->status->start_time);

		node_info_add(node, ret->victims[i]);
		ret->highest = priority > ret->highest ? priority : ret->highest;
		ret->sum +=
		    priority + INT32_MAX; /* so that more victims weigh more even with negative priorities */
		ret->earliest_start = start < ret->earliest_start ? start : ret->earliest_start;
	}
	return fits && ret->len > 0;
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->broken_budgets != b->broken_budgets)
		return a->broken_budgets < b->broken_budgets;
	if (a->highest != b->highest)
		return a->highest < b->highest;
	if (a->sum != b->sum)
		return a->sum < b->sum;
	if (a->len != b->len)
		return a->len < b->len;
	return a->earliest_start > b->earliest_start;
}

static bool budget_forbids(struct arena *arena, const struct informer *budgets, const struct pod_info *pod)
{
	struct error ignored = ERROR_INIT;

	if (!budgets || pod->pod->metadata->n_labels == 0)
		return false;
	informer_for_each (obj, informer_in_namespace(budgets, pod->pod->metadata->namespace_)) {
		const PolicyV1__PodDisruptionBudget *budget = (const PolicyV1__PodDisruptionBudget *)obj->msg;
		struct selector *selector;

		if (selector_from_object(arena, budget->spec->selector, &selector, &ignored) == 0 &&
		    selector_matches(selector, pod->pod->metadata) &&
		    budget->status->disruptions_allowed <= 0)
			return true;
	}
	return false;
}
