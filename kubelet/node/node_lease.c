#include "kubelet/node/node_lease.h"

#include <stdlib.h>

#include "kubelet/config.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"
#include "proto/coordination_v1.pb-c.h"

#define NAMESPACE "kube-node-lease"
#define RETRY_MS 1000

struct node_lease {
	const struct kubelet_config *config;
	struct rest_client *client;
	const struct object *node;
	const struct object *last; /* as the server answered; NULL: not known */
	struct rest_call *call;
	struct loop_timer *timer;
	bool read; /* the next step is to look whether one exists */
};

static void renew(void *arg);

static struct object *build(const struct node_lease *l)
{
	struct object *obj =
	    l->last ? object_clone(l->last) : object_new(schema_by_gvk("coordination.k8s.io", "v1", "Lease"));
	CoordinationV1__Lease *lease = (CoordinationV1__Lease *)obj->msg;
	struct arena *arena = obj->arena;
	obj->meta->name = arena_strdup(arena, l->config->node_name);
	obj->meta->namespace_ = arena_strdup(arena, NAMESPACE);
	if (!obj->meta->n_owner_references && l->node) {
		MetaV1__OwnerReference *owner = API_NEW(arena, meta_v1__owner_reference);
		owner->api_version = arena_strdup(arena, "v1");
		owner->kind = arena_strdup(arena, "Node");
		owner->name = arena_strdup(arena, l->node->meta->name);
		owner->uid = arena_strdup(arena, l->node->meta->uid);
		api_append(arena, obj->meta, owner_references, owner);
	}
	lease->spec->holder_identity = arena_strdup(arena, l->config->node_name);
	lease->spec->has_lease_duration_seconds = true;
	lease->spec->lease_duration_seconds = (int32_t)l->config->lease_duration_s;
	lease->spec->renew_time =
	    micro_time_new(arena, clock_wall_ns(loop_clock(rest_client_loop(l->client))));
	return obj;
}

static void on_renewed(void *arg, const struct rest_result *result)
{
	struct node_lease *l = arg;
	l->call = NULL;
	int64_t period = l->config->lease_duration_s * 1000 / 4;
	if (result->error) {
		if (!l->read || result->error->code != ERR_NOT_FOUND)
			log_debug("node lease: %s", result->error->message);
		/* Not there, or another's revision: read it (or make it) before the next try. */
		object_unref(l->last);
		l->last = NULL;
		bool missing = l->read && result->error->code == ERR_NOT_FOUND;
		l->read = !missing;
		loop_timer_start(l->timer, missing ? 0 : RETRY_MS, 0);
		return;
	}
	if (result->object) {
		const struct object *old = l->last;
		l->last = object_ref(result->object);
		object_unref(old);
	}
	loop_timer_start(l->timer, l->read ? 0 : period, 0);
	l->read = false;
}

static void renew(void *arg)
{
	struct node_lease *l = arg;
	if (l->call)
		return;
	if (l->read) {
		l->call = rest_send(l->client,
		    REST_REQUEST(.verb = REST_GET, .type = resource_leases, .ns = NAMESPACE,
			.name = l->config->node_name),
		    on_renewed, l);
		return;
	}
	struct object *obj = build(l);
	l->call = rest_send(l->client,
	    REST_REQUEST(.verb = l->last ? REST_UPDATE : REST_CREATE, .type = resource_leases,
		.ns = NAMESPACE, .name = l->last ? l->config->node_name : NULL, .body = obj,
		.timeout_ms = 10000),
	    on_renewed, l);
	object_unref(obj);
}

struct node_lease *node_lease_new(const struct kubelet_config *config, struct rest_client *client)
{
	struct node_lease *l = calloc(1, sizeof *l);
	l->config = config;
	l->client = client;
	l->timer = loop_timer_new(rest_client_loop(client), renew, l);
	return l;
}

void node_lease_start(struct node_lease *l, const struct object *node)
{
	object_unref(l->node);
	l->node = object_ref(node);
	l->read = l->last == NULL;
	loop_timer_start(l->timer, 0, 0);
}

void node_lease_free(struct node_lease *l)
{
	if (!l)
		return;
	rest_cancel(l->call);
	loop_timer_free(l->timer);
	object_unref(l->node);
	object_unref(l->last);
	free(l);
}
