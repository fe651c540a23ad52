/*
 * pods/eviction: a delete that asks the disruption budgets first. A budget that allows it is written down by
 * one before the pod goes, so that two evictions at once cannot share one allowance.
 */
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"
#include "proto/policy_v1.pb-c.h"

/* More granted evictions than this, and the controller that confirms them is not keeping up. */
#define DISRUPTED_PODS_MAX 2000

#define PROCESSING "is still being processed by the server."

enum evict_phase { EVICT_START, EVICT_BUDGET, EVICT_FRESH, EVICT_DELETE, EVICT_DELETE_UNREADY };

static int too_many(struct api_request *req, const char *budget, const char *detail, struct error *err)
{
	struct field_errors *causes = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(causes, req->arena);
	field_errors_add(
	    causes, FIELD_DISRUPTION_BUDGET, "", NULL, "The disruption budget %s %s", budget, detail);
	error_set(
	    err, ERR_TOO_MANY_REQUESTS, "Cannot evict pod as it would violate the pod's disruption budget.");
	err->causes = causes;
	return API_FAIL;
}

static int forbid(const char *budget, const char *detail, struct error *err)
{
	error_set(err, ERR_FORBIDDEN, "poddisruptionbudget.policy \"%s\" is forbidden: %s", budget, detail);
	error_about(err, "policy", "poddisruptionbudget", budget);
	return API_FAIL;
}

static bool is_ready(const CoreV1__Pod *pod)
{
	for (size_t i = 0; i < pod->status->n_conditions; i++)
		if (!strcmp(pod->status->conditions[i]->type, "Ready"))
			return !strcmp(pod->status->conditions[i]->status, "True");
	return false;
}

/* A pod that is not ready is not among the healthy ones: it may go when its budget does not count on it. */
static bool may_go_unready(const CoreV1__Pod *pod, const PolicyV1__PodDisruptionBudget *pdb)
{
	const PolicyV1__PodDisruptionBudgetStatus *s = pdb->status;
	if (is_ready(pod))
		return false;
	if (pdb->spec->unhealthy_pod_eviction_policy &&
	    !strcmp(pdb->spec->unhealthy_pod_eviction_policy, "AlwaysAllow"))
		return true;
	return s->current_healthy >= s->desired_healthy && s->desired_healthy > 0;
}

static bool needs_no_budget(const CoreV1__Pod *pod)
{
	const char *phase = pod->status->phase;
	return pod->metadata->deletion_timestamp || !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") ||
	       !strcmp(phase, "Pending");
}

static const struct object *find_budget(struct api_request *req, const CoreV1__Pod *pod, size_t *ret_count)
{
	struct watchcache_cursor cursor;
	const struct object *obj, *found = NULL;
	*ret_count = 0;
	watchcache_cursor_init(&cursor, req->server, resource_poddisruptionbudgets, req->info.ns);
	while ((obj = watchcache_next(&cursor))) {
		const PolicyV1__PodDisruptionBudget *pdb = (const PolicyV1__PodDisruptionBudget *)obj->msg;
		struct selector *selector = NULL;
		if (selector_from_object(req->arena, pdb->spec->selector, &selector, NULL) ||
		    !selector_matches(selector, pod->metadata))
			continue;
		found = obj;
		(*ret_count)++;
	}
	return found;
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	state->has_result = true;
	state->error = err ? *err : ERROR_INIT;
	state->error.causes = NULL; /* they lived in the child's arena */
	/* Internal requests may end before the call that made them returns. */
	if (req->is_pending)
		api_request_resume(req);
}

static int wait_written(struct api_request *req, struct error *err)
{
	return registry_state(req)->has_result ? registry_evict(req, err) : API_PENDING;
}

/* `unready_rv`: NULL, or the version in which the pod was not ready, which must not have changed. */
static int delete_pod(struct api_request *req, const char *unready_rv, struct error *err)
{
	const PolicyV1__Eviction *eviction = (const PolicyV1__Eviction *)req->object->msg;
	struct api_request *child = pipeline_new_internal(req->server);
	const MetaV1__DeleteOptions *o = eviction->delete_options;
	registry_state(req)->phase = EVICT_DELETE;
	child->user = req->user;
	child->type = resource_pods;
	child->info = req->info;
	child->info.verb = API_DELETE;
	child->info.verb_text = "delete";
	child->info.subresource = "";
	/* The parent ends when it has been told, and only then the child is counted. */
	child->info.ns = arena_strdup(child->arena, req->info.ns);
	child->info.name = arena_strdup(child->arena, req->info.name);
	child->options.dry_run = req->options.dry_run;
	if (o && o->has_grace_period_seconds) {
		child->options.has_grace_period = true;
		child->options.grace_period_s = o->grace_period_seconds;
	}
	if (o && o->preconditions) {
		child->options.precondition_uid = o->preconditions->uid;
		child->options.precondition_rv = o->preconditions->resource_version;
	}
	if (!str_empty(unready_rv) && str_empty(child->options.precondition_rv)) {
		child->options.precondition_rv = arena_strdup(child->arena, unready_rv);
		registry_state(req)->phase = EVICT_DELETE_UNREADY;
	}
	if (o && !str_empty(o->propagation_policy))
		child->options.propagation = o->propagation_policy;
	child->done = on_written;
	child->done_arg = req;
	pipeline_run(child);
	return wait_written(req, err);
}

/* The condition that says that the last allowance is taken. */
static void set_disallowed(struct api_request *req, struct object *obj)
{
	PolicyV1__PodDisruptionBudgetStatus *s = ((PolicyV1__PodDisruptionBudget *)obj->msg)->status;
	MetaV1__Condition *c = NULL;
	for (size_t i = 0; i < s->n_conditions; i++)
		if (!strcmp(s->conditions[i]->type, "DisruptionAllowed"))
			c = s->conditions[i];
	if (!c) {
		c = API_NEW(obj->arena, meta_v1__condition);
		c->type = "DisruptionAllowed";
		api_append(obj->arena, s, conditions, c);
	}
	if (strcmp(c->status, "False") != 0)
		c->last_transition_time = time_new(obj->arena, clock_wall_s(loop_clock(req->server->loop)));
	c->status = "False";
	c->reason = "InsufficientPods";
	c->message = "";
	c->observed_generation = s->observed_generation;
}

static int take_from_budget(struct api_request *req, const struct object *budget, struct error *err)
{
	const PolicyV1__PodDisruptionBudget *old = (const PolicyV1__PodDisruptionBudget *)budget->msg;
	const char *name = budget->meta->name;
	if (may_go_unready((const CoreV1__Pod *)req->old->msg, old))
		return delete_pod(req, req->old->meta->resource_version, err);
	if (old->status->observed_generation < budget->meta->generation) {
		err->retry_after_s = 10;
		return too_many(req, name, PROCESSING, err);
	}
	if (old->status->disruptions_allowed < 0)
		return forbid(name, "pdb disruptions allowed is negative", err);
	if (old->status->n_disrupted_pods > DISRUPTED_PODS_MAX)
		return forbid(name,
		    "DisruptedPods map too big - too many evictions not confirmed by PDB controller", err);
	if (old->status->disruptions_allowed == 0)
		return too_many(req, name,
		    arena_printf(req->arena, "needs %d healthy pods and has %d currently",
			old->status->desired_healthy, old->status->current_healthy),
		    err);
	if (req->options.dry_run)
		return delete_pod(req, NULL, err);
	struct object *obj = object_clone(budget);
	PolicyV1__PodDisruptionBudget *pdb = (PolicyV1__PodDisruptionBudget *)obj->msg;
	if (--pdb->status->disruptions_allowed == 0)
		set_disallowed(req, obj);
	PolicyV1__PodDisruptionBudgetStatus__DisruptedPodsEntry *entry =
	    API_NEW(obj->arena, policy_v1__pod_disruption_budget_status__disrupted_pods_entry);
	entry->key = arena_strdup(obj->arena, req->info.name);
	entry->value = time_new(obj->arena, clock_wall_s(loop_clock(req->server->loop)));
	api_append(obj->arena, pdb->status, disrupted_pods, entry);
	registry_state(req)->phase = EVICT_BUDGET;
	registry_update(req->server, resource_poddisruptionbudgets, "status", obj, on_written, req);
	object_unref(obj);
	return wait_written(req, err);
}

/* A dry run may be asked for in the URL or in the body's delete options, but not one way here and another
 * there. */
static int check_dry_run(struct api_request *req, struct error *err)
{
	const MetaV1__DeleteOptions *o = ((const PolicyV1__Eviction *)req->object->msg)->delete_options;
	if (!o || !o->n_dry_run)
		return 0;
	if (req->options.dry_run && (o->n_dry_run != 1 || strcmp(o->dry_run[0], "All") != 0))
		return error_set(err, ERR_BAD_REQUEST,
		    "Non-matching dry-run options in request and content: All and %s", o->dry_run[0]);
	req->options.dry_run = true;
	return 0;
}

static int start(struct api_request *req, struct error *err)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)req->old->msg;
	size_t count = 0;
	if (check_dry_run(req, err))
		return API_FAIL;
	if (needs_no_budget(pod))
		return delete_pod(req, NULL, err);
	const struct object *budget = find_budget(req, pod, &count);
	if (count > 1)
		return error_set(err, ERR_INTERNAL,
		    "This pod has more than one PodDisruptionBudget, which the eviction "
		    "subresource does not support.");
	return budget ? take_from_budget(req, budget, err) : delete_pod(req, NULL, err);
}

int registry_evict(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!registry_take_result(req))
		return start(req, err);
	if (state->error.code == ERR_CONFLICT && state->phase == EVICT_BUDGET &&
	    req->attempt++ < REGISTRY_ATTEMPTS_MAX) {
		state->phase = EVICT_FRESH; /* with the budget as somebody else has left it */
		return registry_fence(req);
	}
	if (state->error.code == ERR_CONFLICT && state->phase == EVICT_DELETE_UNREADY) {
		size_t count;
		const struct object *budget = find_budget(req, (const CoreV1__Pod *)req->old->msg, &count);
		err->retry_after_s = 10;
		return too_many(req, budget ? budget->meta->name : "", PROCESSING, err);
	}
	if (state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	if (state->phase == EVICT_FRESH)
		return start(req, err);
	if (state->phase == EVICT_BUDGET)
		return delete_pod(req, NULL, err);
	api_respond_success(req, 201, "", "", "", "");
	return API_DONE;
}
