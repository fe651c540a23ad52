/*
 * snapshot: the cluster as the scheduler sees it: nodes with what they can hold and what is placed on them,
 * assumed placements included. Kept up to date by events; read by plugins within one cycle, during which
 * nothing changes.
 */
#ifndef CUBE_SCHEDULER_SNAPSHOT_H
#define CUBE_SCHEDULER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"

struct arena;
struct object;
struct snapshot;
struct strmap;

/* Amounts of resources: CPU in thousandths of a core, memory and storage in bytes. */
struct scalar {
	const char *name; /* borrowed from the object that asks or offers */
	int64_t amount;
};
struct resources {
	int64_t cpu_milli, memory, ephemeral;
	struct scalar *scalars; /* extended resources and huge pages */
	size_t scalars_len;
};

struct host_port {
	int32_t port;
	const char *protocol, *ip; /* "0.0.0.0" for all addresses */
};

/* A pod with its needs worked out once. */
struct pod_info {
	const struct object *object; /* a reference */
	const CoreV1__Pod *pod;
	struct arena *arena;
	struct resources requests; /* max(sum of containers and sidecars, init containers) + overhead */
	int64_t scored_cpu_milli,
	    scored_memory; /* as scoring counts: 100m and 200 MB where nothing is asked */
	struct host_port *ports;
	size_t ports_len;
	bool has_affinity, has_anti_affinity; /* required or preferred terms towards other pods */
};

struct node_info {
	char *name;
	const struct object *object; /* NULL while pods are known on a node that is not */
	const CoreV1__Node *node;
	struct arena *arena; /* of allocatable; remade with every change of the node */
	struct resources allocatable;
	int64_t pods_max;
	struct resources requested;
	int64_t scored_cpu_milli, scored_memory;
	struct pod_info **pods;
	size_t pods_len, pods_capacity;
};

struct pod_info *pod_info_new(const struct object *pod);
void pod_info_free(struct pod_info *info);
void resources_of_node(
    struct arena *arena, const CoreV1__Node *node, struct resources *ret, int64_t *ret_pods_max);
int64_t resources_scalar(const struct resources *r, const char *name); /* 0 when absent */
int32_t pod_priority(const CoreV1__Pod *pod);
bool pod_is_finished(const CoreV1__Pod *pod);

struct snapshot *snapshot_new(void);
void snapshot_free(struct snapshot *snapshot);
void snapshot_set_node(struct snapshot *snapshot, const struct object *node);
void snapshot_remove_node(struct snapshot *snapshot, const char *name);
/* A pod that is bound to a node; replaces an assumed or an older one. Finished pods take no room: pass them
 * to remove. */
void snapshot_set_pod(struct snapshot *snapshot, const struct object *pod);
void snapshot_remove_pod(struct snapshot *snapshot, const char *uid);
/* Places a pod before the API server has confirmed it; snapshot_forget() undoes that, snapshot_set_pod()
 * confirms it. */
void snapshot_assume(struct snapshot *snapshot, const struct object *pod, const char *node_name);
void snapshot_forget(struct snapshot *snapshot, const char *uid);
bool snapshot_is_assumed(const struct snapshot *snapshot, const char *uid);

/* Nodes that exist, in a stable order. */
struct node_info **snapshot_nodes(const struct snapshot *snapshot, size_t *ret_len);
struct node_info *snapshot_node(const struct snapshot *snapshot, const char *name);
/* Takes one pod out of a node or puts one in, for trying placements out (preemption); the caller restores. */
void node_info_add(struct node_info *node, struct pod_info *pod);
void node_info_remove(struct node_info *node, const struct pod_info *pod);

#endif
