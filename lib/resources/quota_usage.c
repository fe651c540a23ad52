#include "lib/resources/quota_usage.h"

#include <string.h>

#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* One of a container's two lists. */
typedef struct amounts list_of(struct arena *arena, const CoreV1__Container *container);

static struct amounts requests_of(struct arena *arena, const CoreV1__Container *c)
{
	return c->resources ? AMOUNTS_OF(arena, c->resources, requests) : (struct amounts){.arena = arena};
}

static struct amounts limits_of(struct arena *arena, const CoreV1__Container *c)
{
	return c->resources ? AMOUNTS_OF(arena, c->resources, limits) : (struct amounts){.arena = arena};
}

/*
 * Init containers run one after another beside the side-cars (init containers that restart) started before
 * them; the pod needs the largest of these moments and of its running time.
 */
static struct amounts pod_sum(struct arena *arena, const CoreV1__PodSpec *spec, list_of *list)
{
	struct amounts total = {.arena = arena}, sidecars = {.arena = arena}, peak = {.arena = arena};

	for (size_t i = 0; i < spec->n_containers; i++) {
		struct amounts one = list(arena, spec->containers[i]);
		amounts_add(&total, &one);
	}
	for (size_t i = 0; i < spec->n_init_containers; i++) {
		const CoreV1__Container *c = spec->init_containers[i];
		struct amounts one = list(arena, c);
		if (str_eq(c->restart_policy, "Always")) {
			amounts_add(&total, &one);
			amounts_add(&sidecars, &one);
			amounts_max(&peak, &sidecars);
		} else {
			amounts_add(&one, &sidecars);
			amounts_max(&peak, &one);
		}
	}
	amounts_max(&total, &peak);
	return total;
}

struct amounts pod_requests(struct arena *arena, const CoreV1__PodSpec *spec)
{
	struct amounts total = pod_sum(arena, spec, requests_of),
		       overhead = AMOUNTS_OF(arena, spec, overhead);

	amounts_add(&total, &overhead);
	return total;
}

struct amounts pod_limits(struct arena *arena, const CoreV1__PodSpec *spec)
{
	struct amounts total = pod_sum(arena, spec, limits_of), overhead = AMOUNTS_OF(arena, spec, overhead);

	for (size_t i = 0; i < overhead.len; i++)
		if (amounts_get(&total, overhead.items[i].name)) /* no limit stays no limit */
			amounts_add_one(&total, overhead.items[i].name, &overhead.items[i].q);
	return total;
}

static bool is_compute(const char *name)
{
	return str_eq(name, "cpu") || str_eq(name, "memory") || str_eq(name, "ephemeral-storage") ||
	       str_has_prefix(name, "hugepages-");
}

static bool is_extended(const char *name)
{
	return strchr(name, '/') && !str_has_prefix(name, "requests.") && !strstr(name, "kubernetes.io/");
}

static bool has_ended(const CoreV1__Pod *pod, int64_t now_s)
{
	const MetaV1__ObjectMeta *meta = pod->metadata;

	if (str_eq(pod->status->phase, "Failed") || str_eq(pod->status->phase, "Succeeded"))
		return true;
	return meta->deletion_timestamp && meta->has_deletion_grace_period_seconds &&
	       now_s > time_seconds(meta->deletion_timestamp) + meta->deletion_grace_period_seconds;
}

static void count_pod(struct amounts *usage, const CoreV1__Pod *pod, int64_t now_s)
{
	struct arena *arena = usage->arena;

	if (has_ended(pod, now_s))
		return;
	amounts_count(usage, "pods", 1);
	struct amounts requests = pod_requests(arena, pod->spec), limits = pod_limits(arena, pod->spec);
	for (size_t i = 0; i < requests.len; i++) {
		const struct amount *a = &requests.items[i];
		if (is_compute(a->name))
			amounts_set(usage, a->name, &a->q);
		if (is_compute(a->name) || is_extended(a->name))
			amounts_set(usage, arena_printf(arena, "requests.%s", a->name), &a->q);
	}
	for (size_t i = 0; i < limits.len; i++)
		if (is_compute(limits.items[i].name) && !str_has_prefix(limits.items[i].name, "hugepages-"))
			amounts_set(usage, arena_printf(arena, "limits.%s", limits.items[i].name),
			    &limits.items[i].q);
}

static void count_service(struct amounts *usage, const CoreV1__ServiceSpec *spec)
{
	int64_t node_ports = 0;

	amounts_count(usage, "services", 1);
	bool is_balanced = str_eq(spec->type, "LoadBalancer");
	if (str_eq(spec->type, "NodePort")) {
		node_ports = (int64_t)spec->n_ports;
	} else if (is_balanced) {
		bool allocates =
		    !spec->has_allocate_load_balancer_node_ports || spec->allocate_load_balancer_node_ports;
		for (size_t i = 0; i < spec->n_ports; i++)
			node_ports += allocates || spec->ports[i]->node_port != 0;
	}
	amounts_count(usage, "services.nodeports", node_ports);
	amounts_count(usage, "services.loadbalancers", is_balanced);
}

static void count_claim(
    struct amounts *usage, const struct object *obj, const CoreV1__PersistentVolumeClaim *pvc)
{
	struct quantity storage;
	const char *class = api_map_get(obj->meta, annotations, "volume.beta.kubernetes.io/storage-class");

	class = str_or(class, pvc->spec->storage_class_name);
	amounts_count(usage, "persistentvolumeclaims", 1);
	if (!str_empty(class))
		amounts_count(usage,
		    arena_printf(
			usage->arena, "%s.storageclass.storage.k8s.io/persistentvolumeclaims", class),
		    1);
	if (!quantity_in(pvc->spec->resources, requests, "storage", &storage))
		return;
	amounts_set(usage, "requests.storage", &storage);
	if (!str_empty(class))
		amounts_set(usage,
		    arena_printf(usage->arena, "%s.storageclass.storage.k8s.io/requests.storage", class),
		    &storage);
}

struct amounts quota_usage_of(
    struct arena *arena, const char *group, const char *resource, const struct object *obj, int64_t now_s)
{
	static const char *const plain[] = {"configmaps", "secrets", "resourcequotas",
	    "replicationcontrollers", NULL}; /* names older than count/ */
	struct amounts usage = {.arena = arena};
	const ProtobufCMessageDescriptor *type = obj->msg ? obj->msg->descriptor : NULL;

	amounts_count(&usage,
	    arena_printf(arena, "count/%s%s%s", resource, str_empty(group) ? "" : ".", str_or(group, "")), 1);
	if (type == &core_v1__pod__descriptor)
		count_pod(&usage, (const CoreV1__Pod *)obj->msg, now_s);
	else if (type == &core_v1__service__descriptor)
		count_service(&usage, ((const CoreV1__Service *)obj->msg)->spec);
	else if (type == &core_v1__persistent_volume_claim__descriptor)
		count_claim(&usage, obj, (const CoreV1__PersistentVolumeClaim *)obj->msg);
	else if (str_empty(group) && str_in(resource, plain))
		amounts_count(&usage, resource, 1);
	return usage;
}

static bool has_compute(const struct amounts *list)
{
	static const struct quantity zero;

	for (size_t i = 0; i < list->len; i++)
		if ((str_eq(list->items[i].name, "cpu") || str_eq(list->items[i].name, "memory")) &&
		    quantity_compare(&list->items[i].q, &zero) > 0)
			return true;
	return false;
}

static bool is_best_effort(const CoreV1__PodSpec *spec)
{
	struct arena *arena = arena_new();
	bool best = true;

	for (size_t i = 0; i < spec->n_containers + spec->n_init_containers && best; i++) {
		const CoreV1__Container *c = i < spec->n_containers
						 ? spec->containers[i]
						 : spec->init_containers[i - spec->n_containers];
		struct amounts requests = requests_of(arena, c), limits = limits_of(arena, c);
		best = !has_compute(&requests) && !has_compute(&limits);
	}
	arena_free(arena);
	return best;
}

static bool has_foreign_terms(size_t len, CoreV1__PodAffinityTerm *const *terms)
{
	for (size_t i = 0; i < len; i++)
		if (terms[i]->n_namespaces > 0 || terms[i]->namespace_selector)
			return true;
	return false;
}

static bool has_foreign_weighted(size_t len, CoreV1__WeightedPodAffinityTerm *const *terms)
{
	for (size_t i = 0; i < len; i++)
		if (has_foreign_terms(1, &terms[i]->pod_affinity_term))
			return true;
	return false;
}

static bool looks_across_namespaces(const CoreV1__PodSpec *spec)
{
	const CoreV1__PodAffinity *a = spec->affinity ? spec->affinity->pod_affinity : NULL;
	const CoreV1__PodAntiAffinity *b = spec->affinity ? spec->affinity->pod_anti_affinity : NULL;

#define FOREIGN(x)                                                                                           \
	((x) && (has_foreign_terms((x)->n_required_during_scheduling_ignored_during_execution,               \
		     (x)->required_during_scheduling_ignored_during_execution) ||                            \
		    has_foreign_weighted((x)->n_preferred_during_scheduling_ignored_during_execution,        \
			(x)->preferred_during_scheduling_ignored_during_execution)))
	return FOREIGN(a) || FOREIGN(b);
#undef FOREIGN
}

static bool class_matches(const CoreV1__PodSpec *spec, const CoreV1__ScopedResourceSelectorRequirement *r)
{
	const char *class = str_or(spec->priority_class_name, "");
	bool listed = false;

	for (size_t i = 0; i < r->n_values; i++)
		listed = listed || str_eq(r->values[i], class);
	if (str_eq(r->operator_, "In"))
		return listed;
	if (str_eq(r->operator_, "NotIn"))
		return !listed;
	return str_eq(r->operator_, "Exists") ? class[0] != '\0' : class[0] == '\0';
}

static bool scope_matches(const CoreV1__PodSpec *spec, const char *scope)
{
	if (str_eq(scope, "Terminating"))
		return spec->has_active_deadline_seconds;
	if (str_eq(scope, "NotTerminating"))
		return !spec->has_active_deadline_seconds;
	if (str_eq(scope, "BestEffort"))
		return is_best_effort(spec);
	if (str_eq(scope, "NotBestEffort"))
		return !is_best_effort(spec);
	if (str_eq(scope, "CrossNamespacePodAffinity"))
		return looks_across_namespaces(spec);
	return str_eq(scope, "PriorityClass") && !str_empty(spec->priority_class_name);
}

bool quota_scopes_match(const CoreV1__ResourceQuotaSpec *quota, const struct object *obj)
{
	const CoreV1__ScopeSelector *selector = quota->scope_selector;
	size_t expressions = selector ? selector->n_match_expressions : 0;

	if (quota->n_scopes == 0 && expressions == 0)
		return true;
	if (!obj->msg || obj->msg->descriptor != &core_v1__pod__descriptor)
		return false;
	const CoreV1__PodSpec *spec = ((const CoreV1__Pod *)obj->msg)->spec;
	for (size_t i = 0; i < quota->n_scopes; i++)
		if (!scope_matches(spec, quota->scopes[i]))
			return false;
	for (size_t i = 0; i < expressions; i++) {
		const CoreV1__ScopedResourceSelectorRequirement *r = selector->match_expressions[i];
		if (!(str_eq(r->scope_name, "PriorityClass") ? class_matches(spec, r)
							     : scope_matches(spec, r->scope_name)))
			return false;
	}
	return true;
}
