/*
 * endpoints: the Endpoints of Services that have a selector, in the canonical form in which the API server
 * stores them, so that the same world always gives the same object.
 */
#include <stdlib.h>
#include <string.h>

#include "controller-manager/options.h"
#include "controller-manager/shared/pods.h"
#include "controller-manager/shared/services.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/plan.h"
#include "lib/resources/endpoints_repack.h"
#include "lib/resources/resource.h"

#define HEADLESS_LABEL "service.kubernetes.io/headless"
#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define ADDRESSES_MAX 1000

/* ---- subsets ---- */

/* The ports of one pod as seen through the Service. */
static void add_ports(struct arena *arena, const CoreV1__Service *service, const CoreV1__Pod *pod,
    CoreV1__EndpointSubset *subset)
{
	for (size_t i = 0; i < service->spec->n_ports; i++) {
		const CoreV1__ServicePort *from = service->spec->ports[i];
		int32_t number;
		if (!service_find_port(pod, from, &number))
			continue;
		CoreV1__EndpointPort *port = API_NEW(arena, core_v1__endpoint_port);
		port->name = arena_strdup(arena, from->name);
		port->protocol = arena_strdup(arena, str_or(from->protocol, "TCP"));
		port->port = number;
		port->app_protocol = arena_strdup(arena, from->app_protocol);
		api_append(arena, subset, ports, port);
	}
}

/* A subset of its own for each pod, for which there is room: endpoints_repack() brings equal ones together.
 */
static void add_pod(struct arena *arena, CoreV1__Endpoints *endpoints, const CoreV1__Service *service,
    const struct object *obj)
{
	const CoreV1__Pod *pod = pod_of(obj);
	bool ipv6 = service->spec->n_ip_families > 0 && str_eq(service->spec->ip_families[0], "IPv6");
	const char *ip = service_pod_ip(pod, ipv6), *hostname = service_pod_hostname(service, pod);
	CoreV1__EndpointSubset *subset = API_NEW(arena, core_v1__endpoint_subset);
	add_ports(arena, service, pod, subset);
	/* Without ports only headless Services mean something: DNS needs no port. */
	if (!ip || (subset->n_ports == 0 && !(service_is_headless(service) && service->spec->n_ports == 0)))
		return;
	CoreV1__EndpointAddress *address = API_NEW(arena, core_v1__endpoint_address);
	address->ip = arena_strdup(arena, ip);
	address->node_name =
	    str_empty(pod->spec->node_name) ? NULL : arena_strdup(arena, pod->spec->node_name);
	address->target_ref = service_pod_reference(arena, obj);
	if (hostname)
		address->hostname = arena_strdup(arena, hostname);
	if (service->spec->publish_not_ready_addresses || pod_is_ready(pod))
		api_append(arena, subset, addresses, address);
	else
		api_append(arena, subset, not_ready_addresses, address);
	endpoints->subsets[endpoints->n_subsets++] = subset;
}

/* Ready addresses are kept first when there are too many. Returns how many were cut off. */
static size_t cut(CoreV1__Endpoints *endpoints)
{
	size_t room = ADDRESSES_MAX, dropped = 0;
	for (size_t i = 0; i < endpoints->n_subsets; i++) {
		CoreV1__EndpointSubset *subset = endpoints->subsets[i];
		size_t kept = subset->n_addresses < room ? subset->n_addresses : room;
		dropped += subset->n_addresses - kept;
		subset->n_addresses = kept;
		room -= kept;
	}
	for (size_t i = 0; i < endpoints->n_subsets; i++) {
		CoreV1__EndpointSubset *subset = endpoints->subsets[i];
		size_t kept = subset->n_not_ready_addresses < room ? subset->n_not_ready_addresses : room;
		dropped += subset->n_not_ready_addresses - kept;
		subset->n_not_ready_addresses = kept;
		room -= kept;
	}
	size_t left = 0;
	for (size_t i = 0; i < endpoints->n_subsets; i++)
		if (endpoints->subsets[i]->n_addresses + endpoints->subsets[i]->n_not_ready_addresses > 0)
			endpoints->subsets[left++] = endpoints->subsets[i];
	endpoints->n_subsets = left;
	return dropped;
}

/* ---- the object ---- */

static void set_metadata(struct object *obj, const struct object *service, bool is_cut)
{
	const MetaV1__ObjectMeta *from = api_clone(obj->arena, service->meta);
	obj->meta->n_labels = from->n_labels;
	obj->meta->labels = from->labels;
	if (service_is_headless(service_of(service)))
		api_map_set(
		    obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, HEADLESS_LABEL, "");
	if (is_cut)
		api_map_set(obj->arena, obj->meta, annotations, meta_v1__object_meta__annotations_entry,
		    OVER_CAPACITY, "truncated");
	else
		api_map_remove(obj->meta, annotations, OVER_CAPACITY);
}

static void write_endpoints(struct controller_context *ctx, const struct object *service,
    const struct object *stored, struct plan *plan)
{
	struct object *obj = stored ? object_clone(stored) : object_new(resource_endpoints->schema);
	CoreV1__Endpoints *endpoints = (CoreV1__Endpoints *)obj->msg;
	const CoreV1__Service *svc = service_of(service);
	size_t len;
	const struct object **pods = service_pods(ctx, plan_arena(plan), service, &len);
	endpoints->n_subsets = 0;
	endpoints->subsets = ARENA_ARRAY(obj->arena, CoreV1__EndpointSubset *, len + 1);
	if (!stored) {
		obj->meta->name = arena_strdup(obj->arena, object_name(service));
		obj->meta->namespace_ = arena_strdup(obj->arena, object_namespace(service));
	}
	for (size_t i = 0; i < len; i++)
		if (service_counts_pod(pods[i], svc->spec->publish_not_ready_addresses))
			add_pod(obj->arena, endpoints, svc, pods[i]);
	endpoints_repack(endpoints, obj->arena); /* as the API server will store it */
	set_metadata(obj, service, cut(endpoints) > 0);
	if (!stored)
		plan_create(plan, resource_endpoints, obj);
	else if (object_equal(obj, stored))
		object_unref(obj);
	else
		plan_update(plan, resource_endpoints, obj);
}

static void reconcile(struct controller_context *ctx, void *state, const char *key, struct plan *plan)
{
	const struct object *service = informer_lookup_key(controller_informer(ctx, resource_services), key);
	const struct object *stored = informer_lookup_key(controller_informer(ctx, resource_endpoints), key);
	if (!service) {
		if (stored && !object_is_deleting(stored))
			plan_delete(plan, stored);
		return;
	}
	const CoreV1__ServiceSpec *spec = service_of(service)->spec;
	if (spec->n_selector == 0 || str_eq(spec->type, "ExternalName") || object_is_deleting(service))
		return; /* somebody else writes them, or there are none */
	write_endpoints(ctx, service, stored, plan);
}

/* Only a deletion: what a user edits stays until the Service's pods change. One that never had a Service is
 * nobody's business: its key is not queued when it appears. */
static void map_endpoints(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue)
{
	if (!new_)
		enqueue->object(enqueue, old);
}

static const struct controller_watch watches[] = {{&resource_services, NULL},
    {&resource_pods, service_map_pod}, {&resource_endpoints, map_endpoints}, {NULL, NULL}};

const struct controller controller_endpoints = {.name = "endpoints",
    .event_component = "endpoint-controller",
    .watches = watches,
    .reconcile = reconcile};
