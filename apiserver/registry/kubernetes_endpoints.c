#include "apiserver/registry/kubernetes_endpoints.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/registry/internal.h"
#include "apiserver/registry/own_address.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/resources/endpoints_repack.h"
#include "proto/core_v1.pb-c.h"
#include "proto/discovery_v1.pb-c.h"

enum {
	RENEW_MS = 10000, /* upstream's figures, this and the next */
	LEASE_S = 15,
	SOON_MS = 500, /* after somebody has removed what is kept here */
	LEAVE_MS = 5000,
	ATTEMPTS = 3 /* of one renewal: nobody else writes the key but a server with the same address */
};

struct kubernetes_endpoints {
	struct api_server *server;
	struct loop_timer *timer, *leave_timer;
	struct storage_op *op;
	bool by_lease, is_busy, is_first, is_leaving;
	char address[INET_ADDRSTRLEN];
	char *key;        /* of our lease: PREFIX/masterleases/ADDRESS */
	int64_t revision; /* of the key, as last written; 0: none */
	int64_t lease, generation;
	int attempts;
	size_t writes; /* under way */
	void (*done)(void *arg);
	void *done_arg;
};

/* --- a round ends --- */

static void end_round(struct kubernetes_endpoints *e)
{
	void (*done)(void *) = e->done;
	e->is_busy = e->is_first = false;
	e->done = NULL;
	if (!e->is_leaving)
		loop_timer_start(e->timer, RENEW_MS, 0);
	loop_timer_stop(e->leave_timer);
	if (done)
		done(e->done_arg);
}

static void fail_round(struct kubernetes_endpoints *e, const char *what, const struct error *err)
{
	log_warning("endpoints of the service kubernetes: %s: %s", what, err->message);
	end_round(e);
}

/* --- Endpoints and EndpointSlice --- */

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct kubernetes_endpoints *e = arg;
	(void)obj;
	if (err && err->code != ERR_ALREADY_EXISTS && err->code != ERR_CONFLICT)
		log_warning("endpoints of the service kubernetes: %s", err->message);
	if (--e->writes == 0)
		end_round(e);
}

static void store(
    struct kubernetes_endpoints *e, const struct resource_type *type, bool is_new, struct object *take_obj)
{
	e->writes++;
	if (is_new)
		registry_create(e->server, type, take_obj, on_written, e);
	else
		registry_update(e->server, type, NULL, take_obj, on_written, e);
	object_unref(take_obj);
}

static struct object *clone_or_new(const struct resource_type *type, const struct object *have)
{
	if (have)
		return object_clone(have);
	struct object *obj = object_new(type->schema);
	obj->meta->name = "kubernetes";
	obj->meta->namespace_ = "default";
	return obj;
}

static int32_t own_port(const struct kubernetes_endpoints *e)
{
	return (int32_t)api_server_port(e->server);
}

static bool has_address(const CoreV1__EndpointSubset *subset, const char *address)
{
	for (size_t i = 0; i < subset->n_addresses; i++)
		if (!strcmp(subset->addresses[i]->ip, address))
			return true;
	return false;
}

/* Ports are put right by a server that starts: later on, servers with different ones would fight for ever. */
static bool has_own_port(const struct kubernetes_endpoints *e, const CoreV1__EndpointSubset *subset)
{
	return subset->n_ports == 1 && (!e->is_first || subset->ports[0]->port == own_port(e));
}

static void set_subset(const struct kubernetes_endpoints *e, struct object *obj, const char *const *ips,
    size_t len, bool keeps_ports)
{
	CoreV1__Endpoints *endpoints = (CoreV1__Endpoints *)obj->msg;
	CoreV1__EndpointSubset *subset = API_NEW(obj->arena, core_v1__endpoint_subset);
	CoreV1__EndpointPort *port = API_NEW(obj->arena, core_v1__endpoint_port);
	port->name = "https";
	port->protocol = "TCP";
	port->port = keeps_ports ? endpoints->subsets[0]->ports[0]->port : own_port(e);
	api_append(obj->arena, subset, ports, port);
	for (size_t i = 0; i < len; i++) {
		CoreV1__EndpointAddress *address = API_NEW(obj->arena, core_v1__endpoint_address);
		address->ip = arena_strdup(obj->arena, ips[i]);
		api_append(obj->arena, subset, addresses, address);
	}
	endpoints->n_subsets = 0;
	endpoints->subsets = NULL;
	api_append(obj->arena, endpoints, subsets, subset);
	endpoints_repack(endpoints, obj->arena);
}

/* The slice says what the Endpoints say; it has no controller that would mirror them. */
static void store_slice(struct kubernetes_endpoints *e, const CoreV1__EndpointSubset *subset)
{
	const struct object *have =
	    watchcache_lookup(e->server, resource_endpointslices, "default", "kubernetes");
	struct object *obj = clone_or_new(resource_endpointslices, have);
	DiscoveryV1__EndpointSlice *slice = (DiscoveryV1__EndpointSlice *)obj->msg;
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry,
	    "kubernetes.io/service-name", "kubernetes");
	slice->address_type = "IPv4";
	slice->n_endpoints = slice->n_ports = 0;
	slice->endpoints = NULL;
	slice->ports = NULL;
	for (size_t i = 0; i < subset->n_addresses; i++) {
		DiscoveryV1__Endpoint *endpoint = API_NEW(obj->arena, discovery_v1__endpoint);
		api_append(
		    obj->arena, endpoint, addresses, arena_strdup(obj->arena, subset->addresses[i]->ip));
		if (!endpoint->conditions)
			endpoint->conditions = API_NEW(obj->arena, discovery_v1__endpoint_conditions);
		endpoint->conditions->has_ready = true;
		endpoint->conditions->ready = true;
		api_append(obj->arena, slice, endpoints, endpoint);
	}
	DiscoveryV1__EndpointPort *port = API_NEW(obj->arena, discovery_v1__endpoint_port);
	port->name = "https";
	port->protocol = "TCP";
	port->has_port = true;
	port->port = subset->ports[0]->port;
	api_append(obj->arena, slice, ports, port);
	if (have && object_equal(have, obj))
		object_unref(obj);
	else
		store(e, resource_endpointslices, !have, obj);
}

/* Brings both objects to these addresses. */
static void reconcile(struct kubernetes_endpoints *e, const char *const *ips, size_t len)
{
	const struct object *have = watchcache_lookup(e->server, resource_endpoints, "default", "kubernetes");
	const CoreV1__Endpoints *old = have ? (const CoreV1__Endpoints *)have->msg : NULL;
	struct object *obj = clone_or_new(resource_endpoints, have);
	bool has_format = old && old->n_subsets == 1 && old->subsets[0]->n_ports == 1;
	bool keeps_ports = has_format && has_own_port(e, old->subsets[0]);
	api_map_set(obj->arena, obj->meta, labels, meta_v1__object_meta__labels_entry,
	    "endpointslice.kubernetes.io/skip-mirror", "true");
	set_subset(e, obj, ips, len, keeps_ports);
	e->writes++; /* writes may end at once: held until both are started */
	store_slice(e, ((const CoreV1__Endpoints *)obj->msg)->subsets[0]);
	if (have && object_equal(have, obj))
		object_unref(obj);
	else
		store(e, resource_endpoints, !have, obj);
	on_written(e, NULL, NULL);
}

/* --- master-count: those that are there, and we --- */

static uint32_t number_of(const char *ip)
{
	struct in_addr a = {0};
	inet_pton(AF_INET, ip, &a);
	return ntohl(a.s_addr);
}

/* In the order of addresses. Too many: those behind ours go first, around, so that servers that live do not
 * push each other out while the address of a dead one stays. Returns the new length. */
static size_t add_own(const struct kubernetes_endpoints *e, const char **ips, size_t len, size_t most)
{
	size_t own = 0;
	while (own < len && number_of(ips[own]) < number_of(e->address))
		own++;
	memmove(&ips[own + 1], &ips[own], (len - own) * sizeof *ips);
	ips[own] = e->address;
	for (len++; len > most; len--) {
		size_t gone = (own + 1) % len;
		memmove(&ips[gone], &ips[gone + 1], (len - gone - 1) * sizeof *ips);
		own -= gone < own;
	}
	return len;
}

static void reconcile_by_count(struct kubernetes_endpoints *e)
{
	const struct object *have = watchcache_lookup(e->server, resource_endpoints, "default", "kubernetes");
	const CoreV1__Endpoints *old = have ? (const CoreV1__Endpoints *)have->msg : NULL;
	const CoreV1__EndpointSubset *subset = old && old->n_subsets == 1 ? old->subsets[0] : NULL;
	int64_t most = e->server->options->apiserver_count;
	struct arena *arena = arena_new();
	const char **ips = ARENA_ARRAY(arena, const char *, (subset ? subset->n_addresses : 0) + 2);
	size_t len = 0;
	for (size_t i = 0; subset && i < subset->n_addresses; i++)
		if (strcmp(subset->addresses[i]->ip, e->address) != 0)
			ips[len++] = subset->addresses[i]->ip;
	if (!e->is_leaving)
		len = add_own(e, ips, len, most > 0 ? (size_t)most : 1);
	if (len > 0)
		reconcile(e, ips, len);
	else
		end_round(
		    e); /* the last server leaves its address: clients shall find an error, not nothing */
	arena_free(arena);
}

static const CoreV1__Endpoints *endpoints_of(const struct object *obj)
{
	bool is_one = obj->msg && obj->msg->descriptor == &core_v1__endpoints__descriptor;
	return is_one ? (const CoreV1__Endpoints *)obj->msg : NULL;
}

/* --- lease: those whose keys are there --- */

static void on_leases(void *arg, const struct storage_result *result)
{
	struct kubernetes_endpoints *e = arg;
	struct arena *arena;
	e->op = NULL;
	if (result->error) {
		fail_round(e, "cannot list the servers that live", result->error);
		return;
	}
	arena = arena_new();
	const char **ips = ARENA_ARRAY(arena, const char *, result->items_len + 1);
	size_t len = 0;
	for (size_t i = 0; i < result->items_len; i++) {
		const struct storage_item *item = &result->items[i];
		struct object *obj = NULL;
		if (object_decode(item->value, item->value_size, &obj, NULL))
			continue;
		const CoreV1__Endpoints *m = endpoints_of(obj);
		if (m && m->n_subsets && m->subsets[0]->n_addresses && *m->subsets[0]->addresses[0]->ip)
			ips[len++] = arena_strdup(arena, m->subsets[0]->addresses[0]->ip);
		object_unref(obj);
	}
	if (len > 0)
		reconcile(e, ips, len);
	else
		end_round(e); /* we are the last one, and leave; see above */
	arena_free(arena);
}

static void list_leases(struct kubernetes_endpoints *e)
{
	struct buf from = BUF_INIT, to = BUF_INIT;
	size_t size = (size_t)(strrchr(e->key, '/') - e->key);
	buf_append(&from, e->key, size);
	buf_append(&to, e->key, size);
	buf_putc(&from, '/');
	buf_putc(&to, '/' + 1);
	e->op = e->server->storage->functions->list(
	    e->server->storage, buf_str(&from), buf_str(&to), 0, 0, false, on_leases, e);
	buf_done(&from);
	buf_done(&to);
}

static void put_lease(struct kubernetes_endpoints *e);

static void on_lease_read(void *arg, const struct storage_result *result)
{
	struct kubernetes_endpoints *e = arg;
	e->op = NULL;
	if (result->error) {
		fail_round(e, "cannot read the own lease", result->error);
		return;
	}
	e->revision = result->items_len ? result->items[0].revision : 0;
	put_lease(e);
}

static void on_lease_put(void *arg, const struct storage_result *result)
{
	struct kubernetes_endpoints *e = arg;
	e->op = NULL;
	if (result->error) {
		fail_round(e, "cannot renew the own lease", result->error);
	} else if (result->succeeded) {
		e->revision = result->revision;
		list_leases(e);
	} else if (++e->attempts < ATTEMPTS) {
		/* From a former life of this server, or it has run out meanwhile. */
		e->op = e->server->storage->functions->get(e->server->storage, e->key, on_lease_read, e);
	} else {
		list_leases(e);
	}
}

static void put_lease(struct kubernetes_endpoints *e)
{
	struct object *obj = object_new(resource_endpoints->schema);
	CoreV1__Endpoints *m = (CoreV1__Endpoints *)obj->msg;
	CoreV1__EndpointSubset *subset = API_NEW(obj->arena, core_v1__endpoint_subset);
	CoreV1__EndpointAddress *address = API_NEW(obj->arena, core_v1__endpoint_address);
	struct buf value = BUF_INIT;
	address->ip = e->address;
	api_append(obj->arena, subset, addresses, address);
	api_append(obj->arena, m, subsets, subset);
	obj->meta->has_generation = true;
	obj->meta->generation = ++e->generation;
	object_encode_stored(&value, obj);
	object_unref(obj);
	e->op = e->server->storage->functions->put_if(
	    e->server->storage, e->key, e->revision, value.data, value.size, e->lease, on_lease_put, e);
	buf_done(&value);
}

static void on_lease_granted(void *arg, const struct storage_result *result)
{
	struct kubernetes_endpoints *e = arg;
	e->op = NULL;
	if (result->error) {
		fail_round(e, "no lease from the store", result->error);
		return;
	}
	e->lease = result->revision;
	e->attempts = 0;
	put_lease(e);
}

/* --- rounds --- */

static void on_timer(void *arg)
{
	struct kubernetes_endpoints *e = arg;
	e->is_busy = true;
	if (e->by_lease)
		e->op = e->server->storage->functions->lease(
		    e->server->storage, LEASE_S, false, on_lease_granted, e);
	else
		reconcile_by_count(e);
}

static bool has_lost_us(const struct kubernetes_endpoints *e, const struct object *obj)
{
	const CoreV1__Endpoints *m = obj ? endpoints_of(obj) : NULL;
	return !obj || (m && (m->n_subsets != 1 || !has_address(m->subsets[0], e->address)));
}

static void on_change(void *arg, const struct object *old, const struct object *obj)
{
	struct kubernetes_endpoints *e = arg;
	const MetaV1__ObjectMeta *meta = obj ? obj->meta : old->meta;
	if (old && !e->is_busy && !e->is_leaving && !strcmp(meta->namespace_, "default") &&
	    !strcmp(meta->name, "kubernetes") && has_lost_us(e, obj))
		loop_timer_start(e->timer, SOON_MS, 0);
}

static void on_leave_timeout(void *arg)
{
	struct kubernetes_endpoints *e = arg;
	void (*done)(void *) = e->done;
	storage_cancel(e->server->storage, e->op);
	e->op = NULL;
	e->done = NULL;
	log_warning(
	    "the own address stays among the endpoints of the service kubernetes: the store is too slow");
	if (done)
		done(e->done_arg);
}

struct kubernetes_endpoints *kubernetes_endpoints_start(
    struct api_server *server, void (*done)(void *arg), void *arg)
{
	struct kubernetes_endpoints *e = calloc(1, sizeof *e);
	struct buf key = BUF_INIT;
	const char *type = str_or(server->options->endpoint_reconciler_type, "lease");
	if (!e)
		abort();
	e->server = server;
	e->by_lease = !strcmp(type, "lease");
	e->is_first = true;
	e->timer = loop_timer_new(server->loop, on_timer, e);
	e->leave_timer = loop_timer_new(server->loop, on_leave_timeout, e);
	own_address(server->options, e->address);
	buf_printf(&key, "%s/masterleases/%s", server->options->etcd_prefix, e->address);
	e->key = buf_take(&key, NULL);
	if (!e->address[0] || !strcmp(type, "none")) {
		e->is_leaving = true; /* it never comes in */
		loop_defer(server->loop, done, arg);
		return e;
	}
	e->done = done;
	e->done_arg = arg;
	watchcache_subscribe(server, resource_endpoints, on_change, e);
	watchcache_subscribe(server, resource_endpointslices, on_change, e);
	loop_timer_start(e->timer, 0, 0);
	return e;
}

static void on_lease_deleted(void *arg, const struct storage_result *result)
{
	struct kubernetes_endpoints *e = arg;
	e->op = NULL;
	if (result->error)
		fail_round(e, "cannot remove the own lease", result->error);
	else
		list_leases(e);
}

void kubernetes_endpoints_leave(struct kubernetes_endpoints *e, void (*done)(void *arg), void *arg)
{
	if (!e || e->is_leaving) {
		done(arg);
		return;
	}
	e->is_leaving = true;
	e->done = done;
	e->done_arg = arg;
	loop_timer_stop(e->timer);
	loop_timer_start(e->leave_timer, LEAVE_MS, 0);
	storage_cancel(e->server->storage, e->op);
	e->op = NULL;
	if (!e->by_lease)
		reconcile_by_count(e);
	else
		e->op = e->server->storage->functions->delete_if(
		    e->server->storage, e->key, e->revision, on_lease_deleted, e);
}

void kubernetes_endpoints_free(struct kubernetes_endpoints *e)
{
	if (!e)
		return;
	storage_cancel(e->server->storage, e->op);
	loop_timer_free(e->timer);
	loop_timer_free(e->leave_timer);
	free(e->key);
	free(e);
}
