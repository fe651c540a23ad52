/* Node selector and node affinity: required terms filter, preferred terms score by their weights. */
#include "scheduler/node_match.h"
#include "scheduler/plugin.h"

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	if (node_matches_pod(cycle->pod->pod->spec, node->node))
		return FITS;
	reasons_add_literal(reasons, "node(s) didn't match Pod's node affinity/selector");
	return UNRESOLVABLE;
}

static int64_t score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	const CoreV1__Affinity *affinity = cycle->pod->pod->spec->affinity;
	const CoreV1__NodeAffinity *n = affinity ? affinity->node_affinity : NULL;
	int64_t sum = 0;

	for (size_t i = 0; n && i < n->n_preferred_during_scheduling_ignored_during_execution; i++) {
		const CoreV1__PreferredSchedulingTerm *term =
		    n->preferred_during_scheduling_ignored_during_execution[i];

		if (node_selector_term_matches(term->preference, node->node))
			sum += term->weight;
	}
	return sum;
}

static void normalize(
    const struct cycle *cycle, void *state, struct node_info *const *nodes, int64_t *scores, size_t len)
{
	scores_normalize(scores, len, false);
}

const struct plugin plugin_node_affinity = {.name = "NodeAffinity",
    .filter = filter,
    .score = score,
    .normalize = normalize,
    .weight = 2,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_LABEL};
