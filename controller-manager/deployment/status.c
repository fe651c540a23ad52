/* What a Deployment tells about itself. */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/deployment/deployment.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define AVAILABLE_REASON "NewReplicaSetAvailable"
#define TIMED_OUT_REASON "ProgressDeadlineExceeded"
#define PAUSED_REASON "DeploymentPaused"

/* ---- conditions ---- */

AppsV1__DeploymentCondition *deployment_condition(const AppsV1__DeploymentStatus *status, const char *type)
{
	for (size_t i = 0; i < status->n_conditions; i++)
		if (str_eq(status->conditions[i]->type, type))
			return status->conditions[i];
	return NULL;
}

static void remove_condition(struct deployment *dep, const char *type)
{
	AppsV1__DeploymentStatus *status = dep->status;
	size_t kept = 0;
	for (size_t i = 0; i < status->n_conditions; i++)
		if (!str_eq(status->conditions[i]->type, type))
			status->conditions[kept++] = status->conditions[i];
	status->n_conditions = kept;
}

/* Always written, with a new update time; the transition time is that of the condition replaced if the status
 * stays. */
static void replace_condition(
    struct deployment *dep, const char *type, const char *status, const char *reason, const char *message)
{
	struct arena *arena = dep->next->arena;
	const AppsV1__DeploymentCondition *old = deployment_condition(dep->status, type);
	AppsV1__DeploymentCondition *condition = API_NEW(arena, apps_v1__deployment_condition);
	condition->type = arena_strdup(arena, type);
	condition->status = arena_strdup(arena, status);
	condition->reason = arena_strdup(arena, reason);
	condition->message = arena_strdup(arena, message);
	condition->last_update_time = time_new(arena, dep->ctx->now_s);
	condition->last_transition_time =
	    old && str_eq(old->status, status) ? old->last_transition_time : time_new(arena, dep->ctx->now_s);
	remove_condition(dep, type);
	api_append(arena, dep->status, conditions, condition);
}

void deployment_set_condition(
    struct deployment *dep, const char *type, const char *status, const char *reason, const char *message)
{
	const AppsV1__DeploymentCondition *old = deployment_condition(dep->status, type);
	if (!old || !str_eq(old->status, status) || !str_eq(old->reason, reason))
		replace_condition(dep, type, status, reason, message);
}

bool deployment_pause_status(struct deployment *dep)
{
	const AppsV1__DeploymentCondition *progressing = deployment_condition(dep->status, "Progressing");
	if (!deployment_has_deadline(dep) || (progressing && str_eq(progressing->reason, TIMED_OUT_REASON)))
		return false;
	bool is_known = progressing && str_eq(progressing->reason, PAUSED_REASON);
	if (dep->d->spec->paused == is_known)
		return false;
	if (is_known)
		deployment_set_condition(
		    dep, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed");
	else
		deployment_set_condition(
		    dep, "Progressing", "Unknown", PAUSED_REASON, "Deployment is paused");
	return true;
}

/* ---- numbers ---- */

void deployment_count_status(struct deployment *dep)
{
	AppsV1__DeploymentStatus *status = dep->status;
	status->observed_generation = dep->obj->meta->generation;
	status->replicas = status->ready_replicas = status->available_replicas = 0;
	for (size_t i = 0; i < dep->len; i++) {
		const AppsV1__ReplicaSetStatus *rs = dep->sets[i].rs->status;
		status->replicas += rs->replicas;
		status->ready_replicas += rs->ready_replicas;
		status->available_replicas += rs->available_replicas;
	}
	status->updated_replicas = dep->new_rs ? dep->new_rs->rs->status->replicas : 0;
	int32_t unavailable = deployment_sum(dep, false) - status->available_replicas;
	status->unavailable_replicas = unavailable > 0 ? unavailable : 0;
	if (status->available_replicas >= dep->replicas - dep->max_unavailable)
		deployment_set_condition(dep, "Available", "True", "MinimumReplicasAvailable",
		    "Deployment has minimum availability.");
	else
		deployment_set_condition(dep, "Available", "False", "MinimumReplicasUnavailable",
		    "Deployment does not have minimum availability.");
}

bool deployment_is_complete(const struct deployment *dep)
{
	const AppsV1__DeploymentStatus *status = dep->status;
	return status->updated_replicas == dep->replicas && status->replicas == dep->replicas &&
	       status->available_replicas == dep->replicas &&
	       status->observed_generation >= dep->obj->meta->generation;
}

/* ---- progress ---- */

static bool has_progressed(const struct deployment *dep)
{
	const AppsV1__DeploymentStatus *old = dep->d->status, *now = dep->status;
	return now->updated_replicas > old->updated_replicas ||
	       now->replicas - now->updated_replicas < old->replicas - old->updated_replicas ||
	       now->ready_replicas > old->ready_replicas || now->available_replicas > old->available_replicas;
}

static bool has_timed_out(const struct deployment *dep)
{
	const AppsV1__DeploymentCondition *progressing = deployment_condition(dep->status, "Progressing");
	if (!progressing || str_eq(progressing->reason, AVAILABLE_REASON))
		return false;
	if (str_eq(progressing->reason, TIMED_OUT_REASON))
		return true;
	return time_seconds(progressing->last_update_time) + dep->d->spec->progress_deadline_seconds <
	       dep->ctx->now_s;
}

static const char *progress_message(const struct deployment *dep, const char *what)
{
	return dep->new_rs
		   ? arena_printf(dep->arena, "ReplicaSet \"%s\" %s", object_name(dep->new_rs->obj), what)
		   : arena_printf(dep->arena, "Deployment \"%s\" %s", object_name(dep->obj), what);
}

static void judge_progress(struct deployment *dep)
{
	const AppsV1__DeploymentCondition *current = deployment_condition(dep->status, "Progressing");
	bool was_complete = dep->status->replicas == dep->status->updated_replicas && current &&
			    str_eq(current->reason, AVAILABLE_REASON);
	if (was_complete)
		return;
	if (deployment_is_complete(dep))
		deployment_set_condition(dep, "Progressing", "True", AVAILABLE_REASON,
		    progress_message(dep, "has successfully progressed."));
	else if (has_progressed(dep))
		replace_condition(dep, "Progressing", "True", "ReplicaSetUpdated",
		    progress_message(dep, "is progressing."));
	else if (has_timed_out(dep))
		deployment_set_condition(dep, "Progressing", "False", TIMED_OUT_REASON,
		    progress_message(dep, "has timed out progressing."));
}

static const AppsV1__ReplicaSetCondition *failure_of(const struct rs *rs)
{
	for (size_t i = 0; rs && i < rs->rs->status->n_conditions; i++)
		if (str_eq(rs->rs->status->conditions[i]->type, "ReplicaFailure"))
			return rs->rs->status->conditions[i];
	return NULL;
}

/* The new ReplicaSet's failure, or else that of any. */
static void judge_failures(struct deployment *dep)
{
	const AppsV1__ReplicaSetCondition *failure = failure_of(dep->new_rs);
	for (size_t i = 0; i < dep->len && !failure; i++)
		failure = failure_of(&dep->sets[i]);
	if (failure)
		deployment_set_condition(
		    dep, "ReplicaFailure", failure->status, failure->reason, failure->message);
	else
		remove_condition(dep, "ReplicaFailure");
}

/* Nothing else would wake us when the deadline passes. */
static void come_back_at_deadline(struct deployment *dep)
{
	const AppsV1__DeploymentCondition *progressing = deployment_condition(dep->status, "Progressing");
	if (!progressing || deployment_is_complete(dep) || str_eq(progressing->reason, TIMED_OUT_REASON) ||
	    str_eq(progressing->reason, AVAILABLE_REASON))
		return;
	int64_t left_s = time_seconds(progressing->last_update_time) +
			 dep->d->spec->progress_deadline_seconds + 1 - dep->ctx->now_s;
	plan_requeue_after(dep->plan, (left_s > 0 ? left_s : 1) * 1000);
}

void deployment_rollout_status(struct deployment *dep)
{
	deployment_count_status(dep);
	if (deployment_has_deadline(dep)) {
		judge_progress(dep);
		come_back_at_deadline(dep);
	} else {
		remove_condition(dep, "Progressing");
	}
	judge_failures(dep);
}

void deployment_write_status(struct deployment *dep)
{
	if (api_equal(dep->status, dep->d->status)) {
		object_unref(dep->next);
		return;
	}
	plan_update_status(dep->plan, resource_deployments, dep->next);
}
