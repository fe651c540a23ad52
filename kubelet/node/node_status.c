#include <stdio.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/node/node.h"
#include "kubelet/node/thresholds.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define VERSION "v1.32.0+cube"
#define IMAGES_MAX 50
#define NAMES_MAX 5

struct resource_line {
	const char *name;
	int64_t capacity, allocatable;
	const char *unit; /* "", "Ki" */
};

static void set_quantity(struct arena *arena, size_t *n, void ***list, const ProtobufCMessageDescriptor *d,
    const char *name, const char *text)
{
	/* All ResourceList maps have this layout. */
	struct {
		ProtobufCMessage base;
		char *key;
		Resource__Quantity *value;
	} *entry = api_new_descriptor(arena, d);
	entry->key = arena_strdup(arena, name);
	entry->value = quantity_new_text(arena, text);
	api_append_(arena, n, list, entry);
}

static int64_t reserved(const struct flag_list *list, const char *resource)
{
	size_t n = strlen(resource);
	for (size_t i = 0; i < list->len; i++) {
		struct quantity q;
		if (strncmp(list->items[i], resource, n) == 0 && list->items[i][n] == '=' &&
		    quantity_parse(list->items[i] + n + 1, &q, NULL) == 0)
			return str_eq(resource, "cpu") ? quantity_milli(&q) : quantity_value(&q);
	}
	return 0;
}

static int64_t reserved_sum(const struct kubelet_config *c, const char *resource)
{
	return reserved(&c->system_reserved, resource) + reserved(&c->kube_reserved, resource);
}

/* Sorted by name, as maps are. */
static void fill_resources(struct arena *arena, const struct node_input *in, CoreV1__NodeStatus *s)
{
	const struct machine *m = in->machine;
	const struct kubelet_config *c = in->config;
	int64_t memory = m->memory_bytes - reserved_sum(c, "memory") -
			 threshold_bytes(c, "memory.available", m->memory_bytes);
	int64_t disk = m->fs_bytes - reserved_sum(c, "ephemeral-storage") -
		       threshold_bytes(c, "nodefs.available", m->fs_bytes);
	int64_t cpu = (int64_t)m->cpus * 1000 - reserved_sum(c, "cpu");
	const char *cpu_text = cpu % 1000 ? arena_printf(arena, "%lldm", (long long)cpu)
					  : arena_printf(arena, "%lld", (long long)cpu / 1000);
	const struct {
		const char *name, *capacity, *allocatable;
	} lines[] = {{"cpu", arena_printf(arena, "%d", m->cpus), cpu_text},
	    {"ephemeral-storage", arena_printf(arena, "%lldKi", (long long)m->fs_bytes / 1024),
		arena_printf(arena, "%lld", (long long)disk)},
	    {"hugepages-1Gi", "0", "0"}, {"hugepages-2Mi", "0", "0"},
	    {"memory", arena_printf(arena, "%lldKi", (long long)m->memory_bytes / 1024),
		arena_printf(arena, "%lldKi", (long long)memory / 1024)},
	    {"pods", arena_printf(arena, "%lld", (long long)c->max_pods),
		arena_printf(arena, "%lld", (long long)c->max_pods)}};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		set_quantity(arena, &s->n_capacity, (void ***)&s->capacity,
		    &core_v1__node_status__capacity_entry__descriptor, lines[i].name, lines[i].capacity);
		set_quantity(arena, &s->n_allocatable, (void ***)&s->allocatable,
		    &core_v1__node_status__allocatable_entry__descriptor, lines[i].name,
		    lines[i].allocatable);
	}
}

static void add_condition(struct arena *arena, const struct node_input *in, CoreV1__NodeStatus *s,
    const char *type, bool value, const char *reason, const char *message)
{
	CoreV1__NodeCondition *c = API_NEW(arena, core_v1__node_condition);
	c->type = arena_strdup(arena, type);
	c->status = arena_strdup(arena, value ? "True" : "False");
	c->reason = arena_strdup(arena, reason);
	c->message = arena_strdup(arena, message);
	c->last_heartbeat_time = time_new(arena, in->now_s);
	c->last_transition_time = time_new(arena, in->now_s);
	for (size_t i = 0; in->old && i < in->old->n_conditions; i++) {
		const CoreV1__NodeCondition *o = in->old->conditions[i];
		if (str_eq(o->type, type) && str_eq(o->status, c->status) && o->last_transition_time)
			c->last_transition_time = api_clone(arena, o->last_transition_time);
	}
	api_append(arena, s, conditions, c);
}

static void fill_conditions(struct arena *arena, const struct node_input *in, CoreV1__NodeStatus *s)
{
	add_condition(arena, in, s, "MemoryPressure", in->memory_pressure,
	    in->memory_pressure ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
	    in->memory_pressure ? "memory is short on this node" : "enough memory is available");
	add_condition(arena, in, s, "DiskPressure", in->disk_pressure,
	    in->disk_pressure ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
	    in->disk_pressure ? "disk space is short on this node" : "enough disk space is available");
	add_condition(arena, in, s, "PIDPressure", in->pid_pressure,
	    in->pid_pressure ? "KubeletHasInsufficientPID" : "KubeletHasSufficientPID",
	    in->pid_pressure ? "process ids are short on this node" : "enough process ids are available");
	add_condition(arena, in, s, "Ready", !in->not_ready,
	    in->not_ready ? "KubeletNotReady" : "KubeletReady",
	    in->not_ready ? in->not_ready : "the kubelet is ready");
}

static void add_address(struct arena *arena, CoreV1__NodeStatus *s, const char *type, const char *address)
{
	CoreV1__NodeAddress *a = API_NEW(arena, core_v1__node_address);
	a->type = arena_strdup(arena, type);
	a->address = arena_strdup(arena, address);
	api_append(arena, s, addresses, a);
}

static void fill_info(struct arena *arena, const struct node_input *in, CoreV1__NodeSystemInfo *info)
{
	const struct machine *m = in->machine;
	info->machine_id = arena_strdup(arena, m->machine_id);
	info->system_uuid = arena_strdup(arena, m->system_uuid);
	info->boot_id = arena_strdup(arena, m->boot_id);
	info->kernel_version = arena_strdup(arena, m->kernel);
	info->os_image = arena_strdup(arena, m->os_image);
	info->container_runtime_version = arena_strdup(arena, str_or(in->runtime_version, ""));
	info->kubelet_version = arena_strdup(arena, VERSION);
	info->kube_proxy_version = arena_strdup(arena, VERSION);
	info->operating_system = arena_strdup(arena, "linux");
	info->architecture = arena_strdup(arena, m->arch);
}

CoreV1__NodeStatus *node_status_build(struct arena *arena, const struct node_input *in)
{
	CoreV1__NodeStatus *s = API_NEW(arena, core_v1__node_status);
	fill_resources(arena, in, s);
	fill_conditions(arena, in, s);
	add_address(arena, s, "InternalIP", in->config->node_ip);
	add_address(arena, s, "Hostname", in->config->node_name);
	fill_info(arena, in, s->node_info);
	s->daemon_endpoints->kubelet_endpoint->port = in->kubelet_port;
	for (size_t i = 0; i < in->images_len && i < IMAGES_MAX; i++) {
		CoreV1__ContainerImage *image = API_NEW(arena, core_v1__container_image);
		for (size_t k = 0; k < in->images[i].names_len && k < NAMES_MAX; k++)
			api_append(arena, image, names, arena_strdup(arena, in->images[i].names[k]));
		image->size_bytes = in->images[i].size;
		api_append(arena, s, images, image);
	}
	return s;
}

static void add_taint(struct arena *arena, CoreV1__NodeSpec *spec, const char *text)
{
	/* key=value:Effect or key:Effect */
	const char *colon = strrchr(text, ':'), *equals = strchr(text, '=');
	if (!colon)
		return;
	if (equals > colon)
		equals = NULL;
	CoreV1__Taint *t = API_NEW(arena, core_v1__taint);
	t->key = arena_strndup(arena, text, (size_t)((equals ? equals : colon) - text));
	t->value =
	    equals ? arena_strndup(arena, equals + 1, (size_t)(colon - equals - 1)) : arena_strdup(arena, "");
	t->effect = arena_strdup(arena, colon + 1);
	api_append(arena, spec, taints, t);
}

struct object *node_object_build(const struct node_input *in)
{
	struct object *obj = object_new(schema_by_gvk("", "v1", "Node"));
	CoreV1__Node *node = (CoreV1__Node *)obj->msg;
	MetaV1__ObjectMeta *meta = obj->meta;
	meta->name = arena_strdup(obj->arena, in->config->node_name);
	const struct {
		const char *key, *value;
	} labels[] = {{"kubernetes.io/hostname", in->config->node_name}, {"kubernetes.io/os", "linux"},
	    {"kubernetes.io/arch", in->machine->arch}, {"beta.kubernetes.io/os", "linux"},
	    {"beta.kubernetes.io/arch", in->machine->arch}};
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		api_map_set(obj->arena, meta, labels, meta_v1__object_meta__labels_entry, labels[i].key,
		    labels[i].value);
	for (size_t i = 0; i < in->config->node_labels.len; i++) {
		const char *label = in->config->node_labels.items[i], *equals = strchr(label, '=');
		if (equals)
			api_map_set(obj->arena, meta, labels, meta_v1__object_meta__labels_entry,
			    arena_strndup(obj->arena, label, (size_t)(equals - label)), equals + 1);
	}
	api_map_set(obj->arena, meta, annotations, meta_v1__object_meta__annotations_entry,
	    "volumes.kubernetes.io/controller-managed-attach-detach", "true");
	for (size_t i = 0; i < in->config->node_taints.len; i++)
		add_taint(obj->arena, node->spec, in->config->node_taints.items[i]);
	node->status = node_status_build(obj->arena, in);
	return obj;
}
