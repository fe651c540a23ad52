#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubelet/files.h"
#include "kubelet/pods/cgroups.h"
#include "kubelet/pods/cri_config.h"
#include "kubelet/pods/dns.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/runtime/convert.h"
#include "kubelet/volumes/volume.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/node_v1.pb-c.h"

#define SANDBOX_TIMEOUT_MS 240000
#define SANDBOX_RETRY_MS 5000
#define VOLUME_RETRY_MIN_MS 500
#define VOLUME_RETRY_MAX_MS 120000

/*
 * Calls outlive nothing: a callback finds its worker by uid, because the pod may be gone when the answer
 * comes. `id` is the container or sandbox that it is about.
 */
struct ticket {
	struct pod_manager *pm;
	char *uid, *id;
	bool again; /* refresh before going on */
};

static struct ticket *ticket_new(struct worker *w, const char *id)
{
	struct ticket *t = calloc(1, sizeof *t);
	t->pm = w->pm;
	t->uid = strdup(w->uid);
	t->id = id ? strdup(id) : NULL;
	return t;
}

static struct worker *ticket_end(struct ticket *t)
{
	struct worker *w = strmap_get(t->pm->workers, t->uid);
	free(t->uid);
	free(t->id);
	free(t);
	return w;
}

/* ---- prepare: directories, cgroup, volumes ---- */

static int64_t milli_cpu_of_burstable(struct pod_manager *pm)
{
	int64_t sum = 0;
	strmap_for_each (pm->workers, e) {
		const struct worker *w = strmap_value(e);
		if (!w->finished && pod_qos_of(pod_of(w->pod)) == QOS_BURSTABLE)
			sum += pod_request_milli_cpu(pod_of(w->pod));
	}
	return sum;
}

static int make_directories(struct worker *w, struct error *err)
{
	char dir[512], path[600];
	pod_dir(w->pm->deps.config, w->uid, dir);
	static const char *const below[] = {"volumes", "plugins", "containers"};
	for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, below[i]);
		if (files_make_path(path, 0750, err))
			return -1;
	}
	pod_log_dir(w->pm->deps.config, w->pod->meta->namespace_, w->pod->meta->name, w->uid, dir);
	return files_make_path(dir, 0755, err);
}

static void prepare_failed(struct worker *w, const char *volume, const struct error *err)
{
	char text[1000];
	w->volumes_delay_ms = w->volumes_delay_ms ? w->volumes_delay_ms * 2 : VOLUME_RETRY_MIN_MS;
	if (w->volumes_delay_ms > VOLUME_RETRY_MAX_MS)
		w->volumes_delay_ms = VOLUME_RETRY_MAX_MS;
	w->memory.volumes_retry_at_ms = worker_now_ms(w) + w->volumes_delay_ms;
	snprintf(text, sizeof text, "MountVolume.SetUp failed for volume \"%s\" : %s", str_or(volume, ""),
	    err->message);
	worker_event(
	    w, NULL, true, volume ? "FailedMount" : "FailedCreatePodContainer", volume ? text : err->message);
}

static void on_mounted(void *arg, const char *volume, const struct error *err)
{
	struct worker *w = ticket_end(arg);
	if (!w)
		return;
	w->memory.volumes_busy = false;
	if (err) {
		prepare_failed(w, volume, err);
	} else {
		w->memory.volumes_ready = true;
		w->volumes_delay_ms = 0;
	}
	worker_kick(w);
}

void action_prepare(struct worker *w)
{
	struct error err = ERROR_INIT;
	if (make_directories(w, &err) || cgroups_create_pod(w->pm->cgroups, pod_of(w->pod), &err)) {
		prepare_failed(w, NULL, &err);
		worker_kick(w);
		return;
	}
	cgroups_set_burstable(w->pm->cgroups, milli_cpu_of_burstable(w->pm));
	w->memory.volumes_busy = true;
	w->volumes_stale = false;
	volume_manager_mount(w->pm->deps.volumes, w->pod, on_mounted, ticket_new(w, NULL));
}

static void on_updated(void *arg, const char *volume, const struct error *err)
{
	struct worker *w = ticket_end(arg);
	if (!w)
		return;
	w->memory.volumes_busy = false;
	if (err)
		log_debug("volume %s of pod %s: %s", str_or(volume, ""), w->pod->meta->name, err->message);
	worker_kick(w);
}

void action_update_volumes(struct worker *w)
{
	w->volumes_stale = false;
	w->memory.volumes_busy = true;
	volume_manager_mount(w->pm->deps.volumes, w->pod, on_updated, ticket_new(w, NULL));
}

/* ---- sandboxes ---- */

int build_sandbox_config(
    struct worker *w, struct arena *arena, uint32_t attempt, CriV1__PodSandboxConfig **ret, struct error *err)
{
	const struct kubelet_config *config = w->pm->deps.config;
	const char *warning;
	struct buf host = BUF_INIT;
	char logs[512], cgroup[512];
	files_read(config->resolv_conf, &host);
	CriV1__DNSConfig *dns = dns_config_of(arena, pod_of(w->pod), config, buf_str(&host), &warning);
	buf_done(&host);
	if (warning)
		worker_event(w, NULL, true,
		    str_has_prefix(warning, "no cluster DNS") ? "MissingClusterDNS" : "DNSConfigForming",
		    warning);
	pod_log_dir(config, w->pod->meta->namespace_, w->pod->meta->name, w->uid, logs);
	cgroups_pod_path(w->pm->cgroups, pod_of(w->pod), cgroup);
	struct sandbox_input in = {.config = config,
	    .pod = w->pod,
	    .attempt = attempt,
	    .log_directory = logs,
	    .cgroup_parent = cgroup,
	    .dns = dns,
	    .now_ns = worker_now_ms(w) * 1000000};
	return sandbox_config_build(arena, &in, ret, err);
}

static void on_sandbox_known(void *arg)
{
	struct worker *w = ticket_end(arg);
	if (!w)
		return;
	w->memory.sandbox_busy = false;
	worker_kick(w);
}

static void sandbox_failed(struct worker *w, const char *message)
{
	char text[1000];
	snprintf(text, sizeof text, "Failed to create pod sandbox: %s", message);
	worker_event(w, NULL, true, "FailedCreatePodSandBox", text);
	pod_set_string(&w->memory.sandbox_error, message);
	w->memory.sandbox_busy = false;
	w->memory.sandbox_retry_at_ms = worker_now_ms(w) + SANDBOX_RETRY_MS;
	worker_kick(w);
}

static void on_sandbox_run(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct worker *w = arg;
	w->sandbox_call = NULL;
	if (err) {
		sandbox_failed(w, err->message);
		return;
	}
	const char *id = ((const CriV1__RunPodSandboxResponse *)response)->pod_sandbox_id;
	pod_set_string(&w->memory.sandbox_error, NULL);
	runtime_cache_refresh(w->pm->cache, id, on_sandbox_known, ticket_new(w, id));
}

static void run_sandbox(struct worker *w, uint32_t attempt)
{
	struct arena *arena = arena_new();
	struct error err = ERROR_INIT;
	CriV1__RunPodSandboxRequest request = CRI_V1__RUN_POD_SANDBOX_REQUEST__INIT;
	if (w->runtime_handler)
		request.runtime_handler = w->runtime_handler;
	if (build_sandbox_config(w, arena, attempt, &request.config, &err))
		sandbox_failed(w, err.message);
	else
		w->sandbox_call = runtime_call(w->pm->deps.runtime, RUNTIME_RUN_SANDBOX, &request,
		    SANDBOX_TIMEOUT_MS, on_sandbox_run, w);
	arena_free(arena);
}

static void on_runtime_class(void *arg, const struct rest_result *result)
{
	struct worker *w = arg;
	w->class_call = NULL;
	if (result->error) {
		char text[900];
		snprintf(text, sizeof text, "runtime class \"%s\": %.700s",
		    pod_of(w->pod)->spec->runtime_class_name, result->error->message);
		sandbox_failed(w, text);
		return;
	}
	pod_set_string(&w->runtime_handler, ((const NodeV1__RuntimeClass *)result->object->msg)->handler);
	run_sandbox(w, w->sandbox_attempt);
}

void action_run_sandbox(struct worker *w, uint32_t attempt)
{
	const char *class_name = pod_of(w->pod)->spec->runtime_class_name;
	w->memory.sandbox_busy = true;
	w->sandbox_attempt = attempt;
	if (!str_empty(class_name) && !w->runtime_handler && w->pm->deps.client)
		w->class_call = rest_send(w->pm->deps.client,
		    REST_REQUEST(.verb = REST_GET, .type = resource_runtimeclasses, .name = class_name),
		    on_runtime_class, w);
	else
		run_sandbox(w, attempt);
}

static void on_sandbox_stopped(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct ticket *t = arg;
	struct worker *w = strmap_get(t->pm->workers, t->uid);
	if (!w) {
		ticket_end(t);
		return;
	}
	w->sandbox_call = NULL;
	if (err && err->code != ERR_NOT_FOUND)
		log_warning("stopping sandbox of %s: %s", w->pod->meta->name, err->message);
	runtime_cache_relist(w->pm->cache); /* its containers ended with it */
	runtime_cache_refresh(w->pm->cache, t->id, on_sandbox_known, t);
}

void action_stop_sandbox(struct worker *w, const char *id)
{
	CriV1__StopPodSandboxRequest request = CRI_V1__STOP_POD_SANDBOX_REQUEST__INIT;
	request.pod_sandbox_id = (char *)id;
	w->memory.sandbox_busy = true;
	runtime_call(w->pm->deps.runtime, RUNTIME_STOP_SANDBOX, &request, SANDBOX_TIMEOUT_MS,
	    on_sandbox_stopped, ticket_new(w, id));
}

static void on_removed(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct ticket *t = arg;
	runtime_cache_refresh(t->pm->cache, t->id, NULL, NULL);
	ticket_end(t);
}

void action_remove_container(struct worker *w, const char *id)
{
	CriV1__RemoveContainerRequest request = CRI_V1__REMOVE_CONTAINER_REQUEST__INIT;
	request.container_id = (char *)id;
	runtime_call(
	    w->pm->deps.runtime, RUNTIME_REMOVE_CONTAINER, &request, 0, on_removed, ticket_new(w, id));
}

/* ---- clean up: the end of a pod: sandboxes stop, volumes are unmounted, the cgroup goes ---- */

struct clean_op {
	struct worker *w;
	struct runtime_call *call;
	char *id;
};

static void clean_next(struct worker *w);

static void clean_done(struct worker *w)
{
	free(w->clean->id);
	free(w->clean);
	w->clean = NULL;
	w->memory.cleaning = false;
	w->memory.cleaned = true;
	w->memory.volumes_ready = false;
	cgroups_remove_pod(w->pm->cgroups, w->uid);
	worker_kick(w);
}

static void on_unmounted(void *arg, const char *volume, const struct error *err)
{
	struct worker *w = ticket_end(arg);
	if (!w || !w->clean)
		return;
	if (err)
		log_warning(
		    "pod %s: unmounting volume %s: %s", w->pod->meta->name, str_or(volume, ""), err->message);
	clean_done(w);
}

static void on_clean_refreshed(void *arg)
{
	struct worker *w = ticket_end(arg);
	if (w && w->clean)
		clean_next(w);
}

static void on_clean_stopped(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct clean_op *op = arg;
	op->call = NULL;
	if (err && err->code != ERR_NOT_FOUND) {
		log_warning("stopping sandbox of %s: %s", op->w->pod->meta->name, err->message);
		op->w->memory.cleaning = false;
		free(op->id);
		op->w->clean = NULL;
		struct worker *w = op->w;
		free(op);
		loop_timer_start(w->wake, 2000, 0);
		return;
	}
	runtime_cache_refresh(op->w->pm->cache, op->id, on_clean_refreshed, ticket_new(op->w, op->id));
}

static void clean_next(struct worker *w)
{
	const struct rt_pod *runtime = worker_runtime(w);
	for (size_t i = 0; runtime && i < runtime->sandboxes_len; i++) {
		if (!runtime->sandboxes[i]->ready)
			continue;
		CriV1__StopPodSandboxRequest request = CRI_V1__STOP_POD_SANDBOX_REQUEST__INIT;
		pod_set_string(&w->clean->id, runtime->sandboxes[i]->id);
		request.pod_sandbox_id = w->clean->id;
		w->clean->call = runtime_call(w->pm->deps.runtime, RUNTIME_STOP_SANDBOX, &request,
		    SANDBOX_TIMEOUT_MS, on_clean_stopped, w->clean);
		return;
	}
	volume_manager_unmount(w->pm->deps.volumes, w->uid, on_unmounted, ticket_new(w, NULL));
}

void action_clean_up(struct worker *w)
{
	w->memory.cleaning = true;
	w->clean = calloc(1, sizeof *w->clean);
	w->clean->w = w;
	clean_next(w);
}

void clean_op_cancel(struct worker *w)
{
	if (!w->clean)
		return;
	runtime_cancel(w->pm->deps.runtime, w->clean->call);
	free(w->clean->id);
	free(w->clean);
	w->clean = NULL;
}
