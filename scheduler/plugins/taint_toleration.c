/* NoSchedule and NoExecute taints keep pods away that don't tolerate them; PreferNoSchedule ones cost score.
 */
#include "lib/base/str.h"
#include "scheduler/node_match.h"
#include "scheduler/plugin.h"

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;

	for (size_t i = 0; i < node->node->spec->n_taints; i++) {
		const CoreV1__Taint *taint = node->node->spec->taints[i];

		if (str_eq(taint->effect, "PreferNoSchedule") ||
		    taint_is_tolerated(taint, spec->tolerations, spec->n_tolerations))
			continue;
		reasons_add((struct cycle *)cycle, reasons, "node(s) had untolerated taint {%s: %s}",
		    taint->key, str_or(taint->value, ""));
		return UNRESOLVABLE;
	}
	return FITS;
}

/* Number of PreferNoSchedule taints that are not tolerated. */
static int64_t score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;
	int64_t count = 0;

	for (size_t i = 0; i < node->node->spec->n_taints; i++) {
		const CoreV1__Taint *taint = node->node->spec->taints[i];

		if (str_eq(taint->effect, "PreferNoSchedule") &&
		    !taint_is_tolerated(taint, spec->tolerations, spec->n_tolerations))
			count++;
	}
	return count;
}

static void normalize(
    const struct cycle *cycle, void *state, struct node_info *const *nodes, int64_t *scores, size_t len)
{
	scores_normalize(scores, len, true);
}

const struct plugin plugin_taint_toleration = {.name = "TaintToleration",
    .filter = filter,
    .score = score,
    .normalize = normalize,
    .weight = 3,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_TAINT};
