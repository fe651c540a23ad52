/* ExtendedResourceToleration: pods that ask for an extended resource tolerate the taint of its name. */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "apiserver/auth/pod_refs.h"

struct walk {
	struct arena *arena;
	CoreV1__PodSpec *spec;
};

static bool is_extended(const char *name)
{
	const char *slash = strchr(name, '/');
	return slash && strncmp(name, "requests.", 9) != 0 && !strstr(name, "kubernetes.io/");
}

static void tolerate(struct walk *w, const char *key)
{
	for (size_t i = 0; i < w->spec->n_tolerations; i++)
		if (str_eq(w->spec->tolerations[i]->key, key))
			return;
	CoreV1__Toleration *t = API_NEW(w->arena, core_v1__toleration);
	t->key = arena_strdup(w->arena, key);
	t->operator_ = arena_strdup(w->arena, "Exists");
	api_append(w->arena, w->spec, tolerations, t);
}

static bool look(void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
{
	(void)index;
	for (size_t i = 0; kind != CONTAINER_EPHEMERAL && c->resources && i < c->resources->n_requests; i++)
		if (is_extended(c->resources->requests[i]->key))
			tolerate(arg, c->resources->requests[i]->key);
	return true;
}

static int admit(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	CoreV1__Pod *pod = pod_of(req, obj);

	(void)old, (void)err;
	if (pod)
		pod_visit_containers(pod->spec, look, &(struct walk){obj->arena, pod->spec});
	return API_NEXT;
}

const struct admission_plugin admission_extended_resource_toleration = {
    .name = "ExtendedResourceToleration",
    .operations = ADMIT_CREATE | ADMIT_UPDATE,
    .is_off_by_default = true,
    .mutate = admit,
};
