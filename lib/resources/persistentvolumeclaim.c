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

static void check_data_source(
    const char *group, const char *kind, const char *name, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "name"), name);
	rule_required(e, CHILD(p, "kind"), kind);
	if (str_empty(group))
		rule_invalid_if(e, p, !str_eq(kind, "PersistentVolumeClaim"), kind,
		    "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
	else
		rule_format(e, CHILD(p, "apiGroup"), group, "dns-subdomain");
}

static void check_data_sources(
    const CoreV1__PersistentVolumeClaimSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__TypedLocalObjectReference *source = spec->data_source;
	const CoreV1__TypedObjectReference *ref = spec->data_source_ref;
	bool foreign = ref && !str_empty(ref->namespace_);

	if (source)
		check_data_source(source->api_group, source->kind, source->name, CHILD(p, "dataSource"), e);
	if (ref)
		check_data_source(ref->api_group, ref->kind, ref->name, CHILD(p, "dataSourceRef"), e);
	if (foreign)
		rule_format(e, CHILD(CHILD(p, "dataSourceRef"), "namespace"), ref->namespace_, "dns-label");
	if (!source || !ref)
		return;
	rule_invalid_if(
	    e, p, foreign, NULL, "dataSource may not be specified when dataSourceRef.namespace is specified");
	rule_invalid_if(e, p,
	    !foreign &&
		(!source->api_group != !ref->api_group || !str_eq(source->api_group, ref->api_group) ||
		    !str_eq(source->kind, ref->kind) || !str_eq(source->name, ref->name)),
	    NULL, "dataSource must match dataSourceRef");
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
	check_data_sources(spec, p, e);
	if (!str_empty(spec->volume_attributes_class_name))
		rule_format(e, CHILD(p, "volumeAttributesClassName"), spec->volume_attributes_class_name,
		    "dns-subdomain");
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	persistentvolumeclaim_validate_spec(
	    MSG(CoreV1__PersistentVolumeClaim, obj)->spec, PATH_ROOT("spec"), e);
}

static const char class_annotation_key[] = "volume.beta.kubernetes.io/storage-class";

/* A claim without a class may be given one; what the old annotation says is one. */
static void check_class(const CoreV1__PersistentVolumeClaim *pvc, const CoreV1__PersistentVolumeClaim *was,
    CoreV1__PersistentVolumeClaimSpec *munged, struct field_errors *e)
{
	const char *old = api_map_get(was->metadata, annotations, class_annotation_key);
	const char *now = api_map_get(pvc->metadata, annotations, class_annotation_key);
	const char *class = pvc->spec->storage_class_name;
	bool given = !was->spec->storage_class_name && class;
	bool moved = given && old && str_eq(class, old) && !now;

	if (!moved)
		rule_immutable(e, CHILD(CHILD(PATH_ROOT("metadata"), "annotations"), class_annotation_key),
		    str_eq(str_or(now, ""), str_or(old, "")));
	if (given && (!old || str_eq(class, old)))
		munged->storage_class_name = NULL;
}

/* The amount of storage may change: the copy gets the old one. */
static void keep_storage(
    CoreV1__PersistentVolumeClaimSpec *munged, const CoreV1__PersistentVolumeClaimSpec *was)
{
	for (size_t i = 0; i < munged->resources->n_requests; i++)
		for (size_t j = 0; j < was->resources->n_requests; j++)
			if (str_eq(munged->resources->requests[i]->key, "storage") &&
			    str_eq(was->resources->requests[j]->key, "storage"))
				munged->resources->requests[i]->value = was->resources->requests[j]->value;
}

static void check_size(const CoreV1__PersistentVolumeClaim *pvc, const CoreV1__PersistentVolumeClaim *was,
    const struct field_path *p, struct field_errors *e)
{
	struct quantity size = {0}, old = {0}, capacity = {0};

	quantity_in(pvc->spec->resources, requests, "storage", &size);
	quantity_in(was->spec->resources, requests, "storage", &old);
	quantity_in(was->status, capacity, "storage", &capacity);
	rule_forbidden_if(e, CHILD(CHILD(CHILD(p, "resources"), "requests"), "storage"),
	    quantity_compare(&size, &old) < 0 && quantity_compare(&size, &capacity) <= 0,
	    "field can not be less than status.capacity");
}

static void check_attributes_class(const CoreV1__PersistentVolumeClaimSpec *spec,
    const CoreV1__PersistentVolumeClaimSpec *was, const struct field_path *p, struct field_errors *e)
{
	if (was->volume_attributes_class_name)
		rule_forbidden_if(e, CHILD(p, "volumeAttributesClassName"),
		    !spec->volume_attributes_class_name ||
			(!*spec->volume_attributes_class_name && *was->volume_attributes_class_name),
		    "update from a value to none is forbidden");
}

/* The spec is fixed, but a bound claim may ask for more, and an unbound one may be given its volume. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeClaim *pvc = MSG(CoreV1__PersistentVolumeClaim, obj);
	const CoreV1__PersistentVolumeClaim *was = MSG(CoreV1__PersistentVolumeClaim, old);
	CoreV1__PersistentVolumeClaimSpec *munged = api_clone_message(ctx->arena, &pvc->spec->base);
	const struct field_path *p = PATH_ROOT("spec");

	if (str_empty(was->spec->volume_name))
		munged->volume_name = was->spec->volume_name;
	check_class(pvc, was, munged, e);
	if (str_eq(was->status->phase, "Bound"))
		keep_storage(munged, was->spec);
	munged->volume_attributes_class_name = was->spec->volume_attributes_class_name;
	rule_forbidden_if(e, p, !api_equal(munged, was->spec),
	    "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
	    "bound claims");
	check_size(pvc, was, p, e);
	check_attributes_class(pvc->spec, was->spec, p, e);
	rule_immutable(e, PATH_ROOT("volumeMode"),
	    str_eq(pvc->spec->volume_mode, was->spec->volume_mode)); /* upstream's path */
}

static void check_status_key(const char *key, const struct field_path *p, struct field_errors *e)
{
	if (rule_format(e, p, key, "qualified-name") && resource_name_is_native(key))
		RULE_ENUM(e, p, key, "storage");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeClaimStatus *status = MSG(CoreV1__PersistentVolumeClaim, obj)->status;
	const struct field_path *p = PATH_ROOT("status"), *statuses = CHILD(p, "allocatedResourceStatus");

	for (size_t i = 0; i < status->n_capacity; i++)
		rule_quantity_non_negative(
		    e, KEY(CHILD(p, "capacity"), status->capacity[i]->key), status->capacity[i]->value);
	for (size_t i = 0; i < status->n_allocated_resource_statuses; i++) {
		check_status_key(status->allocated_resource_statuses[i]->key, statuses, e);
		RULE_ENUM(e, statuses, status->allocated_resource_statuses[i]->value,
		    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending",
		    "NodeResizeInProgress", "NodeResizeInfeasible");
	}
	for (size_t i = 0; i < status->n_allocated_resources; i++) {
		check_status_key(status->allocated_resources[i]->key, CHILD(p, "allocatedResources"), e);
		rule_quantity_non_negative(e,
		    KEY(CHILD(p, "allocatedResources"), status->allocated_resources[i]->key),
		    status->allocated_resources[i]->value);
	}
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
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
