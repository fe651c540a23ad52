#include "scheduler/binder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/informer.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

enum { VOLUMES_TIMEOUT_MS = 600000 }; /* upstream's bindTimeoutSeconds */

struct binding {
	LIST_ENTRY(binding) link;
	struct binder *binder;
	const struct object *pod;
	char *node;
	struct arena *arena;
	const char **claims; /* names, in the pod's namespace, that must become bound first */
	size_t claims_len;
	size_t writes; /* claim and volume writes under way */
	struct rest_call *call;
	struct loop_timer *timer;
	bool is_binding;
};

struct binder {
	struct rest_client *client;
	const struct informer *claims, *volumes;
	binder_done *on_bound;
	void *arg;
	LIST_HEAD(, binding) list;
};

static void prepare_claim(struct binding *b, const struct waiting_claim *waiting, const CoreV1__Node *node);
static void advance(struct binding *b);
static void send_binding(struct binding *b);
static void finish(struct binding *b, const struct error *err);

struct binder *binder_new(struct rest_client *client, const struct informer *claims,
    const struct informer *volumes, binder_done *on_bound, void *arg)
{
	struct binder *binder = calloc(1, sizeof *binder);

	*binder = (struct binder){
	    .client = client, .claims = claims, .volumes = volumes, .on_bound = on_bound, .arg = arg};
	LIST_INIT(&binder->list);
	return binder;
}

static void binding_free(struct binding *b)
{
	LIST_REMOVE(b, link);
	rest_cancel(b->call);
	loop_timer_free(b->timer);
	object_unref(b->pod);
	free(b->node);
	arena_free(b->arena);
	free(b);
}

void binder_free(struct binder *binder)
{
	if (!binder)
		return;
	while (!LIST_EMPTY(&binder->list))
		binding_free(LIST_FIRST(&binder->list));
	free(binder);
}

static void on_timeout(void *arg)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERR_TIMEOUT, "volumes were not bound within %d s", VOLUMES_TIMEOUT_MS / 1000);
	finish(arg, &err);
}

void binder_bind(struct binder *binder, const struct object *pod, const CoreV1__Node *node,
    const struct volumes_state *volumes)
{
	struct binding *b = calloc(1, sizeof *b);

	b->binder = binder;
	b->pod = object_ref(pod);
	b->node = strdup(node->metadata->name);
	b->arena = arena_new();
	b->timer = loop_timer_new(rest_client_loop(binder->client), on_timeout, b);
	LIST_INSERT_HEAD(&binder->list, b, link);
	b->claims = ARENA_ARRAY(b->arena, const char *, volumes ? volumes->waiting_len + 1 : 1);
	for (size_t i = 0; volumes && i < volumes->waiting_len; i++)
		prepare_claim(b, &volumes->waiting[i], node);
	if (b->claims_len)
		loop_timer_start(b->timer, VOLUMES_TIMEOUT_MS, 0);
	advance(b);
}

void binder_claim_changed(struct binder *binder, const struct object *claim)
{
	struct binding *b = LIST_FIRST(&binder->list), *next;

	for (; b; b = next) {
		next = LIST_NEXT(b, link);
		if (!b->is_binding && str_eq(object_namespace(b->pod), object_namespace(claim)))
			advance(b);
	}
}

static void on_prepared(void *arg, const struct rest_result *result)
{
	struct binding *b = arg;

	b->call = NULL;
	b->writes--;
	if (result->error)
		finish(b, result->error);
	else
		advance(b);
}

/* Either names the claim in a free volume, which the volume controller then completes, or asks for a new one
 * here. */
static void prepare_claim(struct binding *b, const struct waiting_claim *waiting, const CoreV1__Node *node)
{
	const CoreV1__PersistentVolumeClaim *claim = waiting->claim;
	const CoreV1__PersistentVolume *volume = volumes_find(b->binder->volumes, claim, node);
	struct arena *a = b->arena;
	struct json *patch = json_new_object(a), *outer = json_new_object(a), *inner = json_new_object(a);
	struct rest_request request = {
	    .verb = REST_PATCH, .patch = patch, .patch_type = REST_PATCH_MERGE, .grace_period_s = -1};

	b->claims[b->claims_len++] = arena_strdup(a, claim->metadata->name);
	if (!volume && api_map_get(claim->metadata, annotations, ANNOTATION_SELECTED_NODE))
		return;
	if (volume) {
		json_set(a, inner, "apiVersion", json_new_string(a, "v1"));
		json_set(a, inner, "kind", json_new_string(a, "PersistentVolumeClaim"));
		json_set(a, inner, "namespace", json_new_string(a, claim->metadata->namespace_));
		json_set(a, inner, "name", json_new_string(a, claim->metadata->name));
		json_set(a, inner, "uid", json_new_string(a, claim->metadata->uid));
		json_set(a, outer, "claimRef", inner);
		json_set(a, patch, "spec", outer);
		request.type = resource_persistentvolumes;
		request.name = volume->metadata->name;
	} else {
		json_set(a, inner, ANNOTATION_SELECTED_NODE, json_new_string(a, b->node));
		json_set(a, outer, "annotations", inner);
		json_set(a, patch, "metadata", outer);
		request.type = resource_persistentvolumeclaims;
		request.ns = claim->metadata->namespace_;
		request.name = claim->metadata->name;
	}
	b->writes++;
	b->call = rest_send(b->binder->client, &request, on_prepared, b);
}

static void advance(struct binding *b)
{
	if (b->writes || b->is_binding)
		return;
	for (size_t i = 0; i < b->claims_len; i++) {
		const struct object *obj =
		    informer_lookup(b->binder->claims, object_namespace(b->pod), b->claims[i]);

		/* Bound once the controller has said so, not when the volume's name alone is set. */
		if (!obj ||
		    !str_eq(((const CoreV1__PersistentVolumeClaim *)obj->msg)->status->phase, "Bound"))
			return;
	}
	send_binding(b);
}

static void on_binding_done(void *arg, const struct rest_result *result)
{
	struct binding *b = arg;

	b->call = NULL;
	finish(b, result->error);
}

static void send_binding(struct binding *b)
{
	struct object *obj = object_new(schema_by_gvk("", "v1", "Binding"));
	CoreV1__Binding *binding = (CoreV1__Binding *)obj->msg;

	b->is_binding = true;
	obj->meta->name = arena_strdup(obj->arena, object_name(b->pod));
	obj->meta->namespace_ = arena_strdup(obj->arena, object_namespace(b->pod));
	obj->meta->uid = arena_strdup(
	    obj->arena, object_uid(b->pod)); /* a pod of the same name that came later is another */
	binding->target->kind = (char *)"Node";
	binding->target->name = arena_strdup(obj->arena, b->node);
	b->call = rest_send(b->binder->client,
	    REST_REQUEST(.verb = REST_CREATE, .type = resource_pods, .ns = object_namespace(b->pod),
		.name = object_name(b->pod), .subresource = "binding", .body = obj),
	    on_binding_done, b);
	object_unref(obj);
}

static void finish(struct binding *b, const struct error *err)
{
	struct binder *binder = b->binder;

	binder->on_bound(binder->arg, b->pod, b->node, err);
	binding_free(b);
}
