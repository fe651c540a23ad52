#include "lib/resources/pod_cells.h"

#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/cells.h"

struct summary {
	const char *reason;
	int ready, total, restarts;
	int64_t last_restart_s; /* 0: none */
	int sidecar_restarts;
	int64_t last_sidecar_restart_s;
	bool initializing, running;
};

static bool has_condition(const CoreV1__Pod *pod, const char *type)
{
	for (size_t i = 0; i < pod->status->n_conditions; i++)
		if (str_eq(pod->status->conditions[i]->type, type))
			return str_eq(pod->status->conditions[i]->status, "True");
	return false;
}

static bool is_sidecar(const CoreV1__Pod *pod, const char *name)
{
	for (size_t i = 0; i < pod->spec->n_init_containers; i++)
		if (str_eq(pod->spec->init_containers[i]->name, name))
			return str_eq(pod->spec->init_containers[i]->restart_policy, "Always");
	return false;
}

static int64_t later(int64_t a, const CoreV1__ContainerStatus *status)
{
	const CoreV1__ContainerStateTerminated *t =
	    status->last_state ? status->last_state->terminated : NULL;
	int64_t b = t ? time_seconds(t->finished_at) : 0;

	return b > a ? b : a;
}

static const char *terminated_text(
    struct arena *arena, const CoreV1__ContainerStateTerminated *t, const char *prefix)
{
	if (!str_empty(t->reason))
		return arena_printf(arena, "%s%s", prefix, t->reason);
	return t->signal ? arena_printf(arena, "%sSignal:%d", prefix, t->signal)
			 : arena_printf(arena, "%sExitCode:%d", prefix, t->exit_code);
}

/* The first init container that is not done gives the status. Returns whether the walk stops here. */
static bool sum_init_container(const CoreV1__Pod *pod, size_t i, struct arena *arena, struct summary *sum)
{
	const CoreV1__ContainerStatus *c = pod->status->init_container_statuses[i];
	bool sidecar = is_sidecar(pod, c->name);

	sum->restarts += c->restart_count;
	sum->last_restart_s = later(sum->last_restart_s, c);
	if (sidecar) {
		sum->sidecar_restarts += c->restart_count;
		sum->last_sidecar_restart_s = later(sum->last_sidecar_restart_s, c);
	}
	if (c->state->terminated && !c->state->terminated->exit_code)
		return false;
	if (sidecar && c->has_started && c->started) {
		sum->ready += c->ready;
		return false;
	}
	if (c->state->terminated)
		sum->reason = terminated_text(arena, c->state->terminated, "Init:");
	else if (c->state->waiting && !str_empty(c->state->waiting->reason) &&
		 strcmp(c->state->waiting->reason, "PodInitializing"))
		sum->reason = arena_printf(arena, "Init:%s", c->state->waiting->reason);
	else
		sum->reason = arena_printf(arena, "Init:%zu/%zu", i, pod->spec->n_init_containers);
	sum->initializing = true;
	return true;
}

static void sum_containers(const CoreV1__Pod *pod, struct arena *arena, struct summary *sum)
{
	sum->restarts = sum->sidecar_restarts;
	sum->last_restart_s = sum->last_sidecar_restart_s;
	for (size_t i = pod->status->n_container_statuses; i-- > 0;) {
		const CoreV1__ContainerStatus *c = pod->status->container_statuses[i];

		sum->restarts += c->restart_count;
		sum->last_restart_s = later(sum->last_restart_s, c);
		if (c->state->waiting && !str_empty(c->state->waiting->reason)) {
			sum->reason = c->state->waiting->reason;
		} else if (c->state->terminated) {
			sum->reason = terminated_text(arena, c->state->terminated, "");
		} else if (c->ready && c->state->running) {
			sum->running = true;
			sum->ready++;
		}
	}
	/* one container finished while others run: the pod is running */
	if (sum->running && !strcmp(sum->reason, "Completed"))
		sum->reason = has_condition(pod, "Ready") ? "Running" : "NotReady";
}

static void summarize(const CoreV1__Pod *pod, struct arena *arena, struct summary *sum)
{
	const char *phase = str_or(pod->status->phase, "");

	sum->reason = str_or(pod->status->reason, phase);
	sum->total = (int)pod->spec->n_containers;
	for (size_t i = 0; i < pod->spec->n_init_containers; i++)
		sum->total += str_eq(pod->spec->init_containers[i]->restart_policy, "Always");
	for (size_t i = 0; i < pod->status->n_conditions; i++)
		if (str_eq(pod->status->conditions[i]->type, "PodScheduled") &&
		    str_eq(pod->status->conditions[i]->reason, "SchedulingGated"))
			sum->reason = "SchedulingGated";
	for (size_t i = 0; i < pod->status->n_init_container_statuses; i++)
		if (sum_init_container(pod, i, arena, sum))
			break;
	if (!sum->initializing || has_condition(pod, "Initialized"))
		sum_containers(pod, arena, sum);
	if (!pod->metadata->deletion_timestamp)
		return;
	if (str_eq(pod->status->reason, "NodeLost"))
		sum->reason = "Unknown";
	else if (strcmp(phase, "Succeeded") && strcmp(phase, "Failed"))
		sum->reason = "Terminating";
}

const char *pod_status_text(const CoreV1__Pod *pod, struct arena *arena)
{
	struct summary sum = {0};

	summarize(pod, arena, &sum);
	return sum.reason;
}

static struct json *readiness_gates(const CoreV1__Pod *pod, const struct resource_context *ctx)
{
	size_t met = 0;

	if (!pod->spec->n_readiness_gates)
		return cell_text(ctx, "<none>");
	for (size_t i = 0; i < pod->spec->n_readiness_gates; i++)
		met += has_condition(pod, pod->spec->readiness_gates[i]->condition_type);
	return cell_printf(ctx, "%zu/%zu", met, pod->spec->n_readiness_gates);
}

void pod_cells(const struct object *obj, const struct resource_context *ctx, struct json **cells)
{
	const CoreV1__Pod *pod = (const CoreV1__Pod *)obj->msg;
	struct summary sum = {0};

	summarize(pod, ctx->arena, &sum);
	cells[0] = cell_text(ctx, pod->metadata->name);
	cells[1] = cell_printf(ctx, "%d/%d", sum.ready, sum.total);
	cells[2] = cell_text(ctx, sum.reason);
	cells[3] = sum.restarts && sum.last_restart_s ? cell_printf(ctx, "%d (%s ago)", sum.restarts,
							    cell_since(ctx, ctx->now_s - sum.last_restart_s))
						      : cell_printf(ctx, "%d", sum.restarts);
	cells[4] = cell_age(ctx, pod->metadata->creation_timestamp);
	cells[5] = cell_or_none(ctx, pod->status->n_pod_ips ? pod->status->pod_ips[0]->ip : NULL);
	cells[6] = cell_or_none(ctx, pod->spec->node_name);
	cells[7] = cell_or_none(ctx, pod->status->nominated_node_name);
	cells[8] = readiness_gates(pod, ctx);
}

struct json *cell_container_names(const struct resource_context *ctx, const CoreV1__PodSpec *spec)
{
	char **names = ARENA_ARRAY(ctx->arena, char *, spec->n_containers + 1);

	for (size_t i = 0; i < spec->n_containers; i++)
		names[i] = spec->containers[i]->name;
	return cell_text(ctx, spec->n_containers ? cell_join(ctx, spec->n_containers, names, ",") : "");
}

struct json *cell_container_images(const struct resource_context *ctx, const CoreV1__PodSpec *spec)
{
	char **images = ARENA_ARRAY(ctx->arena, char *, spec->n_containers + 1);

	for (size_t i = 0; i < spec->n_containers; i++)
		images[i] = spec->containers[i]->image;
	return cell_text(ctx, spec->n_containers ? cell_join(ctx, spec->n_containers, images, ",") : "");
}
