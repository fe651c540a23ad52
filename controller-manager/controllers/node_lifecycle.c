/*
 * node-lifecycle: a node whose lease is not renewed becomes Unknown; nodes that are not ready or unreachable
 * get taints, NoSchedule and NoExecute, and lose them when they are well again. taint_eviction.c acts on the
 * NoExecute ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/pod_nodes.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/coordination_v1.pb-c.h"
#include "proto/core_v1.pb-c.h"

#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"
#define LEASES "kube-node-lease"

/* What was last heard of a node, by our own clock, so that clocks of nodes need not agree with ours. */
struct heard {
	char sign[128]; /* lease revision and heartbeat of the Ready condition */
	int64_t at_ms;
};

struct condition_taint {
	const char *condition, *status, *key;
};

static const struct condition_taint condition_taints[] = {
    {"Ready", "False", NOT_READY},
    {"Ready", "Unknown", UNREACHABLE},
    {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
    {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
    {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
    {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
};
enum { CONDITION_TAINTS_LEN = sizeof condition_taints / sizeof condition_taints[0] };

static void *init(struct controller_context *ctx)
{
	pods_index_by_node(controller_informer(ctx, resource_pods));
	return strmap_new();
}

static void done(void *state)
{
	strmap_free(state, free);
}

static void map_lease(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const struct object *lease = new_ ? new_ : old;

	if (str_eq(object_namespace(lease), LEASES))
		enqueue->key(enqueue, object_name(lease));
}

static const CoreV1__NodeCondition *condition_of(const CoreV1__Node *node, const char *type)
{
	for (size_t i = 0; i < node->status->n_conditions; i++) {
		if (str_eq(node->status->conditions[i]->type, type))
			return node->status->conditions[i];
	}
	return NULL;
}

/* Milliseconds since the node was last heard of. */
static int64_t silence(struct controller_context *ctx, struct strmap *state, const struct object *obj)
{
	const struct object *lease =
	    informer_lookup(controller_informer(ctx, resource_leases), LEASES, object_name(obj));
	const CoreV1__NodeCondition *ready = condition_of((const CoreV1__Node *)obj->msg, "Ready");
	struct heard *heard = strmap_get(state, object_name(obj));
	char sign[128];

	/* Our own writing of Unknown keeps the heartbeat, so it doesn't count as being heard. */
	snprintf(sign, sizeof sign, "%s/%lld/%s", lease ? lease->meta->resource_version : "",
	    ready ? (long long)time_seconds(ready->last_heartbeat_time) : 0LL, object_uid(obj));
	if (!heard) {
		heard = calloc(1, sizeof *heard);
		strmap_put(state, object_name(obj), heard);
	}
	if (strcmp(heard->sign, sign) != 0) {
		strcpy(heard->sign, sign);
		heard->at_ms = ctx->now_ms;
	}
	return ctx->now_ms - heard->at_ms;
}

static void set_unknown(struct controller_context *ctx, const struct object *obj, struct plan *plan)
{
	static const char *const types[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};
	struct object *copy = object_clone(obj);
	CoreV1__Node *node = (CoreV1__Node *)copy->msg;
	bool changed = false;

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		CoreV1__NodeCondition *c = (CoreV1__NodeCondition *)condition_of(node, types[i]);
		bool known = c != NULL;

		if (known && str_eq(c->status, "Unknown"))
			continue;
		if (!known) {
			c = API_NEW(copy->arena, core_v1__node_condition);
			c->type = arena_strdup(copy->arena, types[i]);
			c->last_heartbeat_time = node->metadata->creation_timestamp;
			api_append(copy->arena, node->status, conditions, c);
		}
		c->status = (char *)"Unknown";
		c->reason = (char *)(known ? "NodeStatusUnknown" : "NodeStatusNeverUpdated");
		c->message = (char *)(known ? "Kubelet stopped posting node status."
					    : "Kubelet never posted node status.");
		c->last_transition_time = time_new(copy->arena, ctx->now_s);
		changed = true;
	}
	if (!changed) {
		object_unref(copy);
		return;
	}
	plan_event(plan, obj, false, "NodeNotReady", "Node %s status is now: NodeNotReady", object_name(obj));
	plan_update_status(plan, resource_nodes, copy);
}

static bool is_ours(const CoreV1__Taint *taint)
{
	for (size_t i = 0; i < CONDITION_TAINTS_LEN; i++) {
		if (str_eq(taint->key, condition_taints[i].key))
			return str_eq(taint->effect, "NoSchedule") || i < 2;
	}
	return str_eq(taint->key, "node.kubernetes.io/unschedulable") && str_eq(taint->effect, "NoSchedule");
}

static void add_taint(
    struct object *copy, CoreV1__NodeSpec *old, const char *key, const char *effect, int64_t now_s)
{
	CoreV1__Node *node = (CoreV1__Node *)copy->msg;
	CoreV1__Taint *taint = API_NEW(copy->arena, core_v1__taint);

	taint->key = arena_strdup(copy->arena, key);
	taint->effect = arena_strdup(copy->arena, effect);
	for (size_t i = 0; i < old->n_taints; i++) {
		if (str_eq(old->taints[i]->key, key) && str_eq(old->taints[i]->effect, effect))
			taint->time_added = old->taints[i]->time_added
						? api_clone(copy->arena, old->taints[i]->time_added)
						: NULL;
	}
	if (!taint->time_added)
		taint->time_added = time_new(copy->arena, now_s);
	api_append(copy->arena, node->spec, taints, taint);
}

/* The taints that conditions and spec.unschedulable call for, behind those that are none of our business. */
static void set_taints(struct controller_context *ctx, const struct object *obj, struct plan *plan)
{
	struct object *copy = object_clone(obj);
	CoreV1__Node *node = (CoreV1__Node *)copy->msg;
	CoreV1__NodeSpec *old = ((CoreV1__Node *)obj->msg)->spec;

	node->spec->n_taints = 0;
	for (size_t i = 0; i < old->n_taints; i++) {
		if (!is_ours(old->taints[i]))
			api_append(copy->arena, node->spec, taints, api_clone(copy->arena, old->taints[i]));
	}
	for (size_t i = 0; i < CONDITION_TAINTS_LEN; i++) {
		const struct condition_taint *t = &condition_taints[i];
		const CoreV1__NodeCondition *c = condition_of((const CoreV1__Node *)obj->msg, t->condition);

		if (!c || !str_eq(c->status, t->status))
			continue;
		add_taint(copy, old, t->key, "NoSchedule", ctx->now_s);
		if (str_eq(t->condition, "Ready"))
			add_taint(copy, old, t->key, "NoExecute", ctx->now_s);
	}
	if (old->unschedulable)
		add_taint(copy, old, "node.kubernetes.io/unschedulable", "NoSchedule", ctx->now_s);
	if (old->n_taints == node->spec->n_taints) {
		bool same = true;

		/* Order doesn't matter, nor when a taint was added. */
		for (size_t i = 0; same && i < old->n_taints; i++) {
			bool found = false;

			for (size_t k = 0; k < node->spec->n_taints; k++)
				found |= str_eq(old->taints[i]->key, node->spec->taints[k]->key) &&
					 str_eq(old->taints[i]->effect, node->spec->taints[k]->effect);
			same = found;
		}
		if (same) {
			object_unref(copy);
			return;
		}
	}
	plan_update(plan, resource_nodes, copy);
}

/* Pods on a node that can't be heard must leave the Services at once. */
static void mark_pods_not_ready(struct controller_context *ctx, const struct object *node, struct plan *plan)
{
	informer_for_each (obj,
	    informer_by_index(controller_informer(ctx, resource_pods), PODS_BY_NODE, object_name(node))) {
		const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;

		for (size_t i = 0; i < pod->status->n_conditions; i++) {
			if (!str_eq(pod->status->conditions[i]->type, "Ready") ||
			    !str_eq(pod->status->conditions[i]->status, "True"))
				continue;
			struct object *copy = object_clone(obj);
			CoreV1__PodCondition *c = ((CoreV1__Pod *)copy->msg)->status->conditions[i];

			c->status = (char *)"False";
			c->last_transition_time = time_new(copy->arena, ctx->now_s);
			plan_event(plan, obj, true, "NodeNotReady", "Node is not ready");
			plan_update_status(plan, resource_pods, copy);
			break;
		}
	}
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup(controller_informer(ctx, resource_nodes), NULL, key);
	int64_t grace = options_of(ctx)->node_monitor_grace_period_ms, quiet;
	const CoreV1__NodeCondition *ready;

	if (!obj) {
		free(strmap_remove(state, key));
		return;
	}
	quiet = silence(ctx, state, obj);
	if (quiet >= grace)
		set_unknown(ctx, obj, plan);
	else
		plan_requeue_after(plan, grace - quiet + 100);
	ready = condition_of((const CoreV1__Node *)obj->msg, "Ready");
	if (ready && !str_eq(ready->status, "True"))
		mark_pods_not_ready(ctx, obj, plan);
	if (plan_ops_len(plan) == 0) /* taints follow what conditions say once they are written */
		set_taints(ctx, obj, plan);
}

static const struct controller_watch watches[] = {
    {&resource_nodes, NULL}, {&resource_leases, map_lease}, {NULL, NULL}};
const struct controller controller_node_lifecycle = {.name = "node-lifecycle",
    .event_component = "node-controller",
    .watches = watches,
    .init = init,
    .done = done,
    .reconcile = reconcile};
