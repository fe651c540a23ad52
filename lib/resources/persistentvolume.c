/* v1 PersistentVolume. */
#include "lib/resources/access_modes.h"
#include "lib/resources/podspec.h"
#include "lib/resources/strategy.h"
#include "lib/resources/volumes.h"

static void prepare_create(struct object *obj, const struct resource_context *ctx)
{
	CoreV1__PersistentVolumeStatus *status = MSG(CoreV1__PersistentVolume, obj)->status;

	status->phase = (char *)"Pending";
	status->last_phase_transition_time = time_new(obj->arena, ctx->now_s);
}

/* A change of the phase is dated, unless the client dates it. */
static void prepare_status_update(
    struct object *obj, const struct object *old, const struct resource_context *ctx)
{
	CoreV1__PersistentVolumeStatus *status = MSG(CoreV1__PersistentVolume, obj)->status;
	const CoreV1__PersistentVolumeStatus *was = MSG(CoreV1__PersistentVolume, old)->status;

	if (!str_eq(status->phase, was->phase) &&
	    (!status->last_phase_transition_time ||
		api_equal(status->last_phase_transition_time, was->last_phase_transition_time)))
		status->last_phase_transition_time = time_new(obj->arena, ctx->now_s);
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

static void check_secret_ref(
    const CoreV1__SecretReference *ref, const struct field_path *p, struct field_errors *e)
{
	if (!ref)
		return;
	rule_required(e, CHILD(p, "name"), ref->name);
	rule_required(e, CHILD(p, "namespace"), ref->namespace_);
}

/* CSI looks at the form of the reference too. */
static void check_csi_secret_ref(
    const CoreV1__SecretReference *ref, const struct field_path *p, struct field_errors *e)
{
	if (!ref)
		return;
	rule_name(e, CHILD(p, "name"), ref->name, "dns-subdomain");
	rule_name(e, CHILD(p, "namespace"), ref->namespace_, "dns-label");
}

static void check_glusterfs(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__GlusterfsPersistentVolumeSource *s = source;

	rule_required(e, CHILD(p, "endpoints"), s->endpoints);
	rule_required(e, CHILD(p, "path"), s->path);
	if (s->endpoints_namespace)
		rule_format(e, CHILD(p, "endpointsNamespace"), s->endpoints_namespace, "dns-label");
}

static void check_rbd(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__RBDPersistentVolumeSource *s = source;

	rule_required_that(e, CHILD(p, "monitors"), s->n_monitors, "");
	rule_required(e, CHILD(p, "image"), s->image);
}

static void check_cephfs(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required_that(
	    e, CHILD(p, "monitors"), ((const CoreV1__CephFSPersistentVolumeSource *)source)->n_monitors, "");
}

static void check_iscsi(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ISCSIPersistentVolumeSource *s = source;

	volume_validate_iscsi(&(struct volume_iscsi){.portal = s->target_portal,
				  .iqn = s->iqn,
				  .initiator = s->initiator_name,
				  .lun = s->lun,
				  .chap = s->chap_auth_discovery || s->chap_auth_session,
				  .has_secret = s->secret_ref},
	    p, e);
	if (s->secret_ref)
		rule_required(e, CHILD(CHILD(p, "secretRef"), "name"), s->secret_ref->name);
}

static void check_cinder(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__CinderPersistentVolumeSource *s = source;

	rule_required(e, CHILD(p, "volumeID"), s->volume_id);
	check_secret_ref(s->secret_ref, CHILD(p, "secretRef"), e);
}

static void check_flex(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__FlexPersistentVolumeSource *s = source;

	volume_validate_flex(s->driver, s->n_options, s->options, p, e);
}

static void check_azure_file(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__AzureFilePersistentVolumeSource *s = source;

	rule_required(e, CHILD(p, "secretName"), s->secret_name);
	rule_required(e, CHILD(p, "shareName"), s->share_name);
	if (s->secret_namespace)
		rule_required(e, CHILD(p, "secretNamespace"), s->secret_namespace);
}

static void check_scale_io(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ScaleIOPersistentVolumeSource *s = source;

	volume_validate_scale_io(s->gateway, s->system, s->volume_name, p, e);
}

static void check_local(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__LocalVolumeSource *s = source;

	if (rule_required(e, CHILD(p, "path"), s->path))
		volume_validate_no_backsteps(s->path, CHILD(p, "path"), e);
}

static void check_storage_os(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__StorageOSPersistentVolumeSource *s = source;
	const struct field_path *at = CHILD(p, "secretRef");

	volume_validate_storage_os(s->volume_name, s->volume_namespace, p, e);
	if (!s->secret_ref)
		return;
	rule_required(e, CHILD(at, "name"), s->secret_ref->name);
	rule_required(e, CHILD(at, "namespace"), s->secret_ref->namespace_);
}

static void check_csi(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__CSIPersistentVolumeSource *s = source;

	volume_validate_csi_driver(s->driver, CHILD(p, "driver"), e);
	rule_required(e, CHILD(p, "volumeHandle"), s->volume_handle);
	check_csi_secret_ref(s->controller_publish_secret_ref, CHILD(p, "controllerPublishSecretRef"), e);
	check_csi_secret_ref(s->controller_expand_secret_ref, CHILD(p, "controllerExpandSecretRef"), e);
	check_csi_secret_ref(s->node_publish_secret_ref, CHILD(p, "nodePublishSecretRef"), e);
	check_csi_secret_ref(s->node_expand_secret_ref, CHILD(p, "nodeExpandSecretRef"), e);
}

/* In upstream's order, which decides what is refused. */
#define SOURCE(member) offsetof(CoreV1__PersistentVolumeSource, member)
static const struct volume_kind kinds[] = {
    {SOURCE(host_path), "hostPath", NULL, volume_check_host_path, false},
    {SOURCE(gce_persistent_disk), "persistentDisk", "gcePersistentDisk", volume_check_gce, false},
    {SOURCE(aws_elastic_block_store), "awsElasticBlockStore", NULL, volume_check_aws, false},
    {SOURCE(glusterfs), "glusterfs", NULL, check_glusterfs, false},
    {SOURCE(flocker), "flocker", NULL, volume_check_flocker, false},
    {SOURCE(nfs), "nfs", NULL, volume_check_nfs, false},
    {SOURCE(rbd), "rbd", NULL, check_rbd, false},
    {SOURCE(quobyte), "quobyte", NULL, volume_check_quobyte, false},
    {SOURCE(cephfs), "cephfs", "cephFS", check_cephfs, false},
    {SOURCE(iscsi), "iscsi", NULL, check_iscsi, false},
    {SOURCE(cinder), "cinder", NULL, check_cinder, false},
    {SOURCE(fc), "fc", NULL, volume_check_fc, false},
    {SOURCE(flex_volume), "flexVolume", NULL, check_flex, true},
    {SOURCE(azure_file), "azureFile", NULL, check_azure_file, false},
    {SOURCE(vsphere_volume), "vsphereVolume", NULL, volume_check_vsphere, false},
    {SOURCE(photon_persistent_disk), "photonPersistentDisk", NULL, volume_check_photon, false},
    {SOURCE(portworx_volume), "portworxVolume", NULL, volume_check_portworx, false},
    {SOURCE(azure_disk), "azureDisk", NULL, volume_check_azure_disk, false},
    {SOURCE(scale_io), "scaleIO", NULL, check_scale_io, false},
    {SOURCE(local), "local", NULL, check_local, false},
    {SOURCE(storageos), "storageos", NULL, check_storage_os, false},
    {SOURCE(csi), "csi", NULL, check_csi, false},
};

/* Whether a path is "/" when its dots and double slashes are gone. */
static bool is_root(const char *path)
{
	size_t depth = 0;

	if (path[0] != '/')
		return false;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2))
			depth -= depth > 0;
		else if (len && !(len == 1 && *path == '.'))
			depth++;
		path += len + (path[len] == '/');
	}
	return !depth;
}

static void check_source(
    const CoreV1__PersistentVolume *pv, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PersistentVolumeSpec *spec = pv->spec;
	const CoreV1__PersistentVolumeSource *s = spec->persistent_volume_source;

	volume_validate_sources(&s->base, kinds, sizeof kinds / sizeof kinds[0], p, e);
	if (s->iscsi && s->iscsi->initiator_name)
		rule_invalid_if(e, CHILD(CHILD(p, "iscsi"), "targetportal"),
		    strlen(str_or(pv->metadata->name, "")) + 1 + strlen(str_or(s->iscsi->target_portal, "")) >
			64,
		    s->iscsi->target_portal,
		    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
		    "iscsi.initiatorName is specified.");
	rule_required_that(e, CHILD(p, "nodeAffinity"),
	    !s->local || volume_count_sources(&s->base) > 1 || spec->node_affinity,
	    "Local volume requires node affinity");
	rule_forbidden_if(e, CHILD(p, "persistentVolumeReclaimPolicy"),
	    s->host_path && is_root(str_or(s->host_path->path, "")) &&
		str_eq(spec->persistent_volume_reclaim_policy, "Recycle"),
	    "may not be 'recycle' for a hostPath mount of '/'");
}

static void check_attributes_class(
    const CoreV1__PersistentVolumeSpec *spec, const struct field_path *p, struct field_errors *e)
{
	const char *class = spec->volume_attributes_class_name;

	if (!class)
		return;
	rule_name(e, CHILD(p, "volumeAttributesClassName"), class, "dns-subdomain");
	rule_required_that(e, CHILD(p, "csi"), spec->persistent_volume_source->csi,
	    "has to be specified when using volumeAttributesClassName");
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
	check_source(MSG(CoreV1__PersistentVolume, obj), p, e);
	if (!str_empty(spec->storage_class_name))
		rule_format(e, CHILD(p, "storageClassName"), spec->storage_class_name, "dns-subdomain");
	if (spec->volume_mode)
		RULE_ENUM(e, CHILD(p, "volumeMode"), spec->volume_mode, "Block", "Filesystem");
	check_attributes_class(spec, p, e);
	if (!spec->node_affinity)
		return;
	if (rule_required_that(e, CHILD(CHILD(p, "nodeAffinity"), "required"), spec->node_affinity->required,
		"must specify required node constraints"))
		node_selector_validate(spec->node_affinity->required, !ctx->is_update,
		    CHILD(CHILD(p, "nodeAffinity"), "required"), e);
}

/* The source is fixed, but the secret for expansion may come later. */
static bool same_source(const CoreV1__PersistentVolumeSource *source,
    const CoreV1__PersistentVolumeSource *was, struct arena *arena)
{
	CoreV1__PersistentVolumeSource *munged;

	if (!source->csi || !was->csi || was->csi->controller_expand_secret_ref)
		return api_equal(source, was);
	munged = api_clone_message(arena, &source->base);
	munged->csi->controller_expand_secret_ref = NULL;
	return api_equal(munged, was);
}

/* The paths without "spec" are upstream's. */
static void validate_update(const struct object *obj, const struct object *old,
    const struct resource_context *ctx, struct field_errors *e)
{
	const CoreV1__PersistentVolumeSpec *spec = MSG(CoreV1__PersistentVolume, obj)->spec;
	const CoreV1__PersistentVolumeSpec *was = MSG(CoreV1__PersistentVolume, old)->spec;

	rule_forbidden_if(e, PATH_CHILD(PATH_ROOT("spec"), "persistentvolumesource"),
	    !same_source(spec->persistent_volume_source, was->persistent_volume_source, ctx->arena),
	    "spec.persistentvolumesource is immutable after creation");
	rule_immutable(e, PATH_ROOT("volumeMode"), str_eq(spec->volume_mode, was->volume_mode));
	if (was->node_affinity)
		rule_immutable(
		    e, PATH_ROOT("nodeAffinity"), api_equal(spec->node_affinity, was->node_affinity));
	rule_forbidden_if(e, PATH_CHILD(PATH_ROOT("spec"), "volumeAttributesClassName"),
	    was->volume_attributes_class_name && !spec->volume_attributes_class_name,
	    "update from non-nil value to nil is forbidden");
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
    .prepare_status_update = prepare_status_update,
    .validate = validate,
    .validate_update = validate_update,
    COLUMNS(columns),
    .cells = cells};
