#include "controller-manager/shared/replicas.h"

#include <string.h>

#include "controller-manager/shared/claims.h"
#include "controller-manager/shared/pods.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/resource.h"

#define BURST 500 /* pods made or deleted in one go */

void *replicas_init(struct controller_context *ctx)
{
	claims_init(ctx, resource_pods);
	return NULL;
}

/* ---- making pods ---- */

/*
 * Groups of 1, 2, 4, ... pods: where every creation would be refused (a quota, say), only one request is
 * spent on finding out.
 */
static void create_pods(
    struct plan *plan, const struct object *owner, const struct replicas_view *view, int32_t len)
{
	if (len > BURST)
		len = BURST;
	for (int32_t batch = 1; len > 0; batch *= 2) {
		for (int32_t i = 0; i < batch && len > 0; i++, len--) {
			struct plan_op *op =
			    plan_create(plan, resource_pods, pod_from_template(view->template_, owner));
			plan_on_success(plan, op, owner, false, "SuccessfulCreate", "Created pod: %s");
			plan_on_failure(plan, op, owner, "FailedCreate", "Error creating: %s");
		}
		plan_then(plan);
	}
}

/* ---- deleting pods ---- */

/* The pods of all that have the same controller: after a rollout it matters which node is crowded by all of
 * them. */
static struct claims related_pods(
    struct controller_context *ctx, struct plan *plan, const struct object *owner, struct claims own)
{
	const MetaV1__OwnerReference *controller = object_controller(owner->meta);
	struct claims all = {0};
	if (!controller)
		return own;
	const struct informer *pods = controller_informer(ctx, resource_pods);
	size_t capacity = 0;
	informer_for_each (sibling,
	    informer_by_index(controller_informer(ctx, resource_of(owner)), "controller", controller->uid)) {
		informer_for_each (pod, informer_by_index(pods, "controller", object_uid(sibling))) {
			if (all.len == capacity) {
				size_t more = capacity ? capacity * 2 : 16;
				all.items = arena_grow(plan_arena(plan), all.items,
				    capacity * sizeof(*all.items), more * sizeof(*all.items));
				capacity = more;
			}
			all.items[all.len++] = pod;
		}
	}
	return all;
}

static void delete_pods(struct controller_context *ctx, struct plan *plan, const struct object *owner,
    struct claims claims, int32_t len)
{
	if (len > BURST)
		len = BURST;
	if ((size_t)len < claims.len) {
		struct claims related = related_pods(ctx, plan, owner, claims);
		const struct object **copy =
		    arena_memdup(plan_arena(plan), claims.items, claims.len * sizeof(*claims.items));
		pods_sort_for_deletion(copy, claims.len, related.items, related.len, ctx->now_s);
		claims.items = copy;
	}
	for (int32_t i = 0; i < len; i++) {
		struct plan_op *op = plan_delete(plan, claims.items[i]);
		plan_on_success(plan, op, owner, false, "SuccessfulDelete",
		    arena_printf(plan_arena(plan), "Deleted pod: %s", object_name(claims.items[i])));
		plan_on_failure(plan, op, owner, "FailedDelete", "Error deleting: %s");
	}
}

/* ---- status ---- */

static bool has_labels_of(const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *template_)
{
	for (size_t i = 0; i < template_->n_labels; i++)
		if (!str_eq(
			api_map_get(meta, labels, template_->labels[i]->key), template_->labels[i]->value) ||
		    !api_map_get(meta, labels, template_->labels[i]->key))
			return false;
	return true;
}

/* *ret_wait_s: when the next pod becomes available, or untouched. */
static struct replicas_status count(const struct controller_context *ctx, const struct object *owner,
    const struct replicas_view *view, struct claims claims, int64_t *ret_wait_s)
{
	struct replicas_status status = {.replicas = (int32_t)claims.len,
	    .observed_generation = owner->meta->generation,
	    .failure_reason = "",
	    .failure_message = ""};
	for (size_t i = 0; i < claims.len; i++) {
		const CoreV1__Pod *pod = pod_of(claims.items[i]);
		status.fully_labeled += has_labels_of(pod->metadata, view->template_->metadata);
		status.ready += pod_is_ready(pod);
		status.available += pod_is_available(pod, view->min_ready_s, ctx->now_s, ret_wait_s);
	}
	return status;
}

/* The condition tells of the first failure, and stays as it is until there is none. */
static void set_failure(const struct controller_context *ctx, const struct replicas_view *view,
    int32_t missing, struct replicas_status *status)
{
	if (!ctx->last_error)
		return;
	if (!str_empty(view->status.failure_reason)) {
		status->failure_reason = view->status.failure_reason;
		status->failure_message = view->status.failure_message;
	} else if (missing != 0) {
		status->failure_reason = missing > 0 ? "FailedCreate" : "FailedDelete";
		status->failure_message = ctx->last_error->message;
	}
}

static bool status_equal(const struct replicas_status *a, const struct replicas_status *b)
{
	return a->replicas == b->replicas && a->fully_labeled == b->fully_labeled && a->ready == b->ready &&
	       a->available == b->available && a->observed_generation == b->observed_generation &&
	       str_eq(a->failure_reason, b->failure_reason);
}

static void write_status(const struct controller_context *ctx, const struct replicas_kind *kind,
    const struct object *owner, const struct replicas_status *status, struct plan *plan)
{
	struct object *clone = object_clone(owner);
	kind->set_status(clone, status, ctx->now_s);
	plan_update_status(plan, *kind->type, clone);
}

/* ---- reconcile ---- */

void replicas_reconcile(
    struct controller_context *ctx, const struct replicas_kind *kind, const char *key, struct plan *plan)
{
	const struct object *owner = informer_lookup_key(controller_informer(ctx, *kind->type), key);
	if (!owner)
		return;
	struct replicas_view view = {0};
	kind->view(plan_arena(plan), owner, &view);
	if (!view.template_)
		return;
	const struct informer *pods = controller_informer(ctx, resource_pods);
	struct claims claims = claims_make(plan, pods, owner, view.selector, pod_is_active);
	int32_t missing = object_is_deleting(owner) ? 0 : view.replicas - (int32_t)claims.len;

	/* What is seen now, in the first group: a creation that fails must not keep the status back. */
	int64_t wait_s = INT64_MAX;
	struct replicas_status status = count(ctx, owner, &view, claims, &wait_s);
	set_failure(ctx, &view, missing, &status);
	if (!status_equal(&status, &view.status))
		write_status(ctx, kind, owner, &status, plan);
	if (wait_s != INT64_MAX)
		plan_requeue_after(plan, wait_s * 1000);
	if (missing > 0)
		create_pods(plan, owner, &view, missing);
	else if (missing < 0)
		delete_pods(ctx, plan, owner, claims, -missing);
}
