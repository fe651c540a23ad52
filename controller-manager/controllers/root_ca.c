/* root_ca: every namespace has the ConfigMap kube-root-ca.crt, for pods to trust the API server. Keys:
 * namespaces. */
#include "controller-manager/options.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

#define NAME "kube-root-ca.crt"
#define FILE_NAME "ca.crt"

static void map_config_map(struct controller_context *ctx, const struct object *old,
    const struct object *new_, struct controller_enqueue *enqueue)
{
	const struct object *obj = new_ ? new_ : old;
	if (str_eq(object_name(obj), NAME))
		enqueue->key(enqueue, object_namespace(obj));
}

static void fill(struct object *obj, const char *text)
{
	CoreV1__ConfigMap *map = (CoreV1__ConfigMap *)obj->msg;
	map->n_data = 0;
	api_map_set(obj->arena, map, data, core_v1__config_map__data_entry, FILE_NAME,
	    arena_strdup(obj->arena, text));
	api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
	    "kubernetes.io/description",
	    "The CA that signs the API server's certificate, for use inside the cluster.");
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const char *text = options_of(ctx)->root_ca;
	const struct object *ns = informer_lookup(controller_informer(ctx, resource_namespaces), NULL, key);
	if (!text || !ns || object_is_deleting(ns))
		return;
	const struct object *obj = informer_lookup(controller_informer(ctx, resource_configmaps), key, NAME);
	if (!obj) {
		struct object *made = object_new(resource_configmaps->schema);
		made->meta->namespace_ = arena_strdup(made->arena, key);
		made->meta->name = arena_strdup(made->arena, NAME);
		fill(made, text);
		plan_create(plan, resource_configmaps, made)->ignore_exists = true;
		return;
	}
	const CoreV1__ConfigMap *map = (const CoreV1__ConfigMap *)obj->msg;
	if (map->n_data == 1 && str_eq(api_map_get(map, data, FILE_NAME), text))
		return;
	struct object *clone = object_clone(obj);
	fill(clone, text);
	plan_update(plan, resource_configmaps, clone);
}

static const struct controller_watch watches[] = {
    {&resource_namespaces, NULL}, {&resource_configmaps, map_config_map}, {NULL, NULL}};

const struct controller controller_root_ca = {.name = "root-ca-certificate-publisher",
    .event_component = "root-ca-certificate-publisher",
    .watches = watches,
    .reconcile = reconcile};
