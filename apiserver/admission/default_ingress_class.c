/* DefaultIngressClass: ingresses that name no class get the default one, the newest if there are several. */
#include "apiserver/admission/plugin.h"

#include <string.h>

#include "lib/api/values.h"
#include "proto/networking_v1.pb-c.h"

struct choice {
	const struct object *best;
};

static bool consider(void *arg, const struct object *obj)
{
	struct choice *c = arg;

	if (!str_eq(
		api_map_get(obj->meta, annotations, "ingressclass.kubernetes.io/is-default-class"), "true"))
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
	NetworkingV1__Ingress *ingress =
	    is_subresource(req) ? NULL : OBJECT_AS(obj, NetworkingV1__Ingress, networking_v1__ingress);
	struct choice choice = {0};

	(void)old, (void)err;
	if (!ingress || ingress->spec->ingress_class_name ||
	    api_map_get(obj->meta, annotations, "kubernetes.io/ingress.class"))
		return API_NEXT;
	reader_each(auth_reader(req->server), resource_ingressclasses, NULL, consider, &choice);
	if (choice.best)
		ingress->spec->ingress_class_name = arena_strdup(obj->arena, object_name(choice.best));
	return API_NEXT;
}

const struct admission_plugin admission_default_ingress_class = {
    .name = "DefaultIngressClass",
    .operations = ADMIT_CREATE,
    .mutate = admit,
};
