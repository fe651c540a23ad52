#include "kubelet/pods/status_conditions.h"

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static const char *const owned[] = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
    "PodScheduled", "DisruptionTarget", NULL};

bool status_condition_is_ours(const char *type)
{
	return str_in(type, owned);
}

struct outcome {
	bool ok;
	const char *reason, *message;
};

struct names {
	struct buf text;
	size_t len;
};

static void add_name(struct names *n, const char *name)
{
	buf_printf(&n->text, "%s%s", n->len++ ? " " : "", name);
}

static const CoreV1__ContainerStatus *find(const CoreV1__PodStatus *s, const char *name)
{
	for (size_t i = 0; i < s->n_container_statuses; i++)
		if (str_eq(s->container_statuses[i]->name, name))
			return s->container_statuses[i];
	for (size_t i = 0; i < s->n_init_container_statuses; i++)
		if (str_eq(s->init_container_statuses[i]->name, name))
			return s->init_container_statuses[i];
	return NULL;
}

static struct outcome containers_ready(
    struct arena *arena, const struct status_input *in, const CoreV1__PodStatus *s)
{
	struct names unready = {0};
	for (size_t i = 0; i < in->slots->len; i++) {
		const struct pod_slot *slot = &in->slots->items[i];
		if (slot->kind != SLOT_APP && slot->kind != SLOT_SIDECAR)
			continue;
		const CoreV1__ContainerStatus *cs = find(s, slot->spec->name);
		if (!cs || !cs->ready)
			add_name(&unready, slot->spec->name);
	}
	struct outcome out = {.ok = !unready.len};
	if (str_eq(s->phase, "Succeeded")) {
		out = (struct outcome){false, "PodCompleted", NULL};
	} else if (str_eq(s->phase, "Failed")) {
		out = (struct outcome){false, "PodFailed", NULL};
	} else if (unready.len) {
		out.reason = "ContainersNotReady";
		out.message =
		    arena_printf(arena, "containers with unready status: [%s]", buf_str(&unready.text));
	}
	buf_done(&unready.text);
	return out;
}

static struct outcome initialized(
    struct arena *arena, const struct status_input *in, const CoreV1__PodStatus *s)
{
	if (str_eq(s->phase, "Succeeded"))
		return (struct outcome){true, "PodCompleted", NULL};
	/* Once an ordinary container has started, a sidecar that restarts doesn't take it back. */
	for (size_t i = 0; i < s->n_container_statuses; i++) {
		const CoreV1__ContainerStatus *cs = s->container_statuses[i];
		if (cs->state->running || (cs->container_id && *cs->container_id))
			return (struct outcome){true, NULL, NULL};
	}
	struct names incomplete = {0};
	for (size_t i = 0; i < in->slots->len; i++) {
		const struct pod_slot *slot = &in->slots->items[i];
		if (slot->kind != SLOT_INIT && slot->kind != SLOT_SIDECAR)
			continue;
		const CoreV1__ContainerStatus *cs = find(s, slot->spec->name);
		if (!cs || (slot->kind == SLOT_INIT ? !cs->ready : !cs->started))
			add_name(&incomplete, slot->spec->name);
	}
	struct outcome out = {.ok = !incomplete.len};
	if (incomplete.len) {
		out.reason = "ContainersNotInitialized";
		out.message =
		    arena_printf(arena, "containers with incomplete status: [%s]", buf_str(&incomplete.text));
	}
	buf_done(&incomplete.text);
	return out;
}

static struct outcome gates(struct arena *arena, const CoreV1__Pod *pod)
{
	struct names open = {0};
	for (size_t i = 0; i < pod->spec->n_readiness_gates; i++) {
		const char *type = pod->spec->readiness_gates[i]->condition_type;
		bool ok = false;
		for (size_t k = 0; k < pod->status->n_conditions; k++)
			if (str_eq(pod->status->conditions[k]->type, type))
				ok = str_eq(pod->status->conditions[k]->status, "True");
		if (!ok) {
			buf_printf(
			    &open.text, "%sreadiness gate \"%s\" is not True", open.len++ ? ", " : "", type);
		}
	}
	struct outcome out = {.ok = !open.len};
	if (open.len) {
		out.reason = "ReadinessGatesNotReady";
		out.message = arena_strdup(arena, buf_str(&open.text));
	}
	buf_done(&open.text);
	return out;
}

static const CoreV1__PodCondition *find_condition(const CoreV1__PodStatus *s, const char *type)
{
	for (size_t i = 0; s && i < s->n_conditions; i++)
		if (str_eq(s->conditions[i]->type, type))
			return s->conditions[i];
	return NULL;
}

static void add_condition(struct arena *arena, const struct status_input *in, CoreV1__PodStatus *s,
    const char *type, const struct outcome *o)
{
	CoreV1__PodCondition *c = API_NEW(arena, core_v1__pod_condition);
	c->type = arena_strdup(arena, type);
	c->status = arena_strdup(arena, o->ok ? "True" : "False");
	c->reason = arena_strdup(arena, str_or(o->reason, ""));
	c->message = arena_strdup(arena, str_or(o->message, ""));
	const CoreV1__PodCondition *old = find_condition(in->last, type);
	if (!old)
		old = find_condition(pod_of(in->pod)->status, type);
	if (old && str_eq(old->status, c->status) && old->last_transition_time)
		c->last_transition_time = api_clone(arena, old->last_transition_time);
	else
		c->last_transition_time = time_new(arena, in->memory->now_ms / 1000);
	api_append(arena, s, conditions, c);
}

void status_conditions(struct arena *arena, const struct status_input *in, CoreV1__PodStatus *s)
{
	const CoreV1__Pod *pod = pod_of(in->pod);
	const struct rt_sandbox *sandbox = rt_pod_sandbox(in->runtime);
	struct outcome can_start = {
	    .ok = sandbox && sandbox->ready && (sandbox->ip || pod->spec->host_network)};
	struct outcome init = initialized(arena, in, s), containers = containers_ready(arena, in, s),
		       ready = containers;
	if (ready.ok)
		ready = gates(arena, pod);
	struct outcome scheduled = {.ok = true};
	add_condition(arena, in, s, "PodReadyToStartContainers", &can_start);
	add_condition(arena, in, s, "Initialized", &init);
	add_condition(arena, in, s, "Ready", &ready);
	add_condition(arena, in, s, "ContainersReady", &containers);
	add_condition(arena, in, s, "PodScheduled", &scheduled);
	if (str_eq(in->memory->end_reason, "Evicted")) {
		struct outcome disrupted = {true, "TerminationByKubelet", in->memory->end_message};
		add_condition(arena, in, s, "DisruptionTarget", &disrupted);
	}
}
