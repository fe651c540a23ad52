/*
 * Topology spread constraints (KEP-895): the difference between a domain's matching pods and the emptiest
 * domain's stays within maxSkew. Pods without constraints of their own are spread softly over nodes and zones
 * by their owner.
 */
#include <string.h>

#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "scheduler/domains.h"
#include "scheduler/node_match.h"
#include "scheduler/plugin.h"

struct constraint {
	const char *key;
	int32_t max_skew, min_domains;
	bool is_hard, honors_affinity, honors_taints;
	struct selector *selector;
	const char *owner_uid; /* of the default constraints, instead of a selector */
	bool counts_itself;
	struct domains *domains;
};

struct state {
	struct constraint *constraints;
	size_t len;
};

static bool matches(const struct constraint *c, const struct cycle *cycle, const CoreV1__Pod *pod)
{
	const MetaV1__OwnerReference *owner;

	if (!str_eq(pod->metadata->namespace_, cycle->pod->pod->metadata->namespace_) ||
	    pod->metadata->deletion_timestamp)
		return false;
	if (!c->owner_uid)
		return selector_matches(c->selector, pod->metadata);
	owner = object_controller(pod->metadata);
	return owner && str_eq(owner->uid, c->owner_uid);
}

/* Whether the node's pods count, by nodeAffinityPolicy and nodeTaintsPolicy. */
static bool node_counts(const struct constraint *c, const struct cycle *cycle, const CoreV1__Node *node)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;

	if (c->honors_affinity && !node_matches_pod(spec, node))
		return false;
	for (size_t i = 0; c->honors_taints && i < node->spec->n_taints; i++) {
		if (!str_eq(node->spec->taints[i]->effect, "PreferNoSchedule") &&
		    !taint_is_tolerated(node->spec->taints[i], spec->tolerations, spec->n_tolerations))
			return false;
	}
	return true;
}

static void count(struct constraint *c, const struct cycle *cycle)
{
	size_t len;
	struct node_info **nodes = snapshot_nodes(cycle->snapshot, &len);

	c->domains = domains_new(cycle->arena);
	for (size_t i = 0; i < len; i++) {
		const char *value = api_map_get(nodes[i]->node->metadata, labels, c->key);
		int64_t found = 0;

		if (!value || !node_counts(c, cycle, nodes[i]->node))
			continue;
		for (size_t k = 0; k < nodes[i]->pods_len; k++)
			found += matches(c, cycle, nodes[i]->pods[k]->pod);
		domains_add(c->domains, c->key, value, found);
	}
	c->counts_itself = matches(c, cycle, cycle->pod->pod);
}

/* matchLabelKeys: the pod's own values of these labels join the selector. */
static MetaV1__LabelSelector *selector_with_keys(
    struct cycle *cycle, const CoreV1__TopologySpreadConstraint *t)
{
	MetaV1__LabelSelector *ls = t->label_selector ? api_clone(cycle->arena, t->label_selector)
						      : API_NEW(cycle->arena, meta_v1__label_selector);

	for (size_t i = 0; i < t->n_match_label_keys; i++) {
		const char *value = api_map_get(cycle->pod->pod->metadata, labels, t->match_label_keys[i]);

		if (value)
			api_map_set(cycle->arena, ls, match_labels,
			    meta_v1__label_selector__match_labels_entry, t->match_label_keys[i], value);
	}
	return ls;
}

static void add_default(
    struct cycle *cycle, struct state *state, const char *key, int32_t max_skew, const char *owner_uid)
{
	struct constraint *c = &state->constraints[state->len++];

	*c = (struct constraint){
	    .key = key, .max_skew = max_skew, .honors_affinity = true, .owner_uid = owner_uid};
	count(c, cycle);
}

static enum verdict pre_filter(struct cycle *cycle, void **ret_state, struct reasons *reasons)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;
	const MetaV1__OwnerReference *owner = object_controller(cycle->pod->pod->metadata);
	struct state *state = ARENA_NEW(cycle->arena, struct state);

	state->constraints =
	    ARENA_ARRAY(cycle->arena, struct constraint, spec->n_topology_spread_constraints + 2);
	for (size_t i = 0; i < spec->n_topology_spread_constraints; i++) {
		const CoreV1__TopologySpreadConstraint *t = spec->topology_spread_constraints[i];
		struct constraint *c = &state->constraints[state->len++];
		struct error err = ERROR_INIT;

		*c = (struct constraint){.key = t->topology_key,
		    .max_skew = t->max_skew,
		    .min_domains = t->has_min_domains ? t->min_domains : 1,
		    .is_hard = !str_eq(t->when_unsatisfiable, "ScheduleAnyway"),
		    .honors_affinity = !str_eq(t->node_affinity_policy, "Ignore"),
		    .honors_taints = str_eq(t->node_taints_policy, "Honor")};
		if (selector_from_object(cycle->arena,
			t->label_selector ? selector_with_keys(cycle, t) : NULL, &c->selector, &err) < 0) {
			reasons_add(cycle, reasons, "%s", err.message);
			return UNRESOLVABLE;
		}
		count(c, cycle);
	}
	if (state->len == 0 && owner) {
		add_default(cycle, state, "kubernetes.io/hostname", 3, owner->uid);
		add_default(cycle, state, "topology.kubernetes.io/zone", 5, owner->uid);
	}
	*ret_state = state;
	return FITS;
}

static enum verdict filter(
    const struct cycle *cycle, void *arg, const struct node_info *node, struct reasons *reasons)
{
	const struct state *state = arg;

	for (size_t i = 0; i < state->len; i++) {
		const struct constraint *c = &state->constraints[i];
		const char *value = api_map_get(node->node->metadata, labels, c->key);
		int64_t min;

		if (!c->is_hard)
			continue;
		if (!value) {
			reasons_add_literal(reasons,
			    "node(s) didn't match pod topology spread constraints (missing required label)");
			return UNRESOLVABLE;
		}
		min = (int64_t)domains_len(c->domains) < c->min_domains ? 0 : domains_min(c->domains);
		if (domains_get(c->domains, c->key, value) + c->counts_itself - min > c->max_skew) {
			reasons_add_literal(reasons, "node(s) didn't match pod topology spread constraints");
			return UNSCHEDULABLE;
		}
	}
	return FITS;
}

/* Pods in the domains of the soft constraints; fewer is better. */
static int64_t score(const struct cycle *cycle, void *arg, const struct node_info *node)
{
	const struct state *state = arg;
	int64_t sum = 0;

	for (size_t i = 0; i < state->len; i++) {
		const struct constraint *c = &state->constraints[i];
		const char *value = api_map_get(node->node->metadata, labels, c->key);

		if (!c->is_hard && value)
			sum += domains_get(c->domains, c->key, value) * (c->max_skew > 1 ? 2 : 3);
	}
	return sum;
}

static void normalize(
    const struct cycle *cycle, void *state, struct node_info *const *nodes, int64_t *scores, size_t len)
{
	scores_normalize(scores, len, true);
}

const struct plugin plugin_pod_topology_spread = {.name = "PodTopologySpread",
    .pre_filter = pre_filter,
    .filter = filter,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_POD_ADD | EVENT_POD_DELETE};
