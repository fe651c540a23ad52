/*
 * persistentvolume-binder: keeps the phase of every volume true (Available, Bound, Released, Failed) and says
 * what becomes of one whose claim is gone. Volumes that a provisioner made are deleted by that provisioner.
 */
#include <stdio.h>

#include "controller-manager/shared/volumes.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

enum { STALE_RETRY_MS = 500 };

static void map_claim(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const struct object *claim = new_ ? new_ : old;

	if (!str_empty(claim_of(claim)->spec->volume_name))
		enqueue->key(enqueue, claim_of(claim)->spec->volume_name);
	if (new_)
		return;
	/* Volumes that were reserved for a claim that never got bound. */
	informer_for_each (obj, informer_all(controller_informer(ctx, resource_persistentvolumes))) {
		if (volume_is_for(volume_of(obj), claim_of(claim)))
			enqueue->object(enqueue, obj);
	}
}

static void set_phase(struct controller_context *ctx, struct plan *plan, const struct object *obj,
    const char *phase, const char *message)
{
	struct object *copy;
	CoreV1__PersistentVolumeStatus *status;

	if (str_eq(volume_of(obj)->status->phase, phase))
		return;
	copy = object_clone(obj);
	status = ((CoreV1__PersistentVolume *)copy->msg)->status;
	status->phase = arena_strdup(copy->arena, phase);
	status->message = arena_strdup(copy->arena, message);
	status->reason = (char *)"";
	status->last_phase_transition_time = time_new(copy->arena, ctx->now_s);
	plan_update_status(plan, resource_persistentvolumes, copy);
}

static void reclaim(struct controller_context *ctx, struct plan *plan, const struct object *obj)
{
	const CoreV1__PersistentVolume *volume = volume_of(obj);
	const char *policy = volume->spec->persistent_volume_reclaim_policy;

	set_phase(ctx, plan, obj, str_eq(volume->status->phase, "Failed") ? "Failed" : "Released", "");
	if (str_eq(volume->status->phase, "Failed") || str_eq(policy, "Retain") ||
	    api_map_get(obj->meta, annotations, ANNOTATION_PROVISIONED_BY))
		return;
	if (str_eq(policy, "Recycle")) {
		plan_event(plan, obj, true, "VolumeFailedRecycle",
		    "recycling is not supported: use dynamic provisioning");
		set_phase(ctx, plan, obj, "Failed", "recycling is not supported");
	} else if (str_eq(policy, "Delete") && str_eq(volume->status->phase, "Released")) {
		plan_event(plan, obj, true, "VolumeFailedDelete",
		    "no provisioner made this volume: delete it and its data by hand");
		set_phase(ctx, plan, obj, "Failed",
		    "no provisioner made this volume: delete it and its data by hand");
	}
}

/* Bound here, but the claim took another volume: free again when the binder chose it, else its data may
 * matter. */
static void release_unused(struct controller_context *ctx, struct plan *plan, const struct object *obj)
{
	struct object *copy;

	if (!api_map_get(obj->meta, annotations, ANNOTATION_BOUND_BY_CONTROLLER)) {
		reclaim(ctx, plan, obj);
		return;
	}
	copy = object_clone(obj);
	((CoreV1__PersistentVolume *)copy->msg)->spec->claim_ref = NULL;
	api_map_remove(copy->meta, annotations, ANNOTATION_BOUND_BY_CONTROLLER);
	plan_update(plan, resource_persistentvolumes, copy);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct informer *claims = controller_informer(ctx, resource_persistentvolumeclaims);
	const struct object *obj = informer_lookup(
				controller_informer(ctx, resource_persistentvolumes), NULL, key),
			    *claim;
	const CoreV1__ObjectReference *ref;

	if (!obj)
		return;
	ref = volume_of(obj)->spec->claim_ref;
	if (!ref || str_empty(ref->uid)) {
		set_phase(ctx, plan, obj, "Available", "");
		return;
	}
	claim = informer_lookup(claims, ref->namespace_, ref->name);
	if (!claim || !str_eq(object_uid(claim), ref->uid)) {
		if (!claim && informer_revision(claims) < obj->revision &&
		    !str_eq(volume_of(obj)->status->phase, "Bound"))
			plan_requeue_after(plan, STALE_RETRY_MS);
		else
			reclaim(ctx, plan, obj);
	} else if (str_eq(claim_of(claim)->spec->volume_name, object_name(obj))) {
		set_phase(ctx, plan, obj, "Bound", "");
	} else if (!str_empty(claim_of(claim)->spec->volume_name)) {
		release_unused(ctx, plan, obj);
	}
}

static const struct controller_watch watches[] = {
    {&resource_persistentvolumes, NULL}, {&resource_persistentvolumeclaims, map_claim}, {NULL, NULL}};
const struct controller controller_persistentvolume = {.name = "persistentvolume-binder",
    .event_component = "persistentvolume-controller",
    .watches = watches,
    .reconcile = reconcile};
