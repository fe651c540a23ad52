/*
 * The watch over everything in etcd: one stream of JSON lines, resumed at the last revision seen whenever it
 * breaks. etcd is not taken at its word: each revision must show up, and the history must be the same one.
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
	uint64_t seen_mark;  /* of the change that made it, to know it again; 0: not known */
	bool is_resuming;    /* nothing has come on this stream yet: it begins with what was seen last */
	struct arena *arena; /* of the events collected from fragments */
	struct storage_event *events;
	size_t events_len, events_capacity;
	int64_t delay_ms; /* before the next connection */
	struct loop_timer *timer;
	bool has_old;  /* events tell what they replaced */
	bool is_stale; /* the stream is to be opened anew */
	bool is_ended; /* ... or never again */
	struct error end_reason;
	bool is_reading; /* bytes are being taken: who ends the watch frees it, so that has to wait */
};

static void connect_stream(struct etcd_watch *watch);

static void forget_fragments(struct etcd_watch *watch)
{
	watch->events_len = 0;
	arena_reset(watch->arena);
	watch->events = NULL;
	watch->events_capacity = 0;
}

static void report_end(struct etcd_watch *watch)
{
	struct error err = watch->end_reason;
	watch->callbacks.on_end(watch->arg, &err);
}

static void end(struct etcd_watch *watch, const struct error *err)
{
	if (watch->is_ended)
		return;
	watch->is_ended = true;
	watch->end_reason = *err;
	if (!watch->is_reading)
		report_end(watch);
}

static int add_event(struct etcd_watch *watch, const struct json *event)
{
	if (watch->events_len == watch->events_capacity) {
		size_t old = watch->events_capacity;
		watch->events_capacity = old ? old * 2 : 8;
		watch->events = arena_grow(watch->arena, watch->events, old * sizeof *watch->events,
		    watch->events_capacity * sizeof *watch->events);
	}
	struct storage_event *e = &watch->events[watch->events_len];
	e->type = str_eq(json_get_string(event, "type", ""), "DELETE") ? STORAGE_DELETE : STORAGE_PUT;
	etcd_read_item(watch->arena, json_get(event, "kv"), &e->item);
	e->old = (struct storage_item){.key = ""};
	if (watch->has_old && json_get(event, "prev_kv"))
		etcd_read_item(watch->arena, json_get(event, "prev_kv"), &e->old);
	if (e->type == STORAGE_PUT && !e->item.value)
		e->item.value = "";
	if (!*e->item.key || e->item.revision <= 0)
		return -1;
	watch->events_len++;
	return 0;
}

static void on_canceled(struct etcd_watch *watch, const struct json *result)
{
	struct error err = ERROR_INIT;
	if (!etcd_int(result, "compact_revision")) {
		watch->is_stale = true;
		return;
	}
	error_set(&err, ERR_EXPIRED, "revision %" PRId64 " has been compacted", watch->seen);
	end(watch, &err);
}

/* Which change it is, among all that a revision of this number could be in another history. */
static uint64_t mark_of(const struct storage_event *e)
{
	return str_hash64(e->item.key) ^
	       ((uint64_t)e->item.create_revision << 1 | (e->type == STORAGE_DELETE));
}

/*
 * Drops what was delivered before the stream broke. The stream begins with the change seen last, so that
 * another one in its place gives a replaced history away. Every revision has a change: a gap means that one
 * was lost (etcd before 3.4.36 forgets a deletion at the very revision of a compaction).
 */
static int skip_seen(struct etcd_watch *watch, size_t *ret_skipped)
{
	size_t len = watch->events_len, seen = 0;
	struct error err = ERROR_INIT;
	while (seen < len && watch->events[seen].item.revision <= watch->seen)
		seen++;
	*ret_skipped = seen;
	if (watch->is_resuming && seen > 0 && watch->seen_mark &&
	    watch->seen_mark != mark_of(&watch->events[seen - 1])) {
		etcd_lose_history(watch->op->etcd, 0);
		return -1;
	}
	int64_t before = watch->seen;
	for (size_t i = seen; i < len; before = watch->events[i++].item.revision) {
		int64_t revision = watch->events[i].item.revision;
		if (revision == before || revision == before + 1)
			continue;
		error_set(
		    &err, ERR_EXPIRED, "revision %" PRId64 " is followed by %" PRId64, before, revision);
		end(watch, &err);
		return -1;
	}
	return 0;
}

static void deliver(struct etcd_watch *watch)
{
	size_t skipped, len = watch->events_len;
	if (skip_seen(watch, &skipped))
		return;
	watch->is_resuming = false;
	if (skipped < len) {
		watch->seen = watch->events[len - 1].item.revision;
		watch->seen_mark = mark_of(&watch->events[len - 1]);
		if (watch->seen > watch->op->etcd->known)
			watch->op->etcd->known = watch->seen;
		watch->callbacks.on_events(watch->arg, watch->events + skipped, len - skipped, watch->seen);
	}
	forget_fragments(watch);
}

static void on_result(struct etcd_watch *watch, const struct json *result)
{
	const struct json *events = json_get(result, "events");
	struct error err = ERROR_INIT;
	int64_t revision = etcd_int(json_get(result, "header"), "revision");
	if (json_get_bool(result, "canceled", false)) {
		on_canceled(watch, result);
		return;
	}
	if (json_get_bool(result, "created", false)) {
		/* Another member may only lag behind: what all of them agree on tells. */
		struct etcd *etcd = watch->op->etcd;
		if (etcd->known < watch->seen)
			etcd->known = watch->seen;
		if (revision < watch->seen)
			etcd_check_history(etcd);
		return;
	}
	size_t len = events && events->type == JSON_ARRAY ? events->len : 0;
	for (size_t i = 0; i < len; i++) {
		if (!add_event(watch, events->items[i]))
			continue;
		log_warning("etcd's watch sent an event without key or revision");
		watch->is_stale = true;
		return;
	}
	if (json_get_bool(result, "fragment", false))
		return; /* the rest of this revision follows */
	if (len || watch->events_len) {
		deliver(watch);
	} else if (revision > watch->seen) {
		/* A notice that there is nothing more, though changes are missing. */
		error_set(&err, ERR_EXPIRED, "nothing came between revision %" PRId64 " and %" PRId64,
		    watch->seen, revision);
		end(watch, &err);
	}
}

void etcd_watch_lose_history(struct etcd_watch *watch)
{
	struct error err = ERROR_INIT;
	error_set(&err, ERR_GONE, "etcd's data was replaced");
	end(watch, &err);
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
	watch->is_resuming = true;
	if (watch->is_ended)
		return;
	loop_timer_start(watch->timer, watch->delay_ms, 0);
	watch->delay_ms = watch->delay_ms * 2 > RECONNECT_MAX_MS ? RECONNECT_MAX_MS : watch->delay_ms * 2;
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct etcd_watch *watch = arg;
	if (watch->is_ended) /* who was told has not cancelled yet */
		return;
	watch->is_reading = true;
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
	watch->is_reading = false;
	if (watch->is_ended) {
		report_end(watch);
		return;
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
	/* Key and end "\0" mean every key: so that each revision of the store shows up here. From what was
	 * seen last if that can be known again; what begins in the past waits for etcd's next turn, 0.1 s. */
	char *body = arena_printf(arena,
	    "{\"create_request\":{\"key\":\"AA==\",\"range_end\":\"AA==\",\"start_revision\":\"%" PRId64
	    "\",\"progress_notify\":true,\"fragment\":true%s}}",
	    watch->seen_mark ? watch->seen : watch->seen + 1, watch->has_old ? ",\"prev_kv\":true" : "");
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

static struct storage_op *start_watch(struct storage *s, int64_t start, bool has_old,
    const struct storage_watch_callbacks *callbacks, void *arg)
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
	watch->has_old = has_old;
	watch->is_resuming = true;
	watch->delay_ms = 50;
	watch->arena = arena_new();
	watch->timer = loop_timer_new(etcd->loop, on_timer, watch);
	op->watch = watch;
	connect_stream(watch);
	return op;
}

struct storage_op *etcd_watch_start(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg)
{
	return start_watch(s, start, false, callbacks, arg);
}

struct storage_op *etcd_history_start(
    struct storage *s, int64_t start, const struct storage_watch_callbacks *callbacks, void *arg)
{
	return start_watch(s, start, true, callbacks, arg);
}

void etcd_watch_free(struct etcd_watch *watch)
{
	loop_timer_free(watch->timer);
	arena_free(watch->arena);
	buf_done(&watch->line);
	free(watch);
}
