/*
 * Recording: an Event is made, correlated and put in a queue, which is sent one request after the other, so
 * that a count is never raised before its Event exists. The server away: the head of the queue is tried again
 * every 10 s, 12 times.
 */
#include "lib/client/events.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/client/events_correlator.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define QUEUE_MAX 1000
#define TRIES_MAX 12
#define RETRY_MS 10000

struct pending {
	struct pending *next;
	struct object *event; /* as it would be created */
	char *patch_name;     /* NULL: create */
	int32_t count;
	int tries;
};

struct event_recorder {
	struct rest_client *client;
	char *component, *host;
	struct events_correlator *correlator;
	struct pending *head, *tail;
	size_t len;
	struct rest_call *call; /* that of the head */
	struct loop_timer *timer;
	int64_t last_ns; /* names are made of times: no two alike */
};

static void send_head(void *arg);

struct event_recorder *event_recorder_new(struct rest_client *client, const char *component, const char *host)
{
	struct event_recorder *recorder = calloc(1, sizeof(*recorder));
	if (!recorder)
		abort();
	recorder->client = client;
	recorder->component = strdup(component);
	recorder->host = strdup(host ? host : "");
	recorder->correlator = events_correlator_new();
	if (client)
		recorder->timer = loop_timer_new(rest_client_loop(client), send_head, recorder);
	return recorder;
}

static void pending_free(struct pending *pending)
{
	object_unref(pending->event);
	free(pending->patch_name);
	free(pending);
}

void event_recorder_free(struct event_recorder *recorder)
{
	if (!recorder)
		return;
	rest_cancel(recorder->call);
	loop_timer_free(recorder->timer);
	for (struct pending *pending = recorder->head, *next; pending; pending = next) {
		next = pending->next;
		pending_free(pending);
	}
	events_correlator_free(recorder->correlator);
	free(recorder->component);
	free(recorder->host);
	free(recorder);
}

/* ---- making ---- */

static struct object *make_event(const char *component, const char *host, const struct object *about,
    const char *field_path, bool is_warning, const char *reason, const char *message, int64_t now_ns)
{
	struct object *obj = object_new(resource_events->schema);
	struct arena *arena = obj->arena;
	CoreV1__Event *event = (CoreV1__Event *)obj->msg;
	const MetaV1__ObjectMeta *meta = about->meta;
	const char *ns = str_empty(meta->namespace_) ? "default" : meta->namespace_;
	obj->meta->name = arena_printf(arena, "%s.%llx", meta->name, (unsigned long long)now_ns);
	obj->meta->namespace_ = arena_strdup(arena, ns);
	CoreV1__ObjectReference *ref = event->involved_object;
	ref->kind = arena_strdup(arena, about->kind);
	ref->api_version = arena_strdup(arena, about->api_version);
	ref->namespace_ = arena_strdup(arena, meta->namespace_);
	ref->name = arena_strdup(arena, meta->name);
	ref->uid = arena_strdup(arena, meta->uid);
	ref->resource_version = arena_strdup(arena, meta->resource_version);
	ref->field_path = arena_strdup(arena, str_or(field_path, ""));
	event->reason = arena_strdup(arena, reason);
	event->message = arena_strdup(arena, message);
	event->type = arena_strdup(arena, is_warning ? "Warning" : "Normal");
	event->source->component = arena_strdup(arena, component);
	event->source->host = arena_strdup(arena, host);
	event->reporting_component = event->source->component;
	event->reporting_instance = event->source->host;
	event->first_timestamp = time_new(arena, now_ns / 1000000000);
	event->last_timestamp = time_new(arena, now_ns / 1000000000);
	event->count = 1;
	return obj;
}

static void enqueue(
    struct event_recorder *recorder, struct object *take_event, const struct events_decision *decision)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	if (!pending)
		abort();
	pending->event = take_event;
	pending->count = decision->count;
	if (decision->is_repeat && !(pending->patch_name = strdup(decision->name)))
		abort();
	if (recorder->tail)
		recorder->tail->next = pending;
	else
		recorder->head = pending;
	recorder->tail = pending;
	recorder->len++;
	if (!recorder->call && !loop_timer_is_active(recorder->timer))
		loop_timer_start(recorder->timer, 0, 0);
}

void event_record_at(struct event_recorder *recorder, const char *component, const struct object *about,
    const char *field_path, bool is_warning, const char *reason, const char *message)
{
	if (!recorder)
		return;
	log_debug("event %s/%s %s: %s", about->kind, object_name(about), reason, message);
	if (!recorder->client || recorder->len >= QUEUE_MAX)
		return;
	int64_t now_ns = clock_wall_ns(loop_clock(rest_client_loop(recorder->client)));
	if (now_ns <= recorder->last_ns)
		now_ns = recorder->last_ns + 1;
	recorder->last_ns = now_ns;
	struct object *obj = make_event(component ? component : recorder->component, recorder->host, about,
	    field_path, is_warning, reason, message, now_ns);
	CoreV1__Event *event = (CoreV1__Event *)obj->msg;
	struct events_decision decision = events_correlate(recorder->correlator, obj->arena, event, now_ns);
	if (decision.is_dropped) {
		object_unref(obj);
		return;
	}
	event->message = arena_strdup(obj->arena, decision.message);
	enqueue(recorder, obj, &decision);
}

void event_record(struct event_recorder *recorder, const struct object *about, bool is_warning,
    const char *reason, const char *fmt, ...)
{
	struct arena *arena = arena_new();
	va_list ap;
	va_start(ap, fmt);
	const char *message = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	event_record_at(recorder, NULL, about, NULL, is_warning, reason, message);
	arena_free(arena);
}

/* ---- sending ---- */

static void drop_head(struct event_recorder *recorder)
{
	struct pending *pending = recorder->head;
	recorder->head = pending->next;
	if (!recorder->head)
		recorder->tail = NULL;
	recorder->len--;
	pending_free(pending);
	if (recorder->head)
		loop_timer_start(recorder->timer, 0, 0);
}

static void on_sent(void *arg, const struct rest_result *result)
{
	struct event_recorder *recorder = arg;
	struct pending *pending = recorder->head;
	recorder->call = NULL;
	if (!result->error) {
		drop_head(recorder);
		return;
	}
	if (pending->patch_name && error_is(result->error, ERR_NOT_FOUND)) {
		/* Events expire: this one starts again. */
		free(pending->patch_name);
		pending->patch_name = NULL;
		CoreV1__Event *event = (CoreV1__Event *)pending->event->msg;
		events_correlator_recreated(
		    recorder->correlator, pending->event->arena, event, recorder->last_ns);
		loop_timer_start(recorder->timer, 0, 0);
		return;
	}
	/* An answer of the server stays the same; only its absence passes. */
	if (result->status != 0 && result->status < 500) {
		log_debug("event dropped: %s", result->error->message);
		drop_head(recorder);
		return;
	}
	if (++pending->tries >= TRIES_MAX) {
		log_warning("event dropped after %d tries: %s", pending->tries, result->error->message);
		drop_head(recorder);
		return;
	}
	loop_timer_start(recorder->timer, RETRY_MS, 0);
}

static void send_patch(struct event_recorder *recorder, const struct pending *pending)
{
	struct arena *arena = arena_new();
	const CoreV1__Event *event = (const CoreV1__Event *)pending->event->msg;
	char when[TIME_TEXT_MAX];
	struct json *patch = json_new_object(arena);
	json_set(arena, patch, "count", json_new_int(arena, pending->count));
	json_set(arena, patch, "lastTimestamp",
	    json_new_string(arena, time_format(time_seconds(event->last_timestamp), when)));
	json_set(arena, patch, "message", json_new_string(arena, event->message));
	struct rest_request *request =
	    REST_REQUEST(.verb = REST_PATCH, .type = resource_events, .ns = object_namespace(pending->event),
		.name = pending->patch_name, .patch = patch, .patch_type = REST_PATCH_STRATEGIC);
	recorder->call = rest_send(recorder->client, request, on_sent, recorder);
	arena_free(arena);
}

static void send_head(void *arg)
{
	struct event_recorder *recorder = arg;
	struct pending *pending = recorder->head;
	if (!pending || recorder->call)
		return;
	if (pending->patch_name) {
		send_patch(recorder, pending);
		return;
	}
	((CoreV1__Event *)pending->event->msg)->count = pending->count;
	struct rest_request *request = REST_REQUEST(.verb = REST_CREATE, .type = resource_events,
	    .ns = object_namespace(pending->event), .body = pending->event);
	recorder->call = rest_send(recorder->client, request, on_sent, recorder);
}
