#include "controller-manager/shared/pod_nodes.h"

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "proto/core_v1.pb-c.h"

static void emit_node(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;

	if (!str_empty(pod->spec->node_name))
		emit(ctx, pod->spec->node_name);
}

void pods_index_by_node(struct informer *pods)
{
	informer_add_index(pods, PODS_BY_NODE, emit_node);
}

void pod_set_condition(struct object *obj, const char *type, const char *status, const char *reason,
    const char *message, int64_t now_s)
{
	CoreV1__Pod *pod = (CoreV1__Pod *)obj->msg;
	CoreV1__PodCondition *condition = NULL;

	for (size_t i = 0; i < pod->status->n_conditions; i++) {
		if (str_eq(pod->status->conditions[i]->type, type))
			condition = pod->status->conditions[i];
	}
	if (!condition) {
		condition = API_NEW(obj->arena, core_v1__pod_condition);
		condition->type = arena_strdup(obj->arena, type);
		api_append(obj->arena, pod->status, conditions, condition);
	}
	if (!str_eq(condition->status, status))
		condition->last_transition_time = time_new(obj->arena, now_s);
	condition->status = arena_strdup(obj->arena, status);
	condition->reason = arena_strdup(obj->arena, reason);
	condition->message = arena_strdup(obj->arena, message);
}
