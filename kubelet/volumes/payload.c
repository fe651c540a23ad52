#include "kubelet/volumes/payload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/pods/downward.h"
#include "kubelet/references.h"
#include "kubelet/volumes/atomic_writer.h"
#include "kubelet/volumes/ownership.h"
#include "kubelet/volumes/tokens.h"
#include "kubelet/volumes/volume_private.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static void add_file(
    struct volume_work *work, const char *path, const void *data, size_t size, int32_t mode, int64_t owner)
{
	for (size_t i = 0; i < work->files_len; i++) {
		if (strcmp(work->files[i].path, path) == 0) { /* later sources win */
			work->files[i] = (struct volume_file){work->files[i].path, data, size, mode, owner};
			return;
		}
	}
	work->files = arena_grow(work->arena, work->files, work->files_len * sizeof *work->files,
	    (work->files_len + 1) * sizeof *work->files);
	work->files[work->files_len++] =
	    (struct volume_file){arena_strdup(work->arena, path), data, size, mode, owner};
}

static void add_bytes(struct volume_work *work, const char *path, const void *data, size_t size, int32_t mode)
{
	add_file(work, path, arena_memdup(work->arena, size ? data : "", size), size, mode, -1);
}

static int32_t item_mode(const CoreV1__KeyToPath *item, int32_t mode)
{
	return item->has_mode ? item->mode : mode;
}

/* Finds the object; 0 with *ret NULL: optional and missing. */
static int find(struct volume_manager *vm, const struct object *pod, enum reference_kind kind,
    const char *name, bool optional, const void **ret, struct error *err)
{
	const struct object *obj = NULL;
	*ret = NULL;
	switch (references_get(vm->deps.references, kind, pod->meta->namespace_, name, &obj)) {
	case REFERENCE_PENDING:
		return 1;
	case REFERENCE_FOUND:
		*ret = obj->msg;
		return 0;
	default:
		if (optional)
			return 0;
		return error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found",
		    kind == REFERENCE_SECRET ? "secret" : "configmap", name);
	}
}

int payload_config_map(struct volume_manager *vm, const struct object *pod, const char *name, size_t n_items,
    CoreV1__KeyToPath *const *items, int32_t mode, bool optional, struct volume_work *work, struct error *err)
{
	const void *found;
	int rc = find(vm, pod, REFERENCE_CONFIG_MAP, name, optional, &found, err);
	const CoreV1__ConfigMap *cm = found;
	if (rc || !cm)
		return rc;
	for (size_t i = 0; !n_items && i < cm->n_data; i++)
		add_bytes(work, cm->data[i]->key, cm->data[i]->value, strlen(cm->data[i]->value), mode);
	for (size_t i = 0; !n_items && i < cm->n_binary_data; i++)
		add_bytes(work, cm->binary_data[i]->key, cm->binary_data[i]->value.data,
		    cm->binary_data[i]->value.len, mode);
	for (size_t k = 0; k < n_items; k++) {
		bool ok = false;
		const char *text = api_map_get(cm, data, items[k]->key);
		if (text) {
			add_bytes(work, items[k]->path, text, strlen(text), item_mode(items[k], mode));
			ok = true;
		}
		for (size_t i = 0; i < cm->n_binary_data; i++) {
			if (!str_eq(cm->binary_data[i]->key, items[k]->key))
				continue;
			add_bytes(work, items[k]->path, cm->binary_data[i]->value.data,
			    cm->binary_data[i]->value.len, item_mode(items[k], mode));
			ok = true;
		}
		if (!ok && !optional)
			return error_set(err, ERR_NOT_FOUND,
			    "configmap references non-existent config key: %s", items[k]->key);
	}
	return 0;
}

int payload_secret(struct volume_manager *vm, const struct object *pod, const char *name, size_t n_items,
    CoreV1__KeyToPath *const *items, int32_t mode, bool optional, struct volume_work *work, struct error *err)
{
	const void *found;
	int rc = find(vm, pod, REFERENCE_SECRET, name, optional, &found, err);
	const CoreV1__Secret *secret = found;
	if (rc || !secret)
		return rc;
	for (size_t i = 0; !n_items && i < secret->n_data; i++)
		add_bytes(work, secret->data[i]->key, secret->data[i]->value.data, secret->data[i]->value.len,
		    mode);
	for (size_t k = 0; k < n_items; k++) {
		bool ok = false;
		for (size_t i = 0; i < secret->n_data; i++) {
			if (!str_eq(secret->data[i]->key, items[k]->key))
				continue;
			add_bytes(work, items[k]->path, secret->data[i]->value.data,
			    secret->data[i]->value.len, item_mode(items[k], mode));
			ok = true;
		}
		if (!ok && !optional)
			return error_set(
			    err, ERR_NOT_FOUND, "references non-existent secret key: %s", items[k]->key);
	}
	return 0;
}

int payload_downward(struct volume_manager *vm, const struct object *pod, size_t n_items,
    CoreV1__DownwardAPIVolumeFile *const *items, int32_t mode, struct volume_work *work, struct error *err)
{
	struct downward_facts facts = {.host_ip = vm->deps.config->node_ip};
	for (size_t i = 0; i < n_items; i++) {
		const char *value = "";
		int rc = 0;
		if (items[i]->field_ref)
			rc = downward_field(
			    work->arena, pod, &facts, items[i]->field_ref->field_path, &value, err);
		else if (items[i]->resource_field_ref)
			rc = downward_resource(
			    work->arena, pod_of(pod), "", items[i]->resource_field_ref, &facts, &value, err);
		if (rc)
			return rc;
		add_bytes(
		    work, items[i]->path, value, strlen(value), items[i]->has_mode ? items[i]->mode : mode);
	}
	return 0;
}

/* The user that all containers run as, when there is one such. */
static bool common_user(const CoreV1__Pod *pod, int64_t *ret)
{
	bool first = true;
	const CoreV1__PodSecurityContext *sc = pod->spec->security_context;
	for (size_t i = 0; i < pod->spec->n_containers + pod->spec->n_init_containers; i++) {
		const CoreV1__Container *c = i < pod->spec->n_containers
						 ? pod->spec->containers[i]
						 : pod->spec->init_containers[i - pod->spec->n_containers];
		int64_t uid;
		if (c->security_context && c->security_context->has_run_as_user)
			uid = c->security_context->run_as_user;
		else if (sc && sc->has_run_as_user)
			uid = sc->run_as_user;
		else
			return false;
		if (!first && uid != *ret)
			return false;
		*ret = uid;
		first = false;
	}
	return !first;
}

int payload_token(struct volume_manager *vm, const struct object *pod,
    const CoreV1__ServiceAccountTokenProjection *token, int32_t mode, struct volume_work *work,
    struct error *err)
{
	const char *text;
	int64_t uid = -1;
	int rc = tokens_get(vm->tokens, pod, token->audience,
	    token->has_expiration_seconds ? token->expiration_seconds : 3600, &text, err);
	if (rc)
		return rc;
	/* Only who runs the containers may read it, when that is known. */
	if (common_user(pod_of(pod), &uid) || work->has_fs_group)
		mode = 0600;
	add_file(work, token->path, arena_strdup(work->arena, text), strlen(text), mode, uid);
	return 0;
}

int payload_set_up(const struct volume_work *work, struct error *err)
{
	if (files_make_path(work->path, 0755, err))
		return -1;
	if (work->memory_backed && !files_is_mount_point(work->path) &&
	    mount("tmpfs", work->path, "tmpfs", 0, "mode=1777") < 0)
		return error_set_errno(err, errno, "mount tmpfs on %s", work->path);
	if (!work->memory_backed && chmod(work->path, work->has_fs_group ? 02777 : 0777) < 0)
		return error_set_errno(err, errno, "chmod %s", work->path);
	if (atomic_write(
		work->path, work->files, work->files_len, work->has_fs_group, work->fs_group, NULL, err))
		return -1;
	return work->has_fs_group ? ownership_apply(work->path, work->fs_group, true, true, err) : 0;
}
