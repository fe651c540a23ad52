/* What is asked must fit in what is allocatable and not asked yet; scoring prefers the emptier node (LeastAllocated). */
#include "scheduler/plugin.h"

static enum verdict
filter(const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	const struct resources *want = &cycle->pod->requests, *have = &node->allocatable, *used = &node->requested;
	enum verdict verdict = FITS;

	if ((int64_t)node->pods_len + 1 > node->pods_max) {
		reasons_add_literal(reasons, "Too many pods");
		verdict = UNSCHEDULABLE;
	}
	if (want->cpu_milli > 0 && want->cpu_milli > have->cpu_milli - used->cpu_milli) {
		reasons_add_literal(reasons, "Insufficient cpu");
		verdict = want->cpu_milli > have->cpu_milli && verdict == FITS ? UNRESOLVABLE : UNSCHEDULABLE;
	}
	if (want->memory > 0 && want->memory > have->memory - used->memory) {
		reasons_add_literal(reasons, "Insufficient memory");
		verdict = want->memory > have->memory && verdict != UNSCHEDULABLE ? UNRESOLVABLE : UNSCHEDULABLE;
	}
	if (want->ephemeral > 0 && want->ephemeral > have->ephemeral - used->ephemeral) {
		reasons_add_literal(reasons, "Insufficient ephemeral-storage");
		verdict = want->ephemeral > have->ephemeral && verdict != UNSCHEDULABLE ? UNRESOLVABLE : UNSCHEDULABLE;
	}
	for (size_t i = 0; i < want->scalars_len; i++) {
		const struct scalar *s = &want->scalars[i];
		int64_t capacity = resources_scalar(have, s->name);

		if (s->amount <= 0 || s->amount <= capacity - resources_scalar(used, s->name))
			continue;
		reasons_add((struct cycle *)cycle, reasons, "Insufficient %s", s->name);
		verdict = s->amount > capacity && verdict != UNSCHEDULABLE ? UNRESOLVABLE : UNSCHEDULABLE;
	}
	return verdict;
}

static int64_t
least_requested(int64_t requested, int64_t capacity)
{
	if (capacity == 0 || requested > capacity)
		return 0;
	return (capacity - requested) * SCORE_MAX / capacity;
}

static int64_t
score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	int64_t cpu = node->scored_cpu_milli + cycle->pod->scored_cpu_milli, memory = node->scored_memory + cycle->pod->scored_memory;

	return (least_requested(cpu, node->allocatable.cpu_milli) + least_requested(memory, node->allocatable.memory)) / 2;
}

const struct plugin plugin_node_resources_fit = {.name = "NodeResourcesFit",
    .filter = filter,
    .score = score,
    .weight = 1,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_ALLOCATABLE | EVENT_POD_DELETE};
