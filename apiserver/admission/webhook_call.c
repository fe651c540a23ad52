/* Calling a hook; see webhook.h. */
#include "apiserver/admission/webhook.h"

#include <stdlib.h>
#include <string.h>

#include "apiserver/proxy/hook.h"
#include "lib/base/clock.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

struct call { /* lives in the request's arena: a waiting request is not freed before its stage was called
		 again */
	struct api_request *req;
	const struct webhook *hook;
	const char *uid;
	struct http_client *client;
	webhook_done_fn *done;
	void *arg;
	struct webhook_answer answer;
	const char *url;
	int64_t begun_ns;
};

static int64_t now_ns(const struct api_request *req)
{
	const struct clock *clock = loop_clock(req->server->loop);
	return clock->monotonic_ns(clock);
}

static void finish(struct call *call)
{
	call->answer.seconds = (double)(now_ns(call->req) - call->begun_ns) / 1e9;
	call->done(call->arg, call->hook, &call->answer);
}

static void finish_later(void *arg)
{
	finish(arg);
}

static void free_client(void *arg)
{
	http_client_free(arg);
}

static void on_answer(void *arg, const struct http_response *response)
{
	struct call *call = arg;
	struct arena *arena = call->req->arena;

	if (response->error)
		call->answer.failure = arena_printf(
		    arena, "failed to call webhook: Post \"%s\": %s", call->url, response->error->message);
	else if (response->status < 200 || response->status > 299)
		call->answer.failure = arena_printf(
		    arena, "failed to call webhook: the server answered with status %d", response->status);
	else
		webhook_read_answer(
		    call->req, call->hook, call->uid, response->body, response->body_size, &call->answer);
	/* The client must not go inside its own callback. */
	loop_defer(call->req->server->loop, free_client, call->client);
	finish(call);
}

static int find_hook(struct call *call, struct http_tls *ret_tls, struct error *err)
{
	const AdmissionregistrationV1__WebhookClientConfig *client = call->hook->client;
	const AdmissionregistrationV1__ServiceReference *service = client->service;
	struct hook_target target = {
	    .url = client->url, .ca_bundle = client->ca_bundle.data, .ca_bundle_size = client->ca_bundle.len};

	if (service) {
		target.service_namespace = service->namespace_;
		target.service_name = service->name;
		target.path = service->path;
		target.port = service->has_port ? service->port : 0;
	}
	return hook_find(
	    call->req->server, call->req->arena, &target, call->hook->timeout_s, &call->url, ret_tls, err);
}

void webhook_call(struct api_request *req, const struct webhook *hook, const struct object *obj,
    const struct object *old, webhook_done_fn *done, void *arg)
{
	static const char *const headers[] = {
	    "Content-Type: application/json", "Accept: application/json", NULL};
	struct call *call = ARENA_NEW(req->arena, struct call);
	struct error err = ERROR_INIT;
	struct http_tls tls = {0};
	size_t size;

	*call = (struct call){.req = req, .hook = hook, .done = done, .arg = arg, .begun_ns = now_ns(req)};
	if (!hook->has_v1)
		error_set(&err, ERR_INTERNAL, "webhook does not accept known AdmissionReview versions (v1)");
	if (err.code != ERR_NONE || find_hook(call, &tls, &err) < 0) {
		call->answer.failure = arena_printf(req->arena, "failed to call webhook: %s", err.message);
		loop_defer(req->server->loop, finish_later, call);
		return;
	}
	call->client = http_client_new(req->server->loop, &tls);
	const char *body = webhook_write_review(req, obj, old, &call->uid, &size);
	const struct http_request request = {.method = "POST",
	    .url = call->url,
	    .headers = headers,
	    .body = body,
	    .body_size = size,
	    .timeout_ms = hook->timeout_s * 1000,
	    .no_redirects = true};
	http_client_send(call->client, &request, on_answer, call);
}
