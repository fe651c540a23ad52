/*
 * preemption: when no node fits, finds the node on which removing pods of lower priority makes room, doing
 * the least harm: fewest broken disruption budgets, lowest highest priority, lowest sum, fewest pods, latest
 * started. Pure.
 */
#ifndef CUBE_SCHEDULER_PREEMPTION_H
#define CUBE_SCHEDULER_PREEMPTION_H

#include "scheduler/cycle.h"

struct preemption {
	struct node_info *node;    /* NULL: nothing helps */
	struct pod_info **victims; /* in the arena */
	size_t victims_len;
	const char *message; /* when nothing helps: "preemption: 0/3 nodes are available: ..." */
};

void preemption_find(struct arena *arena, const struct snapshot *snapshot, const struct pod_info *pod,
    const struct scheduling_caches *caches, const struct cycle_result *failed, const struct informer *budgets,
    struct preemption *ret);

#endif
