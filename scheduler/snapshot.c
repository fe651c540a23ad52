#include "scheduler/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

struct placed_pod {
	struct pod_info *info;
	char *node_name;
	bool assumed;
};

struct snapshot {
	struct strmap *nodes;    /* name -> struct node_info, also those without an object */
	struct strmap *pods;     /* uid -> struct placed_pod */
	struct node_info **list; /* nodes with an object */
	size_t list_len, list_capacity;
};

static struct node_info *node_get(struct snapshot *s, const char *name);
static void node_drop_if_empty(struct snapshot *s, struct node_info *node);
static void place(struct snapshot *s, const struct object *pod, const char *node_name, bool assumed);
static void node_free(void *arg);
static void placed_free(void *arg);

struct snapshot *snapshot_new(void)
{
	struct snapshot *s = calloc(1, sizeof *s);

	s->nodes = strmap_new();
	s->pods = strmap_new();
	return s;
}

void snapshot_free(struct snapshot *s)
{
	if (!s)
		return;
	strmap_free(s->pods, placed_free);
	strmap_free(s->nodes, node_free);
	free(s->list);
	free(s);
}

void snapshot_set_node(struct snapshot *s, const struct object *object)
{
	struct node_info *node = node_get(s, object_name(object));
	const struct object *old = node->object;

	if (!old) {
		if (s->list_len == s->list_capacity) {
			s->list_capacity = s->list_capacity ? s->list_capacity * 2 : 16;
			s->list = realloc(s->list, s->list_capacity * sizeof *s->list);
		}
		s->list[s->list_len++] = node;
	}
	node->object = object_ref(object);
	node->node = (const CoreV1__Node *)object->msg;
	object_unref(old);
	arena_free(node->arena);
	node->arena = arena_new();
	resources_of_node(node->arena, node->node, &node->allocatable, &node->pods_max);
}

void snapshot_remove_node(struct snapshot *s, const char *name)
{
	struct node_info *node = strmap_get(s->nodes, name);

	if (!node || !node->object)
		return;
	for (size_t i = 0; i < s->list_len; i++) {
		if (s->list[i] == node) {
			s->list[i] = s->list[--s->list_len];
			break;
		}
	}
	object_unref(node->object);
	node->object = NULL;
	node->node = NULL;
	node_drop_if_empty(s, node);
}

void snapshot_set_pod(struct snapshot *s, const struct object *pod)
{
	place(s, pod, ((const CoreV1__Pod *)pod->msg)->spec->node_name, false);
}

void snapshot_assume(struct snapshot *s, const struct object *pod, const char *node_name)
{
	place(s, pod, node_name, true);
}

void snapshot_remove_pod(struct snapshot *s, const char *uid)
{
	struct placed_pod *placed = strmap_remove(s->pods, uid);
	struct node_info *node;

	if (!placed)
		return;
	node = strmap_get(s->nodes, placed->node_name);
	node_info_remove(node, placed->info);
	node_drop_if_empty(s, node);
	placed_free(placed);
}

void snapshot_forget(struct snapshot *s, const char *uid)
{
	if (snapshot_is_assumed(s, uid))
		snapshot_remove_pod(s, uid);
}

bool snapshot_is_assumed(const struct snapshot *s, const char *uid)
{
	const struct placed_pod *placed = strmap_get(s->pods, uid);

	return placed && placed->assumed;
}

struct node_info **snapshot_nodes(const struct snapshot *s, size_t *ret_len)
{
	*ret_len = s->list_len;
	return s->list;
}

struct node_info *snapshot_node(const struct snapshot *s, const char *name)
{
	struct node_info *node = strmap_get(s->nodes, name);

	return node && node->object ? node : NULL;
}

static void account(struct node_info *node, const struct pod_info *pod, int sign)
{
	struct resources *r = &node->requested;

	r->cpu_milli += sign * pod->requests.cpu_milli;
	r->memory += sign * pod->requests.memory;
	r->ephemeral += sign * pod->requests.ephemeral;
	node->scored_cpu_milli += sign * pod->scored_cpu_milli;
	node->scored_memory += sign * pod->scored_memory;
	for (size_t i = 0; i < pod->requests.scalars_len; i++) {
		const struct scalar *want = &pod->requests.scalars[i];
		size_t k = 0;

		while (k < r->scalars_len && strcmp(r->scalars[k].name, want->name) != 0)
			k++;
		if (k == r->scalars_len) {
			r->scalars = realloc(r->scalars, ++r->scalars_len * sizeof *r->scalars);
			r->scalars[k] = (struct scalar){strdup(want->name), 0};
		}
		r->scalars[k].amount += sign * want->amount;
	}
}

void node_info_add(struct node_info *node, struct pod_info *pod)
{
	if (node->pods_len == node->pods_capacity) {
		node->pods_capacity = node->pods_capacity ? node->pods_capacity * 2 : 8;
		node->pods = realloc(node->pods, node->pods_capacity * sizeof *node->pods);
	}
	node->pods[node->pods_len++] = pod;
	account(node, pod, 1);
}

void node_info_remove(struct node_info *node, const struct pod_info *pod)
{
	for (size_t i = 0; i < node->pods_len; i++) {
		if (node->pods[i] != pod)
			continue;
		node->pods[i] = node->pods[--node->pods_len];
		account(node, pod, -1);
		return;
	}
}

static void place(struct snapshot *s, const struct object *pod, const char *node_name, bool assumed)
{
	struct placed_pod *placed = calloc(1, sizeof *placed);

	snapshot_remove_pod(s, object_uid(pod));
	placed->info = pod_info_new(pod);
	placed->node_name = strdup(node_name);
	placed->assumed = assumed;
	strmap_put(s->pods, object_uid(pod), placed);
	node_info_add(node_get(s, node_name), placed->info);
}

static struct node_info *node_get(struct snapshot *s, const char *name)
{
	struct node_info *node = strmap_get(s->nodes, name);

	if (!node) {
		node = calloc(1, sizeof *node);
		node->name = strdup(name);
		strmap_put(s->nodes, name, node);
	}
	return node;
}

static void node_drop_if_empty(struct snapshot *s, struct node_info *node)
{
	if (node->object || node->pods_len)
		return;
	strmap_remove(s->nodes, node->name);
	node_free(node);
}

static void node_free(void *arg)
{
	struct node_info *node = arg;

	object_unref(node->object);
	arena_free(node->arena);
	for (size_t i = 0; i < node->requested.scalars_len; i++)
		free((char *)node->requested.scalars[i].name);
	free(node->requested.scalars);
	free(node->pods);
	free(node->name);
	free(node);
}

static void placed_free(void *arg)
{
	struct placed_pod *placed = arg;

	pod_info_free(placed->info);
	free(placed->node_name);
	free(placed);
}
