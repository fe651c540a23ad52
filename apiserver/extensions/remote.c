#include "apiserver/extensions/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/options.h"
#include "apiserver/proxy/proxy.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

enum { CHECK_TIMEOUT_MS = 5000, RESOURCES_MAX = 4 << 20 };

static const ApiregistrationV1__APIServiceSpec *spec_of(const struct remote *r)
{
	return ((const ApiregistrationV1__APIService *)r->object->msg)->spec;
}

struct http_tls remote_tls(const struct remote *r, struct arena *arena)
{
	const struct api_options *o = r->server->options;
	const ApiregistrationV1__APIServiceSpec *spec = spec_of(r);
	struct http_tls tls = {.insecure = spec->insecure_skip_tls_verify};
	if (spec->ca_bundle.len)
		tls.ca_data = arena_strndup(arena, (const char *)spec->ca_bundle.data, spec->ca_bundle.len);
	if (!str_empty(o->proxy_client_cert_file) && !str_empty(o->proxy_client_key_file)) {
		tls.cert_file = o->proxy_client_cert_file;
		tls.key_file = o->proxy_client_key_file;
	}
	tls.server_name = arena_printf(arena, "%s.%s.svc", spec->service->name, spec->service->namespace_);
	return tls;
}

struct remote *remote_new(struct api_server *server, const struct object *obj)
{
	struct remote *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->server = server;
	r->object = object_ref(obj);
	r->arena = arena_new();
	r->group = arena_strdup(r->arena, spec_of(r)->group);
	r->version = arena_strdup(r->arena, spec_of(r)->version);
	struct http_tls tls = remote_tls(r, r->arena);
	r->client = http_client_new(server->loop, &tls);
	return r;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	http_call_cancel(r->call);
	http_client_free(r->client);
	object_unref(r->object);
	arena_free(r->resources_arena);
	arena_free(r->arena);
	free(r);
}

void remote_set_object(struct remote *r, const struct object *obj)
{
	object_unref(r->object);
	r->object = object_ref(obj);
}

int remote_address(const struct remote *r, struct arena *arena, const char **ret, struct error *err)
{
	const ApiregistrationV1__ServiceReference *s = spec_of(r)->service;
	const char *ip;
	int port = s->has_port && s->port ? s->port : 443;
	if (target_service_endpoint(
		r->server, s->namespace_, s->name, arena_printf(arena, "%d", port), &ip, &port, err))
		return -1;
	*ret = strchr(ip, ':') ? arena_printf(arena, "[%s]:%d", ip, port)
			       : arena_printf(arena, "%s:%d", ip, port);
	return 0;
}

static void conclude(struct remote *r, const char *failure, const char *message)
{
	r->is_available = !failure;
	snprintf(r->reason, sizeof r->reason, "%s", failure ? failure : "Passed");
	snprintf(r->message, sizeof r->message, "%s", failure ? message : "all checks passed");
	r->done(r->arg, r);
}

/* What the server says it has, for discovery. */
static void keep_resources(struct remote *r, const struct http_response *response)
{
	struct arena *arena = arena_new();
	struct json *list = NULL;
	if (json_parse(arena, response->body, response->body_size, NULL, &list, NULL) ||
	    list->type != JSON_OBJECT) {
		arena_free(arena);
		return;
	}
	arena_free(r->resources_arena);
	r->resources_arena = arena;
	r->resources = list;
}

static void on_answer(void *arg, const struct http_response *response)
{
	struct remote *r = arg;
	char message[400];
	r->call = NULL;
	if (!response->error && response->status >= 200 && response->status < 300) {
		keep_resources(r, response);
		conclude(r, NULL, "");
		return;
	}
	if (response->error)
		snprintf(
		    message, sizeof message, "failing or missing response: %s", response->error->message);
	else
		snprintf(message, sizeof message, "bad status from the server: %d", response->status);
	conclude(r, "FailedDiscoveryCheck", message);
}

void remote_check(struct remote *r, void (*done)(void *arg, struct remote *remote), void *arg)
{
	static const char *const headers[] = {"Accept: application/json",
	    "X-Remote-User: system:kube-aggregator", "X-Remote-Group: system:masters", NULL};
	struct error err = ERROR_INIT;
	const char *address;
	if (r->call)
		return;
	r->done = done;
	r->arg = arg;
	struct arena *arena = arena_new();
	if (remote_address(r, arena, &address, &err)) {
		conclude(r, err.code == ERR_NOT_FOUND ? "ServiceNotFound" : "MissingEndpoints", err.message);
	} else {
		const struct http_request request = {
		    .url = arena_printf(arena, "https://%s/apis/%s/%s", address, r->group, r->version),
		    .headers = headers,
		    .timeout_ms = CHECK_TIMEOUT_MS,
		    .response_max = RESOURCES_MAX};
		r->call = http_client_send(r->client, &request, on_answer, r);
	}
	arena_free(arena);
}
