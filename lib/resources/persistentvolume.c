/* v1 PersistentVolume. */
#include "lib/resources/access_modes.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/volumes.h"

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	MSG(CoreV1__PersistentVolume, obj)->status->phase = (char *)"Pending";
}

static void check_capacity(
    const CoreV1__PersistentVolumeSpec *spec, const struct field_path *p, struct field_errors *e)
{
	bool storage = false;

	rule_required_that(e, p, spec->n_capacity, "");
	for (size_t i = 0; i < spec->n_capacity; i++)
		storage = storage || str_eq(spec->capacity[i]->key, "storage");
	if (!storage || spec->n_capacity > 1)
		field_errors_not_supported(
		    e, field_path_text(e->arena, p), "", (const char *const[]){"storage", NULL});
	for (size_t i = 0; i < spec->n_capacity; i++)
		rule_invalid_if(e, KEY(p, spec->capacity[i]->key),
		    quantity_of(spec->capacity[i]->value).nano <= 0, NULL, "must be greater than zero");
}

static void check_source(
    const CoreV1__PersistentVolumeSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PersistentVolumeSource *s = spec->persistent_volume_source;
	int count = volume_count_sources(&s->base);

	rule_required_that(e, p, count, "must specify a volume type");
	rule_forbidden_if(e, p, count > 1, "may not specify more than 1 volume type");
	if (s->host_path) {
		volume_validate_host_path(s->host_path, CHILD(p, "hostPath"), e);
		rule_forbidden_if(e, CHILD(p, "persistentVolumeReclaimPolicy"),
		    str_eq(s->host_path->path, "/") &&
			str_eq(spec->persistent_volume_reclaim_policy, "Recycle"),
		    "may not be 'recycle' for a hostPath mount of '/'");
	}
	if (s->nfs)
		volume_validate_nfs(s->nfs, CHILD(p, "nfs"), e);
	if (s->gce_persistent_disk)
		volume_validate_gce(s->gce_persistent_disk, CHILD(p, "gcePersistentDisk"), e);
	if (s->aws_elastic_block_store)
		volume_validate_aws(s->aws_elastic_block_store, CHILD(p, "awsElasticBlockStore"), e);
	if (s->fc)
		volume_validate_fc(s->fc, CHILD(p, "fc"), e);
	if (s->iscsi)
		volume_validate_iscsi(
		    s->iscsi->target_portal, s->iscsi->iqn, s->iscsi->lun, CHILD(p, "iscsi"), e);
	if (s->local) {
		if (rule_required(e, CHILD(CHILD(p, "local"), "path"), s->local->path))
			rule_invalid_if(e, CHILD(CHILD(p, "local"), "path"),
			    format_has_dotdot(s->local->path), s->local->path, "must not contain '..'");
		rule_required_that(e, CHILD(p, "nodeAffinity"),
		    spec->node_affinity && spec->node_affinity->required,
		    "Local volume requires node affinity");
	}
	if (s->csi) {
		volume_validate_csi_driver(s->csi->driver, CHILD(CHILD(p, "csi"), "driver"), e);
		rule_required(e, CHILD(CHILD(p, "csi"), "volumeHandle"), s->csi->volume_handle);
	}
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeSpec *spec = MSG(CoreV1__PersistentVolume, obj)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	access_modes_validate(spec->n_access_modes, spec->access_modes, CHILD(p, "accessModes"), e);
	check_capacity(spec, CHILD(p, "capacity"), e);
	if (!str_empty(spec->persistent_volume_reclaim_policy))
		RULE_ENUM(e, CHILD(p, "persistentVolumeReclaimPolicy"),
		    spec->persistent_volume_reclaim_policy, "Delete", "Recycle", "Retain");
	check_source(spec, p, e);
	if (!str_empty(spec->storage_class_name))
		rule_format(e, CHILD(p, "storageClassName"), spec->storage_class_name, "dns-subdomain");
	if (spec->volume_mode)
		RULE_ENUM(e, CHILD(p, "volumeMode"), spec->volume_mode, "Block", "Filesystem");
	if (!spec->node_affinity)
		return;
	if (rule_required_that(e, CHILD(CHILD(p, "nodeAffinity"), "required"), spec->node_affinity->required,
		"must specify required node constraints"))
		node_selector_validate(
		    spec->node_affinity->required, CHILD(CHILD(p, "nodeAffinity"), "required"), e);
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeSpec *spec = MSG(CoreV1__PersistentVolume, obj)->spec;
	const CoreV1__PersistentVolumeSpec *was = MSG(CoreV1__PersistentVolume, old)->spec;
	const struct field_path *p = PATH_ROOT("spec");

	rule_forbidden_if(e, CHILD(p, "persistentvolumesource"),
	    !api_equal(spec->persistent_volume_source, was->persistent_volume_source),
	    "spec.persistentvolumesource is immutable after creation");
	rule_immutable(e, CHILD(p, "volumeMode"), str_eq(spec->volume_mode, was->volume_mode));
	if (was->node_affinity)
		rule_immutable(
		    e, CHILD(p, "nodeAffinity"), api_equal(spec->node_affinity, was->node_affinity));
}

static const struct table_column columns[] = {COLUMN_NAME, COLUMN("Capacity"), COLUMN("Access Modes"),
    COLUMN("Reclaim Policy"), COLUMN("Status"), COLUMN("Claim"), COLUMN("StorageClass"),
    COLUMN("VolumeAttributesClass"), COLUMN("Reason"), COLUMN_AGE, COLUMN_WIDE("VolumeMode")};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const CoreV1__PersistentVolume *pv = MSG(CoreV1__PersistentVolume, obj);
	const char *class_annotation =
	    api_map_get(pv->metadata, annotations, "volume.beta.kubernetes.io/storage-class");
	const CoreV1__ObjectReference *claim = pv->spec->claim_ref;
	struct quantity capacity;
	char text[QUANTITY_TEXT_MAX] = "";

	if (quantity_in(pv->spec, capacity, "storage", &capacity))
		quantity_format(&capacity, text);
	ret[0] = cell_text(ctx, pv->metadata->name);
	ret[1] = cell_text(ctx, text);
	ret[2] =
	    cell_text(ctx, access_modes_text(ctx->arena, pv->spec->n_access_modes, pv->spec->access_modes));
	ret[3] = cell_text(ctx, pv->spec->persistent_volume_reclaim_policy);
	ret[4] = cell_text(ctx, pv->metadata->deletion_timestamp ? "Terminating" : pv->status->phase);
	ret[5] = claim ? cell_printf(ctx, "%s/%s", claim->namespace_, claim->name) : cell_text(ctx, "");
	ret[6] = cell_text(ctx, class_annotation ? class_annotation : pv->spec->storage_class_name);
	ret[7] = cell_or(ctx, pv->spec->volume_attributes_class_name, "<unset>");
	ret[8] = cell_text(ctx, pv->status->reason);
	ret[9] = cell_age(ctx, pv->metadata->creation_timestamp);
	ret[10] = cell_or(ctx, pv->spec->volume_mode, "<unset>");
}

const struct resource_type persistentvolume_strategy = {.prepare_create = prepare_create,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
