#include "apiserver/registry/services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/registry/internal.h"
#include "apiserver/registry/range.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

/* The shares of the ranges' low ends that are for static addresses: KEP-3070 and KEP-3668. */
enum { IPS_STEP = 16, IPS_RESERVED_MAX = 256, PORTS_STEP = 32, PORTS_RESERVED_MAX = 128 };

/* What a write has taken; in the request's arena. */
struct service_claims {
	struct range_change ips, ports;
	int64_t ip, ip_taken;
	int64_t *wants, *taken;   /* node ports */
	const char **want_fields; /* who asked: the path of the field */
	size_t wants_len;
	int64_t *port_wants; /* for each port of the spec the want that it gets its node port from, or -1 */
	int64_t health_want;
	unsigned waiting;
	bool is_kept; /* the service kubernetes: its address is its own, whoever creates it */
};

static void on_missing(void *arg)
{
	struct services *s = arg;
	if (s->repair)
		services_repair_now(s->repair, NULL, NULL);
}

static struct range *new_range(
    struct services *s, const char *name, const char *text, int64_t len, uint32_t step, uint32_t reserved_max)
{
	struct buf key = BUF_INIT;
	buf_printf(&key, "%s/ranges/%s", s->server->options->etcd_prefix, name);
	/* Of cluster IPs the addresses of the network count too; of ports each one is given out. */
	uint32_t size = (uint32_t)len + (step == IPS_STEP ? 2 : 0);
	struct range *range = range_new(s->server->loop, s->server->storage, buf_str(&key), text,
	    (uint32_t)len, bitmap_reserved_of(size, step, reserved_max));
	range_on_missing(range, on_missing, s);
	buf_done(&key);
	return range;
}

struct services *services_new(struct api_server *server, struct error *err)
{
	struct services *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	struct addresses *a = &s->addresses;
	if (addresses_parse(a, server->options, err) < 0) {
		free(s);
		return NULL;
	}
	s->ips = new_range(s, "serviceips", a->ip_text, a->ips_len, IPS_STEP, IPS_RESERVED_MAX);
	s->ports = new_range(s, "servicenodeports", a->port_text, a->port_max - a->port_min + 1, PORTS_STEP,
	    PORTS_RESERVED_MAX);
	return s;
}

void services_start(struct services *services, int64_t repair_interval_ms, void (*done)(void *arg), void *arg)
{
	services->repair = services_repair_start(services, repair_interval_ms, done, arg);
}

void services_free(struct services *services)
{
	if (!services)
		return;
	services_repair_free(services->repair);
	range_free(services->ips);
	range_free(services->ports);
	free(services);
}

const char *services_first_ip(struct services *services, struct arena *arena)
{
	char text[INET_ADDRSTRLEN];
	return arena_strdup(arena, addresses_ip(&services->addresses, 0, text));
}

/* --- what a write asks for --- */

static const CoreV1__ServiceSpec *spec_of(const struct object *obj)
{
	return obj ? ((const CoreV1__Service *)obj->msg)->spec : NULL;
}

static bool had_ip(const CoreV1__ServiceSpec *old, const char *ip)
{
	bool has = old && !strcmp(old->cluster_ip, ip);
	for (size_t i = 0; old && i < old->n_cluster_ips; i++)
		has = has || !strcmp(old->cluster_ips[i], ip);
	return has;
}

static void want_ip(struct api_request *req, struct service_claims *claims, const CoreV1__ServiceSpec *spec,
    const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	if (!strcmp(spec->type, "ExternalName") || !strcmp(spec->cluster_ip, "None") ||
	    (*spec->cluster_ip && had_ip(old, spec->cluster_ip)))
		return;
	claims->ip = RANGE_ANY;
	if (*spec->cluster_ip)
		claims->ip = addresses_ip_number(&req->server->services->addresses, spec->cluster_ip);
	if (*spec->cluster_ip && claims->ip == ADDRESS_NONE)
		field_errors_add(errors, FIELD_INVALID, "spec.clusterIPs", spec->cluster_ip,
		    "failed to allocate IP %s: the provided IP (%s) is not in the valid range. The range of "
		    "valid IPs is %s",
		    spec->cluster_ip, spec->cluster_ip, req->server->services->addresses.ip_text);
	claims->ips.takes_len = 1;
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

/* The index of the new want, or -1 when there is nothing to take. */
static int64_t want_port(struct api_request *req, struct service_claims *claims, int32_t port,
    const char *field, const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	const struct addresses *a = &req->server->services->addresses;
	if (port && had_port(old, port))
		return -1;
	int64_t number = port ? addresses_port_number(a, port) : RANGE_ANY;
	if (port && number == ADDRESS_NONE) {
		field_errors_add(errors, FIELD_INVALID, field, arena_printf(req->arena, "%d", port),
		    "provided port is not in the valid range. The range of valid ports is %s", a->port_text);
		return -1;
	}
	claims->wants[claims->wants_len] = number;
	claims->want_fields[claims->wants_len] = field;
	return (int64_t)claims->wants_len++;
}

/* One node port serves the same port of several protocols: that of another one, or the one it will get. */
static bool share_port(const CoreV1__ServiceSpec *spec, struct service_claims *claims, size_t i)
{
	CoreV1__ServicePort *p = spec->ports[i];
	for (size_t j = 0; j < spec->n_ports && !p->node_port; j++) {
		const CoreV1__ServicePort *other = spec->ports[j];
		if (j == i || other->port != p->port || !strcmp(other->protocol, p->protocol))
			continue;
		if (other->node_port)
			p->node_port = other->node_port;
		else if (j < i)
			claims->port_wants[i] = claims->port_wants[j];
	}
	for (size_t j = 0; p->node_port && j < i; j++)
		if (spec->ports[j]->node_port == p->node_port)
			return true;
	return claims->port_wants[i] >= 0;
}

static void want_ports(struct api_request *req, struct service_claims *claims,
    const CoreV1__ServiceSpec *spec, const CoreV1__ServiceSpec *old, struct field_errors *errors)
{
	claims->wants = ARENA_ARRAY(req->arena, int64_t, spec->n_ports + 1);
	claims->taken = ARENA_ARRAY(req->arena, int64_t, spec->n_ports + 1);
	claims->want_fields = ARENA_ARRAY(req->arena, const char *, spec->n_ports + 1);
	claims->port_wants = ARENA_ARRAY(req->arena, int64_t, spec->n_ports + 1);
	for (size_t i = 0; i < spec->n_ports; i++) {
		claims->port_wants[i] = -1;
		if (wants_node_ports(spec) && !share_port(spec, claims, i))
			claims->port_wants[i] = want_port(req, claims, spec->ports[i]->node_port,
			    arena_printf(req->arena, "spec.ports[%zu].nodePort", i), old, errors);
	}
	claims->health_want = -1;
	if (!strcmp(spec->type, "LoadBalancer") && str_eq(spec->external_traffic_policy, "Local"))
		claims->health_want = want_port(
		    req, claims, spec->health_check_node_port, "spec.healthCheckNodePort", old, errors);
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

/*
 * The address of the service kubernetes may be taken already: by a server that died before it wrote the
 * service, or that writes it at this moment. It must not be given back then: one of the two will have it.
 */
static bool is_own_service(const struct api_request *req, const struct object *obj)
{
	struct watchcache_cursor cursor;
	const struct object *other;
	if (!req->is_internal || strcmp(obj->meta->name, "kubernetes") != 0 ||
	    strcmp(obj->meta->namespace_, "default") != 0)
		return false;
	const char *ip = spec_of(obj)->cluster_ip;
	watchcache_cursor_init(&cursor, req->server, resource_services, NULL);
	while ((other = watchcache_next(&cursor)))
		if (had_ip(spec_of(other), ip))
			return false;
	return true;
}

static void on_claimed(void *arg)
{
	struct api_request *req = arg;
	struct registry_state *state = registry_state(req);
	if (--state->claims->waiting > 0)
		return;
	state->has_result = true;
	state->error = ERROR_INIT;
	api_request_resume(req);
}

static void submit(
    struct api_request *req, struct service_claims *claims, struct range *range, struct range_change *change)
{
	if (!change->takes_len)
		return;
	claims->waiting++;
	change->is_dry_run = req->options.dry_run;
	change->is_adopting = claims->is_kept;
	change->done = on_claimed;
	change->arg = req;
	range_submit(range, change);
}

int services_claim(struct api_request *req, struct object *obj, const struct object *old, struct error *err)
{
	if (req->type != resource_services || *req->info.subresource)
		return API_NEXT;
	struct services *s = req->server->services;
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	struct service_claims *claims = ARENA_NEW(req->arena, struct service_claims);
	field_errors_init(errors, req->arena);
	want_ip(req, claims, spec_of(obj), spec_of(old), errors);
	set_families(obj);
	if (!errors->len)
		want_ports(req, claims, spec_of(obj), spec_of(old), errors);
	if (errors->len)
		return field_errors_to_error(errors, "", "Service", obj->meta->name, err);
	claims->is_kept = is_own_service(req, obj);
	claims->ips.takes = &claims->ip;
	claims->ips.taken = &claims->ip_taken;
	claims->ports.takes = claims->wants;
	claims->ports.taken = claims->taken;
	claims->ports.takes_len = claims->wants_len;
	registry_state(req)->claims = claims;
	submit(req, claims, s->ips, &claims->ips);
	submit(req, claims, s->ports, &claims->ports);
	if (claims->waiting)
		return API_PENDING;
	registry_state(req)->claims = NULL;
	return API_NEXT;
}

/* --- what came of it --- */

static bool is_granted(const struct range_change *change)
{
	return change->takes_len && !change->error.code && change->refused == RANGE_NONE;
}

void services_commit(struct api_request *req)
{
	registry_state(req)->claims = NULL;
}

void services_rollback(struct api_request *req)
{
	struct registry_state *state = req->registry_state;
	struct service_claims *claims = state ? state->claims : NULL;
	if (!claims)
		return;
	state->claims = NULL;
	/* Without services the server is being freed: whether the write was done is not known, so nothing is
	 * given back, and the next server's repair finds what is not used. */
	if (req->options.dry_run || claims->is_kept || !req->server->services)
		return;
	if (is_granted(&claims->ips))
		range_give_back(req->server->services->ips, &claims->ip_taken, 1);
	if (is_granted(&claims->ports))
		range_give_back(req->server->services->ports, claims->taken, claims->wants_len);
}

static void report_refusals(
    struct api_request *req, const struct service_claims *claims, struct field_errors *errors)
{
	const struct addresses *a = &req->server->services->addresses;
	const struct range_change *ports = &claims->ports;
	char text[INET_ADDRSTRLEN];
	if (claims->ips.takes_len && claims->ips.refused != RANGE_NONE) {
		if (claims->ip == RANGE_ANY)
			field_errors_add(errors, FIELD_INTERNAL, "spec.clusterIPs", NULL,
			    "failed to allocate a serviceIP: range is full");
		else
			field_errors_add(errors, FIELD_INVALID, "spec.clusterIPs",
			    addresses_ip(a, claims->ip, text),
			    "failed to allocate IP %s: provided IP is already allocated", text);
	} else if (ports->takes_len && ports->refused != RANGE_NONE) {
		const char *field = claims->want_fields[ports->refused];
		if (claims->wants[ports->refused] == RANGE_ANY)
			field_errors_add(errors, FIELD_INTERNAL, field, NULL,
			    "failed to allocate a nodePort: range is full");
		else
			field_errors_add(errors, FIELD_INVALID, field,
			    arena_printf(
				req->arena, "%d", (int)(a->port_min + claims->wants[ports->refused])),
			    "provided port is already allocated");
	}
}

static void fill_in(struct object *obj, const struct addresses *a, const struct service_claims *claims)
{
	CoreV1__ServiceSpec *spec = ((CoreV1__Service *)obj->msg)->spec;
	char text[INET_ADDRSTRLEN];
	if (claims->ips.takes_len && claims->ip == RANGE_ANY) {
		addresses_ip(a, claims->ip_taken, text);
		spec->cluster_ip = arena_strdup(obj->arena, text);
		spec->n_cluster_ips = 0;
		api_append(obj->arena, spec, cluster_ips, arena_strdup(obj->arena, text));
	}
	for (size_t i = 0; i < spec->n_ports; i++)
		if (claims->port_wants[i] >= 0)
			spec->ports[i]->node_port =
			    a->port_min + (int32_t)claims->taken[claims->port_wants[i]];
	if (claims->health_want >= 0)
		spec->health_check_node_port = a->port_min + (int32_t)claims->taken[claims->health_want];
}

int services_claimed(struct api_request *req, struct object *obj, struct error *err)
{
	struct service_claims *claims = registry_state(req)->claims;
	struct field_errors *errors = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(errors, req->arena);
	if (claims->ips.error.code || claims->ports.error.code) {
		*err = claims->ips.error.code ? claims->ips.error : claims->ports.error;
		error_prefix(err, "cannot allocate addresses for the service");
		services_rollback(req);
		return API_FAIL;
	}
	report_refusals(req, claims, errors);
	if (errors->len) {
		services_rollback(req);
		return field_errors_to_error(errors, "", "Service", obj->meta->name, err);
	}
	fill_in(obj, &req->server->services->addresses, claims);
	return API_NEXT;
}

/* --- what a write leaves --- */

struct release {
	struct api_request *req;
	struct range_change ips, ports;
	unsigned waiting;
};

static void on_released(void *arg)
{
	struct release *release = arg;
	struct registry_state *state = registry_state(release->req);
	if (--release->waiting > 0)
		return;
	state->has_result = true; /* a failure keeps nobody waiting: repair gives back what is left */
	state->error = ERROR_INIT;
	api_request_resume(release->req);
}

int services_release(struct api_request *req, const struct object *old, const struct object *obj)
{
	if (req->type != resource_services || !old || req->options.dry_run)
		return API_NEXT;
	struct services *s = req->server->services;
	struct address_list had, has;
	addresses_of(req->arena, &s->addresses, spec_of(old), &had);
	addresses_of(req->arena, &s->addresses, spec_of(obj), &has);
	addresses_subtract(&had, &has);
	struct release *release = ARENA_NEW(req->arena, struct release);
	*release = (struct release){.req = req,
	    .ips = {.gives = had.ips, .gives_len = had.ips_len, .done = on_released, .arg = release},
	    .ports = {.gives = had.ports, .gives_len = had.ports_len, .done = on_released, .arg = release}};
	release->waiting = (had.ips_len > 0) + (had.ports_len > 0);
	if (had.ips_len)
		range_submit(s->ips, &release->ips);
	if (had.ports_len)
		range_submit(s->ports, &release->ports);
	return release->waiting ? API_PENDING : API_NEXT;
}
