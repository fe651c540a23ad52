/*
 * persistentvolumeclaim-binder: finds a volume for every claim, binds both to each other, or asks the class's
 * provisioner for a new volume. The order of writes is upstream's: volume, then claim, so that a claim that
 * says it is bound is.
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

static void enqueue_namespace_name(struct controller_enqueue *enqueue, const CoreV1__ObjectReference *ref)
{
	char key[OBJECT_KEY_MAX + 8];

	if (!ref)
		return;
	snprintf(key, sizeof key, "%s/%s", ref->namespace_, ref->name);
	enqueue->key(enqueue, key);
}

/* The claim that a volume is for; a volume that got free may suit any waiting claim. */
static void map_volume(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	const CoreV1__PersistentVolume *volume = volume_of(new_ ? new_ : old);

	enqueue_namespace_name(enqueue, volume->spec->claim_ref);
	if (!new_ || volume->spec->claim_ref)
		return;
	informer_for_each (obj, informer_all(controller_informer(ctx, resource_persistentvolumeclaims))) {
		if (str_empty(claim_of(obj)->spec->volume_name))
			enqueue->object(enqueue, obj);
	}
}

static void map_class(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (!new_)
		return;
	informer_for_each (obj, informer_all(controller_informer(ctx, resource_persistentvolumeclaims))) {
		if (str_empty(claim_of(obj)->spec->volume_name))
			enqueue->object(enqueue, obj);
	}
}

static void set_annotation(struct object *obj, const char *key, const char *value)
{
	api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry, key, value);
}

static void bind_volume(struct plan *plan, const struct object *volume_obj, const struct object *claim_obj)
{
	const CoreV1__PersistentVolume *have = volume_of(volume_obj);
	struct object *copy;
	CoreV1__PersistentVolume *volume;
	CoreV1__ObjectReference *ref;

	if (volume_is_for(have, claim_of(claim_obj)) &&
	    str_eq(have->spec->claim_ref->uid, object_uid(claim_obj)))
		return;
	copy = object_clone(volume_obj);
	volume = (CoreV1__PersistentVolume *)copy->msg;
	ref = API_NEW(copy->arena, core_v1__object_reference);
	ref->kind = (char *)"PersistentVolumeClaim";
	ref->api_version = (char *)"v1";
	ref->namespace_ = arena_strdup(copy->arena, object_namespace(claim_obj));
	ref->name = arena_strdup(copy->arena, object_name(claim_obj));
	ref->uid = arena_strdup(copy->arena, object_uid(claim_obj));
	ref->resource_version = arena_strdup(copy->arena, claim_obj->meta->resource_version);
	if (!volume->spec->claim_ref) /* chosen here, not reserved by somebody */
		set_annotation(copy, ANNOTATION_BOUND_BY_CONTROLLER, "yes");
	volume->spec->claim_ref = ref;
	plan_update(plan, resource_persistentvolumes, copy);
	plan_then(plan);
}

static void bind_claim(struct plan *plan, const struct object *claim_obj, const struct object *volume_obj)
{
	struct object *copy = object_clone(claim_obj);
	CoreV1__PersistentVolumeClaim *claim = (CoreV1__PersistentVolumeClaim *)copy->msg;

	if (str_empty(claim->spec->volume_name)) {
		claim->spec->volume_name = arena_strdup(copy->arena, object_name(volume_obj));
		set_annotation(copy, ANNOTATION_BOUND_BY_CONTROLLER, "yes");
	}
	set_annotation(copy, ANNOTATION_BIND_COMPLETED, "yes");
	plan_update(plan, resource_persistentvolumeclaims, copy);
}

/* Phase Bound, with what the volume really offers. */
static void complete_status(
    struct plan *plan, const struct object *claim_obj, const CoreV1__PersistentVolume *volume)
{
	const CoreV1__PersistentVolumeClaim *have = claim_of(claim_obj);
	struct object *copy;
	CoreV1__PersistentVolumeClaim *claim;

	if (str_eq(have->status->phase, "Bound") && have->status->n_capacity && have->status->n_access_modes)
		return;
	copy = object_clone(claim_obj);
	claim = (CoreV1__PersistentVolumeClaim *)copy->msg;
	claim->status->phase = (char *)"Bound";
	claim->status->n_access_modes = 0;
	for (size_t i = 0; i < volume->spec->n_access_modes; i++)
		api_append(copy->arena, claim->status, access_modes,
		    arena_strdup(copy->arena, volume->spec->access_modes[i]));
	claim->status->n_capacity = 0;
	for (size_t i = 0; i < volume->spec->n_capacity; i++) {
		CoreV1__PersistentVolumeClaimStatus__CapacityEntry *entry =
		    API_NEW(copy->arena, core_v1__persistent_volume_claim_status__capacity_entry);

		if (!str_eq(volume->spec->capacity[i]->key, "storage"))
			continue;
		entry->key = (char *)"storage";
		entry->value = quantity_new_text(copy->arena, volume->spec->capacity[i]->value->string);
		api_append(copy->arena, claim->status, capacity, entry);
	}
	plan_update_status(plan, resource_persistentvolumeclaims, copy);
}

static void set_lost(
    struct plan *plan, const struct object *claim_obj, const char *reason, const char *message)
{
	struct object *copy;

	if (str_eq(claim_of(claim_obj)->status->phase, "Lost"))
		return;
	copy = object_clone(claim_obj);
	((CoreV1__PersistentVolumeClaim *)copy->msg)->status->phase = (char *)"Lost";
	plan_event(plan, claim_obj, true, reason, "%s", message);
	plan_update_status(plan, resource_persistentvolumeclaims, copy);
}

static void check_bound(struct controller_context *ctx, const struct object *claim_obj, struct plan *plan)
{
	const struct informer *volumes = controller_informer(ctx, resource_persistentvolumes);
	const CoreV1__PersistentVolumeClaim *claim = claim_of(claim_obj);
	const struct object *volume_obj = informer_lookup(volumes, NULL, claim->spec->volume_name);

	if (!volume_obj) {
		if (informer_revision(volumes) < claim_obj->revision)
			plan_requeue_after(plan, STALE_RETRY_MS);
		else
			set_lost(plan, claim_obj, "ClaimLost",
			    "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
		return;
	}
	if (!volume_of(volume_obj)->spec->claim_ref)
		bind_volume(plan, volume_obj, claim_obj);
	else if (!volume_is_for(volume_of(volume_obj), claim))
		set_lost(plan, claim_obj, "ClaimMisbound",
		    "Two claims are bound to the same volume, this one is bound incorrectly");
	else
		complete_status(plan, claim_obj, volume_of(volume_obj));
}

/* A claim without class gets the default one, also when that came later (KEP-3333). An empty class means none
 * on purpose. */
static bool assign_default_class(
    const struct informer *classes, const struct object *claim_obj, struct plan *plan)
{
	const struct object *newest = NULL;
	struct object *copy;

	if (claim_of(claim_obj)->spec->storage_class_name || *claim_class_name(claim_of(claim_obj)))
		return false;
	informer_for_each (class, informer_all(classes)) {
		const char *is_default =
		    api_map_get(class->meta, annotations, "storageclass.kubernetes.io/is-default-class");

		if (str_eq(is_default, "true") &&
		    (!newest || time_seconds(class->meta->creation_timestamp) >
				    time_seconds(newest->meta->creation_timestamp)))
			newest = class;
	}
	if (!newest)
		return false;
	copy = object_clone(claim_obj);
	((CoreV1__PersistentVolumeClaim *)copy->msg)->spec->storage_class_name =
	    arena_strdup(copy->arena, object_name(newest));
	plan_update(plan, resource_persistentvolumeclaims, copy);
	return true;
}

static void ask_provisioner(
    const struct object *claim_obj, const StorageV1__StorageClass *class, struct plan *plan)
{
	const char *asked = api_map_get(claim_obj->meta, annotations, ANNOTATION_PROVISIONER);
	struct object *copy;

	plan_event(plan, claim_obj, false, "ExternalProvisioning",
	    "Waiting for a volume to be created either by the external provisioner '%s' or manually by the "
	    "system administrator. If volume "
	    "creation is delayed, please verify that the provisioner is running and correctly registered.",
	    class->provisioner);
	if (str_eq(asked, class->provisioner))
		return;
	copy = object_clone(claim_obj);
	set_annotation(copy, ANNOTATION_PROVISIONER, class->provisioner);
	set_annotation(copy, ANNOTATION_PROVISIONER_BETA, class->provisioner);
	plan_update(plan, resource_persistentvolumeclaims, copy);
}

static void find_volume(struct controller_context *ctx, const struct object *claim_obj, struct plan *plan)
{
	const struct informer *volumes = controller_informer(ctx, resource_persistentvolumes),
			      *classes = controller_informer(ctx, resource_storageclasses);
	const CoreV1__PersistentVolumeClaim *claim = claim_of(claim_obj);
	const StorageV1__StorageClass *class = claim_class(classes, claim);
	bool waits = class && str_eq(class->volume_binding_mode, "WaitForFirstConsumer");
	bool has_node = api_map_get(claim->metadata, annotations, ANNOTATION_SELECTED_NODE) != NULL;
	const struct object *volume_obj;

	if (!str_empty(claim->spec->volume_name)) {
		volume_obj = informer_lookup(volumes, NULL, claim->spec->volume_name);
		if (volume_obj && volume_of(volume_obj)->spec->claim_ref &&
		    !volume_is_for(volume_of(volume_obj), claim)) {
			plan_event(plan, claim_obj, true, "FailedBinding",
			    "volume \"%s\" already bound to a different claim.", claim->spec->volume_name);
			return;
		}
	} else {
		volume_obj = volume_find(volumes, claim, waits);
	}
	if (volume_obj) {
		bind_volume(plan, volume_obj, claim_obj);
		bind_claim(plan, claim_obj, volume_obj);
	} else if (!str_empty(claim->spec->volume_name) || assign_default_class(classes, claim_obj, plan)) {
		return; /* comes again with the volume, or with the class */
	} else if (waits && !has_node) {
		plan_event(plan, claim_obj, false, "WaitForFirstConsumer",
		    "waiting for first consumer to be created before binding");
	} else if (class && !str_eq(class->provisioner, NO_PROVISIONER)) {
		ask_provisioner(claim_obj, class, plan);
	} else if (!class && *claim_class_name(claim)) {
		plan_event(plan, claim_obj, true, "ProvisioningFailed",
		    "storageclass.storage.k8s.io \"%s\" not found", claim_class_name(claim));
	} else {
		plan_event(plan, claim_obj, false, "FailedBinding",
		    "no persistent volumes available for this claim and no storage class is set");
	}
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj =
	    informer_lookup_key(controller_informer(ctx, resource_persistentvolumeclaims), key);

	if (!obj)
		return;
	if (api_map_get(obj->meta, annotations, ANNOTATION_BIND_COMPLETED))
		check_bound(ctx, obj, plan);
	else if (!obj->meta->deletion_timestamp)
		find_volume(ctx, obj, plan);
}

static const struct controller_watch watches[] = {{&resource_persistentvolumeclaims, NULL},
    {&resource_persistentvolumes, map_volume}, {&resource_storageclasses, map_class}, {NULL, NULL}};
const struct controller controller_persistentvolume_claim = {.name = "persistentvolume-claim-binder",
    .event_component = "persistentvolume-controller",
    .watches = watches,
    .reconcile = reconcile};
