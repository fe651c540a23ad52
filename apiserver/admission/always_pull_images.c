/* AlwaysPullImages: images are pulled for every container, so that a pod's pull secrets are always checked.
 */
#include "apiserver/admission/plugin.h"

#include "apiserver/auth/pod_refs.h"

static bool set_always(void *arg, const CoreV1__Container *container, enum container_kind kind, size_t index)
{
	(void)kind, (void)index;
	((CoreV1__Container *)container)->image_pull_policy = arena_strdup(arg, "Always");
	return true;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);

	(void)old, (void)err;
	if (pod)
		pod_visit_containers(pod->spec, set_always, obj->arena);
	return API_NEXT;
}

const struct admission_plugin admission_always_pull_images = {
    .name = "AlwaysPullImages",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .is_off_by_default = true,
    .mutate = admit,
};
