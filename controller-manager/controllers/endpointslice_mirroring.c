/*
 * endpointslice-mirroring: EndpointSlices for Endpoints that somebody writes by hand for a Service without a
 * selector. Each subset has slices of its own. Keys are those of the Endpoints, which bear the Service's
 * name.
 */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/services.h"
#include "controller-manager/shared/slices.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/resource.h"

#define MANAGER "endpointslicemirroring-controller.k8s.io"
#define SKIP_LABEL "endpointslice.kubernetes.io/skip-mirror"
#define LEADER_ANNOTATION "control-plane.alpha.kubernetes.io/leader"

static void add_address(struct slice_set *set, const CoreV1__EndpointSubset *subset,
    const CoreV1__EndpointAddress *address, bool is_ready)
{
	struct arena *arena = plan_arena(set->plan);
	DiscoveryV1__EndpointPort **ports =
	    ARENA_ARRAY(arena, DiscoveryV1__EndpointPort *, subset->n_ports + 1);
	for (size_t i = 0; i < subset->n_ports; i++) {
		ports[i] = API_NEW(arena, discovery_v1__endpoint_port);
		ports[i]->name = arena_strdup(arena, str_or(subset->ports[i]->name, ""));
		ports[i]->protocol = arena_strdup(arena, str_or(subset->ports[i]->protocol, "TCP"));
		ports[i]->port = subset->ports[i]->port;
		ports[i]->has_port = true;
		ports[i]->app_protocol = arena_strdup(arena, subset->ports[i]->app_protocol);
	}
	struct slice_group *group =
	    slices_group(set, strchr(address->ip, ':') ? "IPv6" : "IPv4", ports, subset->n_ports);
	DiscoveryV1__Endpoint *endpoint = API_NEW(arena, discovery_v1__endpoint);
	api_append(arena, endpoint, addresses, (void *)arena_strdup(arena, address->ip));
	endpoint->conditions->ready = is_ready;
	endpoint->conditions->has_ready = true;
	endpoint->hostname = str_empty(address->hostname) ? NULL : arena_strdup(arena, address->hostname);
	endpoint->node_name = str_empty(address->node_name) ? NULL : arena_strdup(arena, address->node_name);
	endpoint->target_ref = address->target_ref ? api_clone(arena, address->target_ref) : NULL;
	slices_add(set, group, endpoint);
}

static bool is_mirrored(const struct object *endpoints, const struct object *service)
{
	return endpoints && service && !object_is_deleting(endpoints) &&
	       service_of(service)->spec->n_selector == 0 &&
	       !str_eq(api_map_get(endpoints->meta, labels, SKIP_LABEL), "true") &&
	       !api_map_get(endpoints->meta, annotations, LEADER_ANNOTATION);
}

static bool has_own_slices(struct controller_context *ctx, const char *key)
{
	/* The API server writes those of its own Service itself. */
	return str_eq(key, "default/kubernetes");
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *obj = informer_lookup_key(controller_informer(ctx, resource_endpoints), key);
	const struct object *service = informer_lookup_key(controller_informer(ctx, resource_services), key);
	char ns[64], name[256];
	object_split_key(key, ns, name);
	if (!is_mirrored(obj, service) || has_own_slices(ctx, key)) {
		slices_delete(ctx, plan, ns, name, MANAGER);
		return;
	}
	const CoreV1__Endpoints *endpoints = (const CoreV1__Endpoints *)obj->msg;
	struct slice_set set = {.plan = plan,
	    .manager = MANAGER,
	    .service = name,
	    .owner = obj,
	    .labels_of = obj,
	    .is_headless = service_is_headless(service_of(service))};
	for (size_t i = 0; i < endpoints->n_subsets; i++) {
		const CoreV1__EndpointSubset *subset = endpoints->subsets[i];
		for (size_t j = 0; j < subset->n_addresses; j++)
			add_address(&set, subset, subset->addresses[j], true);
		for (size_t j = 0; j < subset->n_not_ready_addresses; j++)
			add_address(&set, subset, subset->not_ready_addresses[j], false);
	}
	slices_reconcile(ctx, &set);
}

static void map_slice(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	slices_map(old, new_, MANAGER, enqueue);
}

static void *init(struct controller_context *ctx)
{
	slices_init(ctx);
	return NULL;
}

static const struct controller_watch watches[] = {{&resource_endpoints, NULL}, {&resource_services, NULL},
    {&resource_endpointslices, map_slice}, {NULL, NULL}};

const struct controller controller_endpointslice_mirroring = {.name = "endpointslice-mirroring",
    .event_component = "endpoint-slice-mirroring-controller",
    .watches = watches,
    .init = init,
    .reconcile = reconcile};
