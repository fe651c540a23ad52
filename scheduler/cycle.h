/* cycle: one attempt to place one pod: filter every node, score those that fit, choose. Pure: no I/O, no
 * changes. */
#ifndef CUBE_SCHEDULER_CYCLE_H
#define CUBE_SCHEDULER_CYCLE_H

#include <stdint.h>

#include "scheduler/plugin.h"

struct scheduling_caches {
	const struct informer *claims, *volumes, *storage_classes, *namespaces;
};

struct cycle_result {
	struct node_info *node; /* NULL: none fits */
	const char *message;    /* then: upstream's "0/3 nodes are available: ..."; in the arena */
	uint32_t wakes_on;      /* then: events that may help */
	void **states;          /* the plugins', by their place in plugins.def */
	enum verdict *verdicts; /* one for each node of snapshot_nodes(), when none fits */
};

void cycle_run(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, struct cycle_result *ret);

/* The plugins in order. */
extern const struct plugin *const plugins[];
extern const size_t plugins_len;
size_t plugin_index(const struct plugin *plugin);
/* Whether the pod fits one node as it is now, with fresh plugin states; for preemption's trials. */
bool cycle_fits(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct node_info *node);

#endif
