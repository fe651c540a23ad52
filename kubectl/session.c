#include "kubectl/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/mapper.h"
#include "lib/client/rest.h"
#include "lib/loop/loop.h"

enum { HEADERS_MAX = 70, CONNECT_TIMEOUT_MS = 30000 };

void session_encode(struct buf *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)str_or(text, ""); *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-._~", *p);
		if (plain)
			buf_putc(out, (char)*p);
		else
			buf_printf(out, "%%%02X", *p);
	}
}

const char *session_param(struct kubectl *k, const char *path, const char *name, const char *value)
{
	if (str_empty(value))
		return path;
	struct buf text = BUF_INIT;
	session_encode(&text, value);
	path = arena_printf(k->arena, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?', name, buf_str(&text));
	buf_done(&text);
	return path;
}

const char *session_path(
    struct kubectl *k, const struct mapping *mapping, const char *ns, const char *name, const char *sub)
{
	struct buf path = BUF_INIT;
	if (*mapping->group)
		buf_printf(&path, "/apis/%s/%s", mapping->group, mapping->version);
	else
		buf_printf(&path, "/api/%s", mapping->version);
	if (mapping->is_namespaced && !str_empty(ns)) {
		buf_puts(&path, "/namespaces/");
		session_encode(&path, ns);
	}
	buf_printf(&path, "/%s", mapping->plural);
	if (!str_empty(name)) {
		buf_putc(&path, '/');
		session_encode(&path, name);
	}
	if (!str_empty(sub))
		buf_printf(&path, "/%s", sub);
	const char *text = arena_strdup(k->arena, buf_str(&path));
	buf_done(&path);
	return text;
}

static int64_t request_timeout_ms(const struct kubectl *k)
{
	int64_t ms = 0;
	struct error ignored = ERROR_INIT;
	const char *text = k->globals.request_timeout;
	if (str_empty(text) || strcmp(text, "0") == 0)
		return -1;
	int64_t seconds;
	if (str_to_int64(text, &seconds))
		return seconds > 0 ? seconds * 1000 : -1;
	if (flags_parse_duration(text, &ms, &ignored) || ms <= 0)
		return -1;
	return ms;
}

static const char *const *make_headers(struct kubectl *k, const char *accept, const char *content_type)
{
	const char **out = ARENA_ARRAY(k->arena, const char *, HEADERS_MAX + 3);
	size_t len = 0;
	for (const char *const *h = rest_client_headers(k->rest); *h && len < HEADERS_MAX; h++)
		out[len++] = arena_strdup(k->arena, *h);
	out[len++] = arena_printf(k->arena, "Accept: %s", accept ? accept : ACCEPT_JSON);
	if (content_type)
		out[len++] = arena_printf(k->arena, "Content-Type: %s", content_type);
	return out;
}

/* What a refused or failed connection reads like in stock kubectl. */
static int connection_error(struct kubectl *k, const struct error *cause, struct error *err)
{
	const char *server = rest_client_server(k->rest), *host = strstr(server, "://");
	host = host ? host + 3 : server;
	const char *text = cause->message;
	if (cause->code == ERR_TIMEOUT)
		return error_set(err, ERR_IO, "Unable to connect to the server: %s", text);
	if (strcasestr(text, "refused") || strcasestr(text, "could not connect") ||
	    strcasestr(text, "couldn't connect"))
		return error_set(err, ERR_IO,
		    "The connection to the server %.*s was refused - did you specify the right host or port?",
		    (int)strcspn(host, "/"), host);
	return error_set(err, ERR_IO, "Unable to connect to the server: %s", text);
}

static int status_error(struct kubectl *k, const struct http_response *response, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct json *tree = NULL;
	if (response->error)
		return connection_error(k, response->error, err);
	k->status = NULL;
	if (response->body && response->body_size &&
	    json_parse(k->arena, response->body, response->body_size, NULL, &tree, &ignored) == 0 &&
	    str_eq(json_get_string(tree, "kind", ""), "Status")) {
		k->status = tree;
		return rest_error(response, err);
	}
	if (response->status == 404) /* a plain-text answer: the path is unknown */
		return error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
	return rest_error(response, err);
}

static void print_warnings(struct kubectl *k, const struct http_response *response)
{
	const char *warning = response->header ? response->header(response, "Warning") : NULL;
	const char *text = warning ? strchr(warning, '"') : NULL;
	if (!text)
		return;
	struct buf out = BUF_INIT;
	for (text++; *text && *text != '"'; text++) {
		if (*text == '\\' && text[1])
			text++;
		buf_putc(&out, *text);
	}
	fflush(stdout);
	report_warning("%s", buf_str(&out));
	buf_done(&out);
	if (k->globals.warnings_as_errors)
		k->exit_code = 1;
}

struct waiting {
	struct kubectl *k;
	struct answer *answer;
	struct error *err;
	struct http_call *call;
	bool is_done;
	int result;
};

static void on_done(void *arg, const struct http_response *response)
{
	struct waiting *w = arg;
	w->is_done = true;
	loop_stop(w->k->loop);
	print_warnings(w->k, response);
	if (response->error || response->status / 100 != 2) {
		w->result = status_error(w->k, response, w->err);
		return;
	}
	w->answer->status = response->status;
	w->answer->content_type = arena_strdup(w->k->arena, response->content_type);
	w->answer->body = arena_strndup(w->k->arena, str_or(response->body, ""), response->body_size);
	w->answer->size = response->body_size;
}

int session_exchange(
    struct kubectl *k, const struct exchange *exchange, struct answer *ret, struct error *err)
{
	struct error local = ERROR_INIT;
	if (!err)
		err = &local;
	if (kubectl_connect(k, err))
		return -1;
	struct waiting waiting = {.k = k, .answer = ret, .err = err};
	const struct http_request request = {
	    .method = exchange->method,
	    .url = arena_printf(k->arena, "%s%s", rest_client_server(k->rest), exchange->path),
	    .headers = make_headers(k, exchange->accept, exchange->content_type),
	    .body = exchange->body,
	    .body_size = exchange->body_size,
	    .timeout_ms = request_timeout_ms(k),
	    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
	    .response_max = (size_t)1 << 30,
	};
	if (k->globals.verbosity >= 6)
		fprintf(stderr, "%s %s\n", str_or(exchange->method, "GET"), request.url);
	if (k->globals.verbosity >= 8 && exchange->body)
		fprintf(stderr, "Request Body: %.*s\n", (int)exchange->body_size, exchange->body);
	http_client_send(rest_client_http(k->rest), &request, on_done, &waiting);
	while (!waiting.is_done)
		loop_run(k->loop);
	return waiting.result;
}

static int parse_answer(struct kubectl *k, const struct answer *answer, struct json **ret, struct error *err)
{
	static const struct json_limits limits = {.size_max = (size_t)1 << 30};
	if (!ret)
		return 0;
	*ret = NULL;
	if (!answer->size)
		return 0;
	if (json_parse(k->arena, answer->body, answer->size, &limits, ret, err)) {
		err->code = ERR_PARSE;
		return error_prefix(err, "the server's answer cannot be read");
	}
	return 0;
}

int session_call(struct kubectl *k, const char *method, const char *path, const struct json *body,
    struct json **ret, struct error *err)
{
	struct buf text = BUF_INIT;
	struct exchange exchange = {.method = method, .path = path};
	struct answer answer = {0};
	if (body) {
		json_write(&text, body, 0);
		exchange.content_type = "application/json";
		exchange.body = buf_str(&text);
		exchange.body_size = text.size;
	}
	int result = session_exchange(k, &exchange, &answer, err);
	buf_done(&text);
	return result ? result : parse_answer(k, &answer, ret, err);
}

int session_get(struct kubectl *k, const char *path, struct json **ret, struct error *err)
{
	return session_call(k, NULL, path, NULL, ret, err);
}

int session_patch(struct kubectl *k, const char *path, enum patch_type type, const struct json *patch,
    struct json **ret, struct error *err)
{
	static const char *const types[] = {"application/json-patch+json", "application/merge-patch+json",
	    "application/strategic-merge-patch+json", "application/apply-patch+yaml"};
	struct buf text = BUF_INIT;
	struct answer answer = {0};
	json_write(&text, patch, 0);
	struct exchange exchange = {.method = "PATCH",
	    .path = path,
	    .content_type = types[type],
	    .body = buf_str(&text),
	    .body_size = text.size};
	int result = session_exchange(k, &exchange, &answer, err);
	buf_done(&text);
	return result ? result : parse_answer(k, &answer, ret, err);
}

int session_list(struct kubectl *k, const char *path, struct json **ret, struct error *err)
{
	struct json *all = NULL;
	const char *next = session_param(k, path, "limit", "500");
	for (;;) {
		struct json *page;
		if (session_get(k, next, &page, err))
			return -1;
		struct json *items = json_get(page, "items");
		if (!all) {
			all = page;
			if (!items || items->type != JSON_ARRAY)
				json_set(k->arena, all, "items", json_new_array(k->arena));
		} else {
			for (size_t i = 0; items && items->type == JSON_ARRAY && i < items->len; i++)
				json_push(k->arena, json_get(all, "items"), items->items[i]);
		}
		const char *token = json_get_string(json_get(page, "metadata"), "continue", "");
		if (!*token)
			break;
		next = session_param(k, session_param(k, path, "limit", "500"), "continue", token);
	}
	*ret = all;
	return 0;
}

/* -- streams
 * ------------------------------------------------------------------------------------------------------ */

struct streaming {
	struct kubectl *k;
	bool (*on_data)(void *arg, const char *data, size_t size);
	void *arg;
	struct error *err;
	bool is_over, timed_out, stopped;
	int result;
};

static void on_stream_data(void *arg, const char *data, size_t size)
{
	struct streaming *s = arg;
	if (s->stopped || s->on_data(s->arg, data, size))
		return;
	s->stopped = s->is_over = true;
	loop_stop(s->k->loop);
}

static void on_stream_done(void *arg, const struct http_response *response)
{
	struct streaming *s = arg;
	s->is_over = true;
	loop_stop(s->k->loop);
	print_warnings(s->k, response);
	if (response->error && response->status / 100 == 2)
		s->result = 0; /* cut off in the middle: an end like any other */
	else if (response->error || response->status / 100 != 2)
		s->result = status_error(s->k, response, s->err);
}

static void on_stream_timeout(void *arg)
{
	struct streaming *s = arg;
	s->is_over = s->timed_out = true;
	loop_stop(s->k->loop);
}

int session_stream(struct kubectl *k, const char *path, const char *accept, int64_t timeout_ms,
    bool (*on_data)(void *arg, const char *data, size_t size), void *arg, struct error *err)
{
	if (kubectl_connect(k, err))
		return -1;
	struct streaming s = {.k = k, .on_data = on_data, .arg = arg, .err = err};
	const struct http_request request = {
	    .url = arena_printf(k->arena, "%s%s", rest_client_server(k->rest), path),
	    .headers = make_headers(k, accept, NULL),
	    .timeout_ms = -1,
	    .connect_timeout_ms = CONNECT_TIMEOUT_MS,
	};
	if (k->globals.verbosity >= 6)
		fprintf(stderr, "GET %s\n", request.url);
	struct loop_timer *timer = NULL;
	if (timeout_ms > 0) {
		timer = loop_timer_new(k->loop, on_stream_timeout, &s);
		loop_timer_start(timer, timeout_ms, 0);
	}
	struct http_call *call =
	    http_client_stream(rest_client_http(k->rest), &request, NULL, on_stream_data, on_stream_done, &s);
	while (!s.is_over)
		loop_run(k->loop);
	if (s.stopped || s.timed_out)
		http_call_cancel(call);
	loop_timer_free(timer);
	if (s.timed_out)
		return error_set(err, ERR_CANCELLED, "timed out waiting for the condition");
	return s.result;
}

struct watching {
	struct kubectl *k;
	struct arena *arena;
	struct buf line;
	bool (*on_event)(void *arg, struct arena *arena, const char *type, struct json *object);
	void *arg;
	struct error *err;
	bool stopped, expired, failed;
};

static bool watch_line(struct watching *w, const char *line, size_t size)
{
	struct json *event = NULL;
	arena_reset(w->arena);
	if (json_parse(w->arena, line, size, NULL, &event, w->err)) {
		w->failed = true;
		return false;
	}
	const char *type = json_get_string(event, "type", "");
	struct json *object = json_get(event, "object");
	if (str_eq(type, "ERROR")) {
		int64_t code = json_get_int(object, "code", 500);
		w->expired = code == 410;
		w->failed = !w->expired;
		if (w->failed)
			error_set(w->err, error_from_reason(json_get_string(object, "reason", ""), (int)code),
			    "%s", json_get_string(object, "message", ""));
		return false;
	}
	w->stopped = !w->on_event(w->arg, w->arena, type, object);
	return !w->stopped;
}

static bool on_watch_data(void *arg, const char *data, size_t size)
{
	struct watching *w = arg;
	buf_append(&w->line, data, size);
	char *end;
	while (w->line.size && (end = memchr(w->line.data, '\n', w->line.size))) {
		size_t len = (size_t)(end - w->line.data);
		bool go_on = len == 0 || watch_line(w, w->line.data, len);
		buf_consume(&w->line, len + 1);
		if (!go_on)
			return false;
	}
	return true;
}

int session_watch(struct kubectl *k, const char *path, const char *accept, int64_t timeout_ms,
    bool (*on_event)(void *arg, struct arena *arena, const char *type, struct json *object), void *arg,
    struct error *err)
{
	struct watching w = {.k = k, .arena = arena_new(), .on_event = on_event, .arg = arg, .err = err};
	int result = session_stream(k, path, accept, timeout_ms, on_watch_data, &w, err);
	buf_done(&w.line);
	arena_free(w.arena);
	if (w.failed)
		return -1;
	if (w.expired)
		return WATCH_END_EXPIRED;
	if (w.stopped)
		return WATCH_END_STOPPED;
	if (result && err->code == ERR_CANCELLED) {
		error_clear(err);
		return WATCH_END_TIMEOUT;
	}
	return result ? -1 : WATCH_END_CLOSED;
}
