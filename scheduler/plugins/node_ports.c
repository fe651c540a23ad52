/* Host ports: the same port, protocol and address can be had once on a node; 0.0.0.0 is every address. */
#include <string.h>

#include "lib/base/str.h"
#include "scheduler/plugin.h"

static bool conflicts(const struct host_port *a, const struct host_port *b)
{
	return a->port == b->port && strcmp(a->protocol, b->protocol) == 0 &&
	       (strcmp(a->ip, b->ip) == 0 || strcmp(a->ip, "0.0.0.0") == 0 || strcmp(b->ip, "0.0.0.0") == 0);
}

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	for (size_t i = 0; cycle->pod->ports_len && i < node->pods_len; i++) {
		for (size_t k = 0; k < node->pods[i]->ports_len; k++) {
			for (size_t w = 0; w < cycle->pod->ports_len; w++) {
				if (!conflicts(&cycle->pod->ports[w], &node->pods[i]->ports[k]))
					continue;
				reasons_add_literal(
				    reasons, "node(s) didn't have free ports for the requested pod ports");
				return UNSCHEDULABLE;
			}
		}
	}
	return FITS;
}

const struct plugin plugin_node_ports = {
    .name = "NodePorts", .filter = filter, .wakes_on = EVENT_NODE_ADD | EVENT_POD_DELETE};
