/* ReplicationControllers: see replicas.h. */
#include <string.h>

#include "controller-manager/shared/claims.h"
#include "controller-manager/options.h"
#include "controller-manager/shared/replicas.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

static struct selector *selector_of(struct arena *arena, const struct object *owner)
{
	const CoreV1__ReplicationController *rc = (const CoreV1__ReplicationController *)owner->msg;
	return rc->spec->n_selector ? selector_from_map(arena, rc->spec->n_selector, rc->spec->selector)
				    : NULL;
}

static void view(struct arena *arena, const struct object *owner, struct replicas_view *ret)
{
	const CoreV1__ReplicationController *rc = (const CoreV1__ReplicationController *)owner->msg;
	*ret = (struct replicas_view){
	    .replicas = rc->spec->has_replicas ? rc->spec->replicas : 1,
	    .min_ready_s = rc->spec->min_ready_seconds,
	    .template_ = rc->spec->template_,
	    .selector = selector_of(arena, owner),
	    .status = {.replicas = rc->status->replicas,
		.fully_labeled = rc->status->fully_labeled_replicas,
		.ready = rc->status->ready_replicas,
		.available = rc->status->available_replicas,
		.observed_generation = rc->status->observed_generation},
	};
	for (size_t i = 0; i < rc->status->n_conditions; i++) {
		const CoreV1__ReplicationControllerCondition *condition = rc->status->conditions[i];
		if (!str_eq(condition->type, "ReplicaFailure"))
			continue;
		ret->status.failure_reason = condition->reason;
		ret->status.failure_message = condition->message;
	}
}

static void set_status(struct object *owner, const struct replicas_status *status, int64_t now_s)
{
	CoreV1__ReplicationControllerStatus *out = ((CoreV1__ReplicationController *)owner->msg)->status;
	struct arena *arena = owner->arena;
	CoreV1__ReplicationControllerCondition *failure = NULL;
	size_t kept = 0;
	out->replicas = status->replicas;
	out->fully_labeled_replicas = status->fully_labeled;
	out->ready_replicas = status->ready;
	out->available_replicas = status->available;
	out->observed_generation = status->observed_generation;
	for (size_t i = 0; i < out->n_conditions; i++) {
		if (str_eq(out->conditions[i]->type, "ReplicaFailure"))
			failure = out->conditions[i];
		else
			out->conditions[kept++] = out->conditions[i];
	}
	out->n_conditions = kept;
	if (str_empty(status->failure_reason))
		return;
	if (!failure) {
		failure = API_NEW(arena, core_v1__replication_controller_condition);
		failure->type = "ReplicaFailure";
		failure->status = "True";
		failure->reason = arena_strdup(arena, status->failure_reason);
		failure->message = arena_strdup(arena, status->failure_message);
		failure->last_transition_time = time_new(arena, now_s);
	}
	api_append(arena, out, conditions, failure);
}

static const struct replicas_kind kind = {&resource_replicationcontrollers, view, selector_of, set_status};

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	replicas_reconcile(ctx, &kind, key, plan);
}

static void map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	claims_map(ctx, resource_replicationcontrollers, selector_of, old, new_, enqueue);
}

static const struct controller_watch watches[] = {
    {&resource_replicationcontrollers, NULL}, {&resource_pods, map_pod}, {NULL, NULL}};

const struct controller controller_replicationcontroller = {
    .name = "replicationcontroller",
    .event_component = "replication-controller",
    .watches = watches,
    .init = replicas_init,
    .reconcile = reconcile,
};
