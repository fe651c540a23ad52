/* What a pod asks for and what a node offers, worked out of their specs. */
#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "scheduler/snapshot.h"

/* What scoring assumes of a container that asks for nothing (upstream's GetNonzeroRequests). */
enum { DEFAULT_CPU_MILLI = 100, DEFAULT_MEMORY = 200 * 1024 * 1024 };

static void scalar_add(
    struct arena *arena, struct resources *r, const char *name, int64_t amount, bool take_max)
{
	for (size_t i = 0; i < r->scalars_len; i++) {
		if (strcmp(r->scalars[i].name, name) != 0)
			continue;
		if (!take_max)
			r->scalars[i].amount += amount;
		else if (amount > r->scalars[i].amount)
			r->scalars[i].amount = amount;
		return;
	}
	r->scalars = arena_grow(arena, r->scalars, r->scalars_len * sizeof *r->scalars,
	    (r->scalars_len + 1) * sizeof *r->scalars);
	r->scalars[r->scalars_len++] = (struct scalar){name, amount};
}

static void put(int64_t *amount, int64_t value, bool take_max)
{
	if (!take_max)
		*amount += value;
	else if (value > *amount)
		*amount = value;
}

/* Adds a ResourceList map to r, or takes the greater of both. `pods` receives the amount of "pods" when not
 * NULL. */
static void add_list(
    struct arena *arena, struct resources *r, size_t len, void *entries, bool take_max, int64_t *pods)
{
	CoreV1__ResourceRequirements__RequestsEntry **list =
	    entries; /* every ResourceList entry has this layout */

	for (size_t i = 0; i < len; i++) {
		const char *name = list[i]->key;
		struct quantity q = quantity_of(list[i]->value);

		if (str_eq(name, "cpu"))
			put(&r->cpu_milli, quantity_milli(&q), take_max);
		else if (str_eq(name, "memory"))
			put(&r->memory, quantity_value(&q), take_max);
		else if (str_eq(name, "ephemeral-storage"))
			put(&r->ephemeral, quantity_value(&q), take_max);
		else if (!str_eq(name, "pods"))
			scalar_add(arena, r, name, quantity_value(&q), take_max);
		else if (pods)
			*pods = quantity_value(&q);
	}
}

static void merge(struct arena *arena, struct resources *into, const struct resources *r, bool take_max)
{
	put(&into->cpu_milli, r->cpu_milli, take_max);
	put(&into->memory, r->memory, take_max);
	put(&into->ephemeral, r->ephemeral, take_max);
	for (size_t i = 0; i < r->scalars_len; i++)
		scalar_add(arena, into, r->scalars[i].name, r->scalars[i].amount, take_max);
}

static void container_requests(
    struct arena *arena, const CoreV1__Container *c, struct resources *ret, bool for_score)
{
	*ret = (struct resources){0};
	add_list(arena, ret, c->resources->n_requests, c->resources->requests, false, NULL);
	if (for_score) {
		struct quantity ignored;

		if (!quantity_in(c->resources, requests, "cpu", &ignored))
			ret->cpu_milli = DEFAULT_CPU_MILLI;
		if (!quantity_in(c->resources, requests, "memory", &ignored))
			ret->memory = DEFAULT_MEMORY;
	}
}

/*
 * Containers run side by side; init containers one after the other, each beside the sidecars started before
 * it; the pod needs the greater of both (KEP-753).
 */
static void pod_requests(
    struct arena *arena, const CoreV1__PodSpec *spec, bool for_score, struct resources *ret)
{
	struct resources sidecars = {0}, init_max = {0}, one;

	*ret = (struct resources){0};
	for (size_t i = 0; i < spec->n_containers; i++) {
		container_requests(arena, spec->containers[i], &one, for_score);
		merge(arena, ret, &one, false);
	}
	for (size_t i = 0; i < spec->n_init_containers; i++) {
		struct resources at_that_time = {0};

		container_requests(arena, spec->init_containers[i], &one, for_score);
		if (str_eq(spec->init_containers[i]->restart_policy, "Always")) {
			merge(arena, &sidecars, &one, false);
			merge(arena, &init_max, &sidecars, true);
			continue;
		}
		merge(arena, &at_that_time, &sidecars, false);
		merge(arena, &at_that_time, &one, false);
		merge(arena, &init_max, &at_that_time, true);
	}
	merge(arena, ret, &sidecars, false);
	merge(arena, ret, &init_max, true);
	add_list(arena, ret, spec->n_overhead, spec->overhead, false, NULL);
}

static void collect_ports(struct pod_info *info, const CoreV1__PodSpec *spec)
{
	size_t capacity = 0;

	for (size_t i = 0; i < spec->n_containers; i++)
		capacity += spec->containers[i]->n_ports;
	info->ports = ARENA_ARRAY(info->arena, struct host_port, capacity + 1);
	for (size_t i = 0; i < spec->n_containers; i++) {
		for (size_t k = 0; k < spec->containers[i]->n_ports; k++) {
			const CoreV1__ContainerPort *port = spec->containers[i]->ports[k];

			if (port->host_port > 0)
				info->ports[info->ports_len++] = (struct host_port){port->host_port,
				    str_or(port->protocol, "TCP"), str_or(port->host_ip, "0.0.0.0")};
		}
	}
}

struct pod_info *pod_info_new(const struct object *object)
{
	struct arena *arena = arena_new();
	struct pod_info *info = ARENA_NEW(arena, struct pod_info);
	const CoreV1__Pod *pod = (const CoreV1__Pod *)object->msg;
	struct resources scored;

	info->arena = arena;
	info->object = object_ref(object);
	info->pod = pod;
	pod_requests(arena, pod->spec, false, &info->requests);
	pod_requests(arena, pod->spec, true, &scored);
	info->scored_cpu_milli = scored.cpu_milli;
	info->scored_memory = scored.memory;
	collect_ports(info, pod->spec);
	if (pod->spec->affinity) {
		info->has_affinity = pod->spec->affinity->pod_affinity != NULL;
		info->has_anti_affinity = pod->spec->affinity->pod_anti_affinity != NULL;
	}
	return info;
}

void pod_info_free(struct pod_info *info)
{
	if (!info)
		return;
	object_unref(info->object);
	arena_free(info->arena);
}

void resources_of_node(
    struct arena *arena, const CoreV1__Node *node, struct resources *ret, int64_t *ret_pods_max)
{
	*ret = (struct resources){0};
	*ret_pods_max = 0;
	add_list(arena, ret, node->status->n_allocatable, node->status->allocatable, false, ret_pods_max);
}

int64_t resources_scalar(const struct resources *r, const char *name)
{
	for (size_t i = 0; i < r->scalars_len; i++) {
		if (strcmp(r->scalars[i].name, name) == 0)
			return r->scalars[i].amount;
	}
	return 0;
}

int32_t pod_priority(const CoreV1__Pod *pod)
{
	return pod->spec->has_priority ? pod->spec->priority : 0;
}

bool pod_is_finished(const CoreV1__Pod *pod)
{
	return str_eq(pod->status->phase, "Succeeded") || str_eq(pod->status->phase, "Failed");
}
