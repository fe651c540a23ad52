#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/admission.h"
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
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

static void worker_sync(struct worker *w);

/* ---- helpers for the action files ---- */

void worker_kick(struct worker *w)
{
	if (!loop_timer_is_active(w->soon))
		loop_timer_start(w->soon, 0, 0);
}

int64_t worker_now_ms(const struct worker *w)
{
	return clock_wall_ns(loop_clock(w->pm->deps.loop)) / 1000000;
}

const struct rt_pod *worker_runtime(const struct worker *w)
{
	return runtime_cache_pod(w->pm->cache, w->uid);
}

struct container_memory *worker_container(struct worker *w, const char *name)
{
	for (size_t i = 0; i < w->memory.containers_len; i++)
		if (str_eq(w->memory.containers[i].name, name))
			return &w->memory.containers[i];
	return NULL;
}

void pod_set_string(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;
	free(*field);
	*field = copy;
}

void worker_set_wait(struct container_memory *m, const char *reason, const char *message)
{
	pod_set_string(&m->wait_reason, reason);
	pod_set_string(&m->wait_message, message);
}

void worker_event(
    struct worker *w, const char *container, bool is_warning, const char *reason, const char *message)
{
	char path[300];
	const char *list = "containers";
	if (!w->pm->deps.events)
		return;
	for (size_t i = 0; container && i < w->slots.len; i++) {
		if (!str_eq(w->slots.items[i].spec->name, container))
			continue;
		enum slot_kind kind = w->slots.items[i].kind;
		list = kind == SLOT_APP         ? "containers"
		       : kind == SLOT_EPHEMERAL ? "ephemeralContainers"
						: "initContainers";
	}
	snprintf(path, sizeof path, "spec.%s{%s}", list, str_or(container, ""));
	event_record_at(
	    w->pm->deps.events, NULL, w->pod, container ? path : NULL, is_warning, reason, message);
}

void worker_ips(const struct worker *w, char ip[64], char ips[256])
{
	const struct rt_sandbox *s = rt_pod_sandbox(worker_runtime(w));
	*ip = *ips = 0;
	if (pod_of(w->pod)->spec->host_network) {
		snprintf(ip, 64, "%s", w->pm->deps.config->node_ip);
		snprintf(ips, 256, "%s", ip);
	} else if (s && s->ip) {
		snprintf(ip, 64, "%s", s->ip);
		snprintf(ips, 256, "%s%s%s", s->ip, s->extra_ips ? "," : "", str_or(s->extra_ips, ""));
	}
}

void pod_dir(const struct kubelet_config *config, const char *uid, char out[512])
{
	snprintf(out, 512, "%s/pods/%s", config->root_dir, uid);
}

void pod_log_dir(
    const struct kubelet_config *config, const char *ns, const char *name, const char *uid, char out[512])
{
	snprintf(out, 512, "%s/%s_%s_%s", config->pod_log_dir, ns, name, uid);
}

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
	strmap_put(pm->workers, w->uid, w);
	return w;
}

static void worker_free(void *p)
{
	struct worker *w = p;
	start_op_cancel(w);
	kill_ops_cancel(w);
	clean_op_cancel(w);
	runtime_cancel(w->pm->deps.runtime, w->sandbox_call);
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

static void worker_end(struct worker *w, const char *reason, const char *message, int64_t grace_s)
{
	if (w->memory.end_requested)
		return;
	w->memory.end_requested = true;
	w->memory.end_reason = reason ? strdup(reason) : NULL;
	w->memory.end_message = message ? strdup(message) : NULL;
	w->memory.end_grace_s = grace_s;
	worker_kick(w);
}

/* ---- one look at a pod ---- */

static bool ready_to_work(const struct pod_manager *pm)
{
	return pm->cache_synced && pm->services_synced &&
	       (!pm->deps.node || pm->deps.node(pm->deps.node_arg));
}

/* A pod seen for the first time, with nothing of it running, must fit the node. */
static void admit(struct worker *w)
{
	w->admitted = true;
	const CoreV1__Pod *pod = pod_of(w->pod);
	if (worker_runtime(w) || w->pod->meta->deletion_timestamp ||
	    pod_is_terminal_phase(pod->status->phase) || pod->status->start_time || !w->pm->deps.node)
		return;
	const struct object **others = calloc(strmap_len(w->pm->workers) + 1, sizeof *others);
	size_t len = 0;
	strmap_for_each (w->pm->workers, e) {
		const struct worker *o = strmap_value(e);
		if (o != w && o->admitted && !o->finished && !o->memory.rejected)
			others[len++] = o->pod;
	}
	struct admission_verdict v;
	const struct object *node = w->pm->deps.node(w->pm->deps.node_arg);
	if (!admission_check(w->pm->deps.config, (const CoreV1__Node *)node->msg, w->pod, others, len, &v)) {
		w->memory.rejected = true;
		w->memory.end_reason = strdup(v.reason);
		w->memory.end_message = strdup(v.message);
		worker_event(w, NULL, true, v.reason, v.message);
	}
	free(others);
}

static void run_action(struct worker *w, const struct pod_action *a)
{
	const char *name = a->slot < w->slots.len ? w->slots.items[a->slot].spec->name : NULL;
	char text[600];
	switch (a->kind) {
	case POD_PREPARE:
		action_prepare(w);
		break;
	case POD_RUN_SANDBOX:
		action_run_sandbox(w, a->attempt);
		break;
	case POD_STOP_SANDBOX:
		worker_event(w, NULL, false, "SandboxChanged",
		    "Pod sandbox changed, it will be killed and re-created.");
		action_stop_sandbox(w, a->id);
		break;
	case POD_START_CONTAINER:
		action_start_container(w, a->slot);
		break;
	case POD_KILL_CONTAINER:
		action_kill_container(w, a);
		break;
	case POD_REMOVE_CONTAINER:
		action_remove_container(w, a->id);
		break;
	case POD_BACK_OFF:
		snprintf(text, sizeof text, "Back-off restarting failed container %s in pod %s_%s(%s)", name,
		    w->pod->meta->name, w->pod->meta->namespace_, w->uid);
		if (!str_eq(w->memory.containers[a->slot].wait_reason, "CrashLoopBackOff"))
			worker_event(w, name, true, "BackOff", text);
		worker_set_wait(&w->memory.containers[a->slot], "CrashLoopBackOff", a->message);
		break;
	case POD_DEADLINE:
		worker_event(w, NULL, false, "DeadlineExceeded",
		    "Pod was active on the node longer than the specified deadline");
		worker_end(w, "DeadlineExceeded",
		    "Pod was active on the node longer than the specified deadline", -1);
		break;
	case POD_CLEAN_UP:
		action_clean_up(w);
		break;
	}
}

static void publish(struct worker *w, const struct pod_decision *decision)
{
	struct arena *arena = arena_new();
	struct status_input in = {.pod = w->pod,
	    .last = w->status,
	    .slots = &w->slots,
	    .runtime = worker_runtime(w),
	    .memory = &w->memory,
	    .decision = decision,
	    .host_ip = w->pm->deps.config->node_ip};
	CoreV1__PodStatus *status = status_compute(arena, &in);
	bool same = w->status && api_equal_message(&status->base, &w->status->base);
	arena_free(w->status_arena);
	w->status_arena = arena;
	w->status = status;
	if (w->gone)
		return;
	/* Also when only the server's side changed: others write the status too (the node controller marks
	 * pods not ready). */
	if (!same || w->told_revision != w->pod->revision || decision->stage == POD_TERMINATED) {
		w->told_revision = w->pod->revision;
		status_manager_set(w->pm->deps.statuses, w->pod, status);
	}
	if (decision->stage == POD_TERMINATED && w->pod->meta->deletion_timestamp)
		status_manager_delete(w->pm->deps.statuses, w->pod);
}

/* Terminated and gone from the API: what is left in the runtime and on disk goes too, then the worker. */
static void retire(struct worker *w)
{
	struct pod_manager *pm = w->pm;
	char *uid = strdup(w->uid), *ns = strdup(w->pod->meta->namespace_),
	     *name = strdup(w->pod->meta->name);
	references_remove_pod(pm->deps.references, uid);
	probe_manager_remove(pm->probes, uid);
	status_manager_forget(pm->deps.statuses, uid);
	strmap_remove(pm->workers, uid);
	worker_free(w);
	removal_start(pm, uid, ns, name);
	free(uid);
	free(ns);
	free(name);
}

static void begin_stage(struct worker *w, enum pod_stage stage)
{
	if (stage == POD_SYNC)
		return;
	if (!w->memory.end_started_ms)
		w->memory.end_started_ms = w->memory.now_ms;
	start_op_abort(w);
	if (stage == POD_TERMINATED && !w->finished) {
		w->finished = true;
		probe_manager_remove(w->pm->probes, w->uid);
	}
}

static void worker_sync(struct worker *w)
{
	struct pod_manager *pm = w->pm;
	if (!ready_to_work(pm))
		return;
	w->memory.now_ms = worker_now_ms(w);
	w->memory.network_ready = pm->network_ready;
	w->memory.network_message = pm->network_message;
	if (!w->admitted)
		admit(w);
	struct arena *arena = arena_new();
	struct pod_decision decision = pod_decide(arena, w->pod, &w->slots, worker_runtime(w), &w->memory);
	begin_stage(w, decision.stage);
	for (size_t i = 0; i < decision.len; i++)
		run_action(w, &decision.actions[i]);
	if (decision.stage == POD_SYNC && w->volumes_stale && w->memory.volumes_ready &&
	    !w->memory.volumes_busy)
		action_update_volumes(w);
	char ip[64], ips[256];
	worker_ips(w, ip, ips);
	if (decision.stage != POD_TERMINATED)
		probe_manager_sync(
		    pm->probes, w->pod, &w->slots, worker_runtime(w), ip, decision.stage != POD_SYNC);
	publish(w, &decision);
	if (decision.wake_at_ms) {
		int64_t delay = decision.wake_at_ms - w->memory.now_ms;
		loop_timer_start(w->wake, delay < 1 ? 1 : delay, 0);
	} else {
		loop_timer_stop(w->wake);
	}
	bool over = decision.stage == POD_TERMINATED && w->gone;
	arena_free(arena);
	if (over)
		retire(w);
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
