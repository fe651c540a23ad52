/*
 * Affinity and anti-affinity towards other pods. Everything is turned once, in pre_filter, into counts for
 * topology domains, so that a node costs a few look-ups.
 */
#include "lib/api/labels.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "scheduler/domains.h"
#include "scheduler/plugin.h"

struct term {
	const CoreV1__PodAffinityTerm *term;
	struct selector *selector, *namespaces; /* namespaces NULL: by list */
	struct domains *domains;                /* matching pods for each domain */
	int64_t total;
};

struct state {
	struct term *affinity, *anti;
	size_t affinity_len, anti_len;
	bool
	    matches_itself; /* the pod satisfies all its own affinity terms: the first of a group may start */
	struct domains *repelled;  /* domains that placed pods' anti-affinity closes to this pod */
	struct domains *preferred; /* sum of weights */
	size_t preferred_len;
};

static bool term_namespace_matches(
    const struct cycle *cycle, const struct term *t, const char *own_ns, const char *ns)
{
	const struct object *namespace_;

	for (size_t i = 0; i < t->term->n_namespaces; i++) {
		if (str_eq(t->term->namespaces[i], ns))
			return true;
	}
	if (!t->namespaces)
		return t->term->n_namespaces == 0 && str_eq(own_ns, ns);
	if (selector_is_everything(t->namespaces))
		return true;
	namespace_ = cycle->namespaces ? informer_lookup(cycle->namespaces, NULL, ns) : NULL;
	return namespace_ && selector_matches(t->namespaces, namespace_->meta);
}

static bool term_matches(
    const struct cycle *cycle, const struct term *t, const CoreV1__Pod *owner, const CoreV1__Pod *pod)
{
	return term_namespace_matches(cycle, t, owner->metadata->namespace_, pod->metadata->namespace_) &&
	       selector_matches(t->selector, pod->metadata);
}

static bool term_init(struct arena *arena, const CoreV1__PodAffinityTerm *from, struct term *t)
{
	struct error ignored =
	    ERROR_INIT; /* the API server has validated selectors; a bad one matches nothing */

	*t = (struct term){.term = from};
	if (selector_from_object(arena, from->label_selector, &t->selector, &ignored) < 0)
		return false;
	if (from->namespace_selector)
		return selector_from_object(arena, from->namespace_selector, &t->namespaces, &ignored) == 0;
	return true;
}

static size_t terms_init(
    struct cycle *cycle, CoreV1__PodAffinityTerm *const *from, size_t len, struct term **ret)
{
	size_t n = 0;

	*ret = ARENA_ARRAY(cycle->arena, struct term, len + 1);
	for (size_t i = 0; i < len; i++) {
		if (!term_init(cycle->arena, from[i], &(*ret)[n]))
			continue;
		(*ret)[n++].domains = domains_new(cycle->arena);
	}
	return n;
}

static const char *domain_of(const struct node_info *node, const CoreV1__PodAffinityTerm *term)
{
	return api_map_get(node->node->metadata, labels, term->topology_key);
}

static void count_terms(const struct cycle *cycle, struct term *terms, size_t len,
    const struct node_info *node, const CoreV1__Pod *other)
{
	for (size_t i = 0; i < len; i++) {
		const char *value = domain_of(node, terms[i].term);

		if (value && term_matches(cycle, &terms[i], cycle->pod->pod, other)) {
			domains_add(terms[i].domains, terms[i].term->topology_key, value, 1);
			terms[i].total++;
		}
	}
}

static void add_preferred(struct cycle *cycle, struct state *state,
    CoreV1__WeightedPodAffinityTerm *const *terms, size_t len, int sign, const CoreV1__Pod *owner,
    const CoreV1__Pod *pod, const struct node_info *node)
{
	for (size_t i = 0; i < len; i++) {
		const char *value = domain_of(node, terms[i]->pod_affinity_term);
		struct term t;

		if (!value || !term_init(cycle->arena, terms[i]->pod_affinity_term, &t) ||
		    !term_matches(cycle, &t, owner, pod))
			continue;
		domains_add(state->preferred, t.term->topology_key, value, sign * terms[i]->weight);
		state->preferred_len++;
	}
}

/* What this pod prefers about another, and what the other prefers about this one. */
static void count_preferences(struct cycle *cycle, struct state *state, const struct node_info *node,
    const CoreV1__Pod *from, const CoreV1__Pod *about)
{
	const CoreV1__Affinity *a = from->spec->affinity;

	if (a && a->pod_affinity)
		add_preferred(cycle, state,
		    a->pod_affinity->preferred_during_scheduling_ignored_during_execution,
		    a->pod_affinity->n_preferred_during_scheduling_ignored_during_execution, 1, from, about,
		    node);
	if (a && a->pod_anti_affinity)
		add_preferred(cycle, state,
		    a->pod_anti_affinity->preferred_during_scheduling_ignored_during_execution,
		    a->pod_anti_affinity->n_preferred_during_scheduling_ignored_during_execution, -1, from,
		    about, node);
}

static void count_repelling(
    struct cycle *cycle, struct state *state, const struct node_info *node, const CoreV1__Pod *other)
{
	const CoreV1__PodAntiAffinity *anti = other->spec->affinity->pod_anti_affinity;

	for (size_t i = 0; i < anti->n_required_during_scheduling_ignored_during_execution; i++) {
		const CoreV1__PodAffinityTerm *from =
		    anti->required_during_scheduling_ignored_during_execution[i];
		const char *value = domain_of(node, from);
		struct term t;

		if (value && term_init(cycle->arena, from, &t) &&
		    term_matches(cycle, &t, other, cycle->pod->pod))
			domains_add(state->repelled, from->topology_key, value, 1);
	}
}

static enum verdict pre_filter(struct cycle *cycle, void **ret_state, struct reasons *reasons)
{
	const CoreV1__Affinity *a = cycle->pod->pod->spec->affinity;
	struct state *state = ARENA_NEW(cycle->arena, struct state);
	size_t len;
	struct node_info **nodes = snapshot_nodes(cycle->snapshot, &len);

	state->repelled = domains_new(cycle->arena);
	state->preferred = domains_new(cycle->arena);
	if (a && a->pod_affinity)
		state->affinity_len = terms_init(cycle,
		    a->pod_affinity->required_during_scheduling_ignored_during_execution,
		    a->pod_affinity->n_required_during_scheduling_ignored_during_execution, &state->affinity);
	if (a && a->pod_anti_affinity)
		state->anti_len = terms_init(cycle,
		    a->pod_anti_affinity->required_during_scheduling_ignored_during_execution,
		    a->pod_anti_affinity->n_required_during_scheduling_ignored_during_execution,
		    &state->anti);
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < nodes[i]->pods_len; k++) {
			const struct pod_info *other = nodes[i]->pods[k];

			count_terms(cycle, state->affinity, state->affinity_len, nodes[i], other->pod);
			count_terms(cycle, state->anti, state->anti_len, nodes[i], other->pod);
			if (other->has_anti_affinity)
				count_repelling(cycle, state, nodes[i], other->pod);
			count_preferences(cycle, state, nodes[i], cycle->pod->pod, other->pod);
			if (other->has_affinity || other->has_anti_affinity)
				count_preferences(cycle, state, nodes[i], other->pod, cycle->pod->pod);
		}
	}
	state->matches_itself = true;
	for (size_t i = 0; i < state->affinity_len; i++)
		state->matches_itself &=
		    state->affinity[i].total == 0 &&
		    term_matches(cycle, &state->affinity[i], cycle->pod->pod, cycle->pod->pod);
	*ret_state = state;
	return FITS;
}

static bool is_repelled(const struct state *state, const struct node_info *node)
{
	const MetaV1__ObjectMeta *meta = node->node->metadata;

	if (domains_len(state->repelled) == 0)
		return false;
	for (size_t i = 0; i < meta->n_labels; i++) {
		if (domains_get(state->repelled, meta->labels[i]->key, meta->labels[i]->value) > 0)
			return true;
	}
	return false;
}

static enum verdict filter(
    const struct cycle *cycle, void *arg, const struct node_info *node, struct reasons *reasons)
{
	const struct state *state = arg;

	for (size_t i = 0; i < state->affinity_len; i++) {
		const char *value = domain_of(node, state->affinity[i].term);

		if (value && (state->matches_itself || domains_get(state->affinity[i].domains,
							   state->affinity[i].term->topology_key, value) > 0))
			continue;
		reasons_add_literal(reasons, "node(s) didn't match pod affinity rules");
		return UNRESOLVABLE;
	}
	for (size_t i = 0; i < state->anti_len; i++) {
		const char *value = domain_of(node, state->anti[i].term);

		if (!value ||
		    domains_get(state->anti[i].domains, state->anti[i].term->topology_key, value) == 0)
			continue;
		reasons_add_literal(reasons, "node(s) didn't match pod anti-affinity rules");
		return UNSCHEDULABLE;
	}
	if (is_repelled(state, node)) {
		reasons_add_literal(reasons, "node(s) didn't satisfy existing pods anti-affinity rules");
		return UNSCHEDULABLE;
	}
	return FITS;
}

static int64_t score(const struct cycle *cycle, void *arg, const struct node_info *node)
{
	const struct state *state = arg;
	const MetaV1__ObjectMeta *meta = node->node->metadata;
	int64_t sum = 0;

	for (size_t i = 0; state->preferred_len && i < meta->n_labels; i++)
		sum += domains_get(state->preferred, meta->labels[i]->key, meta->labels[i]->value);
	return sum;
}

/* Sums may be negative: the range from lowest to highest becomes 0..100. */
static void normalize(
    const struct cycle *cycle, void *state, struct node_info *const *nodes, int64_t *scores, size_t len)
{
	int64_t min = INT64_MAX, max = INT64_MIN;

	for (size_t i = 0; i < len; i++) {
		min = scores[i] < min ? scores[i] : min;
		max = scores[i] > max ? scores[i] : max;
	}
	for (size_t i = 0; i < len; i++)
		scores[i] = max > min ? (scores[i] - min) * SCORE_MAX / (max - min) : 0;
}

const struct plugin plugin_inter_pod_affinity = {.name = "InterPodAffinity",
    .pre_filter = pre_filter,
    .filter = filter,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_LABEL | EVENT_POD_ADD | EVENT_POD_DELETE};
