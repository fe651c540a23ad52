/* Volumes of a pod: one source each. The kinds are listed in upstream's order, which decides what is refused.
 */
#include <stddef.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/persistentvolumeclaim.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static void check_empty_dir(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__EmptyDirVolumeSource *s = source;

	rule_forbidden_if(e, CHILD(p, "sizeLimit"), s->size_limit && quantity_of(s->size_limit).nano < 0,
	    "SizeLimit field must be a valid resource quantity");
}

static void check_git_repo(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__GitRepoVolumeSource *s = source;

	rule_required(e, CHILD(p, "repository"), s->repository);
	volume_validate_descending_path(s->directory, CHILD(p, "directory"), e);
}

static void check_iscsi(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ISCSIVolumeSource *s = source;

	volume_validate_iscsi(&(struct volume_iscsi){.portal = s->target_portal,
				  .iqn = s->iqn,
				  .initiator = s->initiator_name,
				  .lun = s->lun,
				  .chap = s->chap_auth_discovery || s->chap_auth_session,
				  .has_secret = s->secret_ref},
	    p, e);
}

static void check_glusterfs(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__GlusterfsVolumeSource *s = source;

	rule_required(e, CHILD(p, "endpoints"), s->endpoints);
	rule_required(e, CHILD(p, "path"), s->path);
}

static void check_claim(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required(e, CHILD(p, "claimName"),
	    ((const CoreV1__PersistentVolumeClaimVolumeSource *)source)->claim_name);
}

static void check_rbd(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__RBDVolumeSource *s = source;

	rule_required_that(e, CHILD(p, "monitors"), s->n_monitors, "");
	rule_required(e, CHILD(p, "image"), s->image);
}

static void check_cinder(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__CinderVolumeSource *s = source;

	rule_required(e, CHILD(p, "volumeID"), s->volume_id);
	if (s->secret_ref)
		rule_required(e, CHILD(CHILD(p, "secretRef"), "name"), s->secret_ref->name);
}

static void check_cephfs(const void *source, const struct field_path *p, struct field_errors *e)
{
	rule_required_that(
	    e, CHILD(p, "monitors"), ((const CoreV1__CephFSVolumeSource *)source)->n_monitors, "");
}

static void check_flex(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__FlexVolumeSource *s = source;

	volume_validate_flex(s->driver, s->n_options, s->options, p, e);
}

static void check_azure_file(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__AzureFileVolumeSource *s = source;

	rule_required(e, CHILD(p, "secretName"), s->secret_name);
	rule_required(e, CHILD(p, "shareName"), s->share_name);
}

static void check_storage_os(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__StorageOSVolumeSource *s = source;

	volume_validate_storage_os(s->volume_name, s->volume_namespace, p, e);
	if (s->secret_ref)
		rule_required(e, CHILD(CHILD(p, "secretRef"), "name"), s->secret_ref->name);
}

static void check_scale_io(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__ScaleIOVolumeSource *s = source;

	volume_validate_scale_io(s->gateway, s->system, s->volume_name, p, e);
}

static void check_csi(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__CSIVolumeSource *s = source;

	volume_validate_csi_driver(s->driver, CHILD(p, "driver"), e);
	if (s->node_publish_secret_ref && rule_required(e, CHILD(CHILD(p, "nodePublishSecretRef"), "name"),
					      s->node_publish_secret_ref->name))
		rule_format(e, CHILD(p, "name"), s->node_publish_secret_ref->name, "dns-subdomain");
}

static void check_template_meta(
    const MetaV1__ObjectMeta *m, const struct field_path *p, struct field_errors *e)
{
	const struct {
		const char *name;
		bool set;
	} others[] = {{"name", !str_empty(m->name)}, {"generateName", !str_empty(m->generate_name)},
	    {"namespace", !str_empty(m->namespace_)}, {"selfLink", !str_empty(m->self_link)},
	    {"uID", !str_empty(m->uid)}, {"resourceVersion", !str_empty(m->resource_version)},
	    {"generation", m->generation}, {"deletionTimestamp", m->deletion_timestamp},
	    {"deletionGracePeriodSeconds", m->has_deletion_grace_period_seconds},
	    {"ownerReferences", m->n_owner_references}, {"finalizers", m->n_finalizers},
	    {"managedFields", m->n_managed_fields}};

	rule_annotations(e, CHILD(p, "annotations"), m->n_annotations, m->annotations);
	rule_labels(e, CHILD(p, "labels"), m->n_labels, m->labels);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		rule_forbidden_if(e, CHILD(p, others[i].name), others[i].set, "cannot be set");
}

static void check_ephemeral(const void *source, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PersistentVolumeClaimTemplate *t =
	    ((const CoreV1__EphemeralVolumeSource *)source)->volume_claim_template;
	const struct field_path *at = CHILD(p, "volumeClaimTemplate");

	if (!rule_required_that(e, at, t, ""))
		return;
	if (t->metadata)
		check_template_meta(t->metadata, CHILD(at, "metadata"), e);
	persistentvolumeclaim_validate_spec(t->spec, CHILD(at, "spec"), e);
}

#define SOURCE(member) offsetof(CoreV1__VolumeSource, member)
static const struct volume_kind kinds[] = {
    {SOURCE(empty_dir), "emptyDir", NULL, check_empty_dir, false},
    {SOURCE(host_path), "hostPath", NULL, volume_check_host_path, false},
    {SOURCE(git_repo), "gitRepo", NULL, check_git_repo, false},
    {SOURCE(gce_persistent_disk), "persistentDisk", "gcePersistentDisk", volume_check_gce, false},
    {SOURCE(aws_elastic_block_store), "awsElasticBlockStore", NULL, volume_check_aws, false},
    {SOURCE(secret), "secret", NULL, podspec_check_secret, false},
    {SOURCE(nfs), "nfs", NULL, volume_check_nfs, false},
    {SOURCE(iscsi), "iscsi", NULL, check_iscsi, false},
    {SOURCE(glusterfs), "glusterfs", NULL, check_glusterfs, false},
    {SOURCE(flocker), "flocker", NULL, volume_check_flocker, false},
    {SOURCE(persistent_volume_claim), "persistentVolumeClaim", NULL, check_claim, false},
    {SOURCE(rbd), "rbd", NULL, check_rbd, false},
    {SOURCE(cinder), "cinder", NULL, check_cinder, false},
    {SOURCE(cephfs), "cephfs", "cephFS", check_cephfs, false},
    {SOURCE(quobyte), "quobyte", NULL, volume_check_quobyte, false},
    {SOURCE(downward_api), "downwardAPI", "downwarAPI", podspec_check_downward_api, false},
    {SOURCE(fc), "fc", NULL, volume_check_fc, false},
    {SOURCE(flex_volume), "flexVolume", NULL, check_flex, false},
    {SOURCE(config_map), "configMap", NULL, podspec_check_config_map, false},
    {SOURCE(azure_file), "azureFile", NULL, check_azure_file, false},
    {SOURCE(vsphere_volume), "vsphereVolume", NULL, volume_check_vsphere, false},
    {SOURCE(photon_persistent_disk), "photonPersistentDisk", NULL, volume_check_photon, false},
    {SOURCE(portworx_volume), "portworxVolume", NULL, volume_check_portworx, false},
    {SOURCE(azure_disk), "azureDisk", NULL, volume_check_azure_disk, false},
    {SOURCE(storageos), "storageos", NULL, check_storage_os, false},
    {SOURCE(projected), "projected", NULL, podspec_check_projected, false},
    {SOURCE(scale_io), "scaleIO", NULL, check_scale_io, false},
    {SOURCE(csi), "csi", NULL, check_csi, false},
    {SOURCE(ephemeral), "ephemeral", NULL, check_ephemeral, false},
    {SOURCE(image), "image", NULL, NULL, false},
};

static const char *claim_name(const MetaV1__ObjectMeta *pod, const CoreV1__Volume *v, struct arena *arena)
{
	return pod && !str_empty(pod->name) && !str_empty(v->name)
		   ? arena_printf(arena, "%s-%s", pod->name, v->name)
		   : NULL;
}

/* Where a volume's name becomes part of a longer one. */
static void check_name_length(const CoreV1__Volume *v, const MetaV1__ObjectMeta *pod,
    const struct field_path *p, struct field_errors *e)
{
	const CoreV1__VolumeSource *s = v->volume_source;
	const char *claim = claim_name(pod, v, e->arena);

	if (s->iscsi && s->iscsi->initiator_name)
		rule_invalid_if(e, CHILD(p, "name"),
		    strlen(str_or(v->name, "")) + 1 + strlen(str_or(s->iscsi->target_portal, "")) > 64,
		    v->name,
		    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
		    "iscsi.initiatorName is specified.");
	if (s->ephemeral && claim && volume_count_sources(&s->base) == 1)
		rule_invalid_if(e, CHILD(p, "name"), !format_is_dns_subdomain(claim), v->name,
		    "must make a valid name of a claim together with the pod's name");
}

/* A claim that the pod makes for an ephemeral volume is no other volume's. */
static void check_foreign_claim(const CoreV1__PodSpec *spec, const CoreV1__Volume *v,
    const MetaV1__ObjectMeta *pod, const struct field_path *p, struct field_errors *e)
{
	const CoreV1__PersistentVolumeClaimVolumeSource *claim = v->volume_source->persistent_volume_claim;

	for (size_t i = 0; claim && pod && !str_empty(pod->name) && i < spec->n_volumes; i++)
		if (spec->volumes[i]->volume_source->ephemeral &&
		    str_eq(claim->claim_name,
			arena_printf(e->arena, "%s-%s", pod->name, str_or(spec->volumes[i]->name, "")))) {
			rule_invalid_if(e, CHILD(CHILD(p, "persistentVolumeClaim"), "claimName"), true,
			    claim->claim_name,
			    "must not reference a PVC that gets created for an ephemeral volume");
			return;
		}
}

void podspec_validate_volumes(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *pod,
    const struct field_path *p, struct field_errors *e, struct volume_set *ret_valid)
{
	struct rule_seen names = {0};

	ret_valid->items = ARENA_ARRAY(e->arena, const CoreV1__Volume *, spec->n_volumes + 1);
	ret_valid->len = 0;
	for (size_t i = 0; i < spec->n_volumes; i++) {
		const CoreV1__Volume *v = spec->volumes[i];
		const struct field_path *at = AT(p, i);
		size_t before = e->len;

		volume_validate_sources(
		    &v->volume_source->base, kinds, sizeof kinds / sizeof kinds[0], at, e);
		check_name_length(v, pod, at, e);
		rule_name(e, CHILD(at, "name"), v->name, "dns-label");
		/* only the names of volumes without findings are taken */
		if (rule_has_seen(&names, str_or(v->name, "")))
			rule_duplicate(e, CHILD(at, "name"), v->name);
		if (e->len == before) {
			rule_seen(&names, e->arena, str_or(v->name, ""));
			ret_valid->items[ret_valid->len++] = v;
		}
		check_foreign_claim(spec, v, pod, at, e);
	}
}
