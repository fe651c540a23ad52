#include "controller-manager/shared/pods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

bool pod_is_finished(const CoreV1__Pod *pod)
{
	return str_eq(pod->status->phase, "Succeeded") || str_eq(pod->status->phase, "Failed");
}

bool pod_is_active(const struct object *pod)
{
	return !pod_is_finished(pod_of(pod)) && !object_is_deleting(pod);
}

const CoreV1__PodCondition *pod_condition(const CoreV1__Pod *pod, const char *type)
{
	for (size_t i = 0; i < pod->status->n_conditions; i++)
		if (str_eq(pod->status->conditions[i]->type, type))
			return pod->status->conditions[i];
	return NULL;
}

bool pod_is_ready(const CoreV1__Pod *pod)
{
	const CoreV1__PodCondition *ready = pod_condition(pod, "Ready");
	return ready && str_eq(ready->status, "True");
}

bool pod_is_available(const CoreV1__Pod *pod, int32_t min_ready_s, int64_t now_s, int64_t *ret_wait_s)
{
	if (!pod_is_ready(pod))
		return false;
	const CoreV1__PodCondition *ready = pod_condition(pod, "Ready");
	if (min_ready_s <= 0)
		return true;
	if (!ready->last_transition_time)
		return false;
	int64_t wait_s = time_seconds(ready->last_transition_time) + min_ready_s - now_s;
	if (wait_s > 0 && ret_wait_s && wait_s < *ret_wait_s)
		*ret_wait_s = wait_s;
	return wait_s <= 0;
}

MetaV1__OwnerReference *owner_reference_new(struct arena *arena, const struct object *owner)
{
	MetaV1__OwnerReference *ref = API_NEW(arena, meta_v1__owner_reference);
	ref->api_version = arena_strdup(arena, owner->api_version);
	ref->kind = arena_strdup(arena, owner->kind);
	ref->name = arena_strdup(arena, object_name(owner));
	ref->uid = arena_strdup(arena, object_uid(owner));
	ref->controller = ref->block_owner_deletion = true;
	ref->has_controller = ref->has_block_owner_deletion = true;
	return ref;
}

struct object *pod_from_template(const CoreV1__PodTemplateSpec *template_, const struct object *owner)
{
	struct arena *arena = arena_new();
	CoreV1__Pod *pod = API_NEW(arena, core_v1__pod);
	MetaV1__ObjectMeta *meta = pod->metadata;
	const MetaV1__ObjectMeta *from = api_clone(arena, template_->metadata);
	meta->generate_name = arena_printf(arena, "%s-", object_name(owner));
	meta->namespace_ = arena_strdup(arena, object_namespace(owner));
	meta->n_labels = from->n_labels;
	meta->labels = from->labels;
	meta->n_annotations = from->n_annotations;
	meta->annotations = from->annotations;
	meta->n_finalizers = from->n_finalizers;
	meta->finalizers = from->finalizers;
	api_append(arena, meta, owner_references, owner_reference_new(arena, owner));
	pod->spec = api_clone(arena, template_->spec);
	return object_wrap(arena, schema_of(&core_v1__pod__descriptor), &pod->base);
}

/* ---- which pod goes first ---- */

struct rank { /* what decides, worked out once per pod */
	const struct object *obj;
	int scheduled, phase, ready;
	int64_t cost, together, ready_since, restarts, created;
};

static int64_t related_on_node(const char *node, const struct object *const *related, size_t len)
{
	int64_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += pod_is_active(related[i]) && str_eq(pod_of(related[i])->spec->node_name, node);
	return n;
}

static int64_t most_restarts(const CoreV1__Pod *pod)
{
	int64_t most = 0;
	for (size_t i = 0; i < pod->status->n_container_statuses; i++)
		if (pod->status->container_statuses[i]->restart_count > most)
			most = pod->status->container_statuses[i]->restart_count;
	return most;
}

static void rank_pod(
    struct rank *rank, const struct object *obj, const struct object *const *related, size_t related_len)
{
	const CoreV1__Pod *pod = pod_of(obj);
	const CoreV1__PodCondition *ready = pod_condition(pod, "Ready");
	const char *cost = api_map_get(obj->meta, annotations, "controller.kubernetes.io/pod-deletion-cost");
	*rank = (struct rank){.obj = obj,
	    .scheduled = !str_empty(pod->spec->node_name),
	    .phase = str_eq(pod->status->phase, "Running")   ? 2
		     : str_eq(pod->status->phase, "Pending") ? 0
							     : 1,
	    .ready = pod_is_ready(pod),
	    .together = related_on_node(pod->spec->node_name, related, related_len),
	    .ready_since = pod_is_ready(pod) ? time_seconds(ready->last_transition_time) : 0,
	    .restarts = most_restarts(pod),
	    .created = time_seconds(obj->meta->creation_timestamp)};
	str_to_int64(cost, &rank->cost);
}

static int magnitude(int64_t since_s, int64_t now_s)
{
	/* Upstream takes the logarithm of nanoseconds. */
	return now_s > since_s ? (int)log2((double)(now_s - since_s) * 1e9) : -1;
}

/* Younger first, by orders of magnitude; a time of zero is younger than any. */
static int compare_times(const struct rank *a, const struct rank *b, int64_t a_s, int64_t b_s, int64_t now_s)
{
	if (a_s == 0 || b_s == 0)
		return (b_s == 0) - (a_s == 0);
	int diff = magnitude(a_s, now_s) - magnitude(b_s, now_s);
	return diff ? diff : strcmp(object_uid(a->obj), object_uid(b->obj));
}

static int compare_ranks(const void *left, const void *right, void *now)
{
	const struct rank *a = left, *b = right;
	int64_t now_s = *(const int64_t *)now;
	if (a->scheduled != b->scheduled)
		return a->scheduled - b->scheduled;
	if (a->phase != b->phase)
		return a->phase - b->phase;
	if (a->ready != b->ready)
		return a->ready - b->ready;
	if (a->cost != b->cost)
		return a->cost < b->cost ? -1 : 1;
	if (a->together != b->together)
		return a->together > b->together ? -1 : 1;
	if (a->ready && a->ready_since != b->ready_since)
		return compare_times(a, b, a->ready_since, b->ready_since, now_s);
	if (a->restarts != b->restarts)
		return a->restarts > b->restarts ? -1 : 1;
	if (a->created != b->created)
		return compare_times(a, b, a->created, b->created, now_s);
	return 0;
}

void pods_sort_for_deletion(const struct object **pods, size_t len, const struct object *const *related,
    size_t related_len, int64_t now_s)
{
	struct rank *ranks = calloc(len + 1, sizeof(*ranks));
	if (!ranks)
		abort();
	for (size_t i = 0; i < len; i++)
		rank_pod(&ranks[i], pods[i], related, related_len);
	qsort_r(ranks, len, sizeof(*ranks), compare_ranks, &now_s);
	for (size_t i = 0; i < len; i++)
		pods[i] = ranks[i].obj;
	free(ranks);
}
