/*
 * taint-eviction: deletes pods from nodes with NoExecute taints that they don't tolerate, at once or when the
 * shortest tolerationSeconds are over, counted from when the taint was added.
 */
#include <stdint.h>

#include "controller-manager/shared/pod_nodes.h"
#include "controller-manager/shared/tolerations.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

static void *init(struct controller_context *ctx)
{
	pods_index_by_node(controller_informer(ctx, resource_pods));
	return NULL;
}

static void map_node(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const CoreV1__Node *a = old ? (const CoreV1__Node *)old->msg : NULL,
			   *b = new_ ? (const CoreV1__Node *)new_->msg : NULL;

	if (!b || (a && api_equal(a->spec, b->spec)))
		return;
	informer_for_each (
	    pod, informer_by_index(controller_informer(ctx, resource_pods), PODS_BY_NODE, object_name(new_)))
		enqueue->object(enqueue, pod);
}

/* When the pod must go, in seconds; INT64_MAX: it tolerates everything. */
static int64_t eviction_time(const CoreV1__Node *node, const CoreV1__PodSpec *spec, int64_t now_s)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < node->spec->n_taints; i++) {
		const CoreV1__Taint *taint = node->spec->taints[i];
		const CoreV1__Toleration *toleration;
		int64_t since = taint->time_added ? time_seconds(taint->time_added) : now_s, until;

		if (!str_eq(taint->effect, "NoExecute"))
			continue;
		toleration = toleration_for(taint, spec->tolerations, spec->n_tolerations);
		if (!toleration)
			return 0;
		if (!toleration->has_toleration_seconds)
			continue;
		until = since + (toleration->toleration_seconds > 0 ? toleration->toleration_seconds : 0);
		at = until < at ? until : at;
	}
	return at;
}

static void evict(struct controller_context *ctx, const struct object *obj, struct plan *plan)
{
	struct object *copy = object_clone(obj);

	pod_set_condition(copy, "DisruptionTarget", "True", "DeletionByTaintManager",
	    "Taint manager: deleting due to NoExecute taint", ctx->now_s);
	plan_event(plan, obj, false, "TaintManagerEviction", "Marking for deletion Pod %s/%s",
	    object_namespace(obj), object_name(obj));
	plan_update_status(plan, resource_pods, copy)->ignore_not_found = true;
	plan_then(plan);
	plan_delete(plan, obj);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup_key(controller_informer(ctx, resource_pods), key), *node;
	const CoreV1__Pod *pod;
	int64_t at;

	if (!obj || obj->meta->deletion_timestamp)
		return;
	pod = (const CoreV1__Pod *)obj->msg;
	node = str_empty(pod->spec->node_name)
		   ? NULL
		   : informer_lookup(controller_informer(ctx, resource_nodes), NULL, pod->spec->node_name);
	if (!node)
		return;
	at = eviction_time((const CoreV1__Node *)node->msg, pod->spec, ctx->now_s);
	if (at <= ctx->now_s)
		evict(ctx, obj, plan);
	else if (at != INT64_MAX)
		plan_requeue_after(plan, (at - ctx->now_s) * 1000);
}

static const struct controller_watch watches[] = {
    {&resource_pods, NULL}, {&resource_nodes, map_node}, {NULL, NULL}};
const struct controller controller_taint_eviction = {.name = "taint-eviction",
    .event_component = "taint-eviction-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
