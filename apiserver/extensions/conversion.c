/* Who waits for conversions, and the calls of webhooks that they wait for; see conversion.h. */
#include "apiserver/extensions/conversion.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "apiserver/extensions/definition.h"
#include "apiserver/extensions/dynamic.h"
#include "apiserver/proxy/hook.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

enum { BATCH_MAX = 500, TIMEOUT_S = 30 };

typedef ApiextensionsV1__CustomResourceConversion Conversion;

/* One exchange with a webhook. */
struct conversion_call {
	struct conversion_call *next, **prev; /* among the server's */
	struct api_server *server;            /* NULL once the server has stopped */
	struct custom_type *to;               /* its definition is referenced */
	struct arena *arena;
	struct conversion_review review;
	const char *url;
	struct http_call *http;
	struct error failure; /* why there is no exchange */
	struct conversion *waiters;
};

struct conversion {
	struct conversion *next; /* among those who wait for the call */
	struct conversion_call *call;
	struct api_server *server;
	struct custom_type *to; /* its definition is referenced */
	const struct object **objects;
	size_t len, at; /* those before `at` are done */
	conversion_done_fn *done;
	void *arg;
};

static void advance(struct conversion *c);

static struct custom_type *custom(const struct resource_type *type)
{
	return (struct custom_type *)(uintptr_t)type;
}

bool conversion_is_remote(const struct resource_type *type)
{
	if (!type || type->dynamic != &dynamic_functions)
		return false;
	const Conversion *how = custom(type)->definition->crd->spec->conversion;
	return how && str_eq(how->strategy, "Webhook");
}

bool conversion_is_needed(const struct resource_type *to, const struct object *obj)
{
	return conversion_is_remote(to) && obj->tree &&
	       strcmp(obj->api_version, custom(to)->api_version) != 0 &&
	       !object_in_version(obj, custom(to)->api_version);
}

static void free_conversion(struct conversion *c)
{
	for (size_t i = 0; i < c->len; i++)
		object_unref(c->objects[i]);
	definition_unref(c->to->definition);
	free(c->objects);
	free(c);
}

static void finish(struct conversion *c, const struct error *err)
{
	conversion_done_fn *done = c->done;
	void *arg = c->arg;
	free_conversion(c);
	done(arg, err);
}

static void free_call(struct conversion_call *call)
{
	for (size_t i = 0; i < call->review.len; i++)
		object_unref(call->review.objects[i]);
	definition_unref(call->to->definition);
	arena_free(call->arena);
	free(call);
}

static void unlink_call(struct conversion_call *call)
{
	*call->prev = call->next;
	if (call->next)
		call->next->prev = call->prev;
}

static void conclude(struct conversion_call *call, const struct error *err)
{
	struct conversion *waiters = call->waiters, *next;
	unlink_call(call);
	for (struct conversion *c = waiters; c; c = c->next)
		c->call = NULL;
	for (struct conversion *c = waiters; c; c = next) {
		next = c->next;
		if (err)
			finish(c, err);
		else
			advance(c);
	}
	free_call(call);
}

/* What the webhook gave, without what the version's schema does not know, is kept with the objects. */
static int take_answer(struct conversion_call *call, const char *body, size_t size, struct error *err)
{
	struct object **converted = ARENA_ARRAY(call->arena, struct object *, call->review.len);
	if (conversion_read_review(&call->review, body, size, converted, err))
		return -1;
	for (size_t i = 0; i < call->review.len; i++) {
		custom_schema_prune(call->to->schema, converted[i]->tree, NULL);
		object_add_version(call->review.objects[i], converted[i]);
	}
	return 0;
}

static int fail(struct conversion_call *call, struct error *err, const char *detail)
{
	return error_set(err, ERR_INTERNAL, "conversion webhook for %s failed: Post \"%s\": %s",
	    conversion_kind_text(call->arena, call->review.objects[0]), call->url, detail);
}

static void on_answer(void *arg, const struct http_response *response)
{
	struct conversion_call *call = arg;
	struct error err = ERROR_INIT;
	call->http = NULL;
	if (response->error)
		fail(call, &err, response->error->message);
	else if (response->status < 200 || response->status > 299)
		fail(call, &err,
		    arena_printf(call->arena, "the server answered with status %d", response->status));
	else
		take_answer(call, response->body, response->body_size, &err);
	conclude(call, err.code ? &err : NULL);
}

static void on_failed_early(void *arg)
{
	struct conversion_call *call = arg;
	if (call->server)
		conclude(call, &call->failure);
	else
		free_call(call);
}

/* The first of the versions that the definition lists and we speak. */
static const char *review_version(const Conversion *how)
{
	static const char *const known[] = {"v1", "v1beta1", NULL};
	const ApiextensionsV1__WebhookConversion *w = how->webhook;
	for (size_t i = 0; w && i < w->n_conversion_review_versions; i++)
		if (str_in(w->conversion_review_versions[i], known))
			return w->conversion_review_versions[i];
	return NULL;
}

static int find_hook(struct conversion_call *call, struct http_tls *ret_tls, struct error *err)
{
	const Conversion *how = call->to->definition->crd->spec->conversion;
	const ApiextensionsV1__WebhookClientConfig *client =
	    how->webhook ? how->webhook->client_config : NULL;
	struct hook_target target = {0};
	if (client) {
		target.url = client->url;
		target.ca_bundle = client->ca_bundle.data;
		target.ca_bundle_size = client->ca_bundle.len;
	}
	if (client && client->service) {
		target.service_namespace = client->service->namespace_;
		target.service_name = client->service->name;
		target.path = client->service->path;
		target.port = client->service->has_port ? client->service->port : 0;
	}
	return hook_find(call->server, call->arena, &target, TIMEOUT_S, &call->url, ret_tls, err);
}

static void post(struct conversion_call *call)
{
	static const char *const headers[] = {
	    "Content-Type: application/json", "Accept: application/json", NULL};
	struct definition *def = call->to->definition;
	struct http_tls tls;
	struct error err = ERROR_INIT;
	struct buf body = BUF_INIT;
	call->review.version = review_version(def->crd->spec->conversion);
	if (!call->review.version) {
		error_set(&call->failure, ERR_INTERNAL, "no supported conversion review versions");
	} else if (find_hook(call, &tls, &err)) {
		error_set(&call->failure, ERR_INTERNAL, "conversion webhook for %s failed: %s",
		    conversion_kind_text(call->arena, call->review.objects[0]), err.message);
	}
	if (call->failure.code) {
		loop_defer(call->server->loop, on_failed_early, call);
		return;
	}
	if (!def->hooks) {
		def->loop = call->server->loop;
		def->hooks = http_client_new(def->loop, &tls);
	}
	conversion_write_review(&body, &call->review);
	const struct http_request request = {.method = "POST",
	    .url = call->url,
	    .headers = headers,
	    .body = body.data,
	    .body_size = body.size,
	    .timeout_ms = TIMEOUT_S * 1000,
	    .no_redirects = true};
	call->http = http_client_send(def->hooks, &request, on_answer, call);
	buf_done(&body);
}

static void wait_for(struct conversion *c, struct conversion_call *call)
{
	c->call = call;
	c->next = call->waiters;
	call->waiters = c;
}

/* A call under way for just this object: many who watch ask for the same at the same time. */
static struct conversion_call *find_call(const struct conversion *c)
{
	for (struct conversion_call *call = c->server->conversions; call; call = call->next)
		if (call->to == c->to && call->review.len == 1 &&
		    call->review.objects[0] == c->objects[c->at])
			return call;
	return NULL;
}

static struct conversion_call *new_call(struct conversion *c)
{
	struct conversion_call *call = calloc(1, sizeof *call);
	char uid[37];
	if (!call)
		abort();
	str_uuid(uid);
	call->server = c->server;
	call->to = c->to;
	definition_ref(c->to->definition);
	call->arena = arena_new();
	call->review.uid = arena_strdup(call->arena, uid);
	call->review.api_version = c->to->api_version;
	call->prev = (struct conversion_call **)&c->server->conversions;
	call->next = *call->prev;
	if (call->next)
		call->next->prev = &call->next;
	*call->prev = call;
	const struct object **objects = ARENA_ARRAY(call->arena, const struct object *, BATCH_MAX);
	for (size_t i = c->at; i < c->len && call->review.len < BATCH_MAX; i++)
		if (conversion_is_needed(&c->to->type, c->objects[i]))
			objects[call->review.len++] = object_ref(c->objects[i]);
	call->review.objects = objects;
	return call;
}

/* On with the next objects that need it; the end when there are none. */
static void advance(struct conversion *c)
{
	while (c->at < c->len && !conversion_is_needed(&c->to->type, c->objects[c->at]))
		c->at++;
	if (c->at == c->len) {
		finish(c, NULL);
		return;
	}
	struct conversion_call *call = find_call(c);
	bool is_new = !call;
	if (is_new)
		call = new_call(c);
	wait_for(c, call);
	if (is_new)
		post(call);
}

struct conversion *conversion_start(struct api_server *server, const struct resource_type *to,
    const struct object *const *objects, size_t len, conversion_done_fn *done, void *arg)
{
	struct conversion *c = calloc(1, sizeof *c);
	if (!c || !(c->objects = calloc(len + 1, sizeof *c->objects)))
		abort();
	c->server = server;
	c->to = custom(to);
	definition_ref(c->to->definition);
	c->done = done;
	c->arg = arg;
	for (size_t i = 0; i < len; i++)
		c->objects[i] = object_ref(objects[i]);
	c->len = len;
	advance(c);
	return c;
}

void conversion_cancel(struct conversion *c)
{
	if (!c)
		return;
	struct conversion **link = c->call ? &c->call->waiters : NULL;
	while (link && *link && *link != c)
		link = &(*link)->next;
	if (link && *link)
		*link = c->next;
	free_conversion(c);
}

void conversion_stop(struct api_server *server)
{
	struct conversion_call *call, *next;
	for (call = server->conversions; call; call = next) {
		next = call->next;
		for (struct conversion *c = call->waiters, *after; c; c = after) {
			after = c->next;
			free_conversion(c);
		}
		call->waiters = NULL;
		http_call_cancel(call->http);
		if (call->failure.code)
			call->server = NULL; /* its end is deferred already */
		else
			free_call(call);
	}
	server->conversions = NULL;
}
