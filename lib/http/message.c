/* From bytes to a request: the parser's callbacks collect head and body, and the head is checked. */
#include "lib/http/internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/arena.h"
#include "lib/loop/loop.h"

/* The head is collected as NUL-terminated strings. */

static void start_string(struct http_conn *conn)
{
	if (conn->offsets_len == conn->offsets_capacity) {
		conn->offsets_capacity = conn->offsets_capacity ? conn->offsets_capacity * 2 : 64;
		conn->offsets = realloc(conn->offsets, conn->offsets_capacity * sizeof *conn->offsets);
		if (!conn->offsets)
			abort();
	}
	if (conn->offsets_len > 0)
		buf_putc(&conn->head, '\0');
	conn->offsets[conn->offsets_len++] = conn->head.size;
}

/* Control characters, NUL among them, which would end our strings early; a tab may stand in a value. */
static bool has_control(const char *text, size_t size, bool allows_tab)
{
	for (size_t i = 0; i < size; i++)
		if (((unsigned char)text[i] < ' ' && !(text[i] == '\t' && allows_tab)) || text[i] == 0x7f)
			return true;
	return false;
}

static int collect(struct http_conn *conn, int part, const char *at, size_t size)
{
	if (has_control(at, size, part == 2)) {
		conn->reject_status = 400;
		return -1;
	}
	if (conn->head_part != part) {
		start_string(conn);
		conn->head_part = part;
	}
	conn->head_size += size;
	if (conn->head_size + conn->offsets_len * 4 > conn->server->options.head_max) {
		conn->reject_status = 431;
		return -1;
	}
	buf_append(&conn->head, at, size);
	return 0;
}

static int on_message_begin(http_parser *p)
{
	struct http_conn *conn = p->data;
	buf_reset(&conn->head);
	buf_reset(&conn->body);
	conn->offsets_len = 0;
	conn->head_part = -1;
	conn->head_size = 0;
	conn->message_done = false;
	conn->state = HTTP_CONN_HEAD;
	http_lws_timeout(conn->wsi, conn->server->options.head_timeout_ms);
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t size)
{
	return collect(p->data, 0, at, size);
}

static int on_header_field(http_parser *p, const char *at, size_t size)
{
	return collect(p->data, 1, at, size);
}

static int on_header_value(http_parser *p, const char *at, size_t size)
{
	return collect(p->data, 2, at, size);
}

/* Makes the request object once the head is complete. */
static struct http_exchange *make_exchange(struct http_conn *conn)
{
	struct arena *arena = arena_new();
	struct http_exchange *x = ARENA_NEW(arena, struct http_exchange);
	struct http_server_request *r = &x->request;
	buf_putc(&conn->head, '\0');
	char *text = arena_memdup(arena, conn->head.data, conn->head.size);
	r->arena = arena;
	r->method = http_method_str((enum http_method)conn->parser.method);
	if (conn->is_method_unknown)
		r->method = arena_strndup(arena, conn->method, conn->method_size);
	r->target = text + conn->offsets[0];
	size_t path_size = strcspn(r->target, "?");
	r->path = arena_strndup(arena, r->target, path_size);
	r->query = r->target[path_size] ? r->target + path_size + 1 : "";
	r->headers_len = (conn->offsets_len - 1) / 2;
	struct http_header *headers = ARENA_ARRAY(arena, struct http_header, r->headers_len + 1);
	for (size_t i = 0; i < r->headers_len; i++) {
		headers[i].name = text + conn->offsets[1 + 2 * i];
		headers[i].value = text + conn->offsets[2 + 2 * i];
	}
	r->headers = headers;
	r->body = "";
	r->peer = &conn->peer;
	r->start_ms = loop_now_ms(conn->server->loop);
	r->is_upgrade = conn->parser.upgrade;
	x->conn = conn;
	x->is_http10 = conn->parser.http_major == 1 && conn->parser.http_minor == 0;
	x->is_head = conn->parser.method == HTTP_HEAD;
	return x;
}

static bool is_host_character(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!$%&'()*+,-.:;=[]_~", c));
}

/*
 * What the parser lets pass and whoever stands behind us could read in another way: 0, or the status to
 * refuse the head with. RFC 9112: one Host (3.2), no blanks in names (5.1), one transfer coding and that
 * chunked (6.1).
 */
static int check_head(const struct http_conn *conn, const struct http_server_request *r)
{
	size_t hosts = 0, codings = 0;
	if (conn->parser.http_major != 1)
		return conn->parser.http_major == 0 ? 400 : 505;
	for (size_t i = 0; i < r->headers_len; i++) {
		const struct http_header *h = &r->headers[i];
		if (strpbrk(h->name, " \t"))
			return 400;
		if (!strcasecmp(h->name, "Host")) {
			hosts++;
			for (const char *p = h->value; *p; p++)
				if (!is_host_character(*p))
					return 400;
		} else if (!strcasecmp(h->name, "Transfer-Encoding")) {
			codings++;
			if (strcasecmp(h->value, "chunked") != 0)
				return 501;
		} else if (!strcasecmp(h->name, "Expect") && strcasecmp(h->value, "100-continue") != 0) {
			return 417;
		}
	}
	bool needs_host = conn->parser.http_minor > 0;
	return hosts > 1 || codings > 1 || (needs_host && hosts == 0) ? 400 : 0;
}

static int on_headers_complete(http_parser *p)
{
	struct http_conn *conn = p->data;
	if (conn->offsets_len == 0 || conn->offsets_len % 2 == 0)
		start_string(conn); /* a header without a value, or no target */
	conn->exchange = make_exchange(conn);
	conn->state = HTTP_CONN_BODY;
	conn->reject_status = check_head(conn, &conn->exchange->request);
	if (conn->reject_status)
		return -1;
	if (p->content_length != ULLONG_MAX && p->content_length > conn->server->options.body_max) {
		conn->reject_status = 413;
		return -1;
	}
	const char *expect = http_request_header(&conn->exchange->request, "Expect");
	conn->expects_continue = expect && !conn->exchange->is_http10;
	http_lws_timeout(conn->wsi, 0); /* the body has a timer of its own: connection.c */
	return 0;
}

static int on_body(http_parser *p, const char *at, size_t size)
{
	struct http_conn *conn = p->data;
	if (conn->body.size + size > conn->server->options.body_max) {
		conn->reject_status = 413;
		return -1;
	}
	buf_append(&conn->body, at, size);
	return 0;
}

/* The size that a chunk announces is enough to refuse it. */
static int on_chunk_header(http_parser *p)
{
	struct http_conn *conn = p->data;
	if (p->content_length > conn->server->options.body_max - conn->body.size) {
		conn->reject_status = 413;
		return -1;
	}
	return 0;
}

static int on_message_complete(http_parser *p)
{
	struct http_conn *conn = p->data;
	struct http_exchange *x = conn->exchange;
	x->keep_alive = http_should_keep_alive(p) && !conn->server->is_stopping;
	x->request.body_size = conn->body.size;
	if (conn->body.size) {
		char *body = arena_alloc(x->request.arena, conn->body.size + 1);
		memcpy(body, conn->body.data, conn->body.size);
		x->request.body = body;
	}
	if (conn->body.capacity > HTTP_PIPELINE_MAX)
		buf_done(&conn->body);
	x->held = conn->head.size + x->request.body_size;
	conn->server->held += x->held;
	if (conn->head.capacity > HTTP_HEAD_KEPT) {
		buf_done(&conn->head);
		free(conn->offsets);
		conn->offsets = NULL;
		conn->offsets_capacity = 0;
	}
	conn->message_done = true;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

static bool is_token_character(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_known_method(const char *method, size_t size)
{
#define XX(num, name, string)                                                                                \
	if (strlen(#string) == size && !memcmp(method, #string, size))                                       \
		return true;
	HTTP_METHOD_MAP(XX)
#undef XX
	return false;
}

/* Any token is a method to HTTP, but not to the parser, which gets GET instead of one that it does not know.
 * So the method is collected before the parser sees it. Returns the bytes used; all of them while it is not
 * complete. */
static size_t take_method(struct http_conn *conn, const char *data, size_t size)
{
	size_t used = 0;
	while (used < size && conn->method_size < sizeof conn->method && is_token_character(data[used]))
		conn->method[conn->method_size++] = data[used++];
	if (used == size)
		return used;
	conn->is_in_method = false;
	conn->is_method_unknown =
	    data[used] == ' ' && conn->method_size > 0 && !is_known_method(conn->method, conn->method_size);
	if (conn->is_method_unknown)
		http_parser_execute(&conn->parser, &settings, "GET", 3);
	else
		http_parser_execute(&conn->parser, &settings, conn->method, conn->method_size);
	return used;
}

size_t http_message_parse(struct http_conn *conn, const char *data, size_t size)
{
	size_t used = 0;
	if (conn->state == HTTP_CONN_IDLE) {
		while (used < size && (data[used] == '\r' || data[used] == '\n'))
			used++; /* clients of old end a body with a line break */
		if (used == size)
			return used;
		conn->state = HTTP_CONN_HEAD;
		conn->is_in_method = true;
		conn->method_size = 0;
		http_lws_timeout(conn->wsi, conn->server->options.head_timeout_ms);
	}
	if (conn->is_in_method)
		used += take_method(conn, data + used, size - used);
	if (used < size && HTTP_PARSER_ERRNO(&conn->parser) == HPE_OK)
		used += http_parser_execute(&conn->parser, &settings, data + used, size - used);
	enum http_errno error = HTTP_PARSER_ERRNO(&conn->parser);
	if (!conn->message_done && error != HPE_OK && !conn->reject_status)
		conn->reject_status = error == HPE_HEADER_OVERFLOW ? 431 : 400;
	return used;
}
