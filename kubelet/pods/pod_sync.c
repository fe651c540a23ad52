/* One look at a pod: ask pod_decide(), run what it says, publish the status; and the helpers that actions
 * share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/admission.h"
#include "kubelet/pods/pod_private.h"
#include "kubelet/pods/status.h"
#include "kubelet/pods/status_manager.h"
#include "kubelet/probes/probe.h"
#include "kubelet/references.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/events.h"
#include "lib/loop/loop.h"

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

void worker_sync(struct worker *w)
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
