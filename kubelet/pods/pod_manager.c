#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/cgroups.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/pods/status.h"
#include "kubelet/pods/status_manager.h"
#include "kubelet/probes/probe.h"
#include "kubelet/references.h"
#include "kubelet/volumes/volume.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/events.h"
#include "lib/client/rest.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

/* ---- workers ---- */

static void container_memory_done(struct container_memory *m)
{
	free(m->name);
	free(m->wait_reason);
	free(m->wait_message);
	free(m->probed_id);
	free(m->killing_id);
	free(m->restarted_id);
	free(m->start_failed_id);
	free(m->start_failed_message);
}

/* Takes the newest object; containers (ephemeral ones come later) keep their memory by name. */
static void worker_take(struct worker *w, const struct object *pod)
{
	struct arena *arena = arena_new();
	struct pod_slots slots = pod_slots_of(arena, pod_of(pod));
	struct container_memory *old = w->memory.containers, *list = calloc(slots.len + 1, sizeof *list);
	for (size_t i = 0; i < slots.len; i++) {
		for (size_t k = 0; k < w->memory.containers_len; k++) {
			if (str_eq(old[k].name, slots.items[i].spec->name)) {
				list[i] = old[k];
				memset(&old[k], 0, sizeof old[k]);
			}
		}
		if (!list[i].name)
			list[i].name = strdup(slots.items[i].spec->name);
	}
	for (size_t k = 0; k < w->memory.containers_len; k++)
		container_memory_done(&old[k]);
	free(old);
	w->memory.containers = list;
	w->memory.containers_len = slots.len;
	w->slots = slots;
	const struct object *before = w->pod;
	struct arena *before_arena = w->arena;
	w->pod = object_ref(pod);
	w->arena = arena;
	object_unref(before);
	arena_free(before_arena);
}

/*
 * Containers that ran before this kubelet started keep what their probes said last, until the probes speak
 * again: a kubelet that is started anew takes no pod out of its Services.
 */
static void recall_probes(struct worker *w)
{
	static const char scheme[] = "containerd://";
	const CoreV1__PodStatus *status = pod_of(w->pod)->status;
	for (size_t i = 0; i < status->n_container_statuses; i++) {
		const CoreV1__ContainerStatus *cs = status->container_statuses[i];
		for (size_t k = 0; k < w->memory.containers_len; k++) {
			struct container_memory *m = &w->memory.containers[k];
			if (!str_eq(m->name, cs->name) || !str_has_prefix(cs->container_id, scheme))
				continue;
			pod_set_string(&m->probed_id, cs->container_id + strlen(scheme));
			m->readiness = cs->ready ? PROBE_SUCCESS : PROBE_UNKNOWN;
			m->startup = cs->has_started && cs->started ? PROBE_SUCCESS : PROBE_UNKNOWN;
		}
	}
}

static void on_soon(void *arg)
{
	worker_sync(arg);
}

static struct worker *worker_new(struct pod_manager *pm, const struct object *pod)
{
	struct worker *w = calloc(1, sizeof *w);
	w->pm = pm;
	w->uid = strdup(pod->meta->uid);
	w->soon = loop_timer_new(pm->deps.loop, on_soon, w);
	w->wake = loop_timer_new(pm->deps.loop, on_soon, w);
	w->memory.first_seen_ms = worker_now_ms(w);
	w->memory.max_backoff_ms = pm->deps.config->max_container_backoff_ms;
	worker_take(w, pod);
	recall_probes(w);
	strmap_put(pm->workers, w->uid, w);
	return w;
}

void worker_free(void *p)
{
	struct worker *w = p;
	start_op_cancel(w);
	kill_ops_cancel(w);
	clean_op_cancel(w);
	runtime_cancel(w->pm->deps.runtime, w->sandbox_call);
	rest_cancel(w->class_call);
	free(w->runtime_handler);
	loop_timer_free(w->soon);
	loop_timer_free(w->wake);
	for (size_t i = 0; i < w->memory.containers_len; i++)
		container_memory_done(&w->memory.containers[i]);
	free(w->memory.containers);
	free(w->memory.sandbox_error);
	free((char *)w->memory.end_reason);
	free((char *)w->memory.end_message);
	arena_free(w->status_arena);
	arena_free(w->arena);
	object_unref(w->pod);
	free(w->uid);
	free(w);
}

void worker_end(struct worker *w, const char *reason, const char *message, int64_t grace_s)
{
	if (w->memory.end_requested)
		return;
	w->memory.end_requested = true;
	if (reason && !w->memory.end_reason) {
		w->memory.end_reason = strdup(reason);
		w->memory.end_message = message ? strdup(message) : NULL;
	}
	w->memory.end_grace_s = grace_s;
	worker_kick(w);
}

/* ---- what changes ---- */

void pod_manager_kick(struct pod_manager *pm, const char *uid)
{
	struct worker *w = strmap_get(pm->workers, uid);
	if (w)
		worker_kick(w);
}

void pod_manager_kick_all(struct pod_manager *pm)
{
	strmap_for_each (pm->workers, e)
		worker_kick(strmap_value(e));
}

static void check_orphan(void *arg, const struct rt_pod *pod)
{
	struct pod_manager *pm = arg;
	if (!strmap_has(pm->workers, pod->uid) && !strmap_has(pm->removals, pod->uid)) {
		log_info("pod %s/%s (%s) runs here but is not known to the API server: it is removed",
		    pod->ns, pod->name, pod->uid);
		removal_start(pm, pod->uid, pod->ns, pod->name);
	}
}

static void look_for_orphans(struct pod_manager *pm)
{
	if (!pm->cache_synced || !pm->pods_synced)
		return;
	runtime_cache_for_each(pm->cache, check_orphan, pm);
	removal_sweep(pm);
}

static void on_runtime_change(void *arg, const char *uid)
{
	pod_manager_kick(arg, uid);
}

static void on_cache_synced(void *arg)
{
	struct pod_manager *pm = arg;
	pm->cache_synced = true;
	log_debug("the runtime's state is known");
	pod_manager_kick_all(pm);
	look_for_orphans(pm);
}

static void on_runtime_event(void *arg, enum runtime_event event, const char *id)
{
	struct pod_manager *pm = arg;
	runtime_cache_event(pm->cache, event, id);
	if (pm->deps.on_runtime_event)
		pm->deps.on_runtime_event(pm->deps.node_arg, event);
}

/* A reference came or changed: what waited for it tries again at once, volumes are brought up to date. */
static void on_reference(void *arg, const char *uid)
{
	struct pod_manager *pm = arg;
	struct worker *w = strmap_get(pm->workers, uid);
	if (!w)
		return;
	volume_manager_poke(pm->deps.volumes, uid);
	w->volumes_stale = true;
	w->memory.volumes_retry_at_ms = 0;
	for (size_t i = 0; i < w->memory.containers_len; i++)
		if (str_eq(w->memory.containers[i].wait_reason, "CreateContainerConfigError"))
			w->memory.containers[i].retry_at_ms = 0;
	worker_kick(w);
}

static void on_volume_update(void *arg, const char *uid)
{
	struct pod_manager *pm = arg;
	struct worker *w = strmap_get(pm->workers, uid);
	if (!w)
		return;
	w->volumes_stale = true;
	worker_kick(w);
}

static void on_probe_result(void *arg, const char *uid, const char *container, const char *container_id,
    enum probe_kind kind, enum probe_result result, const char *message)
{
	struct pod_manager *pm = arg;
	struct worker *w = strmap_get(pm->workers, uid);
	struct container_memory *m = w ? worker_container(w, container) : NULL;
	if (!m)
		return;
	if (!str_eq(m->probed_id, container_id)) {
		pod_set_string(&m->probed_id, container_id);
		m->liveness = m->readiness = m->startup = PROBE_UNKNOWN;
	}
	if (kind == PROBE_LIVENESS)
		m->liveness = result;
	else if (kind == PROBE_READINESS)
		m->readiness = result;
	else
		m->startup = result;
	worker_kick(w);
}

static bool is_started(void *arg, const char *uid, const char *container)
{
	struct pod_manager *pm = arg;
	struct worker *w = strmap_get(pm->workers, uid);
	for (size_t i = 0; w && i < w->slots.len; i++)
		if (str_eq(w->slots.items[i].spec->name, container))
			return status_started(&w->slots.items[i],
			    rt_pod_container(worker_runtime(w), container, 0), &w->memory.containers[i]);
	return false;
}

void pod_manager_on_pod(struct pod_manager *pm, const struct object *old, const struct object *new_)
{
	const struct object *obj = new_ ? new_ : old;
	struct worker *w = strmap_get(pm->workers, obj->meta->uid);
	if (!new_) {
		if (!w)
			return;
		w->gone = true;
		worker_end(w, NULL, NULL, w->pod->meta->deletion_timestamp ? -1 : pod_grace_s(w->pod));
		worker_kick(w);
		return;
	}
	if (old && !str_eq(old->meta->uid, new_->meta->uid))
		pod_manager_on_pod(pm, old, NULL);
	if (!w) {
		if (strmap_has(pm->removals, obj->meta->uid))
			return;
		w = worker_new(pm, new_);
	} else {
		const MetaV1__ObjectMeta *a = w->pod->meta, *b = new_->meta;
		w->volumes_stale |= !api_equal_message(&a->base, &b->base);
		worker_take(w, new_);
	}
	references_add_pod(pm->deps.references, new_);
	worker_kick(w);
}

void pod_manager_set_pods_synced(struct pod_manager *pm)
{
	pm->pods_synced = true;
	log_debug("the pods of this node are known");
	pod_manager_kick_all(pm);
	look_for_orphans(pm);
}

void pod_manager_set_services_synced(struct pod_manager *pm)
{
	pm->services_synced = true;
	log_debug("the services are known");
	pod_manager_kick_all(pm);
}

void pod_manager_set_network(struct pod_manager *pm, bool ready, const char *message)
{
	if (pm->network_ready == ready && str_eq(pm->network_message, message))
		return;
	pm->network_ready = ready;
	pod_set_string(&pm->network_message, message);
	pod_manager_kick_all(pm);
}

void pod_manager_evict(
    struct pod_manager *pm, const char *uid, const char *reason, const char *message, int64_t grace_s)
{
	struct worker *w = strmap_get(pm->workers, uid);
	if (!w || w->memory.end_requested)
		return;
	worker_event(w, NULL, true, reason, message);
	worker_end(w, reason, message, grace_s);
}

/* ---- life and lookups ---- */

struct pod_manager *pod_manager_new(const struct pod_manager_deps *deps)
{
	struct pod_manager *pm = calloc(1, sizeof *pm);
	struct error err = ERROR_INIT;
	pm->deps = *deps;
	pm->workers = strmap_new();
	pm->removals = strmap_new();
	pm->http = http_client_new(deps->loop, &(struct http_tls){.insecure = true});
	pm->cgroups =
	    cgroups_new(deps->config, deps->config->allocatable_memory, deps->config->cpus * 1000, &err);
	if (err.code)
		log_error("pods run without cgroup limits: %s", err.message);
	pm->cache = runtime_cache_new(
	    deps->loop, deps->runtime, deps->config->sync_ms, on_runtime_change, on_cache_synced, pm);
	pm->probes = probe_manager_new(&(struct probe_manager_deps){.loop = deps->loop,
	    .runtime = deps->runtime,
	    .events = deps->events,
	    .http = pm->http,
	    .on_result = on_probe_result,
	    .started = is_started,
	    .arg = pm});
	references_set_handler(deps->references, on_reference, pm);
	volume_manager_set_handler(deps->volumes, on_volume_update, pm);
	runtime_watch(deps->runtime, on_runtime_event, pm);
	return pm;
}

void pod_manager_free(struct pod_manager *pm)
{
	if (!pm)
		return;
	strmap_free(pm->workers, worker_free);
	strmap_free(pm->removals, removal_free);
	probe_manager_free(pm->probes);
	runtime_cache_free(pm->cache);
	cgroups_free(pm->cgroups);
	http_client_free(pm->http);
	free(pm->network_message);
	free(pm);
}

struct runtime_cache *pod_manager_cache(struct pod_manager *pm)
{
	return pm->cache;
}

struct probe_manager *pod_manager_probes(struct pod_manager *pm)
{
	return pm->probes;
}

const struct object *pod_manager_find(const struct pod_manager *pm, const char *ns, const char *name)
{
	const struct object *found = NULL;
	strmap_for_each (pm->workers, e) {
		const struct worker *w = strmap_value(e);
		if (str_eq(w->pod->meta->name, name) && str_eq(w->pod->meta->namespace_, ns) &&
		    (!found || !w->gone))
			found = w->pod;
	}
	return found;
}

const struct object *pod_manager_find_uid(const struct pod_manager *pm, const char *uid)
{
	const struct worker *w = strmap_get(pm->workers, uid);
	return w ? w->pod : NULL;
}

const CoreV1__PodStatus *pod_manager_status(const struct pod_manager *pm, const char *uid)
{
	const struct worker *w = strmap_get(pm->workers, uid);
	return !w ? NULL : w->status ? w->status : pod_of(w->pod)->status;
}

size_t pod_manager_len(const struct pod_manager *pm)
{
	return strmap_len(pm->workers);
}

void pod_manager_for_each(const struct pod_manager *pm,
    void (*fn)(void *arg, const struct object *pod, const CoreV1__PodStatus *status), void *arg)
{
	strmap_for_each (pm->workers, e) {
		const struct worker *w = strmap_value(e);
		fn(arg, w->pod, w->status ? w->status : pod_of(w->pod)->status);
	}
}

const struct rt_container *pod_manager_container(
    const struct pod_manager *pm, const struct object *pod, const char *container, bool previous)
{
	return rt_pod_container(runtime_cache_pod(pm->cache, pod->meta->uid), container, previous ? 1 : 0);
}
