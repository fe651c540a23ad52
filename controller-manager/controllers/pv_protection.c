/* pv-protection: a volume that is being deleted stays while it is bound (finalizer
 * kubernetes.io/pv-protection). */
#include "controller-manager/shared/finalizers.h"
#include "controller-manager/shared/volumes.h"
#include "lib/api/object.h"
#include "lib/base/str.h"
#include "lib/client/controller.h"
#include "lib/client/informer.h"
#include "lib/resources/resource.h"

#define FINALIZER "kubernetes.io/pv-protection"

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj =
	    informer_lookup(controller_informer(ctx, resource_persistentvolumes), NULL, key);

	if (!obj)
		return;
	if (!obj->meta->deletion_timestamp) {
		if (!object_has_finalizer(obj->meta, FINALIZER))
			finalizer_add(plan, resource_persistentvolumes, obj, FINALIZER);
	} else if (object_has_finalizer(obj->meta, FINALIZER) &&
		   !str_eq(volume_of(obj)->status->phase, "Bound")) {
		finalizer_remove(plan, resource_persistentvolumes, obj, FINALIZER);
	}
}

static const struct controller_watch watches[] = {{&resource_persistentvolumes, NULL}, {NULL, NULL}};
const struct controller controller_pv_protection = {.name = "persistentvolume-protection",
    .event_component = "pv-protection-controller",
    .watches = watches,
    .reconcile = reconcile};
