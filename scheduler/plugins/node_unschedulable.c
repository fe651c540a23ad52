/* Nodes that were cordoned take no new pods, except those that tolerate the taint which says so. */
#include "lib/base/str.h"
#include "scheduler/node_match.h"
#include "scheduler/plugin.h"

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	CoreV1__Taint taint = CORE_V1__TAINT__INIT;
	const CoreV1__PodSpec *spec = cycle->pod->pod->spec;

	taint.key = (char *)"node.kubernetes.io/unschedulable";
	taint.effect = (char *)"NoSchedule";
	if (!node->node->spec->unschedulable ||
	    taint_is_tolerated(&taint, spec->tolerations, spec->n_tolerations))
		return FITS;
	reasons_add_literal(reasons, "node(s) were unschedulable");
	return UNRESOLVABLE;
}

const struct plugin plugin_node_unschedulable = {
    .name = "NodeUnschedulable", .filter = filter, .wakes_on = EVENT_NODE_ADD | EVENT_NODE_TAINT};
