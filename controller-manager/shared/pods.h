/* pods: what several controllers ask of pods, and how they make them from templates. */
#ifndef CUBE_CONTROLLER_MANAGER_PODS_H
#define CUBE_CONTROLLER_MANAGER_PODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/object.h"
#include "proto/core_v1.pb-c.h"

static inline const CoreV1__Pod *pod_of(const struct object *obj)
{
	return (const CoreV1__Pod *)obj->msg;
}

bool pod_is_finished(const CoreV1__Pod *pod); /* Succeeded or Failed */
bool pod_is_active(const struct object *pod); /* neither finished nor being deleted */
const CoreV1__PodCondition *pod_condition(const CoreV1__Pod *pod, const char *type); /* NULL when absent */
bool pod_is_ready(const CoreV1__Pod *pod);
/* Ready for min_ready_s. When it is ready but not long enough, *ret_wait_s (may be NULL) is lowered to what
 * is missing. */
bool pod_is_available(const CoreV1__Pod *pod, int32_t min_ready_s, int64_t now_s, int64_t *ret_wait_s);

/* The reference that makes owner the controller of something. */
MetaV1__OwnerReference *owner_reference_new(struct arena *arena, const struct object *owner);
/* A pod in owner's namespace, controlled by it, named by the server: OWNER-xxxxx. */
struct object *pod_from_template(const CoreV1__PodTemplateSpec *template_, const struct object *owner);

/*
 * Sorts pods so that those to be deleted first come first: not scheduled, pending, not ready, cheap by
 * controller.kubernetes.io/pod-deletion-cost, on nodes with many of `related`, ready for a shorter time,
 * restarted more often, younger. Times count by orders of magnitude, so that which of a rollout's pods goes
 * is left to chance.
 */
void pods_sort_for_deletion(const struct object **pods, size_t len, const struct object *const *related,
    size_t related_len, int64_t now_s);

#endif
