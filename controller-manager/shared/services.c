#include "controller-manager/shared/services.h"

#include <stdlib.h>
#include <string.h>

#include "controller-manager/shared/pods.h"
#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/resources/resource.h"

bool service_is_headless(const CoreV1__Service *service)
{
	return str_eq(service->spec->cluster_ip, "None");
}

bool service_counts_pod(const struct object *pod, bool with_terminating)
{
	return !pod_is_finished(pod_of(pod)) && (with_terminating || !object_is_deleting(pod)) &&
	       (!str_empty(pod_of(pod)->status->pod_ip) || pod_of(pod)->status->n_pod_ips > 0);
}

static bool is_ipv6(const char *ip)
{
	return strchr(ip, ':') != NULL;
}

const char *service_pod_ip(const CoreV1__Pod *pod, bool ipv6)
{
	for (size_t i = 0; i < pod->status->n_pod_ips; i++)
		if (is_ipv6(pod->status->pod_ips[i]->ip) == ipv6)
			return pod->status->pod_ips[i]->ip;
	const char *ip = pod->status->pod_ip;
	return !str_empty(ip) && is_ipv6(ip) == ipv6 ? ip : NULL;
}

bool service_find_port(const CoreV1__Pod *pod, const CoreV1__ServicePort *port, int32_t *ret)
{
	const Intstr__IntOrString *target = port->target_port;
	if (!target || !intstr_is_string(target)) {
		*ret = target && target->int_val ? target->int_val : port->port;
		return true;
	}
	for (size_t i = 0; i < pod->spec->n_containers; i++) {
		const CoreV1__Container *container = pod->spec->containers[i];
		for (size_t j = 0; j < container->n_ports; j++) {
			const CoreV1__ContainerPort *known = container->ports[j];
			if (!str_eq(known->name, target->str_val) ||
			    !str_eq(str_or(known->protocol, "TCP"), str_or(port->protocol, "TCP")))
				continue;
			*ret = known->container_port;
			return true;
		}
	}
	return false;
}

const char *service_pod_hostname(const CoreV1__Service *service, const CoreV1__Pod *pod)
{
	bool is_known =
	    !str_empty(pod->spec->hostname) && str_eq(pod->spec->subdomain, service->metadata->name);
	return is_known ? pod->spec->hostname : NULL;
}

CoreV1__ObjectReference *service_pod_reference(struct arena *arena, const struct object *pod)
{
	CoreV1__ObjectReference *ref = API_NEW(arena, core_v1__object_reference);
	ref->kind = arena_strdup(arena, "Pod");
	ref->namespace_ = arena_strdup(arena, object_namespace(pod));
	ref->name = arena_strdup(arena, object_name(pod));
	ref->uid = arena_strdup(arena, object_uid(pod));
	return ref;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(object_name(*(const struct object *const *)left),
	    object_name(*(const struct object *const *)right));
}

const struct object **service_pods(
    struct controller_context *ctx, struct arena *arena, const struct object *service, size_t *ret_len)
{
	const CoreV1__ServiceSpec *spec = service_of(service)->spec;
	const struct selector *selector = selector_from_map(arena, spec->n_selector, spec->selector);
	const struct object **list = NULL;
	size_t len = 0, capacity = 0;
	informer_for_each (
	    pod, informer_in_namespace(controller_informer(ctx, resource_pods), object_namespace(service))) {
		if (!selector_matches(selector, pod->meta))
			continue;
		if (len == capacity) {
			size_t more = capacity ? capacity * 2 : 16;
			list = arena_grow(arena, list, capacity * sizeof(*list), more * sizeof(*list));
			capacity = more;
		}
		list[len++] = pod;
	}
	if (len > 0)
		qsort(list, len, sizeof(*list), compare_names);
	*ret_len = len;
	return list;
}

/* ---- what wakes Services ---- */

static bool ips_equal(const CoreV1__PodStatus *a, const CoreV1__PodStatus *b)
{
	if (!str_eq(a->pod_ip, b->pod_ip) || a->n_pod_ips != b->n_pod_ips)
		return false;
	for (size_t i = 0; i < a->n_pod_ips; i++)
		if (!str_eq(a->pod_ips[i]->ip, b->pod_ips[i]->ip))
			return false;
	return true;
}

static bool is_same_to_services(const struct object *old, const struct object *new_)
{
	const CoreV1__Pod *a = pod_of(old), *b = pod_of(new_);
	return ips_equal(a->status, b->status) && pod_is_ready(a) == pod_is_ready(b) &&
	       pod_is_finished(a) == pod_is_finished(b) &&
	       object_is_deleting(old) == object_is_deleting(new_) &&
	       str_eq(a->spec->node_name, b->spec->node_name) && str_eq(object_uid(old), object_uid(new_)) &&
	       api_map_equal(old->meta, new_->meta, labels);
}

void service_map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (old && new_ && is_same_to_services(old, new_))
		return;
	struct arena *arena = arena_new();
	const char *ns = object_namespace(new_ ? new_ : old);
	informer_for_each (service, informer_in_namespace(controller_informer(ctx, resource_services), ns)) {
		const CoreV1__ServiceSpec *spec = service_of(service)->spec;
		if (spec->n_selector == 0)
			continue;
		const struct selector *selector = selector_from_map(arena, spec->n_selector, spec->selector);
		if ((old && selector_matches(selector, old->meta)) ||
		    (new_ && selector_matches(selector, new_->meta)))
			enqueue->object(enqueue, service);
	}
	arena_free(arena);
}
