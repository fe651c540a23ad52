/* Volumes of a pod. The fields that upstream names oddly (downwardAPI.path without its index) are named as it
 * does. */
#include <stdint.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/podspec.h"
#include "lib/resources/volumes.h"

static void check_mode(bool set, int32_t mode, const struct field_path *p, struct field_errors *e)
{
	if (set)
		rule_invalid_if(e, p, mode < 0 || mode > 0777, NULL,
		    "must be a number between 0 and 0777 (octal), both inclusive");
}

static void check_items(
    size_t len, CoreV1__KeyToPath **items, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const struct field_path *at = AT(p, i);

		rule_required(e, CHILD(at, "key"), items[i]->key);
		if (rule_required(e, CHILD(at, "path"), items[i]->path))
			volume_validate_file_path(items[i]->path, CHILD(at, "path"), e);
		check_mode(items[i]->has_mode, items[i]->mode, CHILD(at, "mode"), e);
	}
}

static void check_downward_files(
    size_t len, CoreV1__DownwardAPIVolumeFile **items, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < len; i++) {
		const CoreV1__DownwardAPIVolumeFile *f = items[i];

		if (rule_required(e, CHILD(p, "path"), f->path))
			volume_validate_file_path(f->path, CHILD(p, "path"), e);
		if (f->field_ref) {
			podspec_validate_field_ref(f->field_ref, true, CHILD(p, "fieldRef"), e);
			rule_invalid_if(e, p, f->resource_field_ref, "resource",
			    "fieldRef and resourceFieldRef can not be specified simultaneously");
		} else if (f->resource_field_ref) {
			podspec_validate_resource_field_ref(
			    f->resource_field_ref, true, CHILD(p, "resourceFieldRef"), e);
		} else {
			rule_required_that(e, p, false, "one of fieldRef and resourceFieldRef is required");
		}
		check_mode(f->has_mode, f->mode, CHILD(p, "mode"), e);
	}
}

/* A file of a projected volume: two sources may not claim it. */
static void claim_path(
    struct rule_seen *paths, const char *path, const struct field_path *p, struct field_errors *e)
{
	if (!str_empty(path) && rule_seen(paths, e->arena, path))
		rule_invalid_if(e, p, true, path, "conflicting duplicate paths");
}

static void check_token(const CoreV1__ServiceAccountTokenProjection *t, const struct field_path *source,
    const struct field_path *projected, struct rule_seen *paths, struct field_errors *e)
{
	rule_invalid_if(e, CHILD(source, "expirationSeconds"), t->expiration_seconds < 600, NULL,
	    "may not specify a duration less than 10 minutes");
	rule_invalid_if(e, CHILD(source, "expirationSeconds"), t->expiration_seconds > (INT64_C(1) << 32),
	    NULL, "may not specify a duration larger than 2^32 seconds");
	if (rule_required(e, CHILD(projected, "path"), t->path) &&
	    volume_validate_file_path(t->path, CHILD(source, "path"), e))
		claim_path(paths, t->path, CHILD(source, "path"), e);
}

static void check_projection(const CoreV1__VolumeProjection *s, const struct field_path *at,
    const struct field_path *projected, struct rule_seen *paths, struct field_errors *e)
{
	if (s->secret) {
		rule_required(e, CHILD(CHILD(at, "secret"), "name"), s->secret->local_object_reference->name);
		check_items(s->secret->n_items, s->secret->items, CHILD(CHILD(at, "secret"), "items"), e);
		for (size_t i = 0; i < s->secret->n_items; i++)
			claim_path(paths, s->secret->items[i]->path, CHILD(at, "secret"), e);
	}
	if (s->config_map) {
		rule_required(
		    e, CHILD(CHILD(at, "configMap"), "name"), s->config_map->local_object_reference->name);
		check_items(
		    s->config_map->n_items, s->config_map->items, CHILD(CHILD(at, "configMap"), "items"), e);
		for (size_t i = 0; i < s->config_map->n_items; i++)
			claim_path(paths, s->config_map->items[i]->path, CHILD(at, "configMap"), e);
	}
	if (s->downward_api) {
		check_downward_files(
		    s->downward_api->n_items, s->downward_api->items, CHILD(at, "downwardAPI"), e);
		for (size_t i = 0; i < s->downward_api->n_items; i++)
			claim_path(paths, s->downward_api->items[i]->path, CHILD(at, "downwardAPI"), e);
	}
	if (s->service_account_token)
		check_token(s->service_account_token, CHILD(at, "serviceAccountToken"), projected, paths, e);
}

static void check_projected(
    const CoreV1__ProjectedVolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	struct rule_seen paths = {0};

	check_mode(s->has_default_mode, s->default_mode, CHILD(p, "defaultMode"), e);
	for (size_t i = 0; i < s->n_sources; i++) {
		const struct field_path *at = AT(CHILD(p, "sources"), i);
		int count = volume_count_sources(&s->sources[i]->base);

		rule_forbidden_if(e, at, count > 1, "may not specify more than 1 volume type per source");
		rule_required_that(e, at, count, "must specify a source");
		check_projection(s->sources[i], at, p, &paths, e);
	}
}

static void check_files(const CoreV1__VolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	if (s->secret) {
		rule_required(e, CHILD(CHILD(p, "secret"), "secretName"), s->secret->secret_name);
		check_mode(s->secret->has_default_mode, s->secret->default_mode,
		    CHILD(CHILD(p, "secret"), "defaultMode"), e);
		check_items(s->secret->n_items, s->secret->items, CHILD(CHILD(p, "secret"), "items"), e);
	}
	if (s->config_map) {
		rule_required(
		    e, CHILD(CHILD(p, "configMap"), "name"), s->config_map->local_object_reference->name);
		check_mode(s->config_map->has_default_mode, s->config_map->default_mode,
		    CHILD(CHILD(p, "configMap"), "defaultMode"), e);
		check_items(
		    s->config_map->n_items, s->config_map->items, CHILD(CHILD(p, "configMap"), "items"), e);
	}
	if (s->downward_api) {
		check_mode(s->downward_api->has_default_mode, s->downward_api->default_mode,
		    CHILD(CHILD(p, "downwardAPI"), "defaultMode"), e);
		check_downward_files(
		    s->downward_api->n_items, s->downward_api->items, CHILD(p, "downwardAPI"), e);
	}
	if (s->projected)
		check_projected(s->projected, CHILD(p, "projected"), e);
	if (s->empty_dir && s->empty_dir->size_limit)
		rule_forbidden_if(e, CHILD(CHILD(p, "emptyDir"), "sizeLimit"),
		    quantity_of(s->empty_dir->size_limit).nano < 0,
		    "SizeLimit field must be a valid resource quantity");
	if (s->git_repo) {
		rule_required(e, CHILD(CHILD(p, "gitRepo"), "repository"), s->git_repo->repository);
		rule_format(
		    e, CHILD(CHILD(p, "gitRepo"), "directory"), s->git_repo->directory, "relative-path");
	}
}

static void check_disks(const CoreV1__VolumeSource *s, const struct field_path *p, struct field_errors *e)
{
	if (s->host_path)
		volume_validate_host_path(s->host_path, CHILD(p, "hostPath"), e);
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
	if (s->csi) {
		volume_validate_csi_driver(s->csi->driver, CHILD(CHILD(p, "csi"), "driver"), e);
		if (s->csi->node_publish_secret_ref)
			rule_required(e, CHILD(CHILD(CHILD(p, "csi"), "nodePublishSecretRef"), "name"),
			    s->csi->node_publish_secret_ref->name);
	}
	if (s->persistent_volume_claim)
		rule_required(e, CHILD(CHILD(p, "persistentVolumeClaim"), "claimName"),
		    s->persistent_volume_claim->claim_name);
	if (s->ephemeral)
		rule_required_that(e, CHILD(CHILD(p, "ephemeral"), "volumeClaimTemplate"),
		    s->ephemeral->volume_claim_template, "");
	if (s->glusterfs) {
		rule_required(e, CHILD(CHILD(p, "glusterfs"), "endpoints"), s->glusterfs->endpoints);
		rule_required(e, CHILD(CHILD(p, "glusterfs"), "path"), s->glusterfs->path);
	}
	if (s->rbd) {
		rule_required_that(e, CHILD(CHILD(p, "rbd"), "monitors"), s->rbd->n_monitors, "");
		rule_required(e, CHILD(CHILD(p, "rbd"), "image"), s->rbd->image);
	}
	if (s->cephfs)
		rule_required_that(e, CHILD(CHILD(p, "cephfs"), "monitors"), s->cephfs->n_monitors, "");
	if (s->cinder)
		rule_required(e, CHILD(CHILD(p, "cinder"), "volumeID"), s->cinder->volume_id);
	if (s->flex_volume)
		rule_required(e, CHILD(CHILD(p, "flexVolume"), "driver"), s->flex_volume->driver);
	if (s->azure_file) {
		rule_required(e, CHILD(CHILD(p, "azureFile"), "secretName"), s->azure_file->secret_name);
		rule_required(e, CHILD(CHILD(p, "azureFile"), "shareName"), s->azure_file->share_name);
	}
	if (s->azure_disk) {
		rule_required(e, CHILD(CHILD(p, "azureDisk"), "diskName"), s->azure_disk->disk_name);
		rule_required(e, CHILD(CHILD(p, "azureDisk"), "diskURI"), s->azure_disk->disk_uri);
	}
	if (s->vsphere_volume)
		rule_required(
		    e, CHILD(CHILD(p, "vsphereVolume"), "volumePath"), s->vsphere_volume->volume_path);
	if (s->portworx_volume)
		rule_required(
		    e, CHILD(CHILD(p, "portworxVolume"), "volumeID"), s->portworx_volume->volume_id);
}

void podspec_validate_volumes(const CoreV1__PodSpec *spec, const struct field_path *p, struct field_errors *e,
    struct volume_set *ret_valid)
{
	struct rule_seen names = {0};

	ret_valid->items = ARENA_ARRAY(e->arena, const CoreV1__Volume *, spec->n_volumes + 1);
	ret_valid->len = 0;
	for (size_t i = 0; i < spec->n_volumes; i++) {
		const CoreV1__Volume *v = spec->volumes[i];
		const struct field_path *at = AT(p, i);
		size_t before = e->len;
		int count = volume_count_sources(&v->volume_source->base);

		rule_required_that(e, at, count, "must specify a volume type");
		rule_forbidden_if(e, at, count > 1, "may not specify more than 1 volume type");
		check_files(v->volume_source, at, e);
		check_disks(v->volume_source, at, e);
		if (rule_name(e, CHILD(at, "name"), v->name, "dns-label") &&
		    rule_seen(&names, e->arena, v->name))
			rule_duplicate(e, CHILD(at, "name"), v->name);
		if (e->len == before)
			ret_valid->items[ret_valid->len++] = v;
	}
}
