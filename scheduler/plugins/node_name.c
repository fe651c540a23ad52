/* A pod that names its node fits nowhere else. */
#include "lib/base/str.h"
#include "scheduler/plugin.h"

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	const char *name = cycle->pod->pod->spec->node_name;

	if (str_empty(name) || str_eq(name, node->name))
		return FITS;
	reasons_add_literal(reasons, "node(s) didn't match the requested node name");
	return UNRESOLVABLE;
}

const struct plugin plugin_node_name = {.name = "NodeName", .filter = filter, .wakes_on = EVENT_NODE_ADD};
