#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kubelet/config.h"
#include "kubelet/files.h"
#include "kubelet/volumes/claims.h"
#include "kubelet/volumes/sub_path.h"
#include "kubelet/volumes/tokens.h"
#include "kubelet/volumes/volume_private.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

/* Setting up (or updating) the volumes of one pod: collect on the loop, then work on a thread. */
struct mount_op {
	struct volume_manager *vm;
	struct arena *arena;
	const struct object *pod;
	struct volume_work *works;
	size_t len;
	size_t failed; /* index of the volume that failed; len: none */
	struct error error;
	bool on_thread, reporting;
	struct unmount_op *then; /* unmounting that was asked for meanwhile */
	volume_done *done;
	void *arg;
};

static void op_try(struct mount_op *op);
static void unmount_start(struct unmount_op *op);

/* ---- what is mounted ---- */

static void mounted_free(void *p)
{
	struct mounted_volume *m = p;
	free(m->path);
	free(m);
}

static void mounted_map_free(void *p)
{
	strmap_free(p, mounted_free);
}

static const struct mounted_volume *find_mounted(
    const struct volume_manager *vm, const char *uid, const char *volume)
{
	struct strmap *map = strmap_get(vm->pods, uid);
	return map ? strmap_get(map, volume) : NULL;
}

static void note_mounted(struct volume_manager *vm, const char *uid, const struct volume_work *work)
{
	struct strmap *map = strmap_get(vm->pods, uid);
	if (!map) {
		map = strmap_new();
		strmap_put(vm->pods, uid, map);
	}
	struct mounted_volume *m = calloc(1, sizeof *m);
	*m = (struct mounted_volume){.path = strdup(work->path),
	    .read_only = work->read_only,
	    .is_empty_dir = str_eq(work->kind->name, "kubernetes.io/empty-dir")};
	struct mounted_volume *old = strmap_put(map, work->name, m);
	if (old)
		mounted_free(old);
}

/* ---- mounting ---- */

static bool is_used(const CoreV1__Pod *pod, const char *volume)
{
	struct {
		CoreV1__Container **items;
		size_t len;
	} lists[] = {{pod->spec->containers, pod->spec->n_containers},
	    {pod->spec->init_containers, pod->spec->n_init_containers}};
	for (size_t l = 0; l < 2; l++)
		for (size_t i = 0; i < lists[l].len; i++)
			for (size_t k = 0; k < lists[l].items[i]->n_volume_mounts; k++)
				if (str_eq(lists[l].items[i]->volume_mounts[k]->name, volume))
					return true;
	for (size_t i = 0; i < pod->spec->n_ephemeral_containers; i++) {
		const CoreV1__EphemeralContainerCommon *e =
		    pod->spec->ephemeral_containers[i]->ephemeral_container_common;
		for (size_t k = 0; k < e->n_volume_mounts; k++)
			if (str_eq(e->volume_mounts[k]->name, volume))
				return true;
	}
	return false;
}

static const struct volume_kind *kind_of(const CoreV1__VolumeSource *source)
{
	for (size_t i = 0; volume_kinds[i]; i++)
		if (volume_kinds[i]->handles(source))
			return volume_kinds[i];
	return NULL;
}

static const char *path_of(struct arena *arena, const struct volume_manager *vm, const char *uid,
    const struct volume_kind *kind, const char *volume)
{
	char *dir = arena_strdup(arena, kind->name);
	*strchr(dir, '/') = '~';
	return arena_printf(arena, "%s/pods/%s/volumes/%s/%s", vm->deps.config->root_dir, uid, dir, volume);
}

/* 0, 1 (something is still to come) or an error about volume *ret_volume. */
static int collect_all(struct mount_op *op, const char **ret_volume, struct error *err)
{
	const CoreV1__Pod *pod = pod_of(op->pod);
	const CoreV1__PodSecurityContext *sc = pod->spec->security_context;
	int pending = 0;
	op->len = 0;
	op->works = ARENA_ARRAY(op->arena, struct volume_work, pod->spec->n_volumes + 1);
	for (size_t i = 0; i < pod->spec->n_volumes; i++) {
		const CoreV1__Volume *v = pod->spec->volumes[i];
		if (!is_used(pod, v->name))
			continue;
		*ret_volume = v->name;
		struct volume_work *work = &op->works[op->len];
		*work = (struct volume_work){
		    .arena = op->arena, .name = v->name, .kind = kind_of(v->volume_source)};
		if (!work->kind)
			return error_set(err, ERR_NOT_IMPLEMENTED,
			    "no volume plugin of this node matches the volume's kind");
		work->mounted = find_mounted(op->vm, op->pod->meta->uid, v->name);
		if (work->mounted && !work->kind->updates)
			continue;
		work->path = path_of(op->arena, op->vm, op->pod->meta->uid, work->kind, v->name);
		work->has_fs_group = sc && sc->has_fs_group;
		work->fs_group = sc ? sc->fs_group : 0;
		work->fs_group_on_root_mismatch = sc && str_eq(sc->fs_group_change_policy, "OnRootMismatch");
		int rc = work->kind->collect(op->vm, op->pod, v, work, err);
		if (rc < 0)
			return rc;
		pending |= rc;
		op->len++;
	}
	return pending;
}

static void op_free(struct mount_op *op)
{
	object_unref(op->pod);
	arena_free(op->arena);
	free(op);
}

static void op_finish(struct mount_op *op, const char *volume, const struct error *err)
{
	strmap_remove(op->vm->ops, op->pod->meta->uid);
	if (!err)
		for (size_t i = 0; i < op->len; i++)
			note_mounted(op->vm, op->pod->meta->uid, &op->works[i]);
	op->done(op->arg, volume, err);
	if (op->then)
		unmount_start(op->then);
	op_free(op);
}

static void work_on_thread(void *arg)
{
	struct mount_op *op = arg;
	for (op->failed = 0; op->failed < op->len; op->failed++)
		if (op->works[op->failed].kind->set_up(&op->works[op->failed], &op->error))
			return;
}

static void after_thread(void *arg)
{
	struct mount_op *op = arg;
	if (op->failed < op->len)
		op_finish(op, op->works[op->failed].name, &op->error);
	else
		op_finish(op, NULL, NULL);
}

static void report(void *arg)
{
	struct mount_op *op = arg;
	op_finish(
	    op, op->failed < op->len ? op->works[op->failed].name : NULL, op->error.code ? &op->error : NULL);
}

static void op_try(struct mount_op *op)
{
	const char *volume = NULL;
	if (op->on_thread || op->reporting)
		return;
	int rc = collect_all(op, &volume, &op->error);
	if (rc > 0)
		return; /* volume_manager_poke() comes back */
	if (rc < 0) {
		op->reporting = true;
		op->failed = op->len;
		op->works[op->len++].name = volume;
		loop_defer(op->vm->deps.loop, report, op);
		return;
	}
	op->on_thread = true;
	loop_work(op->vm->deps.loop, work_on_thread, after_thread, op);
}

void volume_manager_mount(struct volume_manager *vm, const struct object *pod, volume_done *done, void *arg)
{
	struct mount_op *op = calloc(1, sizeof *op);
	*op = (struct mount_op){
	    .vm = vm, .arena = arena_new(), .pod = object_ref(pod), .done = done, .arg = arg};
	strmap_put(vm->ops, pod->meta->uid, op);
	op_try(op);
}

void volume_manager_poke(struct volume_manager *vm, const char *uid)
{
	struct mount_op *op = strmap_get(vm->ops, uid);
	if (op)
		op_try(op);
}

/* A token or claim came. */
static void on_arrival(void *arg, const char *uid)
{
	struct volume_manager *vm = arg;
	if (strmap_has(vm->ops, uid))
		volume_manager_poke(vm, uid);
	else if (vm->deps.on_update)
		vm->deps.on_update(vm->deps.arg, uid);
}

/* ---- unmounting ---- */

struct unmount_op {
	struct volume_manager *vm;
	char *uid;
	char dir[512];
	struct error error;
	volume_done *done;
	void *arg;
};

static void unmount_on_thread(void *arg)
{
	struct unmount_op *op = arg;
	static const char *const below[] = {"volume-subpaths", "volumes"};
	char path[600];
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", op->dir, below[i]);
		files_unmount_below(path);
		if (files_remove_tree(path, &op->error))
			return;
	}
}

static void after_unmount(void *arg)
{
	struct unmount_op *op = arg;
	struct strmap *map = strmap_remove(op->vm->pods, op->uid);
	if (map)
		mounted_map_free(map);
	op->done(op->arg, NULL, op->error.code ? &op->error : NULL);
	free(op->uid);
	free(op);
}

static void unmount_start(struct unmount_op *op)
{
	loop_work(op->vm->deps.loop, unmount_on_thread, after_unmount, op);
}

void volume_manager_unmount(struct volume_manager *vm, const char *uid, volume_done *done, void *arg)
{
	struct unmount_op *op = calloc(1, sizeof *op);
	*op = (struct unmount_op){.vm = vm, .uid = strdup(uid), .done = done, .arg = arg};
	snprintf(op->dir, sizeof op->dir, "%s/pods/%s", vm->deps.config->root_dir, uid);
	tokens_remove_pod(vm->tokens, uid);
	claims_remove_pod(vm->claims, uid);
	/* A set-up that still waits is given up; one on its thread is let finish first. */
	struct mount_op *mount = strmap_get(vm->ops, uid);
	if (mount && (mount->on_thread || mount->reporting)) {
		mount->then = op;
		return;
	}
	if (mount) {
		struct error gone = ERROR_INIT;
		error_set(&gone, ERR_CANCELLED, "the pod ends");
		op_finish(mount, NULL, &gone);
	}
	unmount_start(op);
}

/* ---- mount sources ---- */

int volume_manager_mount_source(struct volume_manager *vm, const struct object *pod, const char *container,
    size_t mount_index, const CoreV1__VolumeMount *mount, const char *sub_path, struct arena *arena,
    const char **ret_path, bool *ret_read_only, struct error *err)
{
	const struct mounted_volume *m = find_mounted(vm, pod->meta->uid, mount->name);
	if (!m)
		return error_set(err, ERR_INVALID, "volume \"%s\" is not mounted", mount->name);
	*ret_read_only = m->read_only;
	*ret_path = arena_strdup(arena, m->path);
	if (!*sub_path)
		return 0;
	const char *target = arena_printf(arena, "%s/pods/%s/volume-subpaths/%s/%s/%zu",
	    vm->deps.config->root_dir, pod->meta->uid, mount->name, container, mount_index);
	if (sub_path_bind(m->path, sub_path, m->read_only || mount->read_only, target, err))
		return error_prefix(err,
		    "failed to prepare subPath for volumeMount \"%s\" of container \"%s\"", mount->name,
		    container);
	*ret_path = target;
	return 0;
}

void volume_manager_for_each_empty_dir(struct volume_manager *vm, const char *uid,
    void (*fn)(void *arg, const char *volume, const char *path), void *arg)
{
	struct strmap *map = strmap_get(vm->pods, uid);
	if (!map)
		return;
	strmap_for_each (map, e) {
		const struct mounted_volume *m = strmap_value(e);
		if (m->is_empty_dir)
			fn(arg, strmap_key(e), m->path);
	}
}

int64_t volume_usage(const char *path)
{
	int64_t sum = 0;
	struct stat st;
	if (lstat(path, &st) < 0)
		return 0;
	sum += (int64_t)st.st_blocks * 512;
	DIR *d = S_ISDIR(st.st_mode) ? opendir(path) : NULL;
	struct dirent *e;
	while (d && (e = readdir(d))) {
		char below[4096];
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(below, sizeof below, "%s/%s", path, e->d_name) < (int)sizeof below)
			sum += volume_usage(below);
	}
	if (d)
		closedir(d);
	return sum;
}

/* ---- life ---- */

struct volume_manager *volume_manager_new(const struct volume_manager_deps *deps)
{
	struct volume_manager *vm = calloc(1, sizeof *vm);
	vm->deps = *deps;
	vm->pods = strmap_new();
	vm->ops = strmap_new();
	vm->tokens = tokens_new(deps->loop, deps->client, on_arrival, vm);
	vm->claims = claims_new(deps->client, on_arrival, vm);
	return vm;
}

void volume_manager_set_handler(
    struct volume_manager *vm, void (*on_update)(void *arg, const char *uid), void *arg)
{
	vm->deps.on_update = on_update;
	vm->deps.arg = arg;
}

void volume_manager_free(struct volume_manager *vm)
{
	if (!vm)
		return;
	strmap_free(vm->pods, mounted_map_free);
	strmap_free(vm->ops, NULL);
	tokens_free(vm->tokens);
	claims_free(vm->claims);
	free(vm);
}
