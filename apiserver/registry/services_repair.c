/*
 * The repair of the two ranges, at the start and every three minutes, as upstream's: what Services hold and a
 * range does not know is taken there; what a range holds and no Service has is given back when it was seen so
 * three times in a row: until then it may be about to be used. An address that two Services hold or that
 * is out of the range is reported by an event about the Service.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/internal.h"
#include "apiserver/registry/range.h"
#include "apiserver/registry/services.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"

enum {
	LEAK_SIGHTINGS = 3, /* rounds after which what nobody holds is given back */
	ATTEMPTS = 20,      /* of one round, when other servers write at the same time */
	RETRY_MS = 5000     /* after a round that failed */
};

struct side { /* cluster IPs, or node ports */
	struct services_repair *repair;
	struct range *range;
	bool is_ips;
	uint8_t *sightings;         /* of each number: how often it was found leaked */
	struct bitmap stored, held; /* by the record; by Services */
	struct bitmap rebuilt;      /* what the record is to be */
	struct watchcache_wait *fence;
	int attempts;
	bool is_stored, is_first; /* there is a record of our range; there is none at all */
	bool is_over, has_failed;
};

struct services_repair {
	struct services *services;
	struct loop_timer *timer;
	int64_t interval_ms;
	struct side sides[2];
	bool is_running, is_wanted; /* another round as soon as this one is over */
	void (*done)(void *arg);
	void *done_arg;
};

static void hold(struct side *side);

/* --- events --- */

static uint64_t hash_of(const char *a, const char *b, const char *c)
{
	uint64_t h = UINT64_C(14695981039346656037);
	for (const char *const *p = (const char *const[]){a, b, c, NULL}; *p; p++)
		for (const char *q = *p; *q; q++)
			h = (h ^ (unsigned char)*q) * UINT64_C(1099511628211);
	return h;
}

/* One of a kind lives as long as events do: its name says which Service and which address it is about, so
 * that rounds and servers that find the same again write nothing. */
static void __attribute__((format(printf, 4, 5)))
report(const struct side *side, const struct object *service, const char *reason, const char *fmt, ...)
{
	struct api_server *server = side->repair->services->server;
	struct object *obj = object_new(resource_events->schema);
	CoreV1__Event *event = (CoreV1__Event *)obj->msg;
	va_list ap;
	va_start(ap, fmt);
	event->message = arena_vprintf(obj->arena, fmt, ap);
	va_end(ap);
	int64_t now_s = clock_wall_s(loop_clock(server->loop));
	obj->meta->namespace_ = arena_strdup(obj->arena, object_namespace(service));
	obj->meta->name = arena_printf(obj->arena, "%s.%016" PRIx64, object_name(service),
	    hash_of(object_uid(service), reason, event->message));
	CoreV1__ObjectReference *about = event->involved_object;
	about->kind = "Service";
	about->api_version = "v1";
	about->namespace_ = obj->meta->namespace_;
	about->name = arena_strdup(obj->arena, object_name(service));
	about->uid = arena_strdup(obj->arena, object_uid(service));
	about->resource_version = arena_strdup(obj->arena, service->meta->resource_version);
	event->reason = (char *)reason;
	event->type = "Warning";
	event->source->component =
	    side->is_ips ? "ipallocator-repair-controller" : "portallocator-repair-controller";
	event->first_timestamp = time_new(obj->arena, now_s);
	event->last_timestamp = time_new(obj->arena, now_s);
	event->has_count = true;
	event->count = 1;
	log_warning("service %s/%s: %s", object_namespace(service), object_name(service), event->message);
	registry_create(server, resource_events, obj, NULL, NULL);
	object_unref(obj);
}

/* --- what Services hold --- */

/* True when it is the first Service that holds the number. */
static bool mark(struct side *side, int64_t number, bool *ret_was_known)
{
	if (bitmap_has(&side->held, (uint32_t)number))
		return false;
	*ret_was_known = side->is_first || bitmap_has(&side->stored, (uint32_t)number);
	bitmap_set(&side->held, (uint32_t)number, true);
	return true;
}

static void mark_ip(struct side *side, const struct object *service, const char *ip)
{
	const struct addresses *a = &side->repair->services->addresses;
	bool was_known = false;
	if (str_empty(ip) || !strcmp(ip, "None") || strchr(ip, ':')) /* IPv6 addresses are of no range here */
		return;
	int64_t number = addresses_ip_number(a, ip);
	if (number == ADDRESS_NONE)
		report(side, service, "ClusterIPOutOfRange",
		    "Cluster IP [IPv4]:%s is not within the service CIDR %s; please recreate service", ip,
		    a->ip_text);
	else if (!mark(side, number, &was_known))
		report(side, service, "ClusterIPAlreadyAllocated",
		    "Cluster IP [IPv4]:%s was assigned to multiple services; please recreate service", ip);
	else if (!was_known)
		report(side, service, "ClusterIPNotAllocated",
		    "Cluster IP [IPv4]:%s is not allocated; repairing", ip);
}

static void mark_port(struct side *side, const struct object *service, int32_t port)
{
	const struct addresses *a = &side->repair->services->addresses;
	bool was_known = false;
	int64_t number = addresses_port_number(a, port);
	if (port == 0)
		return;
	if (number == ADDRESS_NONE)
		report(side, service, "PortOutOfRange",
		    "Port %d is not within the port range %s; please recreate service", port, a->port_text);
	else if (!mark(side, number, &was_known))
		report(side, service, "PortAlreadyAllocated",
		    "Port %d was assigned to multiple services; please recreate service", port);
	else if (!was_known)
		report(side, service, "PortNotAllocated", "Port %d is not allocated; repairing", port);
}

static void mark_service(struct side *side, const struct object *service)
{
	const CoreV1__ServiceSpec *spec = ((const CoreV1__Service *)service->msg)->spec;
	if (side->is_ips) {
		if (!strcmp(spec->type, "ExternalName"))
			return;
		if (!spec->n_cluster_ips)
			mark_ip(side, service, spec->cluster_ip);
		for (size_t i = 0; i < spec->n_cluster_ips; i++)
			mark_ip(side, service, spec->cluster_ips[i]);
		return;
	}
	for (size_t i = 0; i < spec->n_ports; i++) {
		bool is_repeated = false; /* one number may serve several protocols */
		for (size_t j = 0; j < i; j++)
			is_repeated = is_repeated || spec->ports[j]->node_port == spec->ports[i]->node_port;
		if (!is_repeated)
			mark_port(side, service, spec->ports[i]->node_port);
	}
	mark_port(side, service, spec->health_check_node_port);
}

/* --- what the store holds --- */

static const char *name_of(const struct side *side, uint32_t number, char out[INET_ADDRSTRLEN])
{
	const struct addresses *a = &side->repair->services->addresses;
	if (side->is_ips)
		return addresses_ip(a, number, out);
	snprintf(out, INET_ADDRSTRLEN, "%d", a->port_min + (int)number);
	return out;
}

/* The bits of another range that are addresses of ours too: after the flag was changed. */
static void read_other_range(struct side *side, const char *text, const void *data, size_t size)
{
	const struct addresses *ours = &side->repair->services->addresses;
	struct addresses theirs = {0};
	struct error err = ERROR_INIT;
	struct bitmap map;
	char ip[INET_ADDRSTRLEN];
	if (side->is_ips ? addresses_parse_ips(&theirs, text, &err)
			 : addresses_parse_ports(&theirs, text, &err)) {
		log_warning("the stored range \"%s\" cannot be read, its content is dropped", text);
		return;
	}
	log_info("the stored range %s becomes %s", text, range_text(side->range));
	bitmap_init(
	    &map, side->is_ips ? theirs.ips_len : (uint32_t)(theirs.port_max - theirs.port_min + 1), 0);
	bitmap_read(&map, data, size);
	for (uint32_t i = 0; i < map.size; i++) {
		if (!bitmap_has(&map, i))
			continue;
		int64_t number = side->is_ips ? addresses_ip_number(ours, addresses_ip(&theirs, i, ip))
					      : addresses_port_number(ours, theirs.port_min + (int32_t)i);
		if (number != ADDRESS_NONE)
			bitmap_set(&side->stored, (uint32_t)number, true);
	}
	bitmap_done(&map);
}

/* What is left over: kept for a while, then given back. */
static void keep_leaks(struct side *side)
{
	char text[INET_ADDRSTRLEN];
	for (uint32_t i = 0; i < side->stored.size; i++) {
		if (bitmap_has(&side->held, i) || !bitmap_has(&side->stored, i))
			continue;
		if (side->sightings[i] + 1 < LEAK_SIGHTINGS)
			bitmap_set(&side->rebuilt, i, true);
		else
			log_info("%s %s has leaked: no service has it, it is given back",
			    side->is_ips ? "cluster IP" : "node port", name_of(side, i, text));
	}
}

/* Only a round that has come to its end has seen anything. */
static void count_leaks(struct side *side)
{
	for (uint32_t i = 0; i < side->held.size; i++) {
		bool is_leaked = bitmap_has(&side->rebuilt, i) && !bitmap_has(&side->held, i);
		side->sightings[i] = is_leaked ? (uint8_t)(side->sightings[i] + 1) : 0;
	}
}

/* --- rounds --- */

static void end_round(struct services_repair *r)
{
	bool has_failed = r->sides[0].has_failed || r->sides[1].has_failed;
	void (*done)(void *) = r->done;
	r->is_running = false;
	r->done = NULL;
	loop_timer_start(r->timer,
	    r->is_wanted                              ? 0
	    : has_failed && RETRY_MS < r->interval_ms ? RETRY_MS
						      : r->interval_ms,
	    0);
	if (done)
		done(r->done_arg);
}

static void end_side(struct side *side, const struct error *err)
{
	struct services_repair *r = side->repair;
	side->is_over = true;
	side->has_failed = err != NULL;
	if (err)
		log_error("the range %s is not repaired: %s", range_text(side->range), err->message);
	else
		count_leaks(side);
	range_resume(side->range);
	if (r->sides[0].is_over && r->sides[1].is_over)
		end_round(r);
}

static void on_replaced(void *arg, bool succeeded, const struct error *err)
{
	struct side *side = arg;
	struct error late = ERROR_INIT;
	if (err || succeeded) {
		end_side(side, err);
	} else if (++side->attempts < ATTEMPTS) {
		hold(side); /* another server was faster */
	} else {
		error_set(&late, ERR_CONFLICT, "other servers change it all the time");
		end_side(side, &late);
	}
}

/* The cache is newer than what was read of the range: whatever was given back by then, no Service in it has.
 */
static void on_fresh(void *arg, const struct error *err)
{
	struct side *side = arg;
	struct watchcache_cursor cursor;
	const struct object *service;
	side->fence = NULL;
	if (err) {
		end_side(side, err);
		return;
	}
	bitmap_read(&side->held, "", 0);
	watchcache_cursor_init(&cursor, side->repair->services->server, resource_services, NULL);
	while ((service = watchcache_next(&cursor)))
		mark_service(side, service);
	bitmap_copy(&side->rebuilt, &side->held);
	keep_leaks(side);
	if (side->is_stored && bitmap_equal(&side->rebuilt, &side->stored))
		end_side(side, NULL);
	else
		range_replace(side->range, &side->rebuilt, on_replaced, side);
}

static void on_loaded(void *arg, const char *text, const void *data, size_t size, const struct error *err)
{
	struct side *side = arg;
	if (err) {
		end_side(side, err);
		return;
	}
	side->is_stored = text && !strcmp(text, range_text(side->range));
	/* Without a record nothing is missing from it: the first one is made of what Services have. */
	side->is_first = !text;
	bitmap_read(&side->stored, "", 0);
	if (side->is_stored)
		bitmap_read(&side->stored, data, size);
	else if (text)
		read_other_range(side, text, data, size);
	side->fence = watchcache_fence(side->repair->services->server, on_fresh, side);
}

static void hold(struct side *side)
{
	range_hold(side->range, on_loaded, side);
}

static void start_round(void *arg)
{
	struct services_repair *r = arg;
	r->is_running = true;
	r->is_wanted = false;
	for (size_t i = 0; i < 2; i++) {
		r->sides[i].is_over = r->sides[i].has_failed = false;
		r->sides[i].attempts = 0;
	}
	hold(&r->sides[0]);
	hold(&r->sides[1]);
}

static void side_init(struct side *side, struct services_repair *r, bool is_ips)
{
	const struct addresses *a = &r->services->addresses;
	uint32_t size = is_ips ? a->ips_len : (uint32_t)(a->port_max - a->port_min + 1);
	side->repair = r;
	side->is_ips = is_ips;
	side->range = is_ips ? r->services->ips : r->services->ports;
	side->sightings = calloc(size + 1, 1);
	if (!side->sightings)
		abort();
	bitmap_init(&side->stored, size, 0);
	bitmap_init(&side->held, size, 0);
	bitmap_init(&side->rebuilt, size, 0);
}

struct services_repair *services_repair_start(
    struct services *services, int64_t interval_ms, void (*done)(void *arg), void *arg)
{
	struct services_repair *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->services = services;
	r->interval_ms = interval_ms;
	r->done = done;
	r->done_arg = arg;
	r->timer = loop_timer_new(services->server->loop, start_round, r);
	side_init(&r->sides[0], r, true);
	side_init(&r->sides[1], r, false);
	start_round(r);
	return r;
}

void services_repair_now(struct services_repair *repair, void (*done)(void *arg), void *arg)
{
	if (done) {
		repair->done = done;
		repair->done_arg = arg;
	}
	if (repair->is_running)
		repair->is_wanted = true;
	else
		loop_timer_start(repair->timer, 0, 0);
}

void services_repair_free(struct services_repair *repair)
{
	if (!repair)
		return;
	loop_timer_free(repair->timer);
	for (size_t i = 0; i < 2; i++) {
		watchcache_wait_cancel(repair->sides[i].fence);
		bitmap_done(&repair->sides[i].stored);
		bitmap_done(&repair->sides[i].held);
		bitmap_done(&repair->sides[i].rebuilt);
		free(repair->sides[i].sightings);
	}
	free(repair);
}
