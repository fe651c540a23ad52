/* status: a pod's status as a pure function of spec, old status, runtime state and memory; phase, conditions,
 * reasons. */
#ifndef CUBE_KUBELET_STATUS_H
#define CUBE_KUBELET_STATUS_H

#include "kubelet/pods/pod_worker.h"

struct arena;
struct json;

struct status_input {
	const struct object *pod; /* spec, and the old status to carry on from */
	const CoreV1__PodStatus
	    *last; /* what this kubelet last computed; NULL: none, the pod's own is used */
	const struct pod_slots *slots;
	const struct rt_pod *runtime; /* may be NULL */
	const struct pod_memory *memory;
	const struct pod_decision *decision;
	const char *host_ip;
};
CoreV1__PodStatus *status_compute(struct arena *arena, const struct status_input *in);
/* One container's `started` and `ready`, as probes and hooks see it now. */
bool status_started(
    const struct pod_slot *slot, const struct rt_container *c, const struct container_memory *m);
bool status_ready(
    const struct pod_slot *slot, const struct rt_container *c, const struct container_memory *m);

/*
 * The strategic-merge patch that turns the status `old` into `new_`, NULL when there is nothing to say.
 * Conditions that the kubelet doesn't own (readiness gates, the scheduler's) are left alone.
 */
struct json *status_patch(
    struct arena *arena, const char *uid, const CoreV1__PodStatus *old, const CoreV1__PodStatus *new_);

#endif
