/* v1 PersistentVolumeClaim. */
#include "lib/resources/persistentvolumeclaim.h"

#include "lib/resources/access_modes.h"
#include "lib/resources/strategy.h"

/* dataSource and dataSourceRef say the same when only one is given. */
static void defaults(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__PersistentVolumeClaimSpec *spec = MSG(CoreV1__PersistentVolumeClaim, obj)->spec;

	if (spec->data_source && !spec->data_source_ref) {
		spec->data_source_ref = API_NEW(obj->arena, core_v1__typed_object_reference);
		spec->data_source_ref->api_group = spec->data_source->api_group;
		spec->data_source_ref->kind = spec->data_source->kind;
		spec->data_source_ref->name = spec->data_source->name;
	} else if (spec->data_source_ref && !spec->data_source &&
		   str_empty(spec->data_source_ref->namespace_)) {
		spec->data_source = API_NEW(obj->arena, core_v1__typed_local_object_reference);
		spec->data_source->api_group = spec->data_source_ref->api_group;
		spec->data_source->kind = spec->data_source_ref->kind;
		spec->data_source->name = spec->data_source_ref->name;
	}
}

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	MSG(CoreV1__PersistentVolumeClaim, obj)->status->phase = (char *)"Pending";
}

void persistentvolumeclaim_validate_spec(
    const CoreV1__PersistentVolumeClaimSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *storage_path = KEY(CHILD(p, "resources"), "storage");
	struct quantity storage;

	access_modes_validate(spec->n_access_modes, spec->access_modes, CHILD(p, "accessModes"), e);
	if (rule_required_that(
		e, storage_path, quantity_in(spec->resources, requests, "storage", &storage), ""))
		rule_invalid_if(e, storage_path, storage.nano <= 0, NULL, "must be greater than zero");
	rule_label_selector(e, CHILD(p, "selector"), spec->selector);
	if (!str_empty(spec->storage_class_name))
		rule_format(e, CHILD(p, "storageClassName"), spec->storage_class_name, "dns-subdomain");
	if (spec->volume_mode)
		RULE_ENUM(e, CHILD(p, "volumeMode"), spec->volume_mode, "Block", "Filesystem");
	if (spec->data_source) {
		rule_required(e, CHILD(CHILD(p, "dataSource"), "name"), spec->data_source->name);
		rule_required(e, CHILD(CHILD(p, "dataSource"), "kind"), spec->data_source->kind);
		rule_invalid_if(e, CHILD(p, "dataSource"),
		    str_empty(spec->data_source->api_group) &&
			!str_eq(spec->data_source->kind, "PersistentVolumeClaim") &&
			!str_empty(spec->data_source->kind),
		    spec->data_source->kind,
		    "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	persistentvolumeclaim_validate_spec(
	    MSG(CoreV1__PersistentVolumeClaim, obj)->spec, PATH_ROOT("spec"), e);
}

/* The spec is fixed, but a bound claim may ask for more, and an unbound one may be given its volume. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeClaim *was = MSG(CoreV1__PersistentVolumeClaim, old);
	const CoreV1__PersistentVolumeClaimSpec *spec = MSG(CoreV1__PersistentVolumeClaim, obj)->spec;
	CoreV1__PersistentVolumeClaimSpec *munged = api_clone_message(ctx->arena, &spec->base);
	const struct field_path *p = PATH_ROOT("spec");
	struct quantity size, old_size;

	if (str_empty(was->spec->volume_name))
		munged->volume_name = was->spec->volume_name;
	if (!was->spec->storage_class_name || !spec->storage_class_name)
		munged->storage_class_name = was->spec->storage_class_name;
	if (str_eq(was->status->phase, "Bound")) {
		munged->resources = was->spec->resources;
		munged->volume_attributes_class_name = was->spec->volume_attributes_class_name;
		if (quantity_in(spec->resources, requests, "storage", &size) &&
		    quantity_in(was->spec->resources, requests, "storage", &old_size))
			rule_forbidden_if(e, CHILD(CHILD(CHILD(p, "resources"), "requests"), "storage"),
			    quantity_compare(&size, &old_size) < 0,
			    "field can not be less than status.capacity");
	}
	rule_forbidden_if(e, p, !api_equal(munged, was->spec),
	    "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
	    "bound claims");
	rule_immutable(e, CHILD(p, "volumeMode"), str_eq(spec->volume_mode, was->spec->volume_mode));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Status"), COLUMN("Volume"),
    COLUMN("Capacity"), COLUMN("Access Modes"), COLUMN("StorageClass"), COLUMN("VolumeAttributesClass"),
    COLUMN_AGE, COLUMN_WIDE("VolumeMode")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__PersistentVolumeClaim *pvc = MSG(CoreV1__PersistentVolumeClaim, obj);
	const char *class_annotation =
	    api_map_get(pvc->metadata, annotations, "volume.beta.kubernetes.io/storage-class");
	bool bound = !str_empty(pvc->spec->volume_name);
	struct quantity capacity;
	char text[QUANTITY_TEXT_MAX] = "0";

	if (bound && quantity_in(pvc->status, capacity, "storage", &capacity))
		quantity_format(&capacity, text);
	ret[0] = cell_text(ctx, pvc->metadata->name);
	ret[1] = cell_text(ctx, pvc->metadata->deletion_timestamp ? "Terminating" : pvc->status->phase);
	ret[2] = cell_text(ctx, pvc->spec->volume_name);
	ret[3] = cell_text(ctx, bound ? text : "");
	ret[4] = cell_text(
	    ctx, bound ? access_modes_text(ctx->arena, pvc->status->n_access_modes, pvc->status->access_modes)
		       : "");
	ret[5] = cell_text(ctx, class_annotation ? class_annotation : pvc->spec->storage_class_name);
	ret[6] = cell_or(ctx, pvc->spec->volume_attributes_class_name, "<unset>");
	ret[7] = cell_age(ctx, pvc->metadata->creation_timestamp);
	ret[8] = cell_or(ctx, pvc->spec->volume_mode, "<unset>");
}

const struct resource_type persistentvolumeclaim_strategy = {.defaults = defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
