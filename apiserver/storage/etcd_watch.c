/*
 * The watch over everything in etcd: one stream of JSON lines, resumed behind the last revision seen whenever
 * it breaks.
 */
#include "apiserver/storage/etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"

enum { RECONNECT_MAX_MS = 2000 };

struct etcd_watch {
	struct storage_op *op;
	struct storage_watch_callbacks callbacks;
	void *arg;
	struct buf line;     /* an unfinished line */
	int64_t seen;        /* everything up to this revision has been delivered */
	struct arena *arena; /* of the events collected from fragments */
	struct storage_event *events;
	size_t events_len, events_capacity;
	int64_t delay_ms; /* before the next connection */
	struct loop_timer *timer;
	bool is_ended, is_stale; /* reported the end; the stream is to be opened anew */
};

static void connect_stream(struct etcd_watch *watch);

static void forget_fragments(struct etcd_watch *watch)
{
	watch->events_len = 0;
	arena_reset(watch->arena);
	watch->events = NULL;
	watch->events_capacity = 0;
}

static void end(struct etcd_watch *watch, const struct error *err)
{
	if (watch->is_ended)
		return;
	watch->is_ended = true;
	watch->callbacks.on_end(watch->arg, err);
}

static void add_event(struct etcd_watch *watch, const struct json *event)
{
	if (watch->events_len == watch->events_capacity) {
		size_t old = watch->events_capacity;
		watch->events_capacity = old ? old * 2 : 8;
		watch->events = arena_grow(watch->arena, watch->events, old * sizeof *watch->events,
		    watch->events_capacity * sizeof *watch->events);
	}
	struct storage_event *e = &watch->events[watch->events_len++];
	e->type = str_eq(json_get_string(event, "type", ""), "DELETE") ? STORAGE_DELETE : STORAGE_PUT;
	etcd_read_item(watch->arena, json_get(event, "kv"), &e->item);
	if (e->type == STORAGE_PUT && !e->item.value)
		e->item.value = "";
}

static void on_result(struct etcd_watch *watch, const struct json *result)
{
	const struct json *events = json_get(result, "events");
	struct error err = ERROR_INIT;
	if (json_get_bool(result, "canceled", false)) {
		if (etcd_int(result, "compact_revision")) {
			error_set(
			    &err, ERR_EXPIRED, "revision %" PRId64 " has been compacted", watch->seen + 1);
			end(watch, &err);
		} else {
			watch->is_stale = true;
		}
		return;
	}
	if (json_get_bool(result, "created", false))
		return;
	for (size_t i = 0; events && events->type == JSON_ARRAY && i < events->len; i++)
		add_event(watch, events->items[i]);
	if (json_get_bool(result, "fragment", false))
		return; /* the rest of this revision follows */
	/* Without events this is a progress notice, true for the whole store. With events only they tell how
	 * far we are: while catching up, the header is ahead of them. */
	int64_t revision = watch->events_len ? watch->events[watch->events_len - 1].item.revision
					     : etcd_int(json_get(result, "header"), "revision");
	if (revision > watch->seen)
		watch->seen = revision;
	watch->callbacks.on_events(watch->arg, watch->events, watch->events_len, watch->seen);
	forget_fragments(watch);
}

static void on_line(struct etcd_watch *watch, const char *line, size_t size)
{
	struct arena *arena = arena_new();
	struct json *tree = NULL;
	struct error err = ERROR_INIT;
	struct json_limits limits = {.size_max = ETCD_RESPONSE_MAX};
	if (json_parse(arena, line, size, &limits, &tree, &err)) {
		log_warning("etcd's watch sent a line that is no JSON: %s", err.message);
		watch->is_stale = true;
	} else if (json_get(tree, "result")) {
		on_result(watch, json_get(tree, "result"));
	} else {
		watch->is_stale = true; /* {"error":...}: etcd is stopping */
	}
	arena_free(arena);
}

static void on_timer(void *arg)
{
	connect_stream(arg);
}

static void reconnect(struct etcd_watch *watch)
{
	forget_fragments(watch);
	buf_reset(&watch->line);
	watch->is_stale = false;
	if (watch->is_ended)
		return;
	loop_timer_start(watch->timer, watch->delay_ms, 0);
	watch->delay_ms = watch->delay_ms * 2 > RECONNECT_MAX_MS ? RECONNECT_MAX_MS : watch->delay_ms * 2;
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct etcd_watch *watch = arg;
	while (size > 0 && !watch->is_stale && !watch->is_ended) {
		const char *newline = memchr(data, '\n', size);
		size_t part = newline ? (size_t)(newline - data) : size;
		if (newline && watch->line.size == 0) {
			on_line(watch, data, part);
		} else {
			buf_append(&watch->line, data, part);
			if (newline) {
				struct buf line = watch->line;
				watch->line = BUF_INIT;
				on_line(watch, line.data, line.size);
				buf_done(&line);
			}
		}
		if (newline)
			part++;
		data += part;
		size -= part;
	}
	if (watch->is_stale && watch->op->call) {
		http_call_cancel(watch->op->call);
		watch->op->call = NULL;
		reconnect(watch);
	}
}

static void on_open(void *arg, int status)
{
	struct etcd_watch *watch = arg;
	watch->delay_ms = 50;
	etcd_succeeded(watch->op->etcd);
}

static void on_done(void *arg, const struct http_response *response)
{
	struct etcd_watch *watch = arg;
	watch->op->call = NULL;
	char why[300];
	if (response->error)
		snprintf(why, sizeof why, "etcd's watch: %s", response->error->message);
	else
		snprintf(why, sizeof why, "etcd's watch ended with HTTP status %d", response->status);
	log_debug("%s", why);
	etcd_failed(watch->op->etcd, why);
	reconnect(watch);
}

static void connect_stream(struct etcd_watch *watch)
{
	static const char *const headers[] = {"Content-Type: application/json", "Expect:", NULL};
	struct arena *arena = arena_new();
	/* Key and end "\0" mean every key: so that each revision of the store shows up here. */
	char *body = arena_printf(arena,
	    "{\"create_request\":{\"key\":\"AA==\",\"range_end\":\"AA==\",\"start_revision\":\"%" PRId64
	    "\",\"progress_notify\":true,\"fragment\":true}}",
	    watch->seen + 1);
	struct http_request request = {.method = "POST",
	    .url = etcd_url(watch->op->etcd, arena, "/v3/watch"),
	    .unix_socket = etcd_socket(watch->op->etcd),
	    .headers = headers,
	    .body = body,
	    .body_size = strlen(body),
	    .timeout_ms = -1,
	    .no_redirects = true};
	watch->op->call =
	    http_client_stream(watch->op->etcd->http, &request, on_open, on_data, on_done, watch);
	arena_free(arena);
}

struct storage_op *etcd_watch_start(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg)
{
	struct etcd *etcd = (struct etcd *)s;
	struct storage_op *op = etcd_op_new(etcd, ETCD_WATCH, "/v3/watch");
	struct etcd_watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		abort();
	watch->op = op;
	watch->callbacks = *callbacks;
	watch->arg = arg;
	watch->seen = start;
	watch->delay_ms = 50;
	watch->arena = arena_new();
	watch->timer = loop_timer_new(etcd->loop, on_timer, watch);
	op->watch = watch;
	connect_stream(watch);
	return op;
}

void etcd_watch_free(struct etcd_watch *watch)
{
	loop_timer_free(watch->timer);
	arena_free(watch->arena);
	buf_done(&watch->line);
	free(watch);
}
