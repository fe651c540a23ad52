/* pvc-protection: a claim that is being deleted stays until no running pod uses it (finalizer
 * kubernetes.io/pvc-protection). */
#include <stdio.h>

#include "controller-manager/shared/finalizers.h"
#include "controller-manager/shared/pods.h"
#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

#define FINALIZER "kubernetes.io/pvc-protection"
#define PODS_BY_CLAIM "claim"

enum { STALE_S = 2 };

/* Calls emit with namespace/name of each claim; generic ephemeral volumes have one named after pod and
 * volume. */
static void emit_claims(const struct object *obj, void (*emit)(void *ctx, const char *value), void *ctx)
{
	const CoreV1__PodSpec *spec = ((const CoreV1__Pod *)obj->msg)->spec;
	char key[640];

	for (size_t i = 0; i < spec->n_volumes; i++) {
		const CoreV1__VolumeSource *source = spec->volumes[i]->volume_source;

		if (source->persistent_volume_claim)
			snprintf(key, sizeof key, "%s/%s", object_namespace(obj),
			    source->persistent_volume_claim->claim_name);
		else if (source->ephemeral)
			snprintf(key, sizeof key, "%s/%s-%s", object_namespace(obj), object_name(obj),
			    spec->volumes[i]->name);
		else
			continue;
		emit(ctx, key);
	}
}

static void *init(struct controller_context *ctx)
{
	informer_add_index(controller_informer(ctx, resource_pods), PODS_BY_CLAIM, emit_claims);
	return NULL;
}

static void emit_key(void *ctx, const char *value)
{
	struct controller_enqueue *enqueue = ctx;

	enqueue->key(enqueue, value);
}

static void map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (!new_ || pod_is_finished(pod_of(new_)))
		emit_claims(new_ ? new_ : old, emit_key, enqueue);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct informer *pods = controller_informer(ctx, resource_pods);
	const struct object *claim =
	    informer_lookup_key(controller_informer(ctx, resource_persistentvolumeclaims), key);

	if (!claim)
		return;
	if (!claim->meta->deletion_timestamp) {
		if (!object_has_finalizer(claim->meta, FINALIZER))
			finalizer_add(plan, resource_persistentvolumeclaims, claim, FINALIZER);
		return;
	}
	if (!object_has_finalizer(claim->meta, FINALIZER))
		return;
	informer_for_each (pod, informer_by_index(pods, PODS_BY_CLAIM, key)) {
		if (!pod_is_finished(pod_of(pod)) &&
		    !str_empty(((const CoreV1__Pod *)pod->msg)->spec->node_name))
			return;
	}
	/* A pod placed before the deletion may not have arrived here yet: only a cache that is as new, or
	 * some time, tells. */
	if (informer_revision(pods) < claim->revision &&
	    ctx->now_s - time_seconds(claim->meta->deletion_timestamp) < STALE_S) {
		plan_requeue_after(plan, STALE_S * 1000);
		return;
	}
	finalizer_remove(plan, resource_persistentvolumeclaims, claim, FINALIZER);
}

static const struct controller_watch watches[] = {
    {&resource_persistentvolumeclaims, NULL}, {&resource_pods, map_pod}, {NULL, NULL}};
const struct controller controller_pvc_protection = {.name = "persistentvolumeclaim-protection",
    .event_component = "pvc-protection-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
