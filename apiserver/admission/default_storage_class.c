/* DefaultStorageClass: claims that name no class get the default one, the newest if there are several. */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "lib/api/values.h"

struct choice {
	const struct object *best;
};

static bool is_default(const struct object *obj)
{
	return str_eq(api_map_get(obj->meta, annotations, "storageclass.kubernetes.io/is-default-class"),
		   "true") ||
	       str_eq(api_map_get(obj->meta, annotations, "storageclass.beta.kubernetes.io/is-default-class"),
		   "true");
}

static bool consider(void *arg, const struct object *obj)
{
	struct choice *c = arg;

	if (!is_default(obj))
		return true;
	int64_t age = c->best ? time_seconds(obj->meta->creation_timestamp) -
				    time_seconds(c->best->meta->creation_timestamp)
			      : 1;
	if (age > 0 || (age == 0 && strcmp(object_name(obj), object_name(c->best)) < 0))
		c->best = obj;
	return true;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__PersistentVolumeClaim *pvc =
	    is_subresource(req)
		? NULL
		: OBJECT_AS(obj, CoreV1__PersistentVolumeClaim, core_v1__persistent_volume_claim);
	struct choice choice = {0};

	(void)old, (void)err;
	if (!pvc || pvc->spec->storage_class_name ||
	    api_map_get(obj->meta, annotations, "volume.beta.kubernetes.io/storage-class"))
		return API_NEXT;
	reader_each(auth_reader(req->server), resource_storageclasses, NULL, consider, &choice);
	if (choice.best)
		pvc->spec->storage_class_name = arena_strdup(obj->arena, object_name(choice.best));
	return API_NEXT;
}

const struct admission_plugin admission_default_storage_class = {
    .name = "DefaultStorageClass",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
