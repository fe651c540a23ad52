/* What is asked must fit in what is allocatable and not asked yet; scoring prefers the emptier node
 * (LeastAllocated). */
#include "scheduler/plugin.h"

/* More than the node has at all can't be helped by removing pods. */
static void check(struct cycle *cycle, int64_t want, int64_t have, int64_t used, const char *name,
    struct reasons *reasons, enum verdict *verdict)
{
	if (want <= 0 || want <= have - used)
		return;
	reasons_add(cycle, reasons, "Insufficient %s", name);
	if (want > have)
		*verdict = UNRESOLVABLE;
	else if (*verdict == FITS)
		*verdict = UNSCHEDULABLE;
}

static enum verdict filter(
    const struct cycle *cycle, void *state, const struct node_info *node, struct reasons *reasons)
{
	const struct resources *want = &cycle->pod->requests, *have = &node->allocatable,
			       *used = &node->requested;
	struct cycle *c = (struct cycle *)cycle; /* for its arena only */
	enum verdict verdict = FITS;

	if ((int64_t)node->pods_len + 1 > node->pods_max) {
		reasons_add_literal(reasons, "Too many pods");
		verdict = UNSCHEDULABLE;
	}
	check(c, want->cpu_milli, have->cpu_milli, used->cpu_milli, "cpu", reasons, &verdict);
	check(c, want->memory, have->memory, used->memory, "memory", reasons, &verdict);
	check(c, want->ephemeral, have->ephemeral, used->ephemeral, "ephemeral-storage", reasons, &verdict);
	for (size_t i = 0; i < want->scalars_len; i++) {
		const struct scalar *s = &want->scalars[i];

		check(c, s->amount, resources_scalar(have, s->name), resources_scalar(used, s->name), s->name,
		    reasons, &verdict);
	}
	return verdict;
}

static int64_t least_requested(int64_t requested, int64_t capacity)
{
	if (capacity == 0 || requested > capacity)
		return 0;
	return (capacity - requested) * SCORE_MAX / capacity;
}

static int64_t score(const struct cycle *cycle, void *state, const struct node_info *node)
{
	int64_t cpu = node->scored_cpu_milli + cycle->pod->scored_cpu_milli,
		memory = node->scored_memory + cycle->pod->scored_memory;

	return (least_requested(cpu, node->allocatable.cpu_milli) +
		   least_requested(memory, node->allocatable.memory)) /
	       2;
}

const struct plugin plugin_node_resources_fit = {.name = "NodeResourcesFit",
    .filter = filter,
    .score = score,
    .weight = 1,
    .wakes_on = EVENT_NODE_ADD | EVENT_NODE_ALLOCATABLE | EVENT_POD_DELETE};
