/*
 * Deployments. A reconcile takes one step: what it writes must be seen before the next one, which the runner
 * sees to. The steps: number the revision, make the new ReplicaSet, move sizes, tell the status.
 */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/deployment/deployment.h"
#include "controller-manager/options.h"
#include "controller-manager/shared/pods.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

/* ---- the model ---- */

static int compare_age(const struct rs *a, const struct rs *b)
{
	int64_t diff =
	    time_seconds(a->obj->meta->creation_timestamp) - time_seconds(b->obj->meta->creation_timestamp);
	return diff ? (diff < 0 ? -1 : 1) : strcmp(object_name(a->obj), object_name(b->obj));
}

static int compare_sets(const void *a, const void *b)
{
	return compare_age(a, b);
}

static int compare_in_order(const void *left, const void *right, void *arg)
{
	const struct rs *a = *(struct rs *const *)left, *b = *(struct rs *const *)right;
	enum rs_order order = *(enum rs_order *)arg;
	if (order >= RS_LARGEST_THEN_NEWEST && a->replicas != b->replicas)
		return a->replicas > b->replicas ? -1 : 1;
	return order == RS_NEWEST_FIRST || order == RS_LARGEST_THEN_NEWEST ? compare_age(b, a)
									   : compare_age(a, b);
}

struct rs **deployment_active(
    const struct deployment *dep, bool old_only, enum rs_order order, size_t *ret_len)
{
	struct rs **list = ARENA_ARRAY(dep->arena, struct rs *, dep->len + 1);
	size_t len = 0;
	for (size_t i = 0; i < dep->len; i++)
		if (dep->sets[i].replicas > 0 && !(old_only && &dep->sets[i] == dep->new_rs))
			list[len++] = &dep->sets[i];
	qsort_r(list, len, sizeof(*list), compare_in_order, &order);
	*ret_len = len;
	return list;
}

int32_t deployment_sum(const struct deployment *dep, bool old_only)
{
	int32_t sum = 0;
	for (size_t i = 0; i < dep->len; i++)
		if (!(old_only && &dep->sets[i] == dep->new_rs))
			sum += dep->sets[i].replicas;
	return sum;
}

bool deployment_has_deadline(const struct deployment *dep)
{
	const AppsV1__DeploymentSpec *spec = dep->d->spec;
	return spec->has_progress_deadline_seconds && spec->progress_deadline_seconds != INT32_MAX;
}

static bool is_recreate(const struct deployment *dep)
{
	return str_eq(dep->d->spec->strategy->type, "Recreate");
}

static void resolve_limits(struct deployment *dep)
{
	const AppsV1__RollingUpdateDeployment *rolling = dep->d->spec->strategy->rolling_update;
	if (is_recreate(dep))
		return;
	if (!rolling || !intstr_scaled(rolling->max_surge, dep->replicas, true, &dep->max_surge))
		dep->max_surge = 0;
	if (!rolling || !intstr_scaled(rolling->max_unavailable, dep->replicas, false, &dep->max_unavailable))
		dep->max_unavailable = 0;
	if (dep->max_surge == 0 && dep->max_unavailable == 0)
		dep->max_unavailable = 1; /* rounding must not stop a rollout for ever */
	if (dep->max_unavailable > dep->replicas)
		dep->max_unavailable = dep->replicas;
}

static struct selector *selector_of(struct arena *arena, const struct object *owner)
{
	const AppsV1__Deployment *d = (const AppsV1__Deployment *)owner->msg;
	struct selector *selector = NULL;
	return selector_from_object(arena, d->spec->selector, &selector, NULL) == 0 ? selector : NULL;
}

static void load(
    struct deployment *dep, struct controller_context *ctx, const struct object *obj, struct plan *plan)
{
	const AppsV1__Deployment *d = (const AppsV1__Deployment *)obj->msg;
	*dep = (struct deployment){.ctx = ctx,
	    .plan = plan,
	    .arena = plan_arena(plan),
	    .obj = obj,
	    .d = d,
	    .replicas = d->spec->has_replicas ? d->spec->replicas : 1};
	resolve_limits(dep);
	struct claims claims = claims_make(
	    plan, controller_informer(ctx, resource_replicasets), obj, selector_of(dep->arena, obj), NULL);
	dep->sets = ARENA_ARRAY(dep->arena, struct rs, claims.len + 1);
	dep->len = claims.len;
	for (size_t i = 0; i < claims.len; i++) {
		const AppsV1__ReplicaSet *rs = (const AppsV1__ReplicaSet *)claims.items[i]->msg;
		dep->sets[i] = (struct rs){.obj = claims.items[i],
		    .rs = rs,
		    .replicas = rs->spec->has_replicas ? rs->spec->replicas : 1};
	}
	qsort(dep->sets, dep->len, sizeof(*dep->sets), compare_sets);
	deployment_find_new(dep);
	dep->next = object_clone(obj);
	dep->status = ((AppsV1__Deployment *)dep->next->msg)->status;
}

/* ---- what to do ---- */

/* Whether the wanted number changed since the sizes were last chosen. */
static bool was_scaled(const struct deployment *dep)
{
	for (size_t i = 0; i < dep->len; i++) {
		int64_t desired;
		const char *text = api_map_get(dep->sets[i].obj->meta, annotations, DESIRED_ANNOTATION);
		if (dep->sets[i].replicas > 0 && str_to_int64(text, &desired) && desired != dep->replicas)
			return true;
	}
	return false;
}

/* Pods of old ReplicaSets, also those that are still ending: Recreate waits for the last one. */
static bool old_pods_run(const struct deployment *dep)
{
	const struct informer *pods = controller_informer(dep->ctx, resource_pods);
	for (size_t i = 0; i < dep->len; i++) {
		if (&dep->sets[i] == dep->new_rs)
			continue;
		if (dep->sets[i].rs->status->replicas > 0)
			return true;
		informer_for_each (pod, informer_by_index(pods, "controller", object_uid(dep->sets[i].obj)))
			if (!pod_is_finished(pod_of(pod)))
				return true;
	}
	return false;
}

static void roll(struct deployment *dep)
{
	if (!dep->new_rs) {
		deployment_create_new(dep);
	} else if (deployment_sync_revision(dep)) {
		return;
	} else if (deployment_scale_new(dep) || deployment_scale_down_old(dep)) {
		deployment_write_sizes(dep);
	}
}

static void recreate(struct deployment *dep)
{
	if (dep->new_rs && deployment_sync_revision(dep))
		return;
	if (deployment_scale_down_all_old(dep))
		deployment_write_sizes(dep);
	else if (old_pods_run(dep))
		return;
	else if (!dep->new_rs)
		deployment_create_new(dep);
	else if (deployment_scale_new(dep))
		deployment_write_sizes(dep);
}

/* Paused, or scaled by a user: sizes only, no new template. */
static void resize(struct deployment *dep)
{
	if (dep->new_rs && deployment_sync_revision(dep))
		return;
	deployment_scale_proportionally(dep);
	deployment_write_sizes(dep);
	if (dep->d->spec->paused)
		deployment_clean_up(dep);
	deployment_count_status(dep);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup_key(controller_informer(ctx, resource_deployments), key);
	if (!obj)
		return;
	struct deployment dep;
	load(&dep, ctx, obj, plan);
	if (object_is_deleting(obj)) {
		deployment_count_status(&dep);
	} else if (deployment_pause_status(&dep)) {
		/* Told before anything is done: a step of its own. */
	} else if (dep.d->spec->paused || was_scaled(&dep)) {
		resize(&dep);
	} else {
		if (is_recreate(&dep))
			recreate(&dep);
		else
			roll(&dep);
		deployment_rollout_status(&dep);
		if (dep.new_rs && plan_ops_len(plan) == 0 && deployment_is_complete(&dep))
			deployment_clean_up(&dep);
	}
	deployment_write_status(&dep);
}

/* ---- what wakes it ---- */

static void map_replica_set(struct controller_context *ctx, const struct object *old,
    const struct object *new_, struct controller_enqueue *enqueue)
{
	claims_map(ctx, resource_deployments, selector_of, old, new_, enqueue);
}

/* Recreate waits for pods to be gone; everything else about pods is seen in the ReplicaSet. */
static void map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const MetaV1__OwnerReference *ref = old && !new_ ? object_controller(old->meta) : NULL;
	if (!ref)
		return;
	const struct object *rs =
	    informer_lookup_uid(controller_informer(ctx, resource_replicasets), ref->uid);
	ref = rs ? object_controller(rs->meta) : NULL;
	const struct object *obj =
	    ref ? informer_lookup_uid(controller_informer(ctx, resource_deployments), ref->uid) : NULL;
	if (obj && str_eq(((const AppsV1__Deployment *)obj->msg)->spec->strategy->type, "Recreate"))
		enqueue->object(enqueue, obj);
}

static void *init(struct controller_context *ctx)
{
	claims_init(ctx, resource_replicasets);
	return NULL;
}

static const struct controller_watch watches[] = {{&resource_deployments, NULL},
    {&resource_replicasets, map_replica_set}, {&resource_pods, map_pod}, {NULL, NULL}};

const struct controller controller_deployment = {.name = "deployment",
    .event_component = "deployment-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
