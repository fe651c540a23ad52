#include "kubelet/pods/pod_worker.h"

#include <stdio.h>

#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* A crash is shown as a terminated container for a moment before it becomes CrashLoopBackOff, so that
 * watchers see both. */
#define SHOW_EXIT_MS 1000
#define SIDECAR_GRACE_MIN_S 2

struct decider {
	struct arena *arena;
	const struct object *obj;
	const CoreV1__Pod *pod;
	const struct pod_slots *slots;
	const struct rt_pod *runtime;
	const struct pod_memory *memory;
	const struct rt_sandbox *sandbox;
	const char **wait, **wait_message;
	bool is_never, is_on_failure;
	struct pod_decision out;
};

static struct pod_action *add(struct decider *d, enum pod_action_kind kind)
{
	d->out.actions = arena_grow(d->arena, d->out.actions, d->out.len * sizeof *d->out.actions,
	    (d->out.len + 1) * sizeof *d->out.actions);
	struct pod_action *a = &d->out.actions[d->out.len++];
	*a = (struct pod_action){.kind = kind, .slot = SIZE_MAX, .grace_s = -1};
	return a;
}

static void wake(struct decider *d, int64_t at_ms)
{
	if (!d->out.wake_at_ms || at_ms < d->out.wake_at_ms)
		d->out.wake_at_ms = at_ms;
}

static const struct rt_container *newest(const struct decider *d, size_t slot)
{
	return rt_pod_container(d->runtime, d->slots->items[slot].spec->name, 0);
}

static bool in_sandbox(const struct decider *d, const struct rt_container *c)
{
	return c && d->sandbox && c->created_ns >= d->sandbox->created_ns;
}

static bool is_alive(const struct rt_container *c)
{
	return c && (c->state == RT_RUNNING || c->state == RT_UNKNOWN);
}

static bool should_restart(const struct decider *d, size_t slot, const struct rt_container *c)
{
	enum slot_kind kind = d->slots->items[slot].kind;
	if (!c)
		return true;
	if (c->state == RT_RUNNING)
		return false;
	if (kind == SLOT_EPHEMERAL)
		return false;
	if (kind == SLOT_SIDECAR || c->state == RT_CREATED || c->state == RT_UNKNOWN)
		return true;
	if (d->is_never || ((d->is_on_failure || kind == SLOT_INIT) && c->exit_code == 0))
		return false;
	return true;
}

/* ---- containers that are to go ---- */

static struct pod_action *kill(
    struct decider *d, size_t slot, const struct rt_container *c, int64_t grace_s, const char *message)
{
	const struct container_memory *m =
	    slot < d->memory->containers_len ? &d->memory->containers[slot] : NULL;
	if (m && str_eq(m->killing_id, c->id) && grace_s >= m->killing_grace_s)
		return NULL;
	struct pod_action *a = add(d, POD_KILL_CONTAINER);
	a->slot = slot;
	a->id = c->id;
	a->grace_s = grace_s;
	a->message = message;
	a->skip_prestop = m && str_eq(m->killing_id, c->id);
	return a;
}

static size_t slot_of(const struct decider *d, const struct rt_container *c)
{
	for (size_t i = 0; i < d->slots->len; i++)
		if (str_eq(d->slots->items[i].spec->name, c->name))
			return i;
	return SIZE_MAX;
}

/* Old instances: the newest two of a name stay, for lastState and `logs --previous`. */
static void remove_old_instances(struct decider *d)
{
	for (size_t i = 0; d->runtime && i < d->runtime->containers_len; i++) {
		const struct rt_container *c = d->runtime->containers[i];
		size_t newer = 0;
		for (size_t k = 0; k < i; k++)
			newer += str_eq(d->runtime->containers[k]->name, c->name);
		if (newer >= 2 && !is_alive(c))
			add(d, POD_REMOVE_CONTAINER)->id = c->id;
	}
}

static bool start_under_way(const struct decider *d)
{
	for (size_t i = 0; i < d->memory->containers_len; i++)
		if (d->memory->containers[i].starting)
			return true;
	return d->memory->sandbox_busy || d->memory->volumes_busy;
}

/* All containers are stopped: first all but sidecars, then sidecars one after the other, last started first.
 */
static void decide_termination(struct decider *d)
{
	const struct pod_memory *m = d->memory;
	d->out.stage = POD_TERMINATING;
	int64_t grace = pod_grace_s(d->obj);
	if (!d->obj->meta->deletion_timestamp && m->end_requested && m->end_grace_s >= 0)
		grace = m->end_grace_s;
	bool any = false;
	const struct rt_container *sidecar = NULL;
	size_t sidecar_slot = 0;
	for (size_t i = 0; d->runtime && i < d->runtime->containers_len; i++) {
		const struct rt_container *c = d->runtime->containers[i];
		if (!is_alive(c))
			continue;
		size_t slot = slot_of(d, c);
		if (slot < d->slots->len && d->slots->items[slot].kind == SLOT_SIDECAR) {
			if (!sidecar || slot > sidecar_slot) {
				sidecar = c;
				sidecar_slot = slot;
			}
			continue;
		}
		any = true;
		kill(d, slot, c, grace, arena_printf(d->arena, "Stopping container %s", c->name));
	}
	if (sidecar && !any) {
		int64_t left = m->end_started_ms ? grace - (m->now_ms - m->end_started_ms) / 1000 : grace;
		kill(d, sidecar_slot, sidecar, left < SIDECAR_GRACE_MIN_S ? SIDECAR_GRACE_MIN_S : left,
		    arena_printf(d->arena, "Stopping container %s", sidecar->name));
	}
	if (any || sidecar || start_under_way(d))
		return;
	if (m->cleaned)
		d->out.stage = POD_TERMINATED;
	else if (!m->cleaning)
		add(d, POD_CLEAN_UP);
}

/* ---- starting ---- */

const struct rt_container *pod_backoff_reference(
    const struct rt_pod *runtime, const struct container_memory *m)
{
	const struct rt_container *c = rt_pod_container(runtime, m->name, 0);
	if (c && str_eq(m->restarted_id, c->id))
		c = rt_pod_container(runtime, m->name, 1);
	return c && c->state == RT_EXITED ? c : NULL;
}

/* True when the slot's start has to wait; notes why and until when. */
static bool must_wait(struct decider *d, size_t slot, const struct rt_container *c)
{
	const struct container_memory *m = &d->memory->containers[slot];
	int64_t now = d->memory->now_ms, until;
	c = c && c->state == RT_EXITED ? pod_backoff_reference(d->runtime, m) : NULL;
	if (c) {
		int64_t finished = (c->finished_ns ? c->finished_ns : c->created_ns) / 1000000;
		if (backoff_active(&m->crash, finished, now, d->memory->max_backoff_ms, &until)) {
			wake(d, until);
			if (now < finished + SHOW_EXIT_MS) {
				wake(d, finished + SHOW_EXIT_MS);
				return true;
			}
			d->wait[slot] = "CrashLoopBackOff";
			d->wait_message[slot] = arena_printf(d->arena,
			    "back-off %llds restarting failed container=%s pod=%s_%s(%s)",
			    (long long)(m->crash.delay_ms / 1000), c->name, d->obj->meta->name,
			    d->obj->meta->namespace_, d->obj->meta->uid);
			struct pod_action *a = add(d, POD_BACK_OFF);
			a->slot = slot;
			a->id = c->id;
			a->message = d->wait_message[slot];
			return true;
		}
	}
	if (m->retry_at_ms > now) {
		wake(d, m->retry_at_ms);
		return true;
	}
	return false;
}

/* Starts the slot unless it must wait or another start is under way. */
static void start(struct decider *d, size_t slot, const struct rt_container *c)
{
	if (d->memory->containers[slot].starting || must_wait(d, slot, c) || start_under_way(d))
		return;
	for (size_t i = 0; i < d->out.len; i++)
		if (d->out.actions[i].kind == POD_START_CONTAINER)
			return;
	struct pod_action *a = add(d, POD_START_CONTAINER);
	a->slot = slot;
	a->id = c ? c->id : NULL;
}

static int64_t probe_grace(const struct decider *d, const CoreV1__Probe *probe)
{
	if (probe && probe->has_termination_grace_period_seconds)
		return probe->termination_grace_period_seconds;
	return pod_grace_s(d->obj);
}

/* A running container that must not go on is killed; true then. */
static bool kill_if_unfit(struct decider *d, size_t slot, const struct rt_container *c)
{
	const struct pod_slot *s = &d->slots->items[slot];
	const struct container_memory *m = &d->memory->containers[slot];
	const char *why = NULL;
	int64_t grace = pod_grace_s(d->obj);
	char hash[17];
	if (str_eq(m->start_failed_id, c->id)) {
		why = "failed its postStart hook";
	} else if (c->hash && s->kind != SLOT_EPHEMERAL && !str_eq(c->hash, container_hash(s->spec, hash))) {
		why = "definition changed";
	} else if (str_eq(m->probed_id, c->id) && m->liveness == PROBE_FAILURE) {
		why = "failed liveness probe";
		grace = probe_grace(d, s->spec->liveness_probe);
	} else if (str_eq(m->probed_id, c->id) && m->startup == PROBE_FAILURE) {
		why = "failed startup probe";
		grace = probe_grace(d, s->spec->startup_probe);
	}
	if (!why)
		return false;
	bool restarts = s->kind == SLOT_SIDECAR || !d->is_never;
	struct pod_action *a = kill(d, slot, c, grace,
	    arena_printf(d->arena, "Container %s %s%s", c->name, why, restarts ? ", will be restarted" : ""));
	if (a)
		a->restarts = restarts && !str_eq(m->start_failed_id, c->id);
	return true;
}

static bool is_started(const struct decider *d, size_t slot, const struct rt_container *c)
{
	const struct container_memory *m = &d->memory->containers[slot];
	if (c->state != RT_RUNNING || m->starting)
		return false;
	return !d->slots->items[slot].spec->startup_probe ||
	       (str_eq(m->probed_id, c->id) && m->startup == PROBE_SUCCESS);
}

enum init_state { INIT_GOING_ON, INIT_DONE, INIT_FAILED };

static enum init_state decide_init(struct decider *d)
{
	bool initialized = false;
	for (size_t i = 0; i < d->slots->len; i++)
		initialized |= d->slots->items[i].kind == SLOT_APP && in_sandbox(d, newest(d, i));
	for (size_t i = 0; i < d->slots->len; i++) {
		enum slot_kind kind = d->slots->items[i].kind;
		if (kind != SLOT_INIT && kind != SLOT_SIDECAR)
			continue;
		const struct rt_container *c = newest(d, i);
		if (!in_sandbox(d, c))
			c = NULL;
		if (kind == SLOT_SIDECAR) {
			if (c && c->state == RT_RUNNING) {
				kill_if_unfit(d, i, c);
				if (!initialized && !is_started(d, i, c))
					return INIT_GOING_ON;
				continue;
			}
			start(d, i, c);
			if (!initialized)
				return INIT_GOING_ON;
			continue;
		}
		if (initialized || (c && c->state == RT_EXITED && c->exit_code == 0))
			continue;
		if (c && c->state == RT_RUNNING)
			return INIT_GOING_ON;
		if (c && c->state == RT_EXITED && d->is_never)
			return INIT_FAILED;
		start(d, i, c);
		return INIT_GOING_ON;
	}
	return INIT_DONE;
}

/* False: nothing runs and nothing is to run any more: the pod has come to its end. */
static bool decide_containers(struct decider *d)
{
	bool alive = false;
	for (size_t i = 0; i < d->slots->len; i++) {
		enum slot_kind kind = d->slots->items[i].kind;
		if (kind != SLOT_APP && kind != SLOT_EPHEMERAL)
			continue;
		const struct rt_container *c = newest(d, i);
		if (c && c->state == RT_RUNNING) {
			kill_if_unfit(d, i, c);
			alive |= kind == SLOT_APP;
		} else if (should_restart(d, i, c)) {
			start(d, i, c);
			alive |= kind == SLOT_APP;
		} else if (d->memory->containers[i].starting) {
			alive |= kind == SLOT_APP;
		}
	}
	return alive;
}

/* ---- the sandbox ---- */

static bool anything_to_run(const struct decider *d)
{
	for (size_t i = 0; i < d->slots->len; i++)
		if (d->slots->items[i].kind == SLOT_APP && should_restart(d, i, newest(d, i)))
			return true;
	for (size_t i = 0; i < d->slots->len; i++) {
		const struct rt_container *c = newest(d, i);
		if (d->slots->items[i].kind == SLOT_APP && is_alive(c))
			return !d->is_never;
	}
	return false;
}

static bool sandbox_is_good(const struct decider *d)
{
	return d->sandbox && d->sandbox->ready && (d->sandbox->ip || d->pod->spec->host_network);
}

/* False: a new sandbox is needed but there is nothing to run in it. */
static bool decide_sandbox(struct decider *d)
{
	const struct pod_memory *m = d->memory;
	if (m->sandbox_busy)
		return true;
	if (d->sandbox && d->runtime->containers_len && (d->is_never || !anything_to_run(d)))
		return false;
	bool running = false;
	for (size_t i = 0; d->runtime && i < d->runtime->containers_len; i++)
		running |= is_alive(d->runtime->containers[i]);
	if (d->sandbox && (d->sandbox->ready || running)) {
		add(d, POD_STOP_SANDBOX)->id = d->sandbox->id;
		return true;
	}
	if (m->sandbox_retry_at_ms > m->now_ms) {
		wake(d, m->sandbox_retry_at_ms);
		return true;
	}
	add(d, POD_RUN_SANDBOX)->attempt = d->sandbox ? d->sandbox->attempt + 1 : 0;
	return true;
}

/* True when the active deadline has passed. */
static bool decide_deadline(struct decider *d)
{
	const struct pod_memory *m = d->memory;
	if (!d->pod->spec->has_active_deadline_seconds)
		return false;
	int64_t begin = time_seconds(d->pod->status->start_time) * 1000;
	if (!begin)
		begin = m->first_seen_ms;
	int64_t end = begin + d->pod->spec->active_deadline_seconds * 1000;
	if (m->now_ms < end) {
		wake(d, end);
		return false;
	}
	add(d, POD_DEADLINE);
	return true;
}

static void decide_sync(struct decider *d)
{
	const struct pod_memory *m = d->memory;
	if (decide_deadline(d))
		return;
	remove_old_instances(d);
	if (!m->volumes_ready) {
		if (m->volumes_retry_at_ms > m->now_ms)
			wake(d, m->volumes_retry_at_ms);
		else if (!m->volumes_busy)
			add(d, POD_PREPARE);
		return;
	}
	bool goes_on = true;
	if (!sandbox_is_good(d)) {
		if (!m->network_ready && !d->pod->spec->host_network && !d->sandbox)
			return;
		goes_on = decide_sandbox(d);
	} else {
		switch (decide_init(d)) {
		case INIT_GOING_ON:
			break;
		case INIT_FAILED:
			goes_on = false;
			break;
		case INIT_DONE:
			goes_on = decide_containers(d);
			break;
		}
	}
	if (!goes_on)
		decide_termination(d);
}

struct pod_decision pod_decide(struct arena *arena, const struct object *obj, const struct pod_slots *slots,
    const struct rt_pod *runtime, const struct pod_memory *memory)
{
	const CoreV1__Pod *pod = pod_of(obj);
	struct decider d = {.arena = arena,
	    .obj = obj,
	    .pod = pod,
	    .slots = slots,
	    .runtime = runtime,
	    .memory = memory,
	    .sandbox = rt_pod_sandbox(runtime),
	    .is_never = str_eq(pod->spec->restart_policy, "Never"),
	    .is_on_failure = str_eq(pod->spec->restart_policy, "OnFailure")};
	d.wait = ARENA_ARRAY(arena, const char *, slots->len + 1);
	d.wait_message = ARENA_ARRAY(arena, const char *, slots->len + 1);
	if (obj->meta->deletion_timestamp || memory->end_requested || memory->rejected || memory->cleaning ||
	    memory->cleaned || pod_is_terminal_phase(pod->status->phase))
		decide_termination(&d);
	else
		decide_sync(&d);
	d.out.wait = (const char *const *)d.wait;
	d.out.wait_message = (const char *const *)d.wait_message;
	return d.out;
}
