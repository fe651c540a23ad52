/* WATCH: events of a type as a stream of frames: how it begins, what waits for its turn, how it ends. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apiserver/audit/audit.h"
#include "apiserver/extensions/conversion.h"
#include "apiserver/flowcontrol/flowcontrol.h"
#include "apiserver/metrics.h"
#include "apiserver/options.h"
#include "apiserver/registry/watch.h"
#include "lib/base/arena.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"

enum {
	LAST_BOOKMARK_MS = 2000,            /* before a watch's time is over */
	WATCH_QUEUE_MAX = 16 * 1024 * 1024, /* bytes that a client may lag behind before it is cut off */
	WATCH_AHEAD_MAX =
	    128 * 1024,           /* bytes that are made before the client takes some, where that can wait */
	QUEUED_EVENTS_MAX = 10000 /* events that wait for their turn before the client is cut off */
};

static void drop_first(struct watch *w)
{
	struct watch_queued *q = w->queue;
	w->queue = q->next;
	if (!w->queue)
		w->queue_end = &w->queue;
	w->queue_len--;
	cache_event_unref(q->event);
	free(q);
}

static void initial_free(struct watch *w)
{
	for (size_t i = w->initial_at; i < w->initial_len; i++)
		cache_item_unref(w->initial[i]);
	free(w->initial);
	w->initial = NULL;
}

static void watch_free(struct watch *w)
{
	conversion_cancel(w->conversion);
	initial_free(w);
	while (w->queue)
		drop_first(w);
	watchcache_unwatch(w->watcher);
	loop_timer_free(w->timer);
	watch_selection_unref(w->req->server, w->selection);
	arena_free(w->arena);
	w->req->server->streams_running--;
	metrics_count_stream(w->req, -1);
	free(w);
}

static void on_close(void *arg)
{
	struct watch *w = arg;
	struct api_request *req = w->req;
	watch_free(w);
	req->http = NULL;
	api_request_finished(req, 200);
}

static void finish(struct watch *w)
{
	struct api_request *req = w->req;
	watch_free(w);
	http_end(req->http);
	req->http = NULL;
	api_request_finished(req, 200);
}

static void cut_off(struct watch *w)
{
	struct api_request *req = w->req;
	watch_free(w);
	http_abort(req->http);
	req->http = NULL;
	api_request_finished(req, 200);
}

static void finish_soon(void *arg)
{
	finish(arg);
}

void watch_check_lag(struct watch *w, size_t queued)
{
	w->lag = queued;
	if (queued <= WATCH_QUEUE_MAX || w->is_closing)
		return;
	/* Not from inside the cache's loop over its watchers. */
	w->is_closing = true;
	metrics_count_cut_off(w->req);
	loop_timer_free(w->timer);
	w->timer = loop_timer_new(w->req->server->loop, (void (*)(void *))cut_off, w);
	loop_timer_start(w->timer, 0, 0);
}

static void close_soon(struct watch *w, const struct error *err)
{
	if (err)
		watch_send_error(w, err);
	w->is_closing = true;
	loop_timer_free(w->timer);
	w->timer = loop_timer_new(w->req->server->loop, finish_soon, w);
	loop_timer_start(w->timer, 0, 0);
}

static void on_converted(void *arg, const struct error *err);

static bool may_send(const struct watch *w)
{
	return w->lag <= WATCH_AHEAD_MAX && !w->is_closing;
}

/* Sends what is queued, as the client takes it, up to the first that the webhook must be asked about. */
static void send_queued(struct watch *w)
{
	while (w->queue && !w->initial && !w->conversion && may_send(w)) {
		struct cache_event *event = w->queue->event;
		const struct object *objects[2];
		size_t len = 0;
		if (event && registry_must_convert(w->req->type, event->item->object))
			objects[len++] = event->item->object;
		if (event && event->old && registry_must_convert(w->req->type, event->old->object))
			objects[len++] = event->old->object;
		if (len) {
			w->conversion =
			    conversion_start(w->req->server, w->req->type, objects, len, on_converted, w);
			return;
		}
		if (event)
			watch_send_event(w, event);
		else
			watch_send_bookmark(w, w->queue->revision, false);
		drop_first(w);
	}
	if (!w->queue && !w->initial && w->has_ended && !w->is_closing)
		close_soon(w, w->end_error.code ? &w->end_error : NULL);
}

/* What cannot be converted cannot be left out either: the watch ends, and the client lists again. */
static void on_converted(void *arg, const struct error *err)
{
	struct watch *w = arg;
	w->conversion = NULL;
	if (err && !w->is_closing)
		close_soon(w, err);
	else
		send_queued(w);
}

static void enqueue(struct watch *w, struct cache_event *event, int64_t revision)
{
	struct watch_queued *q = calloc(1, sizeof *q);
	if (!q)
		abort();
	q->event = event ? cache_event_ref(event) : NULL;
	q->revision = revision;
	*w->queue_end = q;
	w->queue_end = &q->next;
	if (++w->queue_len > QUEUED_EVENTS_MAX)
		watch_check_lag(w, SIZE_MAX);
	else
		send_queued(w);
}

static void on_event(void *arg, struct cache_event *event)
{
	struct watch *w = arg;
	if (w->is_closing || !watch_selection_in_scope(w->selection, event->item))
		return;
	if (w->is_remote || w->initial || w->queue)
		enqueue(w, event, 0);
	else
		watch_send_event(w, event);
}

static void on_progress(void *arg, int64_t revision)
{
	struct watch *w = arg;
	if (w->is_closing)
		return;
	if (w->queue || w->initial)
		enqueue(w, NULL, revision);
	else
		watch_send_bookmark(w, revision, false);
}

static void on_end(void *arg, const struct error *err)
{
	struct watch *w = arg;
	w->watcher = NULL;
	w->has_ended = true;
	if (err)
		w->end_error = *err;
	if (!w->is_closing && !w->queue && !w->initial)
		close_soon(w, err);
}

/* What was there at the beginning, as ADDED events; what happened since comes behind it. */
static void send_initial(struct watch *w)
{
	const struct api_request_options *o = &w->req->options;
	while (w->initial_at < w->initial_len && may_send(w)) {
		struct cache_item *item = w->initial[w->initial_at++];
		watch_send_added(w, item);
		cache_item_unref(item);
	}
	if (w->initial_at < w->initial_len || w->is_closing)
		return;
	initial_free(w);
	if (o->send_initial_events && o->allow_bookmarks)
		watch_send_bookmark(w, w->initial_revision, true);
	send_queued(w);
}

static void on_drain(void *arg)
{
	struct watch *w = arg;
	w->lag = 0;
	if (w->initial)
		send_initial(w);
	else
		send_queued(w);
}

static void keep_initial(struct watch *w)
{
	struct watchcache_cursor cursor;
	struct cache_item *item;
	size_t capacity = 16;
	w->initial = malloc(capacity * sizeof *w->initial);
	watchcache_cursor_init(&cursor, w->req->server, w->req->type, registry_ns(w->req));
	while ((item = watchcache_next_item(&cursor))) {
		if (!registry_matches(w->req, item->object))
			continue;
		if (w->initial_len == capacity)
			w->initial = realloc(w->initial, (capacity *= 2) * sizeof *w->initial);
		if (!w->initial)
			abort();
		w->initial[w->initial_len++] = cache_item_ref(item);
	}
	w->initial_revision = watchcache_revision(w->req->server);
}

/* So that who watches again need not begin further back than here. */
static void on_nearly_over(void *arg)
{
	struct watch *w = arg;
	if (w->is_closing)
		return;
	loop_timer_free(w->timer);
	w->timer = loop_timer_new(w->req->server->loop, finish_soon, w);
	loop_timer_start(w->timer, LAST_BOOKMARK_MS, 0);
	if (watchcache_is_settled(w->req->server))
		on_progress(w, watchcache_revision(w->req->server));
}

static void set_timeout(struct watch *w)
{
	const struct api_options *options = w->req->server->options;
	int64_t min_s = options->min_request_timeout_s > 0 ? options->min_request_timeout_s : 1800;
	int64_t s =
	    w->req->options.timeout_s > 0 ? w->req->options.timeout_s : min_s + (int64_t)(random() % min_s);
	bool has_bookmark = w->req->options.allow_bookmarks && s * 1000 > LAST_BOOKMARK_MS;
	w->timer = loop_timer_new(w->req->server->loop, has_bookmark ? on_nearly_over : finish_soon, w);
	loop_timer_start(w->timer, s * 1000 - (has_bookmark ? LAST_BOOKMARK_MS : 0), 0);
}

static int start(struct api_request *req, int64_t revision, bool with_initial, struct error *err)
{
	static const struct cache_watcher_callbacks with_bookmarks = {on_event, on_progress, on_end};
	static const struct cache_watcher_callbacks without = {on_event, NULL, on_end};
	struct watch *w = calloc(1, sizeof *w);
	if (!w)
		abort();
	w->req = req;
	w->arena = arena_new();
	w->http = req->http;
	w->selection = watch_selection_ref(req);
	const struct resource_type *stored = req->type->stored_as ? req->type->stored_as : req->type;
	w->queue_end = &w->queue;
	w->is_remote = conversion_is_remote(req->type);
	w->is_shareable = req->output.media == MEDIA_JSON && req->output.as == AS_OBJECT &&
			  stored == req->type && !req->output.is_pretty && !w->is_remote;
	req->server->streams_running++;
	metrics_count_stream(req, 1);
	w->events = metrics_watch_events(req);
	set_timeout(w);
	http_start(req->http, 200, api_content_type(req), api_headers(req, NULL), on_drain, on_close, w);
	audit_response_started(req, 200);
	if (with_initial) {
		keep_initial(w);
		revision = w->initial_revision;
	}
	w->watcher = watchcache_watch(req->server, req->type, revision,
	    req->options.allow_bookmarks ? &with_bookmarks : &without, w, err);
	if (!w->watcher) {
		watch_send_error(w, err);
		finish(w);
		return API_DONE;
	}
	if (w->initial)
		send_initial(w);
	flowcontrol_release(req); /* what follows is cheap and takes long */
	return API_DONE;
}

/* What the watch begins with is known in its version before it begins. */
static int convert_and_start(struct api_request *req, int64_t revision, bool with_initial, struct error *err)
{
	const struct object *const *unconverted;
	size_t len = with_initial ? registry_list_unconverted(req, &unconverted) : 0;
	return len ? registry_convert(req, req->type, unconverted, len)
		   : start(req, revision, with_initial, err);
}

int registry_watch(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	const struct api_request_options *o = &req->options;
	int64_t revision = 0;
	if (registry_parse_revision(o->resource_version, &revision, err))
		return API_FAIL;
	bool with_initial = o->has_send_initial_events ? o->send_initial_events : revision == 0;
	if (registry_take_result(req)) {
		if (state->error.code == ERR_TIMEOUT && revision > watchcache_revision(req->server))
			return registry_too_new(req, revision, err);
		if (state->error.code) {
			*err = state->error;
			return API_FAIL;
		}
		return convert_and_start(req, revision, with_initial, err);
	}
	/* A revision ahead of the cache: the store tells whether it is there, or of a history that is no
	 * more. */
	if (!o->has_resource_version || !watchcache_is_settled(req->server) ||
	    (revision > watchcache_revision(req->server) && !o->send_initial_events))
		return registry_fence(req);
	if (o->send_initial_events && revision > watchcache_revision(req->server))
		return registry_wait(req, revision, REGISTRY_CACHE_WAIT_MS);
	if (!with_initial && registry_await_history(req, revision) == API_PENDING)
		return API_PENDING;
	return convert_and_start(req, revision, with_initial, err);
}
