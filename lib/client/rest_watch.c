/*
 * A watch: one streamed answer of newline-separated events. The server is asked to end it after 5 to 10
 * minutes (spread, so that not all come back at once) and to send bookmarks; should it go silent beyond that,
 * the stream is given up here.
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
#include "lib/client/rest_private.h"
#include "lib/loop/loop.h"
#include "lib/resources/resource.h"

#define WATCH_MIN_S 300
#define WATCH_SILENCE_S 30
#define LINE_MAX_BYTES ((size_t)16 << 20)

struct rest_watch {
	struct rest_watch *next, *previous; /* in the client's list */
	struct rest_client *client;
	const struct resource_type *type;
	struct http_call *http;
	struct loop_timer *timer; /* the deadline; or, at once, the end */
	struct buf line;          /* an event of which the end has not come yet */
	struct error error;
	void (*on_event)(void *arg, enum watch_event_type type, struct object *obj);
	void (*on_end)(void *arg, const struct error *err);
	void *arg;
	bool drop_managed_fields;
	bool is_in_callback, is_cancelled, is_ending;
};

static void watch_free(struct rest_watch *watch)
{
	if (watch->previous)
		watch->previous->next = watch->next;
	else
		watch->client->watches = watch->next;
	if (watch->next)
		watch->next->previous = watch->previous;
	http_call_cancel(watch->http);
	loop_timer_free(watch->timer);
	buf_done(&watch->line);
	free(watch);
}

void rest_watch_cancel(struct rest_watch *watch)
{
	if (!watch)
		return;
	watch->is_cancelled = true;
	if (!watch->is_in_callback)
		watch_free(watch);
}

void rest_watch_forget_all(struct rest_client *client)
{
	while (client->watches)
		watch_free(client->watches);
}

static void finish(struct rest_watch *watch)
{
	watch->is_in_callback = true;
	if (!watch->is_cancelled)
		watch->on_end(watch->arg, watch->error.code == ERR_NONE ? NULL : &watch->error);
	watch_free(watch);
}

static void on_timer(void *arg)
{
	struct rest_watch *watch = arg;
	if (!watch->is_ending)
		error_set(&watch->error, ERR_TIMEOUT, "the watch of %s went silent", watch->type->plural);
	finish(watch);
}

/* The stream is over; the end is told on the next turn, outside of the transfer's own callbacks. */
static void end_soon(struct rest_watch *watch)
{
	watch->is_ending = true;
	loop_timer_start(watch->timer, 0, 0);
}

/* ---- events ---- */

static bool event_type(const char *text, enum watch_event_type *ret)
{
	static const char *const names[] = {[WATCH_ADDED] = "ADDED",
	    [WATCH_MODIFIED] = "MODIFIED",
	    [WATCH_DELETED] = "DELETED",
	    [WATCH_BOOKMARK] = "BOOKMARK"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (str_eq(text, names[i])) {
			*ret = (enum watch_event_type)i;
			return true;
		}
	}
	return false;
}

/*
 * Servers write {"type":"X","object":{...}}: those are cut apart without parsing. Anything else goes through
 * the parser. *ret_object is a part of the line, or lives in the arena.
 */
static int split_event(struct arena *arena, const char *line, size_t size, const char **ret_type,
    const char **ret_object, size_t *ret_size, struct error *err)
{
	static const char head[] = "{\"type\":\"", middle[] = "\",\"object\":";
	size_t head_size = sizeof(head) - 1, middle_size = sizeof(middle) - 1;
	const char *quote = NULL;
	if (size > head_size && memcmp(line, head, head_size) == 0)
		quote = memchr(line + head_size, '"', size - head_size);
	if (quote && (size_t)(line + size - quote) > middle_size && memcmp(quote, middle, middle_size) == 0 &&
	    line[size - 1] == '}') {
		*ret_type = arena_strndup(arena, line + head_size, (size_t)(quote - line) - head_size);
		*ret_object = quote + middle_size;
		*ret_size = (size_t)(line + size - 1 - *ret_object);
		return 0;
	}
	struct json *tree = NULL;
	if (json_parse(arena, line, size, NULL, &tree, err) < 0)
		return error_prefix(err, "watch event");
	struct buf text = BUF_INIT;
	json_write(&text, json_get(tree, "object") ? json_get(tree, "object") : json_new_object(arena), 0);
	*ret_type = json_get_string(tree, "type", "");
	*ret_object = arena_strndup(arena, buf_str(&text), text.size);
	*ret_size = text.size;
	buf_done(&text);
	return 0;
}

static void on_line(struct rest_watch *watch, const char *line, size_t size)
{
	while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == ' '))
		size--;
	if (size == 0 || watch->is_ending)
		return;
	struct arena *arena = arena_new();
	const char *type_text = NULL, *text = NULL;
	size_t text_size = 0;
	enum watch_event_type type;
	struct object *obj = NULL;
	if (split_event(arena, line, size, &type_text, &text, &text_size, &watch->error) < 0) {
		end_soon(watch);
	} else if (str_eq(type_text, "ERROR")) {
		rest_status_error(text, text_size, 0, &watch->error);
		end_soon(watch);
	} else if (!event_type(type_text, &type)) {
		error_set(&watch->error, ERR_PARSE, "watch event of unknown type \"%s\"", type_text);
		end_soon(watch);
	} else if (rest_decode(
		       watch->type, text, text_size, watch->drop_managed_fields, &obj, &watch->error) < 0) {
		error_prefix(&watch->error, "watch event of %s", watch->type->plural);
		end_soon(watch);
	} else {
		watch->on_event(watch->arg, type, obj);
	}
	object_unref(obj);
	arena_free(arena);
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct rest_watch *watch = arg;
	watch->is_in_callback = true;
	while (size > 0 && !watch->is_cancelled && !watch->is_ending) {
		const char *newline = memchr(data, '\n', size);
		size_t part = newline ? (size_t)(newline - data) : size;
		if (!newline || watch->line.size > 0)
			buf_append(&watch->line, data, part);
		if (newline && watch->line.size > 0) {
			on_line(watch, watch->line.data, watch->line.size);
			buf_reset(&watch->line);
		} else if (newline) {
			on_line(watch, data, part);
		} else if (watch->line.size > LINE_MAX_BYTES) {
			error_set(&watch->error, ERR_TOO_LARGE, "watch event of more than %zu bytes",
			    LINE_MAX_BYTES);
			end_soon(watch);
		}
		part += newline ? 1 : 0;
		data += part;
		size -= part;
	}
	watch->is_in_callback = false;
	if (watch->is_cancelled && !watch->is_ending)
		end_soon(watch);
}

static void on_response(void *arg, const struct http_response *response)
{
	struct rest_watch *watch = arg;
	watch->http = NULL;
	if (watch->is_ending)
		return; /* the timer tells */
	if (response->error || response->status < 200 || response->status > 299)
		rest_error(response, &watch->error);
	finish(watch); /* a half line is dropped: its revision was not seen, it comes again */
}

struct rest_watch *rest_watch(struct rest_client *client, const struct rest_request *list,
    void (*on_event)(void *arg, enum watch_event_type type, struct object *obj),
    void (*on_end)(void *arg, const struct error *err), void *arg)
{
	struct rest_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		abort();
	watch->client = client;
	watch->type = list->type;
	watch->drop_managed_fields = list->drop_managed_fields;
	watch->on_event = on_event;
	watch->on_end = on_end;
	watch->arg = arg;
	watch->next = client->watches;
	if (watch->next)
		watch->next->previous = watch;
	client->watches = watch;
	watch->timer = loop_timer_new(client->loop, on_timer, watch);

	int seconds = WATCH_MIN_S + (int)rest_random(WATCH_MIN_S);
	struct arena *arena = arena_new();
	struct rest_request request = *list;
	request.query = arena_printf(arena, "%s%swatch=true&allowWatchBookmarks=true&timeoutSeconds=%d",
	    str_or(list->query, ""), str_empty(list->query) ? "" : "&", seconds);
	const char *url = rest_url(arena, client, &request, &watch->error);
	if (url) {
		struct http_request http = {.method = "GET",
		    .url = url,
		    .headers = rest_headers(client, arena, "application/json", NULL),
		    .timeout_ms = -1,
		    .response_max = SIZE_MAX};
		watch->http = http_client_stream(client->http, &http, NULL, on_data, on_response, watch);
		loop_timer_start(watch->timer, (int64_t)(seconds + WATCH_SILENCE_S) * 1000, 0);
	} else {
		end_soon(watch);
	}
	arena_free(arena);
	return watch;
}
