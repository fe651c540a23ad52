/*
 * Cluster IPs and node ports of Services: given out, held while a write is under way, and known to be taken
 * from the cache of services, which is the only record. (One server at a time gives out addresses; ranges
 * shared between servers are not kept.)
 */
#include "apiserver/registry/services.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/registry/internal.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "proto/core_v1.pb-c.h"

struct services {
	struct api_server *server;
	uint32_t network, size; /* the range: addresses network+1 .. network+size-2 */
	int ip_bits;
	unsigned port_min, port_max;
	/* how many hold each: stored services, and writes under way */
	uint16_t *ips;
	uint16_t *ports;
};

struct service_claims {
	struct service_claims *next;
	uint16_t *slot;
};

static uint16_t *ip_slot(struct services *s, const char *text)
{
	struct in_addr a;
	if (str_empty(text) || inet_pton(AF_INET, text, &a) != 1)
		return NULL;
	uint32_t ip = ntohl(a.s_addr);
	return ip > s->network && ip < s->network + s->size - 1 ? &s->ips[ip - s->network] : NULL;
}

static uint16_t *port_slot(struct services *s, int32_t port)
{
	return port >= (int32_t)s->port_min && port <= (int32_t)s->port_max
		   ? &s->ports[port - (int32_t)s->port_min]
		   : NULL;
}

static void count(uint16_t *slot, int by)
{
	if (slot)
		*slot = (uint16_t)(*slot + by);
}

static void count_service(struct services *s, const struct object *obj, int by)
{
	const CoreV1__ServiceSpec *spec = obj ? ((const CoreV1__Service *)obj->msg)->spec : NULL;
	if (!spec)
		return;
	if (spec->n_cluster_ips == 0)
		count(ip_slot(s, spec->cluster_ip), by);
	for (size_t i = 0; i < spec->n_cluster_ips; i++)
		count(ip_slot(s, spec->cluster_ips[i]), by);
	for (size_t i = 0; i < spec->n_ports; i++) {
		bool is_repeated = false; /* one port number may serve several protocols */
		for (size_t j = 0; j < i; j++)
			is_repeated = is_repeated || spec->ports[j]->node_port == spec->ports[i]->node_port;
		if (!is_repeated)
			count(port_slot(s, spec->ports[i]->node_port), by);
	}
	count(port_slot(s, spec->health_check_node_port), by);
}

static void on_change(void *arg, const struct object *old, const struct object *obj)
{
	count_service(arg, old, -1);
	count_service(arg, obj, 1);
}

static int parse_ranges(struct services *s, const struct api_options *options, struct error *err)
{
	char ip[64];
	struct in_addr a;
	const char *cidr = str_or(options->service_cluster_ip_range, "10.0.0.0/24");
	const char *slash = strchr(cidr, '/');
	size_t size = slash ? (size_t)(slash - cidr) : 0;
	if (!slash || size >= sizeof ip)
		return error_set(err, ERR_BAD_REQUEST, "--service-cluster-ip-range %s is no CIDR", cidr);
	memcpy(ip, cidr, size);
	ip[size] = '\0';
	s->ip_bits = atoi(slash + 1);
	if (inet_pton(AF_INET, ip, &a) != 1 || s->ip_bits < 8 || s->ip_bits > 30)
		return error_set(err, ERR_BAD_REQUEST,
		    "--service-cluster-ip-range %s: an IPv4 range of /8 to /30 is wanted", cidr);
	s->size = 1u << (32 - s->ip_bits);
	/* Upstream too uses at most 16 bits of a range. */
	if (s->size > 65536)
		s->size = 65536;
	s->network = ntohl(a.s_addr) & ~((1u << (32 - s->ip_bits)) - 1);
	if (sscanf(str_or(options->service_node_port_range, "30000-32767"), "%u-%u", &s->port_min,
		&s->port_max) != 2 ||
	    s->port_min > s->port_max || s->port_max > 65535)
		return error_set(err, ERR_BAD_REQUEST, "--service-node-port-range %s is no range",
		    options->service_node_port_range);
	return 0;
}

struct services *services_new(struct api_server *server, struct error *err)
{
	struct services *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	if (parse_ranges(s, server->options, err)) {
		free(s);
		return NULL;
	}
	s->ips = calloc(s->size, sizeof *s->ips);
	s->ports = calloc(s->port_max - s->port_min + 1, sizeof *s->ports);
	if (!s->ips || !s->ports)
		abort();
	return s;
}

void services_start(struct services *services)
{
	watchcache_subscribe(services->server, resource_services, on_change, services);
}

void services_free(struct services *services)
{
	if (!services)
		return;
	free(services->ips);
	free(services->ports);
	free(services);
}

const char *services_first_ip(struct services *services, struct arena *arena)
{
	struct in_addr a = {.s_addr = htonl(services->network + 1)};
	char text[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &a, text, sizeof text);
	return arena_strdup(arena, text);
}

static void claim(struct api_request *req, uint16_t *slot)
{
	struct registry_state *state = registry_state(req);
	struct service_claims *c = ARENA_NEW(req->arena, struct service_claims);
	c->slot = slot;
	c->next = state->claims;
	state->claims = c;
	count(slot, 1);
}

void services_rollback(struct api_request *req)
{
	struct registry_state *state = req->registry_state;
	while (state && state->claims) {
		count(state->claims->slot, -1);
		state->claims = state->claims->next;
	}
}

static uint16_t *find_free(uint16_t *slots, uint32_t first, uint32_t len)
{
	uint32_t start = (uint32_t)random() % len;
	for (uint32_t i = 0; i < len; i++) {
		uint16_t *slot = &slots[first + (start + i) % len];
		if (!*slot)
			return slot;
	}
	return NULL;
}

static bool had_ip(const CoreV1__ServiceSpec *old, const char *ip)
{
	bool has = old && !strcmp(old->cluster_ip, ip);
	for (size_t i = 0; old && i < old->n_cluster_ips; i++)
		has = has || !strcmp(old->cluster_ips[i], ip);
	return has;
}

static void claim_ip(
    struct api_request *req, struct object *obj, const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	struct services *s = req->server->services;
	CoreV1__ServiceSpec *spec = ((CoreV1__Service *)obj->msg)->spec;
	if (!strcmp(spec->type, "ExternalName") || !strcmp(spec->cluster_ip, "None"))
		return;
	if (!*spec->cluster_ip) {
		uint16_t *slot = find_free(s->ips, 1, s->size - 2);
		if (!slot) {
			field_errors_add(errors, FIELD_INTERNAL, "spec.clusterIPs", NULL,
			    "failed to allocate a serviceIP: range is full");
			return;
		}
		struct in_addr a = {.s_addr = htonl(s->network + (uint32_t)(slot - s->ips))};
		char text[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &a, text, sizeof text);
		claim(req, slot);
		spec->cluster_ip = arena_strdup(obj->arena, text);
		spec->n_cluster_ips = 0;
		api_append(obj->arena, spec, cluster_ips, arena_strdup(obj->arena, text));
		return;
	}
	if (had_ip(old, spec->cluster_ip))
		return;
	uint16_t *slot = ip_slot(s, spec->cluster_ip);
	if (!slot)
		field_errors_add(errors, FIELD_INVALID, "spec.clusterIPs", spec->cluster_ip,
		    "failed to allocate IP %s: the provided IP is not in the valid range", spec->cluster_ip);
	else if (*slot)
		field_errors_add(errors, FIELD_INVALID, "spec.clusterIPs", spec->cluster_ip,
		    "failed to allocate IP %s: provided IP is already allocated", spec->cluster_ip);
	else
		claim(req, slot);
}

static bool wants_node_ports(const CoreV1__ServiceSpec *spec)
{
	if (!strcmp(spec->type, "NodePort"))
		return true;
	return !strcmp(spec->type, "LoadBalancer") &&
	       (!spec->has_allocate_load_balancer_node_ports || spec->allocate_load_balancer_node_ports);
}

static bool had_port(const CoreV1__ServiceSpec *old, int32_t port)
{
	bool has = old && old->health_check_node_port == port;
	for (size_t i = 0; old && i < old->n_ports; i++)
		has = has || old->ports[i]->node_port == port;
	return has;
}

static void claim_port(struct api_request *req, int32_t *port, const char *field,
    const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	struct services *s = req->server->services;
	char text[16];
	snprintf(text, sizeof text, "%d", *port);
	uint16_t *slot;
	if (*port == 0) {
		slot = find_free(s->ports, 0, s->port_max - s->port_min + 1);
		if (!slot) {
			field_errors_add(errors, FIELD_INTERNAL, field, NULL,
			    "failed to allocate a nodePort: range is full");
			return;
		}
		*port = (int32_t)(s->port_min + (unsigned)(slot - s->ports));
		claim(req, slot);
		return;
	}
	if (had_port(old, *port))
		return;
	slot = port_slot(s, *port);
	if (!slot)
		field_errors_add(errors, FIELD_INVALID, field, text,
		    "provided port is not in the valid range. The range of valid ports is %u-%u", s->port_min,
		    s->port_max);
	else if (*slot)
		field_errors_add(errors, FIELD_INVALID, field, text, "provided port is already allocated");
	else
		claim(req, slot);
}

/* A port of the same number for another protocol shares the node port. */
static int32_t shared_port(const CoreV1__ServiceSpec *spec, size_t i)
{
	for (size_t j = 0; j < spec->n_ports; j++)
		if (j != i && spec->ports[j]->port == spec->ports[i]->port && spec->ports[j]->node_port &&
		    strcmp(spec->ports[j]->protocol, spec->ports[i]->protocol) != 0)
			return spec->ports[j]->node_port;
	return 0;
}

static void claim_ports(
    struct api_request *req, struct object *obj, const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	CoreV1__ServiceSpec *spec = ((CoreV1__Service *)obj->msg)->spec;
	for (size_t i = 0; wants_node_ports(spec) && i < spec->n_ports; i++) {
		CoreV1__ServicePort *p = spec->ports[i];
		bool is_repeated = false;
		if (!p->node_port)
			p->node_port = shared_port(spec, i);
		for (size_t j = 0; p->node_port && j < i; j++)
			is_repeated = is_repeated || spec->ports[j]->node_port == p->node_port;
		if (!is_repeated)
			claim_port(req, &p->node_port,
			    arena_printf(req->arena, "spec.ports[%zu].nodePort", i), old, errors);
	}
	if (!strcmp(spec->type, "LoadBalancer") && str_eq(spec->external_traffic_policy, "Local"))
		claim_port(req, &spec->health_check_node_port, "spec.healthCheckNodePort", old, errors);
}

static void set_families(struct object *obj)
{
	CoreV1__ServiceSpec *spec = ((CoreV1__Service *)obj->msg)->spec;
	if (!strcmp(spec->type, "ExternalName"))
		return;
	if (!spec->n_ip_families)
		api_append(obj->arena, spec, ip_families, arena_strdup(obj->arena, "IPv4"));
	if (!spec->ip_family_policy)
		spec->ip_family_policy = "SingleStack";
}

int services_claim(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	if (req->type != resource_services || *req->info.subresource)
		return 0;
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	const CoreV1__ServiceSpec *was = old ? ((const CoreV1__Service *)old->msg)->spec : NULL;
	field_errors_init(errors, req->arena);
	services_rollback(req);
	claim_ip(req, obj, was, errors);
	set_families(obj);
	if (!errors->len)
		claim_ports(req, obj, was, errors);
	if (!errors->len)
		return 0;
	services_rollback(req);
	return field_errors_to_error(errors, "", "Service", obj->meta->name, err);
}
