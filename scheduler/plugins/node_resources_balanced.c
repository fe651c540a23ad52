/* Prefers nodes whose shares of CPU and memory stay alike: 100 minus the standard deviation of the shares. */
#include <math.h>

#include "scheduler/plugin.h"

static double share(int64_t requested, int64_t capacity)
{
	double value = capacity > 0 ? (double)requested / (double)capacity : 0;

	return value > 1 ? 1 : value;
}

static int64_t score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	double cpu =
	    share(node->requested.cpu_milli + cycle->pod->requests.cpu_milli, node->allocatable.cpu_milli);
	double memory = share(node->requested.memory + cycle->pod->requests.memory, node->allocatable.memory);

	/* Of two values the standard deviation is half their distance. */
	return (int64_t)((1 - fabs(cpu - memory) / 2) * SCORE_MAX);
}

const struct plugin plugin_node_resources_balanced = {
    .name = "NodeResourcesBalancedAllocation", .score = score, .weight = 1};
