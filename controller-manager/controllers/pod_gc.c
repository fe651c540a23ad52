/*
 * pod-garbage-collector: removes pods of nodes that no longer exist, pods that were deleted before they had a
 * node, and the oldest finished pods above a threshold.
 */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/pod_nodes.h"
#include "controller-manager/shared/pods.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

enum { QUARANTINE_MS = 40000 }; /* a node that was just registered again may not have arrived here yet */
#define THRESHOLD_KEY "finished"

static void *init(struct controller_context *ctx)
{
	pods_index_by_node(controller_informer(ctx, resource_pods));
	return strmap_new(); /* node name -> when it was first missed */
}

static void done(void *state)
{
	strmap_free(state, free);
}

static void map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (!new_)
		return;
	enqueue->object(enqueue, new_);
	if (pod_is_finished(pod_of(new_)) && (!old || !pod_is_finished(pod_of(old))))
		enqueue->key(enqueue, THRESHOLD_KEY);
}

static void map_node(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (new_)
		return;
	informer_for_each (
	    pod, informer_by_index(controller_informer(ctx, resource_pods), PODS_BY_NODE, object_name(old)))
		enqueue->object(enqueue, pod);
}

static int by_age(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
	int64_t tx = time_seconds(x->meta->creation_timestamp),
		ty = time_seconds(y->meta->creation_timestamp);

	return tx < ty ? -1 : tx > ty ? 1 : strcmp(object_name(x), object_name(y));
}

static void trim_finished(struct controller_context *ctx, struct plan *plan)
{
	const struct informer *pods = controller_informer(ctx, resource_pods);
	int64_t threshold = options_of(ctx)->terminated_pod_gc_threshold;
	const struct object **finished =
	    ARENA_ARRAY(plan_arena(plan), const struct object *, informer_len(pods) + 1);
	size_t len = 0;

	if (threshold <= 0)
		return;
	informer_for_each (pod, informer_all(pods)) {
		if (pod_is_finished(pod_of(pod)) && !pod->meta->deletion_timestamp)
			finished[len++] = pod;
	}
	if ((int64_t)len <= threshold)
		return;
	qsort(finished, len, sizeof *finished, by_age);
	for (size_t i = 0; i < len - (size_t)threshold; i++)
		plan_delete(plan, finished[i])->grace_period_s = 0;
}

/* The pod is marked as failed before it goes, so that its owner counts it right. */
static void remove_orphan(struct controller_context *ctx, const struct object *obj, struct plan *plan)
{
	if (!pod_is_finished(pod_of(obj))) {
		struct object *copy = object_clone(obj);

		((CoreV1__Pod *)copy->msg)->status->phase = (char *)"Failed";
		pod_set_condition(copy, "DisruptionTarget", "True", "DeletionByPodGC",
		    "PodGC: node no longer exists", ctx->now_s);
		plan_update_status(plan, resource_pods, copy)->ignore_not_found = true;
		plan_then(plan);
	}
	plan_delete(plan, obj)->grace_period_s = 0;
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup_key(controller_informer(ctx, resource_pods), key);
	const char *node;
	int64_t *missed;

	if (str_eq(key, THRESHOLD_KEY)) {
		trim_finished(ctx, plan);
		return;
	}
	if (!obj)
		return;
	node = ((const CoreV1__Pod *)obj->msg)->spec->node_name;
	if (str_empty(node)) {
		if (obj->meta->deletion_timestamp)
			plan_delete(plan, obj)->grace_period_s = 0;
		return;
	}
	missed = strmap_get(state, node);
	if (informer_lookup(controller_informer(ctx, resource_nodes), NULL, node)) {
		free(strmap_remove(state, node));
		return;
	}
	if (!missed) {
		missed = malloc(sizeof *missed);
		*missed = ctx->now_ms;
		strmap_put(state, node, missed);
	}
	if (ctx->now_ms - *missed < QUARANTINE_MS)
		plan_requeue_after(plan, QUARANTINE_MS - (ctx->now_ms - *missed));
	else
		remove_orphan(ctx, obj, plan);
}

static const struct controller_watch watches[] = {
    {&resource_pods, map_pod}, {&resource_nodes, map_node}, {NULL, NULL}};
const struct controller controller_pod_gc = {.name = "pod-garbage-collector",
    .event_component = "pod-garbage-collector",
    .watches = watches,
    .init = init,
    .done = done,
    .reconcile = reconcile};
