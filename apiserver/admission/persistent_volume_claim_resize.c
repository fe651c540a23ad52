/* PersistentVolumeClaimResize: only bound claims grow, and only where the storage class can make volumes
 * grow. */
#include "apiserver/admission/plugin.h"

#include "lib/api/values.h"
#include "proto/storage_v1.pb-c.h"

static bool may_expand(struct api_request *req, const CoreV1__PersistentVolumeClaim *was)
{
	const char *name = api_map_get(was->metadata, annotations, "volume.beta.kubernetes.io/storage-class");

	name = str_or(name, was->spec->storage_class_name);
	const struct object *found =
	    str_empty(name) ? NULL : reader_get(auth_reader(req->server), resource_storageclasses, "", name);
	const StorageV1__StorageClass *class = found ? (const void *)found->msg : NULL;
	return class && class->has_allow_volume_expansion && class->allow_volume_expansion;
}

static int check(
    struct api_request *req, const struct object *obj, const struct object *old, struct error *err)
{
	const CoreV1__PersistentVolumeClaim *is =
	    OBJECT_AS(obj, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim);
	const CoreV1__PersistentVolumeClaim *was =
	    OBJECT_AS(old, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim);
	struct quantity before = {0}, after = {0};

	if (is_subresource(req) || !is || !was)
		return API_NEXT;
	quantity_in(was->spec->resources, requests, "storage", &before);
	quantity_in(is->spec->resources, requests, "storage", &after);
	if (quantity_compare(&after, &before) <= 0)
		return API_NEXT;
	if (!str_eq(was->status->phase, "Bound"))
		return admission_forbid(req, obj, err, "Only bound persistent volume claims can be expanded");
	if (!may_expand(req, was))
		return admission_forbid(req, obj, err,
		    "only dynamically provisioned pvc can be resized and the storageclass that provisions "
		    "the pvc must support "
		    "resize");
	return API_NEXT;
}

const struct admission_plugin admission_persistent_volume_claim_resize = {
    .name = "PersistentVolumeClaimResize",
    .operations = ADMIT_UPDATE,
    .validate = check,
};
