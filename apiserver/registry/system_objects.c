/*
 * What the server itself keeps in the cluster: the system namespaces, and the service kubernetes with
 * endpoints that point at this server. Looked at again when one of them was deleted or changed.
 */
#include "apiserver/registry/system_objects.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apiserver/options.h"
#include "apiserver/registry/internal.h"
#include "apiserver/registry/services.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"
#include "proto/discovery_v1.pb-c.h"

enum { CHECK_MS = 500 }; /* after something was deleted or changed */

struct system_objects {
	struct api_server *server;
	struct loop_timer *timer;
	size_t running; /* writes under way */
	char address[INET_ADDRSTRLEN];
	bool is_first_round;
	bool has_namespaces; /* the first round is over: what lives in them may be made */
	void (*done)(void *arg);
	void *done_arg;
};

static void check(void *arg);

static void finish_round(struct system_objects *s)
{
	if (s->running > 0 || !s->done)
		return;
	if (!s->has_namespaces) {
		s->has_namespaces = true;
		check(s);
		return;
	}
	void (*done)(void *) = s->done;
	s->done = NULL;
	s->is_first_round = false;
	done(s->done_arg);
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct system_objects *s = arg;
	if (err && err->code != ERR_ALREADY_EXISTS && err->code != ERR_CONFLICT)
		log_warning("system object: %s", err->message);
	s->running--;
	finish_round(s);
}

static void create(struct system_objects *s, const struct resource_type *type, struct object *take_obj)
{
	s->running++;
	registry_create(s->server, type, take_obj, on_written, s);
	object_unref(take_obj);
}

static void update(struct system_objects *s, const struct resource_type *type, struct object *take_obj)
{
	s->running++;
	registry_update(s->server, type, NULL, take_obj, on_written, s);
	object_unref(take_obj);
}

static void ensure_namespaces(struct system_objects *s)
{
	static const char *const names[] = {"default", "kube-system", "kube-public", "kube-node-lease"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (watchcache_lookup(s->server, resource_namespaces, "", names[i]))
			continue;
		struct object *obj = object_new(resource_namespaces->schema);
		obj->meta->name = arena_strdup(obj->arena, names[i]);
		create(s, resource_namespaces, obj);
	}
}

static struct object *new_named(const struct resource_type *type)
{
	struct object *obj = object_new(type->schema);
	obj->meta->name = "kubernetes";
	obj->meta->namespace_ = "default";
	return obj;
}

static void ensure_service(struct system_objects *s)
{
	if (watchcache_lookup(s->server, resource_services, "default", "kubernetes"))
		return;
	struct object *obj = new_named(resource_services);
	CoreV1__ServiceSpec *spec = ((CoreV1__Service *)obj->msg)->spec;
	CoreV1__ServicePort *port = API_NEW(obj->arena, core_v1__service_port);
	api_map_set(
	    obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "component", "apiserver");
	api_map_set(
	    obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry, "provider", "kubernetes");
	spec->cluster_ip = (char *)services_first_ip(s->server->services, obj->arena);
	api_append(obj->arena, spec, cluster_ips, spec->cluster_ip);
	spec->type = "ClusterIP";
	spec->session_affinity = "None";
	port->name = "https";
	port->protocol = "TCP";
	port->port = 443;
	port->target_port = intstr_new_int(obj->arena, (int32_t)s->server->options->secure_port);
	api_append(obj->arena, spec, ports, port);
	create(s, resource_services, obj);
}

static bool is_reachable(const char *address)
{
	struct in_addr a;
	return !str_empty(address) && inet_pton(AF_INET, address, &a) == 1 && a.s_addr != 0 &&
	       (ntohl(a.s_addr) >> 24) != IN_LOOPBACKNET;
}

/* The address of the interface with the default route: what a socket towards anywhere would use. Nothing is
 * sent. */
static bool default_address(char out[INET_ADDRSTRLEN])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)}, own;
	socklen_t len = sizeof own;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof to) &&
		  !getsockname(fd, (struct sockaddr *)&own, &len) &&
		  inet_ntop(AF_INET, &own.sin_addr, out, INET_ADDRSTRLEN);
	if (fd >= 0)
		close(fd);
	return ok && is_reachable(out);
}

/* Where pods reach this server; "" when only the machine itself can: then there are no endpoints. */
static void find_own_address(struct system_objects *s)
{
	const struct api_options *o = s->server->options;
	if (is_reachable(o->advertise_address))
		snprintf(s->address, sizeof s->address, "%s", o->advertise_address);
	else if (is_reachable(o->bind_address))
		snprintf(s->address, sizeof s->address, "%s", o->bind_address);
	else if (!default_address(s->address))
		s->address[0] = '\0';
}

static bool has_address(const CoreV1__Endpoints *endpoints, const char *address)
{
	for (size_t i = 0; i < endpoints->n_subsets; i++)
		for (size_t j = 0; j < endpoints->subsets[i]->n_addresses; j++)
			if (!strcmp(endpoints->subsets[i]->addresses[j]->ip, address))
				return true;
	return false;
}

/*
 * A server that starts forgets the addresses of the past; one that runs only makes sure that its own is
 * there. So servers that share a store end up with all of their addresses, and do not fight about them.
 */
static void fill_endpoints(const struct system_objects *s, struct object *obj)
{
	CoreV1__Endpoints *endpoints = (CoreV1__Endpoints *)obj->msg;
	CoreV1__EndpointSubset *subset = API_NEW(obj->arena, core_v1__endpoint_subset);
	CoreV1__EndpointAddress *address = API_NEW(obj->arena, core_v1__endpoint_address);
	CoreV1__EndpointPort *port = API_NEW(obj->arena, core_v1__endpoint_port);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry,
	    "endpointslice.kubernetes.io/skip-mirror", "true");
	address->ip = arena_strdup(obj->arena, s->address);
	port->name = "https";
	port->protocol = "TCP";
	port->port = (int32_t)s->server->options->secure_port;
	api_append(obj->arena, subset, addresses, address);
	api_append(obj->arena, subset, ports, port);
	if (!s->is_first_round && has_address(endpoints, s->address))
		return;
	if (!s->is_first_round && endpoints->n_subsets == 1) { /* other servers live on: we join them */
		api_append(obj->arena, endpoints->subsets[0], addresses, address);
		return;
	}
	endpoints->n_subsets = 0;
	endpoints->subsets = NULL;
	api_append(obj->arena, endpoints, subsets, subset);
}

static void fill_slice(const struct system_objects *s, struct object *obj)
{
	DiscoveryV1__EndpointSlice *slice = (DiscoveryV1__EndpointSlice *)obj->msg;
	DiscoveryV1__Endpoint *endpoint = API_NEW(obj->arena, discovery_v1__endpoint);
	DiscoveryV1__EndpointPort *port = API_NEW(obj->arena, discovery_v1__endpoint_port);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry,
	    "kubernetes.io/service-name", "kubernetes");
	slice->address_type = "IPv4";
	api_append(obj->arena, endpoint, addresses, arena_strdup(obj->arena, s->address));
	if (!endpoint->conditions)
		endpoint->conditions = API_NEW(obj->arena, discovery_v1__endpoint_conditions);
	endpoint->conditions->has_ready = true;
	endpoint->conditions->ready = true;
	port->name = "https";
	port->protocol = "TCP";
	port->has_port = true;
	port->port = (int32_t)s->server->options->secure_port;
	for (size_t i = 0; !s->is_first_round && i < slice->n_endpoints; i++)
		if (slice->endpoints[i]->n_addresses &&
		    !strcmp(slice->endpoints[i]->addresses[0], s->address))
			return;
	if (s->is_first_round) {
		slice->n_endpoints = 0;
		slice->endpoints = NULL;
	}
	slice->n_ports = 0;
	slice->ports = NULL;
	api_append(obj->arena, slice, endpoints, endpoint);
	api_append(obj->arena, slice, ports, port);
}

static void ensure(struct system_objects *s, const struct resource_type *type,
    void (*fill)(const struct system_objects *s, struct object *obj))
{
	const struct object *have = watchcache_lookup(s->server, type, "default", "kubernetes");
	struct object *obj = have ? object_clone(have) : new_named(type);
	fill(s, obj);
	if (!have)
		create(s, type, obj);
	else if (!object_equal(have, obj))
		update(s, type, obj);
	else
		object_unref(obj);
}

static void check(void *arg)
{
	struct system_objects *s = arg;
	if (s->running > 0) {
		loop_timer_start(s->timer, CHECK_MS, 0);
		return;
	}
	s->running++; /* writes may end at once: the round is over when all have been started */
	ensure_namespaces(s);
	if (s->has_namespaces) {
		ensure_service(s);
		if (s->address[0] &&
		    strcmp(str_or(s->server->options->endpoint_reconciler_type, ""), "none") != 0) {
			ensure(s, resource_endpoints, fill_endpoints);
			ensure(s, resource_endpointslices, fill_slice);
		}
	}
	s->running--;
	finish_round(s);
}

static void on_change(void *arg, const struct object *old, const struct object *obj)
{
	struct system_objects *s = arg;
	const MetaV1__ObjectMeta *meta = obj ? obj->meta : old->meta;
	bool is_namespace = !*meta->namespace_;
	bool is_ours =
	    is_namespace ? !obj : !strcmp(meta->namespace_, "default") && !strcmp(meta->name, "kubernetes");
	if (is_ours && old && !loop_timer_is_active(s->timer))
		loop_timer_start(s->timer, CHECK_MS, 0);
}

struct system_objects *system_objects_start(struct api_server *server, void (*done)(void *arg), void *arg)
{
	struct system_objects *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	find_own_address(s);
	s->timer = loop_timer_new(server->loop, check, s);
	const struct resource_type *const types[] = {
	    resource_namespaces, resource_services, resource_endpoints, resource_endpointslices};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		watchcache_subscribe(server, types[i], on_change, s);
	s->done = done;
	s->done_arg = arg;
	s->is_first_round = true;
	check(s);
	return s;
}

void system_objects_free(struct system_objects *objects)
{
	if (!objects)
		return;
	loop_timer_free(objects->timer);
	free(objects);
}
