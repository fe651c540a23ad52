/* storage.k8s.io/v1 VolumeAttachment. */
#include "lib/resources/strategy.h"
#include "lib/resources/volumes.h"
#include "proto/storage_v1.pb-c.h"

/* A volume without a PersistentVolume: of a CSI driver, and nothing that only a claim's volume has. */
static void check_inline(
    const CoreV1__PersistentVolumeSpec *v, const struct field_path *p, struct field_errors *e)
{
	static const char detail[] = "may not be specified in the context of inline volumes";
	const CoreV1__CSIPersistentVolumeSource *csi = v->persistent_volume_source->csi;

	rule_forbidden_if(e, CHILD(p, "claimRef"), v->claim_ref, detail);
	rule_forbidden_if(e, CHILD(p, "capacity"), v->n_capacity, detail);
	rule_forbidden_if(e, CHILD(p, "nodeAffinity"), v->node_affinity, detail);
	rule_forbidden_if(e, CHILD(p, "storageClassName"), !str_empty(v->storage_class_name), detail);
	rule_forbidden_if(e, CHILD(p, "persistentVolumeReclaimPolicy"),
	    !str_empty(v->persistent_volume_reclaim_policy) &&
		strcmp(v->persistent_volume_reclaim_policy, "Retain"),
	    "may only be Retain in the context of inline volumes");
	rule_forbidden_if(e, CHILD(p, "volumeMode"), v->volume_mode && strcmp(v->volume_mode, "Filesystem"),
	    "may not specify volumeMode other than Filesystem in the context of inline volumes");
	rule_required_that(e, CHILD(p, "accessModes"), v->n_access_modes, "");
	for (size_t i = 0; i < v->n_access_modes; i++)
		RULE_ENUM(e, CHILD(p, "accessModes"), v->access_modes[i], "ReadOnlyMany", "ReadWriteMany",
		    "ReadWriteOnce", "ReadWriteOncePod");
	rule_required_that(
	    e, p, volume_count_sources(&v->persistent_volume_source->base), "must specify a volume type");
	if (!rule_required_that(
		e, CHILD(p, "csi"), csi, "has to be specified in the context of inline volumes"))
		return;
	volume_validate_csi_driver(csi->driver, CHILD(CHILD(p, "csi"), "driver"), e);
	rule_required(e, CHILD(CHILD(p, "csi"), "volumeHandle"), csi->volume_handle);
}

static void validate(const struct object *obj, const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__VolumeAttachmentSpec *spec = MSG(StorageV1__VolumeAttachment, obj)->spec;
	const StorageV1__VolumeAttachmentSource *source = spec->source;
	const struct field_path *p = PATH_ROOT("spec"),
				*pv = CHILD(CHILD(p, "source"), "persistentVolumeName");

	if (ctx->is_update) /* objects of before v1 may be looser */
		rule_required(e, CHILD(p, "attacher"), spec->attacher);
	else
		volume_validate_csi_driver(spec->attacher, CHILD(p, "attacher"), e);
	rule_format(e, CHILD(p, "nodeName"), spec->node_name, "dns-subdomain");
	if (!rule_required_that(e, CHILD(p, "source"),
		source->persistent_volume_name || source->inline_volume_spec,
		"must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
		return;
	rule_forbidden_if(e, CHILD(p, "source"), source->persistent_volume_name && source->inline_volume_spec,
	    "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
	if (source->inline_volume_spec && !source->persistent_volume_name)
		check_inline(source->inline_volume_spec, CHILD(CHILD(p, "source"), "inlineVolumeSpec"), e);
	if (!source->persistent_volume_name)
		return;
	rule_required(e, pv, source->persistent_volume_name);
	if (!ctx->is_update)
		rule_format(e, pv, source->persistent_volume_name, "dns-subdomain");
}

static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	rule_immutable(e, PATH_ROOT("spec"),
	    api_equal(
		MSG(StorageV1__VolumeAttachment, obj)->spec, MSG(StorageV1__VolumeAttachment, old)->spec));
}

static void check_error(const StorageV1__VolumeError *v, const struct field_path *p, struct field_errors *e)
{
	if (v && strlen(str_or(v->message, "")) > 1024)
		field_errors_at(
		    e, FIELD_TOO_LONG, CHILD(p, "message"), NULL, "may not be more than 1024 bytes");
}

static void validate_status_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const StorageV1__VolumeAttachmentStatus *s = MSG(StorageV1__VolumeAttachment, obj)->status;
	size_t size = 0;

	for (size_t i = 0; i < s->n_attachment_metadata; i++)
		size += strlen(s->attachment_metadata[i]->key) +
			strlen(str_or(s->attachment_metadata[i]->value, ""));
	if (size > 256 * 1024)
		field_errors_at(e, FIELD_TOO_LONG, CHILD(PATH_ROOT("status"), "attachmentMetadata"), NULL,
		    "may not be more than %d bytes", 256 * 1024);
	check_error(s->attach_error, CHILD(PATH_ROOT("status"), "attachError"), e);
	check_error(s->detach_error, CHILD(PATH_ROOT("status"), "detachError"), e);
}

static const struct table_column columns[] = {COLUMN_NAME, {"Attacher", "string", "name", "", 0},
    COLUMN("PV"), COLUMN("Node"), COLUMN_BOOL("Attached"), COLUMN_AGE};

static void cells(const struct object *obj, const struct resource_context *ctx, struct json **ret)
{
	const StorageV1__VolumeAttachment *va = MSG(StorageV1__VolumeAttachment, obj);

	ret[0] = cell_text(ctx, va->metadata->name);
	ret[1] = cell_text(ctx, va->spec->attacher);
	ret[2] = cell_text(ctx, va->spec->source->persistent_volume_name);
	ret[3] = cell_text(ctx, va->spec->node_name);
	ret[4] = cell_bool(ctx, va->status->attached);
	ret[5] = cell_age(ctx, va->metadata->creation_timestamp);
}

const struct resource_type volumeattachment_strategy = {.prepare_status_update = strategy_keep_meta,
    .validate = validate,
    .validate_update = validate_update,
    .validate_status_update = validate_status_update,
    COLUMNS(columns),
    .cells = cells};
