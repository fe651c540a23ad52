#include "kubelet/pods/status.h"

#include <stdio.h>
#include <string.h>

#include "kubelet/pods/status_conditions.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define LOST_EXIT_CODE 137

struct builder {
	struct arena *arena;
	const struct status_input *in;
	const CoreV1__Pod *pod;
	const CoreV1__PodStatus *old;
	bool has_init, terminated;
};

bool status_started(
    const struct pod_slot *slot, const struct rt_container *c, const struct container_memory *m)
{
	if (!c || c->state != RT_RUNNING || m->starting_hook || str_eq(m->start_failed_id, c->id))
		return false;
	return !slot->spec->startup_probe || (str_eq(m->probed_id, c->id) && m->startup == PROBE_SUCCESS);
}

bool status_ready(const struct pod_slot *slot, const struct rt_container *c, const struct container_memory *m)
{
	if (slot->kind == SLOT_INIT)
		return c && c->state == RT_EXITED && c->exit_code == 0;
	if (slot->kind == SLOT_EPHEMERAL || !status_started(slot, c, m))
		return false;
	return !slot->spec->readiness_probe || (str_eq(m->probed_id, c->id) && m->readiness == PROBE_SUCCESS);
}

/* ---- container states ---- */

static CoreV1__ContainerState *new_state(struct arena *arena)
{
	return API_NEW(arena, core_v1__container_state);
}

static char *container_id(struct arena *arena, const char *id)
{
	return arena_printf(arena, "containerd://%s", id);
}

static MetaV1__Time *time_of_ns(struct arena *arena, int64_t ns)
{
	return time_new(arena, ns / 1000000000);
}

static CoreV1__ContainerState *state_waiting(struct arena *arena, const char *reason, const char *message)
{
	CoreV1__ContainerState *s = new_state(arena);
	s->waiting = API_NEW(arena, core_v1__container_state_waiting);
	s->waiting->reason = arena_strdup(arena, reason);
	s->waiting->message = arena_strdup(arena, str_or(message, ""));
	return s;
}

static CoreV1__ContainerState *state_terminated(struct arena *arena, const struct rt_container *c)
{
	CoreV1__ContainerState *s = new_state(arena);
	CoreV1__ContainerStateTerminated *t = s->terminated =
	    API_NEW(arena, core_v1__container_state_terminated);
	t->exit_code = c->exit_code;
	t->reason = arena_strdup(arena, str_or(c->reason, ""));
	t->message = arena_strdup(arena, str_or(c->termination_message, str_or(c->message, "")));
	/* A container that never started has 1970 there, not nothing. */
	t->started_at = API_NEW(arena, meta_v1__time);
	t->started_at->seconds = c->started_ns / 1000000000;
	t->finished_at = API_NEW(arena, meta_v1__time);
	t->finished_at->seconds = c->finished_ns / 1000000000;
	t->container_id = container_id(arena, c->id);
	return s;
}

static CoreV1__ContainerState *state_lost(struct arena *arena)
{
	CoreV1__ContainerState *s = new_state(arena);
	CoreV1__ContainerStateTerminated *t = s->terminated =
	    API_NEW(arena, core_v1__container_state_terminated);
	t->exit_code = LOST_EXIT_CODE;
	t->reason = arena_strdup(arena, "ContainerStatusUnknown");
	t->message =
	    arena_strdup(arena, "The pod ended before anything was known about the end of this container");
	return s;
}

static CoreV1__ContainerState *state_of(struct arena *arena, const struct rt_container *c)
{
	if (c->state == RT_EXITED || c->state == RT_CREATED)
		return state_terminated(arena, c);
	if (c->state == RT_UNKNOWN)
		return state_waiting(arena, "ContainerStatusUnknown", "");
	CoreV1__ContainerState *s = new_state(arena);
	s->running = API_NEW(arena, core_v1__container_state_running);
	s->running->started_at = time_of_ns(arena, c->started_ns);
	return s;
}

/* ---- one container ---- */

static const CoreV1__ContainerStatus *find_old(const struct builder *b, const char *name)
{
	const CoreV1__PodStatus *lists[] = {b->in->last, b->pod->status};
	for (size_t l = 0; l < 2; l++) {
		const CoreV1__PodStatus *s = lists[l];
		for (size_t i = 0; s && i < s->n_container_statuses; i++)
			if (str_eq(s->container_statuses[i]->name, name))
				return s->container_statuses[i];
		for (size_t i = 0; s && i < s->n_init_container_statuses; i++)
			if (str_eq(s->init_container_statuses[i]->name, name))
				return s->init_container_statuses[i];
		for (size_t i = 0; s && i < s->n_ephemeral_container_statuses; i++)
			if (str_eq(s->ephemeral_container_statuses[i]->name, name))
				return s->ephemeral_container_statuses[i];
	}
	return NULL;
}

static void add_volume_mounts(struct arena *arena, CoreV1__ContainerStatus *cs, const CoreV1__Container *spec)
{
	for (size_t i = 0; i < spec->n_volume_mounts; i++) {
		const CoreV1__VolumeMount *m = spec->volume_mounts[i];
		CoreV1__VolumeMountStatus *v = API_NEW(arena, core_v1__volume_mount_status);
		v->name = arena_strdup(arena, m->name);
		v->mount_path = arena_strdup(arena, m->mount_path);
		v->read_only = m->read_only;
		if (m->read_only)
			v->recursive_read_only = arena_strdup(arena, "Disabled");
		api_append(arena, cs, volume_mounts, v);
	}
}

/* Whether an exited container will be started again, so that it shows as waiting. */
static bool will_restart(const struct builder *b, const struct pod_slot *slot, const struct rt_container *c)
{
	if (b->terminated || b->in->decision->stage != POD_SYNC || slot->kind == SLOT_EPHEMERAL)
		return false;
	if (slot->kind == SLOT_SIDECAR)
		return true;
	if (str_eq(b->pod->spec->restart_policy, "Never"))
		return false;
	if ((slot->kind == SLOT_INIT || str_eq(b->pod->spec->restart_policy, "OnFailure")) &&
	    c->exit_code == 0)
		return false;
	return true;
}

/* The newest instance whose start is over: not one that is just made, in its postStart hook, or going because
 * of that. */
static const struct rt_container *shown_instance(const struct builder *b, size_t index)
{
	const struct container_memory *m = &b->in->memory->containers[index];
	const struct rt_container *c;
	for (size_t skip = 0; (c = rt_pod_container(b->in->runtime, m->name, skip)); skip++) {
		bool in_hook =
		    c->state == RT_RUNNING && (m->starting_hook || str_eq(m->start_failed_id, c->id));
		if (c->state != RT_CREATED && !(in_hook && skip == 0))
			return c;
	}
	return NULL;
}

static const struct rt_container *previous_instance(const struct builder *b, const struct rt_container *c)
{
	const struct rt_container *p;
	for (size_t skip = 0; (p = rt_pod_container(b->in->runtime, c->name, skip)); skip++)
		if (p != c && p->created_ns <= c->created_ns)
			return p;
	return NULL;
}

static void fill_from_runtime(
    const struct builder *b, CoreV1__ContainerStatus *cs, size_t index, const struct rt_container *c)
{
	struct arena *arena = b->arena;
	const struct pod_slot *slot = &b->in->slots->items[index];
	const struct container_memory *m = &b->in->memory->containers[index];
	const struct rt_container *before = previous_instance(b, c);
	cs->image = arena_strdup(arena, str_or(c->image, slot->spec->image));
	cs->image_id = arena_strdup(arena, str_or(c->image_ref, ""));
	cs->container_id = container_id(arena, c->id);
	cs->restart_count = c->restart_count;
	cs->state = state_of(arena, c);
	if (before)
		cs->last_state = state_terminated(arena, before);
	else {
		const CoreV1__ContainerStatus *old = find_old(b, c->name);
		if (old && c->restart_count > 0 && old->last_state && old->last_state->terminated)
			cs->last_state = api_clone(arena, old->last_state);
	}
	const char *reason = str_or(b->in->decision->wait[index], m->wait_reason);
	const char *message =
	    b->in->decision->wait[index] ? b->in->decision->wait_message[index] : m->wait_message;
	if (c->state == RT_EXITED && !str_empty(reason) && will_restart(b, slot, c)) {
		cs->last_state = cs->state;
		cs->state = state_waiting(arena, reason, message);
	}
}

static void fill_unknown(const struct builder *b, CoreV1__ContainerStatus *cs, size_t index)
{
	struct arena *arena = b->arena;
	const struct pod_slot *slot = &b->in->slots->items[index];
	const struct container_memory *m = &b->in->memory->containers[index];
	const CoreV1__ContainerStatus *old = find_old(b, slot->spec->name);
	cs->image = arena_strdup(arena, slot->spec->image);
	if (old && old->container_id && *old->container_id) {
		/* It existed once: what was known of its end stays; what ran has ended unseen. */
		cs->image = arena_strdup(arena, old->image);
		cs->image_id = arena_strdup(arena, old->image_id);
		cs->container_id = arena_strdup(arena, old->container_id);
		cs->restart_count = old->restart_count;
		cs->last_state = api_clone(arena, old->last_state);
		if (old->state->terminated || b->in->decision->stage == POD_SYNC)
			cs->state = api_clone(arena, old->state);
		else
			cs->state = state_lost(arena);
		if (cs->state->running) {
			cs->last_state = state_lost(arena);
			cs->state =
			    state_waiting(arena, b->has_init ? "PodInitializing" : "ContainerCreating", "");
		}
		return;
	}
	const char *reason = b->in->decision->wait[index] ? b->in->decision->wait[index] : m->wait_reason;
	cs->state =
	    state_waiting(arena, str_or(reason, b->has_init ? "PodInitializing" : "ContainerCreating"),
		reason ? m->wait_message : "");
}

/*
 * At the end of a pod a container without an end of its own counts as lost, unless it can't have run: before
 * the last init container was through, ordinary containers and init containers that were never made stay as
 * they are.
 */
static bool may_be_lost(const struct builder *b, size_t index, const struct rt_container *c)
{
	bool initialized = true;
	for (size_t i = 0; i < b->in->slots->len; i++) {
		const struct pod_slot *slot = &b->in->slots->items[i];
		const struct rt_container *other = shown_instance(b, i);
		if (slot->kind == SLOT_INIT)
			initialized = other && other->state == RT_EXITED && other->exit_code == 0;
		else if (slot->kind == SLOT_SIDECAR)
			initialized = other != NULL;
	}
	return c || (initialized && b->in->slots->items[index].kind == SLOT_APP);
}

static CoreV1__ContainerStatus *container_status(const struct builder *b, size_t index)
{
	struct arena *arena = b->arena;
	const struct pod_slot *slot = &b->in->slots->items[index];
	const struct container_memory *m = &b->in->memory->containers[index];
	const struct rt_container *c = shown_instance(b, index);
	CoreV1__ContainerStatus *cs = API_NEW(arena, core_v1__container_status);
	cs->name = arena_strdup(arena, slot->spec->name);
	if (c)
		fill_from_runtime(b, cs, index, c);
	else
		fill_unknown(b, cs, index);
	if (b->terminated && !cs->state->terminated && may_be_lost(b, index, c)) {
		if (cs->state->waiting && cs->last_state && cs->last_state->terminated)
			cs->state = cs->last_state;
		else
			cs->state = state_lost(arena);
	}
	if (slot->kind != SLOT_EPHEMERAL) {
		cs->has_started = true;
		cs->started = !b->terminated && status_started(slot, c, m);
		cs->ready = status_ready(slot, c, m);
		add_volume_mounts(arena, cs, slot->spec);
	}
	if (slot->kind == SLOT_INIT && !c && cs->state->terminated)
		cs->ready = cs->state->terminated->exit_code == 0;
	return cs;
}

/* ---- phase ---- */

struct tally {
	int init_pending, init_failed, waiting, running, stopped, succeeded;
};

static void count_init(struct tally *t, const CoreV1__ContainerStatus *cs, bool is_sidecar)
{
	const CoreV1__ContainerState *last = cs->last_state;
	if (is_sidecar) {
		t->init_pending += !cs->started;
		return;
	}
	if (cs->state->terminated)
		t->init_failed += cs->state->terminated->exit_code != 0;
	else if (cs->state->waiting && last && last->terminated && last->terminated->exit_code != 0)
		t->init_failed++;
	else
		t->init_pending++;
	/* A failed one that comes again is still pending. */
	if (cs->state->waiting)
		t->init_pending++;
}

static void count_app(struct tally *t, const CoreV1__ContainerStatus *cs)
{
	if (cs->state->running) {
		t->running++;
	} else if (cs->state->terminated) {
		t->stopped++;
		t->succeeded += cs->state->terminated->exit_code == 0;
	} else if (cs->last_state && cs->last_state->terminated) {
		t->stopped++;
	} else {
		t->waiting++;
	}
}

static const char *phase_of(const struct builder *b, const CoreV1__PodStatus *s)
{
	const CoreV1__PodSpec *spec = b->pod->spec;
	struct tally t = {0};
	bool is_always = str_eq(spec->restart_policy, "Always"),
	     is_never = str_eq(spec->restart_policy, "Never");
	bool app_started = false;
	for (size_t i = 0; i < s->n_container_statuses; i++) {
		count_app(&t, s->container_statuses[i]);
		app_started |= s->container_statuses[i]->state->running ||
			       s->container_statuses[i]->state->terminated ||
			       (s->container_statuses[i]->last_state &&
				   s->container_statuses[i]->last_state->terminated);
	}
	for (size_t i = 0; i < s->n_init_container_statuses && i < spec->n_init_containers; i++)
		count_init(&t, s->init_container_statuses[i],
		    str_eq(spec->init_containers[i]->restart_policy, "Always"));
	if (t.init_failed && is_never)
		return "Failed";
	if ((t.init_pending || t.init_failed) && !app_started && !b->terminated)
		return "Pending";
	if (t.waiting)
		return "Pending";
	if (t.running)
		return "Running";
	if (!t.stopped)
		return "Pending";
	if (b->terminated)
		return t.stopped == t.succeeded ? "Succeeded" : "Failed";
	if (is_always)
		return "Running";
	if (t.stopped == t.succeeded)
		return "Succeeded";
	return is_never ? "Failed" : "Running";
}

/* ---- addresses ---- */

static void add_pod_ip(struct arena *arena, CoreV1__PodStatus *s, const char *ip, size_t len)
{
	CoreV1__PodIP *entry = API_NEW(arena, core_v1__pod_ip);
	entry->ip = arena_strndup(arena, ip, len);
	if (!s->n_pod_ips)
		s->pod_ip = entry->ip;
	api_append(arena, s, pod_ips, entry);
}

static void fill_addresses(const struct builder *b, CoreV1__PodStatus *s)
{
	struct arena *arena = b->arena;
	const struct rt_sandbox *sandbox = rt_pod_sandbox(b->in->runtime);
	s->host_ip = arena_strdup(arena, b->in->host_ip);
	CoreV1__HostIP *host = API_NEW(arena, core_v1__host_ip);
	host->ip = s->host_ip;
	api_append(arena, s, host_ips, host);
	if (b->pod->spec->host_network) {
		add_pod_ip(arena, s, b->in->host_ip, strlen(b->in->host_ip));
	} else if (sandbox && sandbox->ip) {
		add_pod_ip(arena, s, sandbox->ip, strlen(sandbox->ip));
		for (const char *p = sandbox->extra_ips; p && *p;) {
			size_t n = strcspn(p, ",");
			add_pod_ip(arena, s, p, n);
			p += n + (p[n] == ',');
		}
	} else if (b->old && b->old->pod_ip && *b->old->pod_ip) {
		for (size_t i = 0; i < b->old->n_pod_ips; i++)
			add_pod_ip(arena, s, b->old->pod_ips[i]->ip, strlen(b->old->pod_ips[i]->ip));
	}
}

/* A rejected pod says why and nothing else: no container was ever looked at. */
static void fill_rejected(const struct builder *b, CoreV1__PodStatus *s)
{
	s->phase = arena_strdup(b->arena, "Failed");
	s->reason = arena_strdup(b->arena, b->in->memory->end_reason);
	s->message = arena_strdup(b->arena, b->in->memory->end_message);
}

static bool any_running(const CoreV1__PodStatus *s)
{
	for (size_t i = 0; i < s->n_container_statuses; i++)
		if (s->container_statuses[i]->state->running)
			return true;
	for (size_t i = 0; i < s->n_init_container_statuses; i++)
		if (s->init_container_statuses[i]->state->running)
			return true;
	return false;
}

CoreV1__PodStatus *status_compute(struct arena *arena, const struct status_input *in)
{
	const CoreV1__Pod *pod = pod_of(in->pod);
	struct builder b = {.arena = arena,
	    .in = in,
	    .pod = pod,
	    .old = in->last ? in->last : pod->status,
	    .terminated = in->decision->stage == POD_TERMINATED,
	    .has_init = pod->spec->n_init_containers > 0};
	CoreV1__PodStatus *s = API_NEW(arena, core_v1__pod_status);
	s->qos_class = arena_strdup(arena, pod_qos_name(pod_qos_of(pod)));
	s->start_time = pod->status->start_time ? api_clone(arena, pod->status->start_time)
						: time_new(arena, in->memory->first_seen_ms / 1000);
	if (in->memory->rejected) {
		fill_rejected(&b, s);
		return s;
	}
	for (size_t i = 0; i < in->slots->len; i++) {
		CoreV1__ContainerStatus *cs = container_status(&b, i);
		switch (in->slots->items[i].kind) {
		case SLOT_INIT:
		case SLOT_SIDECAR:
			api_append(arena, s, init_container_statuses, cs);
			break;
		case SLOT_APP:
			api_append(arena, s, container_statuses, cs);
			break;
		case SLOT_EPHEMERAL:
			api_append(arena, s, ephemeral_container_statuses, cs);
			break;
		}
	}
	fill_addresses(&b, s);
	s->phase = arena_strdup(arena, phase_of(&b, s));
	if (b.terminated && !pod_is_terminal_phase(s->phase))
		s->phase = arena_strdup(arena, "Failed");
	/* A terminal phase never changes again; one is reported only when no container runs any more. */
	if (pod_is_terminal_phase(pod->status->phase))
		s->phase = arena_strdup(arena, pod->status->phase);
	if (in->memory->end_reason && !any_running(s)) {
		s->phase = arena_strdup(arena, "Failed");
		s->reason = arena_strdup(arena, in->memory->end_reason);
		s->message = arena_strdup(arena, str_or(in->memory->end_message, ""));
	} else if (pod_is_terminal_phase(pod->status->phase)) {
		s->reason = arena_strdup(arena, pod->status->reason);
		s->message = arena_strdup(arena, pod->status->message);
	}
	status_conditions(arena, in, s);
	return s;
}
