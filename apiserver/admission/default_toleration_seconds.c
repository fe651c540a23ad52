/* DefaultTolerationSeconds: pods stay for five minutes on a node that is not ready or cannot be reached. */
#include "apiserver/admission/plugin.h"

#define SECONDS 300

static bool tolerates(const CoreV1__PodSpec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_tolerations; i++) {
		const CoreV1__Toleration *t = spec->tolerations[i];
		if ((str_empty(t->key) || str_eq(t->key, key)) &&
		    (str_empty(t->effect) || str_eq(t->effect, "NoExecute")))
			return true;
	}
	return false;
}

static void tolerate(struct arena *arena, CoreV1__PodSpec *spec, const char *key)
{
	if (tolerates(spec, key))
		return;
	CoreV1__Toleration *t = API_NEW(arena, core_v1__toleration);
	t->key = arena_strdup(arena, key);
	t->operator_ = arena_strdup(arena, "Exists");
	t->effect = arena_strdup(arena, "NoExecute");
	t->has_toleration_seconds = true;
	t->toleration_seconds = SECONDS;
	api_append(arena, spec, tolerations, t);
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);

	(void)old, (void)err;
	if (!pod)
		return API_NEXT;
	tolerate(obj->arena, pod->spec, "node.kubernetes.io/not-ready");
	tolerate(obj->arena, pod->spec, "node.kubernetes.io/unreachable");
	return API_NEXT;
}

const struct admission_plugin admission_default_toleration_seconds = {
    .name = "DefaultTolerationSeconds",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .mutate = admit,
};
