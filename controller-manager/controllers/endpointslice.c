/* endpointslice: the EndpointSlices of Services that have a selector. */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/pods.h"
#include "controller-manager/shared/services.h"
#include "controller-manager/shared/slices.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

#define MANAGER "endpointslice-controller.k8s.io"

static DiscoveryV1__EndpointPort **ports_of(
    struct arena *arena, const CoreV1__Service *service, const CoreV1__Pod *pod, size_t *ret_len)
{
	DiscoveryV1__EndpointPort **ports =
	    ARENA_ARRAY(arena, DiscoveryV1__EndpointPort *, service->spec->n_ports + 1);
	size_t len = 0;
	for (size_t i = 0; i < service->spec->n_ports; i++) {
		const CoreV1__ServicePort *from = service->spec->ports[i];
		int32_t number;
		if (!service_find_port(pod, from, &number))
			continue;
		DiscoveryV1__EndpointPort *port = API_NEW(arena, discovery_v1__endpoint_port);
		port->name = arena_strdup(arena, str_or(from->name, ""));
		port->protocol = arena_strdup(arena, str_or(from->protocol, "TCP"));
		port->port = number;
		port->has_port = true;
		port->app_protocol = arena_strdup(arena, from->app_protocol);
		ports[len++] = port;
	}
	*ret_len = len;
	return ports;
}

static const char *zone_of(struct controller_context *ctx, const char *node)
{
	const struct object *obj =
	    str_empty(node) ? NULL : informer_lookup(controller_informer(ctx, resource_nodes), NULL, node);
	return obj ? api_map_get(obj->meta, labels, "topology.kubernetes.io/zone") : NULL;
}

static DiscoveryV1__Endpoint *endpoint_of(struct controller_context *ctx, struct arena *arena,
    const CoreV1__Service *service, const struct object *obj, const char *ip)
{
	const CoreV1__Pod *pod = pod_of(obj);
	DiscoveryV1__Endpoint *endpoint = API_NEW(arena, discovery_v1__endpoint);
	const char *hostname = service_pod_hostname(service, pod), *zone = zone_of(ctx, pod->spec->node_name);
	bool is_serving = pod_is_ready(pod), is_terminating = object_is_deleting(obj);
	api_append(arena, endpoint, addresses, (void *)arena_strdup(arena, ip));
	endpoint->conditions->ready =
	    service->spec->publish_not_ready_addresses || (is_serving && !is_terminating);
	endpoint->conditions->serving = is_serving;
	endpoint->conditions->terminating = is_terminating;
	endpoint->conditions->has_ready = endpoint->conditions->has_serving =
	    endpoint->conditions->has_terminating = true;
	endpoint->node_name =
	    str_empty(pod->spec->node_name) ? NULL : arena_strdup(arena, pod->spec->node_name);
	endpoint->hostname = hostname ? arena_strdup(arena, hostname) : NULL;
	endpoint->zone = zone ? arena_strdup(arena, zone) : NULL;
	endpoint->target_ref = service_pod_reference(arena, obj);
	return endpoint;
}

static void add_family(struct controller_context *ctx, struct slice_set *set, const struct object *service,
    const struct object *const *pods, size_t pods_len, bool ipv6)
{
	struct arena *arena = plan_arena(set->plan);
	const CoreV1__Service *svc = service_of(service);
	const char *address_type = ipv6 ? "IPv6" : "IPv4";
	bool is_empty = true;
	for (size_t i = 0; i < pods_len; i++) {
		const char *ip = service_pod_ip(pod_of(pods[i]), ipv6);
		if (!ip || !service_counts_pod(pods[i], true))
			continue;
		size_t len;
		DiscoveryV1__EndpointPort **ports = ports_of(arena, svc, pod_of(pods[i]), &len);
		struct slice_group *group = slices_group(set, address_type, ports, len);
		slices_add(set, group, endpoint_of(ctx, arena, svc, pods[i], ip));
		is_empty = false;
	}
	if (is_empty) /* a slice all the same: that nothing is behind the Service is known then */
		slices_group(set, address_type, NULL, 0)->must_exist = true;
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *service = informer_lookup_key(controller_informer(ctx, resource_services), key);
	char ns[64], name[256];
	object_split_key(key, ns, name);
	if (!service) {
		slices_delete(ctx, plan, ns, name, MANAGER);
		return;
	}
	const CoreV1__ServiceSpec *spec = service_of(service)->spec;
	if (spec->n_selector == 0 || str_eq(spec->type, "ExternalName") || object_is_deleting(service))
		return;
	size_t len;
	const struct object **pods = service_pods(ctx, plan_arena(plan), service, &len);
	struct slice_set set = {.plan = plan,
	    .manager = MANAGER,
	    .service = object_name(service),
	    .owner = service,
	    .labels_of = service,
	    .is_headless = service_is_headless(service_of(service))};
	bool has_ipv6 = false, has_ipv4 = spec->n_ip_families == 0;
	for (size_t i = 0; i < spec->n_ip_families; i++) {
		has_ipv6 |= str_eq(spec->ip_families[i], "IPv6");
		has_ipv4 |= str_eq(spec->ip_families[i], "IPv4");
	}
	if (has_ipv4)
		add_family(ctx, &set, service, pods, len, false);
	if (has_ipv6)
		add_family(ctx, &set, service, pods, len, true);
	slices_reconcile(ctx, &set);
}

static void map_slice(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	slices_map(old, new_, MANAGER, enqueue);
}

static void *init(struct controller_context *ctx)
{
	controller_informer(ctx, resource_nodes);
	slices_init(ctx);
	return NULL;
}

static const struct controller_watch watches[] = {{&resource_services, NULL},
    {&resource_pods, service_map_pod}, {&resource_endpointslices, map_slice}, {NULL, NULL}};

const struct controller controller_endpointslice = {.name = "endpointslice",
    .event_component = "endpoint-slice-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
