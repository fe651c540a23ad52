/* StorageObjectInUseProtection: claims and volumes start with the finalizer that their protection controllers
 * remove. */
#include "apiserver/admission/plugin.h"

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	const char *finalizer = NULL;

	(void)old, (void)err;
	if (is_subresource(req))
		return API_NEXT;
	if (OBJECT_AS(obj, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim))
		finalizer = "kubernetes.io/pvc-protection";
	else if (OBJECT_AS(obj, CoreV1__PersistentVolume, core_v1__persistent_volume))
		finalizer = "kubernetes.io/pv-protection";
	if (finalizer && !object_has_finalizer(obj->meta, finalizer))
		api_append(obj->arena, obj->meta, finalizers, arena_strdup(obj->arena, finalizer));
	return API_NEXT;
}

const struct admission_plugin admission_storage_object_in_use_protection = {
    .name = "StorageObjectInUseProtection",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
