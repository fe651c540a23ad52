/*
 * The end of everything that is left of a pod that the API no longer knows: containers, sandboxes, mounts,
 * cgroup, directories, logs. Works from the runtime's state and the uid alone, so that it serves orphans too.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/files.h"
#include "kubelet/pods/cgroups.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/volumes/volume.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/loop/loop.h"

#define ORPHAN_GRACE_S 10
#define RETRY_MS 2000

struct removal {
	struct pod_manager *pm;
	char *uid, *id;
	char ns[64], name[256]; /* of the log directory; "" when not known */
	struct runtime_call *call;
	struct loop_timer *timer;
	int failures;
};

static void step(struct removal *r);

void removal_free(void *p)
{
	struct removal *r = p;
	runtime_cancel(r->pm->deps.runtime, r->call);
	loop_timer_free(r->timer);
	free(r->uid);
	free(r->id);
	free(r);
}

struct found { /* a removal is found again by uid: it may be over */
	struct pod_manager *pm;
	char *uid;
};

static struct found *found_new(struct removal *r)
{
	struct found *f = calloc(1, sizeof *f);
	*f = (struct found){r->pm, strdup(r->uid)};
	return f;
}

static struct removal *found_end(struct found *f)
{
	struct removal *r = strmap_get(f->pm->removals, f->uid);
	free(f->uid);
	free(f);
	return r;
}

static void on_refreshed(void *arg)
{
	struct removal *r = found_end(arg);
	if (r)
		step(r);
}

static void on_timer(void *arg)
{
	step(arg);
}

static void retry_later(struct removal *r)
{
	if (!r->timer)
		r->timer = loop_timer_new(r->pm->deps.loop, on_timer, r);
	r->failures++;
	loop_timer_start(r->timer, RETRY_MS * (r->failures < 15 ? r->failures : 15), 0);
}

static void on_call(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct removal *r = arg;
	r->call = NULL;
	if (err && err->code != ERR_NOT_FOUND) {
		log_warning("removing what is left of pod %s: %s", r->uid, err->message);
		retry_later(r);
		return;
	}
	runtime_cache_refresh(r->pm->cache, r->id, on_refreshed, found_new(r));
}

static void remove_directories(struct removal *r)
{
	struct error err = ERROR_INIT;
	char dir[512];
	cgroups_remove_pod(r->pm->cgroups, r->uid);
	pod_dir(r->pm->deps.config, r->uid, dir);
	if (files_remove_tree(dir, &err))
		log_warning("directory of pod %s: %s", r->uid, err.message);
	if (*r->name) {
		pod_log_dir(r->pm->deps.config, r->ns, r->name, r->uid, dir);
		files_remove_tree(dir, NULL);
	}
}

static void on_unmounted(void *arg, const char *volume, const struct error *err)
{
	struct removal *r = found_end(arg);
	if (!r)
		return;
	if (err) {
		log_warning("pod %s: unmounting %s: %s", r->uid, str_or(volume, "volumes"), err->message);
		retry_later(r);
		return;
	}
	remove_directories(r);
	strmap_remove(r->pm->removals, r->uid);
	removal_free(r);
}

static void call(
    struct removal *r, enum runtime_method method, const void *request, const char *id, int64_t timeout_ms)
{
	pod_set_string(&r->id, id);
	r->call = runtime_call(r->pm->deps.runtime, method, request, timeout_ms, on_call, r);
}

/* One thing at a time: running containers, ready sandboxes, containers, sandboxes, then the file system. */
static void step(struct removal *r)
{
	const struct rt_pod *pod = runtime_cache_pod(r->pm->cache, r->uid);
	if (r->call)
		return;
	if (pod) {
		snprintf(r->ns, sizeof r->ns, "%s", pod->ns);
		snprintf(r->name, sizeof r->name, "%s", pod->name);
	}
	for (size_t i = 0; pod && i < pod->containers_len; i++) {
		if (pod->containers[i]->state != RT_RUNNING)
			continue;
		CriV1__StopContainerRequest request = CRI_V1__STOP_CONTAINER_REQUEST__INIT;
		request.container_id = pod->containers[i]->id;
		request.timeout = ORPHAN_GRACE_S;
		call(r, RUNTIME_STOP_CONTAINER, &request, request.container_id, 0);
		return;
	}
	for (size_t i = 0; pod && i < pod->sandboxes_len; i++) {
		if (!pod->sandboxes[i]->ready)
			continue;
		CriV1__StopPodSandboxRequest request = CRI_V1__STOP_POD_SANDBOX_REQUEST__INIT;
		request.pod_sandbox_id = pod->sandboxes[i]->id;
		call(r, RUNTIME_STOP_SANDBOX, &request, request.pod_sandbox_id, 0);
		return;
	}
	if (pod && pod->containers_len) {
		CriV1__RemoveContainerRequest request = CRI_V1__REMOVE_CONTAINER_REQUEST__INIT;
		request.container_id = pod->containers[0]->id;
		call(r, RUNTIME_REMOVE_CONTAINER, &request, request.container_id, 0);
		return;
	}
	if (pod && pod->sandboxes_len) {
		CriV1__RemovePodSandboxRequest request = CRI_V1__REMOVE_POD_SANDBOX_REQUEST__INIT;
		request.pod_sandbox_id = pod->sandboxes[0]->id;
		call(r, RUNTIME_REMOVE_SANDBOX, &request, request.pod_sandbox_id, 0);
		return;
	}
	volume_manager_unmount(r->pm->deps.volumes, r->uid, on_unmounted, found_new(r));
}

void removal_start(struct pod_manager *pm, const char *uid, const char *ns, const char *name)
{
	if (strmap_has(pm->removals, uid))
		return;
	struct removal *r = calloc(1, sizeof *r);
	r->pm = pm;
	r->uid = strdup(uid);
	snprintf(r->ns, sizeof r->ns, "%s", str_or(ns, ""));
	snprintf(r->name, sizeof r->name, "%s", str_or(name, ""));
	strmap_put(pm->removals, r->uid, r);
	step(r);
}

static void sweep_uid(void *arg, const char *uid)
{
	struct pod_manager *pm = arg;
	if (!strmap_has(pm->workers, uid))
		removal_start(pm, uid, NULL, NULL);
}

void removal_sweep(struct pod_manager *pm)
{
	char path[512];
	snprintf(path, sizeof path, "%s/pods", pm->deps.config->root_dir);
	DIR *d = opendir(path);
	struct dirent *e;
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			sweep_uid(pm, e->d_name);
	if (d)
		closedir(d);
	cgroups_for_each_pod(pm->cgroups, sweep_uid, pm);
}
