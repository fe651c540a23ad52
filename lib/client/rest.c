/*
 * One request: built once, sent again while the server asks for patience (429 or 5xx with Retry-After), its
 * answer read as an object or, for lists, item by item and page by page.
 */
#include "lib/client/rest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/client/json_split.h"
#include "lib/client/rest_private.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define RETRIES_MAX 10 /* as client-go */
#define RETRY_AFTER_MAX_S 30
#define LIST_BYTES_MAX ((size_t)4 << 30)

struct rest_call {
	struct rest_call *next, *previous; /* in the client's list */
	struct rest_client *client;
	struct arena *arena;
	const struct resource_type *type;
	enum rest_verb verb;
	const char *method, *url, *content_type;
	struct buf body;
	int64_t timeout_ms;
	struct http_call *http;
	struct loop_timer *timer; /* the next try, an error found at once, or the end of a cancelled call */
	int retries;
	void (*done)(void *arg, const struct rest_result *result);
	void *arg;
	struct error error;

	/* Lists. */
	struct json_split split;
	const char *more_url; /* for the pages behind the first: without resourceVersion */
	int64_t limit;
	char resource_version[32];
	void (*on_item)(void *arg, struct object *obj); /* NULL: collect */
	struct object **items;
	size_t items_len, items_capacity;
	bool drop_managed_fields;
	bool is_in_callback; /* a callback of the owner runs: cancelling must wait */
	bool is_cancelled;
};

/* ---- life ---- */

static void call_free(struct rest_call *call)
{
	if (call->previous)
		call->previous->next = call->next;
	else
		call->client->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
	http_call_cancel(call->http);
	loop_timer_free(call->timer);
	for (size_t i = 0; i < call->items_len; i++)
		object_unref(call->items[i]);
	free(call->items);
	json_split_done(&call->split);
	buf_done(&call->body);
	arena_free(call->arena);
	free(call);
}

void rest_cancel(struct rest_call *call)
{
	if (!call)
		return;
	call->is_cancelled = true;
	if (!call->is_in_callback)
		call_free(call);
}

void rest_call_forget_all(struct rest_client *client)
{
	while (client->calls)
		call_free(client->calls);
}

static void finish(struct rest_call *call, struct rest_result *result)
{
	call->http = NULL;
	if (call->error.code != ERR_NONE)
		result->error = &call->error;
	if (!call->is_cancelled) {
		call->is_in_callback = true;
		call->done(call->arg, result);
	}
	call_free(call);
}

static void send_request(struct rest_call *call);

static void on_timer(void *arg)
{
	struct rest_call *call = arg;
	if (call->is_cancelled)
		call_free(call);
	else if (call->error.code != ERR_NONE)
		finish(call, &(struct rest_result){0});
	else
		send_request(call);
}

static void start_timer(struct rest_call *call, int64_t delay_ms)
{
	if (!call->timer)
		call->timer = loop_timer_new(call->client->loop, on_timer, call);
	loop_timer_start(call->timer, delay_ms, 0);
}

/* ---- building ---- */

static void write_delete_options(struct buf *out, struct arena *arena, const struct rest_request *request)
{
	if (request->grace_period_s < 0 && !request->propagation && !request->precondition_uid &&
	    !request->precondition_rv)
		return;
	struct json *options = json_new_object(arena);
	json_set(arena, options, "kind", json_new_string(arena, "DeleteOptions"));
	json_set(arena, options, "apiVersion", json_new_string(arena, "v1"));
	if (request->grace_period_s >= 0)
		json_set(arena, options, "gracePeriodSeconds", json_new_int(arena, request->grace_period_s));
	if (request->propagation)
		json_set(arena, options, "propagationPolicy", json_new_string(arena, request->propagation));
	if (request->precondition_uid || request->precondition_rv) {
		struct json *conditions = json_new_object(arena);
		if (request->precondition_uid)
			json_set(arena, conditions, "uid", json_new_string(arena, request->precondition_uid));
		if (request->precondition_rv)
			json_set(arena, conditions, "resourceVersion",
			    json_new_string(arena, request->precondition_rv));
		json_set(arena, options, "preconditions", conditions);
	}
	json_write(out, options, 0);
}

static void build_body(struct rest_call *call, const struct rest_request *request)
{
	static const char *const patch_types[] = {[REST_PATCH_JSON] = "application/json-patch+json",
	    [REST_PATCH_MERGE] = "application/merge-patch+json",
	    [REST_PATCH_STRATEGIC] = "application/strategic-merge-patch+json",
	    [REST_PATCH_APPLY] = "application/apply-patch+yaml"};
	static const char *const methods[] = {[REST_GET] = "GET",
	    [REST_LIST] = "GET",
	    [REST_CREATE] = "POST",
	    [REST_UPDATE] = "PUT",
	    [REST_PATCH] = "PATCH",
	    [REST_DELETE] = "DELETE",
	    [REST_DELETE_COLLECTION] = "DELETE"};
	call->method = methods[request->verb];
	if (request->verb == REST_PATCH && request->patch) {
		json_write(&call->body, request->patch, 0);
		call->content_type = patch_types[request->patch_type];
	} else if (request->verb == REST_DELETE || request->verb == REST_DELETE_COLLECTION) {
		write_delete_options(&call->body, call->arena, request);
		call->content_type = "application/json";
	} else if (request->body) {
		object_encode_json(&call->body, request->body);
		call->content_type = "application/json";
	}
}

static struct rest_call *call_new(struct rest_client *client, const struct rest_request *request)
{
	struct rest_call *call = calloc(1, sizeof(*call));
	if (!call)
		abort();
	call->client = client;
	call->arena = arena_new();
	call->type = request->type;
	call->verb = request->verb;
	call->timeout_ms = request->timeout_ms;
	call->limit = request->limit;
	call->drop_managed_fields = request->drop_managed_fields;
	call->next = client->calls;
	if (call->next)
		call->next->previous = call;
	client->calls = call;
	return call;
}

/* url with limit and continue. */
static const char *page_url(struct rest_call *call, const char *base, const char *continue_)
{
	struct buf url = BUF_INIT;
	buf_puts(&url, base);
	rest_url_param(&url, "limit", arena_printf(call->arena, "%lld", (long long)call->limit));
	rest_url_param(&url, "continue", continue_);
	const char *text = arena_strdup(call->arena, buf_str(&url));
	buf_done(&url);
	return text;
}

static void build_url(struct rest_call *call, const struct rest_request *request)
{
	call->url = rest_url(call->arena, call->client, request, &call->error);
	if (!call->url || request->verb != REST_LIST)
		return;
	struct rest_request more = *request;
	more.resource_version = NULL; /* the continue token carries it */
	call->more_url = rest_url(call->arena, call->client, &more, &call->error);
	if (call->limit > 0)
		call->url = page_url(call, call->url, NULL);
}

/* ---- answers ---- */

/* Whether the server asked to come again later, and the wait was begun. */
static bool retry_later(struct rest_call *call, const struct http_response *response)
{
	if (response->error || (response->status != 429 && response->status < 500) ||
	    call->retries >= RETRIES_MAX)
		return false;
	const char *after = response->header ? response->header(response, "Retry-After") : NULL;
	int64_t seconds;
	if (!after || !str_to_int64(after, &seconds) || seconds < 0)
		return false;
	if (seconds > RETRY_AFTER_MAX_S)
		seconds = RETRY_AFTER_MAX_S;
	call->retries++;
	call->http = NULL;
	start_timer(call, seconds * 1000);
	return true;
}

static void on_response(void *arg, const struct http_response *response)
{
	struct rest_call *call = arg;
	struct rest_result result = {.status = response->status};
	if (retry_later(call, response))
		return;
	if (response->error || response->status < 200 || response->status > 299) {
		rest_error(response, &call->error);
		finish(call, &result);
		return;
	}
	struct object *obj = NULL;
	if (response->body_size > 0 && call->verb != REST_DELETE_COLLECTION && /* which answers with a list */
	    object_decode(response->body, response->body_size, &obj, &call->error) < 0)
		error_prefix(&call->error, "answer of %s %s", call->method, call->url);
	else if (obj && !(str_eq(obj->kind, "Status") && str_eq(obj->api_version, "v1")))
		result.object = obj;
	finish(call, &result);
	object_unref(obj);
}

static void on_list_item(void *arg, const char *text, size_t size)
{
	struct rest_call *call = arg;
	struct object *obj = NULL;
	if (call->error.code != ERR_NONE || call->is_cancelled)
		return;
	if (rest_decode(call->type, text, size, call->drop_managed_fields, &obj, &call->error) < 0) {
		error_prefix(&call->error, "item of %s", call->url);
		return;
	}
	if (call->on_item) {
		call->on_item(call->arg, obj);
		object_unref(obj);
		return;
	}
	if (call->items_len == call->items_capacity) {
		call->items_capacity = call->items_capacity ? call->items_capacity * 2 : 64;
		call->items = realloc(call->items, call->items_capacity * sizeof(*call->items));
		if (!call->items)
			abort();
	}
	call->items[call->items_len++] = obj;
}

static void on_list_data(void *arg, const char *data, size_t size)
{
	struct rest_call *call = arg;
	if (call->is_cancelled)
		return;
	call->is_in_callback = true;
	json_split_feed(&call->split, data, size);
	call->is_in_callback = false;
	if (call->is_cancelled)
		start_timer(call, 0); /* not from within the transfer's own callback */
}

/* The frame of a page: its revision, and the token of the next page (in the call's arena; NULL at the end).
 */
static const char *read_page(struct rest_call *call)
{
	struct json *tree = NULL;
	if (!json_split_is_complete(&call->split)) {
		error_set(&call->error, ERR_IO, "the list of %s broke off", call->type->plural);
		return NULL;
	}
	if (json_parse(call->arena, call->split.rest.data, call->split.rest.size, NULL, &tree, &call->error) <
	    0)
		return NULL;
	const struct json *meta = json_get(tree, "metadata");
	const char *rv = json_get_string(meta, "resourceVersion", "");
	strncpy(call->resource_version, rv, sizeof(call->resource_version) - 1);
	const char *continue_ = json_get_string(meta, "continue", "");
	return str_empty(continue_) ? NULL : continue_;
}

/* A continue token went stale: begin again, without pages. Items seen so far come again. */
static bool restart_whole(struct rest_call *call, const struct http_response *response)
{
	if (response->status != 410 || call->limit <= 0 || call->url == call->more_url ||
	    !strstr(call->url, "continue="))
		return false;
	for (size_t i = 0; i < call->items_len; i++)
		object_unref(call->items[i]);
	call->items_len = 0;
	call->limit = 0;
	call->url = call->more_url;
	send_request(call);
	return true;
}

static void on_list_response(void *arg, const struct http_response *response)
{
	struct rest_call *call = arg;
	struct rest_result result = {.status = response->status};
	if (call->is_cancelled) {
		call->http = NULL;
		return; /* the timer ends it */
	}
	if (retry_later(call, response) || restart_whole(call, response))
		return;
	if (response->error || response->status < 200 || response->status > 299)
		rest_error(response, &call->error);
	const char *continue_ = call->error.code == ERR_NONE ? read_page(call) : NULL;
	if (continue_ && call->limit > 0) { /* a limit in the query means: no more than that */
		call->url = page_url(call, call->more_url, continue_);
		send_request(call);
		return;
	}
	result.items = call->items;
	result.items_len = call->items_len;
	result.resource_version = call->resource_version;
	finish(call, &result);
}

static void send_request(struct rest_call *call)
{
	struct arena *arena = arena_new();
	struct http_request request = {
	    .method = call->method,
	    .url = call->url,
	    .headers = rest_headers(call->client, arena, "application/json", call->content_type),
	    .body = call->body.size ? call->body.data : NULL,
	    .body_size = call->body.size,
	    .timeout_ms = call->timeout_ms,
	};
	if (call->verb == REST_LIST) {
		json_split_reset(&call->split);
		request.response_max = LIST_BYTES_MAX;
		call->http = http_client_stream(
		    call->client->http, &request, NULL, on_list_data, on_list_response, call);
	} else {
		call->http = http_client_send(call->client->http, &request, on_response, call);
	}
	arena_free(arena);
}

static struct rest_call *start(struct rest_client *client, const struct rest_request *request,
    void (*on_item)(void *arg, struct object *obj), void (*done)(void *arg, const struct rest_result *result),
    void *arg)
{
	struct rest_call *call = call_new(client, request);
	call->on_item = on_item;
	call->done = done;
	call->arg = arg;
	json_split_init(&call->split, on_list_item, call);
	build_url(call, request);
	build_body(call, request);
	if (call->error.code != ERR_NONE)
		start_timer(call, 0);
	else
		send_request(call);
	return call;
}

struct rest_call *rest_send(struct rest_client *client, const struct rest_request *request,
    void (*done)(void *arg, const struct rest_result *result), void *arg)
{
	return start(client, request, NULL, done, arg);
}

struct rest_call *rest_list_each(struct rest_client *client, const struct rest_request *request,
    void (*on_item)(void *arg, struct object *obj), void (*done)(void *arg, const struct rest_result *result),
    void *arg)
{
	return start(client, request, on_item, done, arg);
}
