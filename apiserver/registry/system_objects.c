/*
 * What the server itself keeps in the cluster: the system namespaces and the service kubernetes, looked at
 * again when one of them was deleted; and, in files of their own, what tells of this server: its endpoints,
 * its lease.
 */
#include "apiserver/registry/system_objects.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/registry/identity.h"
#include "apiserver/registry/internal.h"
#include "apiserver/registry/kubernetes_endpoints.h"
#include "apiserver/registry/services.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/log.h"
#include "lib/loop/loop.h"
#include "proto/core_v1.pb-c.h"

enum {
	CHECK_MS = 500,  /* after something was deleted */
	RETRY_MS = 10000 /* after something could not be written */
};

struct system_objects {
	struct api_server *server;
	struct loop_timer *timer;
	size_t running;      /* writes under way */
	bool has_namespaces; /* the first round is over: what lives in them may be made */
	bool has_failed;
	struct kubernetes_endpoints *endpoints;
	struct identity *identity;
	void (*done)(void *arg);
	void *done_arg;
};

static void check(void *arg);

static void finish_first(void *arg)
{
	struct system_objects *s = arg;
	void (*done)(void *) = s->done;
	s->done = NULL;
	done(s->done_arg);
}

static void finish_round(struct system_objects *s)
{
	if (s->running > 0)
		return;
	if (s->has_failed && !loop_timer_is_active(s->timer))
		loop_timer_start(s->timer, RETRY_MS, 0);
	s->has_failed = false;
	if (!s->has_namespaces) {
		s->has_namespaces = true;
		check(s);
	} else if (!s->endpoints) {
		s->identity = identity_start(s->server);
		s->endpoints = kubernetes_endpoints_start(s->server, finish_first, s);
	}
}

static void on_written(void *arg, const struct object *obj, const struct error *err)
{
	struct system_objects *s = arg;
	if (err && err->code != ERR_ALREADY_EXISTS) {
		log_warning("system object: %s", err->message);
		s->has_failed = true;
	}
	s->running--;
	finish_round(s);
}

static void create(struct system_objects *s, const struct resource_type *type, struct object *take_obj)
{
	s->running++;
	registry_create(s->server, type, take_obj, on_written, s);
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

static void ensure_service(struct system_objects *s)
{
	if (watchcache_lookup(s->server, resource_services, "default", "kubernetes"))
		return;
	struct object *obj = object_new(resource_services->schema);
	obj->meta->name = "kubernetes";
	obj->meta->namespace_ = "default";
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
	port->target_port = intstr_new_int(obj->arena, (int32_t)api_server_port(s->server));
	api_append(obj->arena, spec, ports, port);
	create(s, resource_services, obj);
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
	if (s->has_namespaces)
		ensure_service(s);
	s->running--;
	finish_round(s);
}

static void on_change(void *arg, const struct object *old, const struct object *obj)
{
	struct system_objects *s = arg;
	const MetaV1__ObjectMeta *meta = obj ? obj->meta : old->meta;
	bool is_namespace = !*meta->namespace_;
	bool is_ours =
	    is_namespace || (!strcmp(meta->namespace_, "default") && !strcmp(meta->name, "kubernetes"));
	if (is_ours && !obj && !loop_timer_is_active(s->timer))
		loop_timer_start(s->timer, CHECK_MS, 0);
}

struct system_objects *system_objects_start(struct api_server *server, void (*done)(void *arg), void *arg)
{
	struct system_objects *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->server = server;
	s->timer = loop_timer_new(server->loop, check, s);
	watchcache_subscribe(server, resource_namespaces, on_change, s);
	watchcache_subscribe(server, resource_services, on_change, s);
	s->done = done;
	s->done_arg = arg;
	check(s);
	return s;
}

void system_objects_leave(struct system_objects *objects, void (*done)(void *arg), void *arg)
{
	kubernetes_endpoints_leave(objects ? objects->endpoints : NULL, done, arg);
}

void system_objects_free(struct system_objects *objects)
{
	if (!objects)
		return;
	kubernetes_endpoints_free(objects->endpoints);
	identity_free(objects->identity);
	loop_timer_free(objects->timer);
	free(objects);
}
