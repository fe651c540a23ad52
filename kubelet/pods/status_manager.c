#include "kubelet/pods/status_manager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_facts.h"
#include "kubelet/pods/status.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000

struct entry {
	struct status_manager *sm;
	char *uid, *ns, *name;
	struct arena *wanted_arena; /* holds wanted */
	CoreV1__PodStatus *wanted;
	const struct object *server; /* newest object known: what the server has */
	struct rest_call *call;
	struct loop_timer *timer;
	int64_t retry_ms;
	bool dirty, delete_after, deleting, forgotten;
};

struct status_manager {
	struct rest_client *client;
	struct strmap *entries; /* uid -> struct entry */
};

static void entry_sync(struct entry *e);

static void entry_free(void *p)
{
	struct entry *e = p;
	rest_cancel(e->call);
	loop_timer_free(e->timer);
	arena_free(e->wanted_arena);
	object_unref(e->server);
	free(e->uid);
	free(e->ns);
	free(e->name);
	free(e);
}

static void take_server(struct entry *e, const struct object *obj)
{
	if (!obj || (e->server && e->server->revision > obj->revision))
		return;
	const struct object *old = e->server;
	e->server = object_ref(obj);
	object_unref(old);
}

static void on_timer(void *arg)
{
	entry_sync(arg);
}

static void retry(struct entry *e)
{
	e->retry_ms = e->retry_ms ? e->retry_ms * 2 : RETRY_MIN_MS;
	if (e->retry_ms > RETRY_MAX_MS)
		e->retry_ms = RETRY_MAX_MS;
	if (!e->timer)
		e->timer = loop_timer_new(rest_client_loop(e->sm->client), on_timer, e);
	loop_timer_start(e->timer, e->retry_ms, 0);
}

/* True when the pod is gone (or replaced): nothing is left to say about it. */
static bool is_gone(const struct error *err)
{
	return err && (err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT);
}

static void on_patched(void *arg, const struct rest_result *result)
{
	struct entry *e = arg;
	e->call = NULL;
	if (result->error && !is_gone(result->error)) {
		log_warning("status of pod %s/%s: %s", e->ns, e->name, result->error->message);
		e->dirty = true;
		retry(e);
		return;
	}
	e->retry_ms = 0;
	if (!result->error)
		take_server(e, result->object);
	else
		e->dirty = false;
	entry_sync(e);
}

static void on_deleted(void *arg, const struct rest_result *result)
{
	struct entry *e = arg;
	e->call = NULL;
	if (result->error && !is_gone(result->error)) {
		log_warning("deleting pod %s/%s: %s", e->ns, e->name, result->error->message);
		e->deleting = false;
		retry(e);
	}
}

static void send_delete(struct entry *e)
{
	e->deleting = true;
	struct rest_request *request = REST_REQUEST(.verb = REST_DELETE, .type = resource_pods, .ns = e->ns,
	    .name = e->name, .precondition_uid = e->uid);
	request->grace_period_s = 0;
	e->call = rest_send(e->sm->client, request, on_deleted, e);
}

static void entry_sync(struct entry *e)
{
	if (e->call || (e->timer && loop_timer_is_active(e->timer)))
		return;
	if (e->dirty && e->wanted && e->server) {
		e->dirty = false;
		struct arena *arena = arena_new();
		struct json *patch = status_patch(arena, e->uid, pod_of(e->server)->status, e->wanted);
		if (patch)
			e->call = rest_send(e->sm->client,
			    REST_REQUEST(.verb = REST_PATCH, .type = resource_pods, .ns = e->ns,
				.name = e->name, .subresource = "status", .patch = patch,
				.patch_type = REST_PATCH_STRATEGIC),
			    on_patched, e);
		arena_free(arena);
		if (patch)
			return;
	}
	if (e->delete_after && !e->deleting)
		send_delete(e);
}

struct status_manager *status_manager_new(struct rest_client *client)
{
	struct status_manager *sm = calloc(1, sizeof *sm);
	sm->client = client;
	sm->entries = strmap_new();
	return sm;
}

void status_manager_free(struct status_manager *sm)
{
	if (!sm)
		return;
	strmap_free(sm->entries, entry_free);
	free(sm);
}

static struct entry *entry_of(struct status_manager *sm, const struct object *pod)
{
	struct entry *e = strmap_get(sm->entries, pod->meta->uid);
	if (!e) {
		e = calloc(1, sizeof *e);
		e->sm = sm;
		e->uid = strdup(pod->meta->uid);
		e->ns = strdup(pod->meta->namespace_);
		e->name = strdup(pod->meta->name);
		strmap_put(sm->entries, e->uid, e);
	}
	take_server(e, pod);
	return e;
}

void status_manager_set(struct status_manager *sm, const struct object *pod, const CoreV1__PodStatus *status)
{
	struct entry *e = entry_of(sm, pod);
	struct arena *arena = arena_new();
	e->wanted = api_clone(arena, (CoreV1__PodStatus *)status);
	arena_free(e->wanted_arena);
	e->wanted_arena = arena;
	e->dirty = true;
	if (sm->client)
		entry_sync(e);
}

void status_manager_delete(struct status_manager *sm, const struct object *pod)
{
	struct entry *e = entry_of(sm, pod);
	if (e->delete_after)
		return;
	e->delete_after = true;
	if (sm->client)
		entry_sync(e);
}

const CoreV1__PodStatus *status_manager_get(const struct status_manager *sm, const char *uid)
{
	const struct entry *e = strmap_get(sm->entries, uid);
	return e ? e->wanted : NULL;
}

void status_manager_forget(struct status_manager *sm, const char *uid)
{
	struct entry *e = strmap_remove(sm->entries, uid);
	if (e)
		entry_free(e);
}
