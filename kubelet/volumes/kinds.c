/* The kinds of volumes: what each needs from the API and how it comes to stand on the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/volumes/claims.h"
#include "kubelet/volumes/ownership.h"
#include "kubelet/volumes/payload.h"
#include "kubelet/volumes/volume_private.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

/* ---- emptyDir ---- */

static bool is_empty_dir(const CoreV1__VolumeSource *s)
{
	return s->empty_dir != NULL;
}

static int collect_empty_dir(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__EmptyDirVolumeSource *e = v->volume_source->empty_dir;
	if (str_has_prefix(e->medium, "HugePages"))
		return error_set(err, ERR_NOT_IMPLEMENTED, "emptyDir on huge pages is not supported");
	work->memory_backed = str_eq(e->medium, "Memory");
	struct quantity q = quantity_of(e->size_limit);
	int64_t limit = pod_limit_memory(pod_of(pod));
	work->size_limit = e->size_limit ? quantity_value(&q) : 0;
	if (limit && (!work->size_limit || limit < work->size_limit))
		work->size_limit = limit;
	return 0;
}

static int set_up_empty_dir(const struct volume_work *work, struct error *err)
{
	struct stat st;
	bool exists = stat(work->path, &st) == 0;
	if (files_make_path(work->path, 0750, err))
		return -1;
	if (work->memory_backed && !files_is_mount_point(work->path)) {
		char options[64] = "mode=1777";
		if (work->size_limit)
			snprintf(options, sizeof options, "mode=1777,size=%lld", (long long)work->size_limit);
		if (mount("tmpfs", work->path, "tmpfs", 0, options) < 0)
			return error_set_errno(err, errno, "mount tmpfs on %s", work->path);
		exists = false;
	}
	if (!exists && !work->memory_backed && chmod(work->path, 0777) < 0)
		return error_set_errno(err, errno, "chmod %s", work->path);
	return work->has_fs_group ? ownership_apply(work->path, work->fs_group, false, exists, err) : 0;
}

static const struct volume_kind empty_dir = {.name = "kubernetes.io/empty-dir",
    .handles = is_empty_dir,
    .collect = collect_empty_dir,
    .set_up = set_up_empty_dir};

/* ---- hostPath ---- */

static bool is_host_path(const CoreV1__VolumeSource *s)
{
	return s->host_path != NULL;
}

static int collect_host_path(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	work->path = arena_strdup(work->arena, v->volume_source->host_path->path);
	work->host_type = arena_strdup(work->arena, str_or(v->volume_source->host_path->type, ""));
	work->has_fs_group = false; /* the host's files keep their owners */
	return 0;
}

static int check_type(const struct volume_work *work, struct error *err)
{
	const char *type = work->host_type;
	struct stat st;
	if (stat(work->path, &st) < 0)
		return error_set(
		    err, ERR_INVALID, "hostPath type check failed: %s is not a %s", work->path, type);
	bool ok = (str_eq(type, "Directory") || str_eq(type, "DirectoryOrCreate")) ? S_ISDIR(st.st_mode)
		  : (str_eq(type, "File") || str_eq(type, "FileOrCreate"))         ? S_ISREG(st.st_mode)
		  : str_eq(type, "Socket")                                         ? S_ISSOCK(st.st_mode)
		  : str_eq(type, "CharDevice")                                     ? S_ISCHR(st.st_mode)
		  : str_eq(type, "BlockDevice")                                    ? S_ISBLK(st.st_mode)
										   : false;
	return ok ? 0
		  : error_set(
			err, ERR_INVALID, "hostPath type check failed: %s is not a %s", work->path, type);
}

static int set_up_host_path(const struct volume_work *work, struct error *err)
{
	struct stat st;
	if (str_empty(work->host_type))
		return 0;
	if (stat(work->path, &st) < 0) {
		if (str_eq(work->host_type, "DirectoryOrCreate") && files_make_path(work->path, 0755, err))
			return -1;
		if (str_eq(work->host_type, "FileOrCreate") && files_overwrite(work->path, "", 0, 0644, err))
			return -1;
	}
	return check_type(work, err);
}

static const struct volume_kind host_path = {.name = "kubernetes.io/host-path",
    .handles = is_host_path,
    .collect = collect_host_path,
    .set_up = set_up_host_path};

/* ---- contents from the API ---- */

static bool is_config_map(const CoreV1__VolumeSource *s)
{
	return s->config_map != NULL;
}

static int32_t mode_or(bool has, int32_t mode)
{
	return has ? mode : PAYLOAD_DEFAULT_MODE;
}

static int collect_config_map(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__ConfigMapVolumeSource *s = v->volume_source->config_map;
	work->read_only = true;
	return payload_config_map(vm, pod, s->local_object_reference->name, s->n_items, s->items,
	    mode_or(s->has_default_mode, s->default_mode), s->optional, work, err);
}

static const struct volume_kind config_map = {.name = "kubernetes.io/configmap",
    .handles = is_config_map,
    .collect = collect_config_map,
    .set_up = payload_set_up,
    .updates = true};

static bool is_secret(const CoreV1__VolumeSource *s)
{
	return s->secret != NULL;
}

static int collect_secret(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__SecretVolumeSource *s = v->volume_source->secret;
	work->read_only = work->memory_backed = true;
	return payload_secret(vm, pod, s->secret_name, s->n_items, s->items,
	    mode_or(s->has_default_mode, s->default_mode), s->optional, work, err);
}

static const struct volume_kind secret = {.name = "kubernetes.io/secret",
    .handles = is_secret,
    .collect = collect_secret,
    .set_up = payload_set_up,
    .updates = true};

static bool is_downward(const CoreV1__VolumeSource *s)
{
	return s->downward_api != NULL;
}

static int collect_downward(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__DownwardAPIVolumeSource *s = v->volume_source->downward_api;
	work->read_only = work->memory_backed = true;
	return payload_downward(
	    vm, pod, s->n_items, s->items, mode_or(s->has_default_mode, s->default_mode), work, err);
}

static const struct volume_kind downward = {.name = "kubernetes.io/downward-api",
    .handles = is_downward,
    .collect = collect_downward,
    .set_up = payload_set_up,
    .updates = true};

static bool is_projected(const CoreV1__VolumeSource *s)
{
	return s->projected != NULL;
}

static int collect_projected(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__ProjectedVolumeSource *s = v->volume_source->projected;
	int32_t mode = mode_or(s->has_default_mode, s->default_mode);
	work->read_only = work->memory_backed = true;
	for (size_t i = 0; i < s->n_sources; i++) {
		const CoreV1__VolumeProjection *p = s->sources[i];
		int rc = 0;
		if (p->config_map)
			rc = payload_config_map(vm, pod, p->config_map->local_object_reference->name,
			    p->config_map->n_items, p->config_map->items, mode, p->config_map->optional, work,
			    err);
		else if (p->secret)
			rc = payload_secret(vm, pod, p->secret->local_object_reference->name,
			    p->secret->n_items, p->secret->items, mode, p->secret->optional, work, err);
		else if (p->downward_api)
			rc = payload_downward(
			    vm, pod, p->downward_api->n_items, p->downward_api->items, mode, work, err);
		else if (p->service_account_token)
			rc = payload_token(vm, pod, p->service_account_token, mode, work, err);
		else
			rc = error_set(
			    err, ERR_NOT_IMPLEMENTED, "this kind of projected source is not supported");
		if (rc)
			return rc;
	}
	return 0;
}

static const struct volume_kind projected = {.name = "kubernetes.io/projected",
    .handles = is_projected,
    .collect = collect_projected,
    .set_up = payload_set_up,
    .updates = true};

/* ---- claims: hostPath and local volumes ---- */

static bool is_claim(const CoreV1__VolumeSource *s)
{
	return s->persistent_volume_claim != NULL || s->ephemeral != NULL;
}

static int collect_claim(struct volume_manager *vm, const struct object *pod, const CoreV1__Volume *v,
    struct volume_work *work, struct error *err)
{
	const CoreV1__PersistentVolumeClaimVolumeSource *s = v->volume_source->persistent_volume_claim;
	const char *name = s ? s->claim_name : arena_printf(work->arena, "%s-%s", pod->meta->name, v->name);
	const CoreV1__PersistentVolume *pv;
	int rc = claims_get(vm->claims, pod, name, &pv, err);
	if (rc)
		return rc;
	const CoreV1__PersistentVolumeSource *source = pv->spec->persistent_volume_source;
	work->read_only = s && s->read_only;
	if (source->host_path) {
		work->path = arena_strdup(work->arena, source->host_path->path);
		work->host_type =
		    arena_strdup(work->arena, str_or(source->host_path->type, "DirectoryOrCreate"));
		work->has_fs_group = false;
	} else if (source->local) {
		work->path = arena_strdup(work->arena, source->local->path);
		work->host_type = "Directory";
	} else {
		return error_set(err, ERR_NOT_IMPLEMENTED,
		    "the volume %s is of a kind that this node can't mount (hostPath and local are)",
		    pv->metadata->name);
	}
	return 0;
}

static int set_up_claim(const struct volume_work *work, struct error *err)
{
	if (set_up_host_path(work, err))
		return -1;
	if (!work->has_fs_group || work->read_only)
		return 0;
	return ownership_apply(work->path, work->fs_group, false, work->fs_group_on_root_mismatch, err);
}

static const struct volume_kind claim = {.name = "kubernetes.io/persistent-claim",
    .handles = is_claim,
    .collect = collect_claim,
    .set_up = set_up_claim};

const struct volume_kind *const volume_kinds[] = {
    &empty_dir, &host_path, &config_map, &secret, &downward, &projected, &claim, NULL};
