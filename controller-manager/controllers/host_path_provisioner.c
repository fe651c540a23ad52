/*
 * host-path-provisioner: makes volumes for classes with the provisioner cube.local/host-path: a folder on the
 * node that the scheduler chose. The kubelet there makes the folder when the first pod uses it;
 * host_path_reclaimer.c removes it.
 */
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/volumes.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

static const char *hostname_of(const struct object *node)
{
	return str_or(api_map_get(node->meta, labels, "kubernetes.io/hostname"), object_name(node));
}

/* The node that the scheduler chose; with an Immediate class the first by name. */
static const struct object *choose_node(const struct informer *nodes, const struct object *claim)
{
	const char *selected = api_map_get(claim->meta, annotations, ANNOTATION_SELECTED_NODE);
	const struct object *first = NULL;

	if (selected)
		return informer_lookup(nodes, NULL, selected);
	informer_for_each (node, informer_all(nodes)) {
		if (!first || strcmp(object_name(node), object_name(first)) < 0)
			first = node;
	}
	return first;
}

static void pin_to_node(struct object *obj, const struct object *node)
{
	struct arena *a = obj->arena;
	CoreV1__VolumeNodeAffinity *affinity = API_NEW(a, core_v1__volume_node_affinity);
	CoreV1__NodeSelectorTerm *term = API_NEW(a, core_v1__node_selector_term);
	CoreV1__NodeSelectorRequirement *requirement = API_NEW(a, core_v1__node_selector_requirement);

	requirement->key = (char *)"kubernetes.io/hostname";
	requirement->operator_ = (char *)"In";
	api_append(a, requirement, values, arena_strdup(a, hostname_of(node)));
	api_append(a, term, match_expressions, requirement);
	affinity->required = API_NEW(a, core_v1__node_selector);
	api_append(a, affinity->required, node_selector_terms, term);
	((CoreV1__PersistentVolume *)obj->msg)->spec->node_affinity = affinity;
}

static void refer_to_claim(struct object *obj, const struct object *claim)
{
	CoreV1__ObjectReference *ref = API_NEW(obj->arena, core_v1__object_reference);

	ref->kind = (char *)"PersistentVolumeClaim";
	ref->api_version = (char *)"v1";
	ref->namespace_ = arena_strdup(obj->arena, object_namespace(claim));
	ref->name = arena_strdup(obj->arena, object_name(claim));
	ref->uid = arena_strdup(obj->arena, object_uid(claim));
	ref->resource_version = arena_strdup(obj->arena, claim->meta->resource_version);
	((CoreV1__PersistentVolume *)obj->msg)->spec->claim_ref = ref;
}

static struct object *make_volume(const char *dir, const struct object *claim_obj,
    const StorageV1__StorageClass *class, const struct object *node)
{
	struct object *obj = object_new(schema_by_gvk("", "v1", "PersistentVolume"));
	struct arena *a = obj->arena;
	CoreV1__PersistentVolumeSpec *spec = ((CoreV1__PersistentVolume *)obj->msg)->spec;
	const CoreV1__PersistentVolumeClaim *claim = claim_of(claim_obj);
	CoreV1__HostPathVolumeSource *path = API_NEW(a, core_v1__host_path_volume_source);
	CoreV1__PersistentVolumeSpec__CapacityEntry *capacity =
	    API_NEW(a, core_v1__persistent_volume_spec__capacity_entry);
	struct quantity size = {0};

	obj->meta->name = arena_printf(a, "pvc-%s", object_uid(claim_obj));
	api_map_set(a, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
	    ANNOTATION_PROVISIONED_BY, HOST_PATH_PROVISIONER);
	quantity_in(claim->spec->resources, requests, "storage", &size);
	capacity->key = (char *)"storage";
	capacity->value = quantity_new(a, &size);
	api_append(a, spec, capacity, capacity);
	for (size_t i = 0; i < claim->spec->n_access_modes; i++)
		api_append(a, spec, access_modes, arena_strdup(a, claim->spec->access_modes[i]));
	for (size_t i = 0; i < class->n_mount_options; i++)
		api_append(a, spec, mount_options, arena_strdup(a, class->mount_options[i]));
	spec->persistent_volume_reclaim_policy = arena_strdup(a, str_or(class->reclaim_policy, "Delete"));
	spec->storage_class_name = arena_strdup(a, class->metadata->name);
	path->path = arena_printf(
	    a, "%s/%s_%s_%s", dir, obj->meta->name, object_namespace(claim_obj), object_name(claim_obj));
	path->type = (char *)"DirectoryOrCreate";
	spec->persistent_volume_source->host_path = path;
	refer_to_claim(obj, claim_obj);
	pin_to_node(obj, node);
	return obj;
}

static void provision(struct controller_context *ctx, const struct object *claim,
    const StorageV1__StorageClass *class, struct plan *plan)
{
	const char *dir = options_of(ctx)->host_path_provisioner_dir;
	const struct object *node = choose_node(controller_informer(ctx, resource_nodes), claim);
	struct object *volume;
	struct plan_op *op;

	if (str_eq(claim_of(claim)->spec->volume_mode, "Block")) {
		plan_event(plan, claim, true, "ProvisioningFailed",
		    "failed to provision volume with StorageClass \"%s\": a folder is no block device",
		    class->metadata->name);
		return;
	}
	if (!node) {
		plan_requeue_after(plan, 5000);
		return;
	}
	volume = make_volume(dir, claim, class, node);
	plan_event(plan, claim, false, "Provisioning",
	    "External provisioner is provisioning volume for claim \"%s/%s\"", object_namespace(claim),
	    object_name(claim));
	op = plan_create(plan, resource_persistentvolumes, volume);
	op->ignore_exists = true;
	plan_on_success(
	    plan, op, claim, false, "ProvisioningSucceeded", "Successfully provisioned volume %s");
	plan_on_failure(plan, op, claim, "ProvisioningFailed", "failed to provision volume: %s");
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj =
	    informer_lookup_key(controller_informer(ctx, resource_persistentvolumeclaims), key);
	const StorageV1__StorageClass *class;

	if (!obj || obj->meta->deletion_timestamp || !options_of(ctx)->host_path_provisioner_dir ||
	    !str_empty(claim_of(obj)->spec->volume_name) ||
	    !str_eq(api_map_get(obj->meta, annotations, ANNOTATION_PROVISIONER), HOST_PATH_PROVISIONER))
		return;
	class = claim_class(controller_informer(ctx, resource_storageclasses), claim_of(obj));
	if (!class || !str_eq(class->provisioner, HOST_PATH_PROVISIONER))
		return;
	if (str_eq(class->volume_binding_mode, "WaitForFirstConsumer") &&
	    !api_map_get(obj->meta, annotations, ANNOTATION_SELECTED_NODE))
		return;
	if (!informer_lookup(controller_informer(ctx, resource_persistentvolumes), NULL,
		arena_printf(plan_arena(plan), "pvc-%s", object_uid(obj))))
		provision(ctx, obj, class, plan);
}

static void *init(struct controller_context *ctx)
{
	controller_informer(ctx, resource_nodes);
	controller_informer(ctx, resource_persistentvolumes);
	controller_informer(ctx, resource_storageclasses);
	return NULL;
}

static const struct controller_watch watches[] = {{&resource_persistentvolumeclaims, NULL}, {NULL, NULL}};
const struct controller controller_host_path_provisioner = {.name = "host-path-provisioner",
    .event_component = HOST_PATH_PROVISIONER,
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
