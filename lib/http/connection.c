/* One connection: bytes in, requests out; then the next request, a tunnel, or the end. */
#include "lib/http/internal.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/arena.h"
#include "lib/loop/loop.h"

static void remember_address(struct http_conn *conn)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;
	char host[INET6_ADDRSTRLEN] = "";
	if (getpeername(http_lws_fd(conn->wsi), (struct sockaddr *)&sa, &len) < 0)
		return;
	if (sa.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&sa;
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		snprintf(conn->address, sizeof conn->address, "%s:%d", host, ntohs(in->sin_port));
	} else if (sa.ss_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&sa;
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
		snprintf(conn->address, sizeof conn->address, "[%s]:%d", host, ntohs(in6->sin6_port));
	}
}

struct http_conn *http_conn_new(struct http_server *server, struct lws *wsi)
{
	struct http_conn *conn = calloc(1, sizeof *conn);
	if (!conn)
		abort();
	conn->server = server;
	conn->wsi = wsi;
	conn->next = server->conns;
	conn->prev = &server->conns;
	if (conn->next)
		conn->next->prev = &conn->next;
	server->conns = conn;
	server->conns_len++;
	http_parser_init(&conn->parser, HTTP_REQUEST);
	conn->parser.data = conn;
	remember_address(conn);
	conn->peer.address = conn->address;
	http_lws_timeout(conn->wsi, server->options.head_timeout_ms);
	return conn;
}

void http_exchange_free(struct http_exchange *exchange)
{
	if (exchange)
		arena_free(exchange->request.arena);
}

void http_conn_free(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	*conn->prev = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	server->conns_len--;
	http_conn_forget(conn);
	conn->is_broken = true;
	if (conn->tunnel) {
		struct http_tunnel *tunnel = conn->tunnel;
		tunnel->conn = NULL;
		if (tunnel->callbacks.on_end)
			tunnel->callbacks.on_end(tunnel->arg);
	}
	if (conn->exchange) {
		struct http_exchange *exchange = conn->exchange;
		conn->exchange = NULL;
		if (conn->state == HTTP_CONN_HANDLING && exchange->on_close)
			exchange->on_close(exchange->arg);
		http_exchange_free(exchange);
	}
	http_conn_source_done(conn);
	http_conn_queue_done(conn);
	buf_done(&conn->head);
	buf_done(&conn->body);
	buf_done(&conn->in);
	free(conn->offsets);
	arena_free(conn->peer_arena);
	free(conn);
	http_server_conn_gone(server);
}

void http_conn_kill(struct http_conn *conn)
{
	if (conn->is_broken)
		return;
	conn->is_broken = true;
	if (!conn->in_callback)
		http_lws_kill(conn->wsi);
}

void http_conn_close_after_drain(struct http_conn *conn)
{
	conn->state = HTTP_CONN_CLOSING;
	http_conn_flush(conn);
}

/* Parser callbacks: collect the head as NUL-terminated strings. */

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

static int collect(struct http_conn *conn, int part, const char *at, size_t size)
{
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
	if (conn->method[0])
		r->method = arena_strdup(arena, conn->method);
	conn->method[0] = '\0';
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

static int on_headers_complete(http_parser *p)
{
	struct http_conn *conn = p->data;
	if (conn->offsets_len == 0 || conn->offsets_len % 2 == 0)
		start_string(conn); /* a header without a value, or no target */
	conn->exchange = make_exchange(conn);
	conn->state = HTTP_CONN_BODY;
	/* Debian's parser lets blanks in names pass; what stands behind us could read such a head in another
	 * way. */
	for (size_t i = 0; i < conn->exchange->request.headers_len; i++)
		if (strpbrk(conn->exchange->request.headers[i].name, " \t"))
			return -1;
	if (p->content_length != ULLONG_MAX && p->content_length > conn->server->options.body_max) {
		conn->reject_status = 413;
		return -1;
	}
	const char *expect = http_request_header(&conn->exchange->request, "Expect");
	if (expect && !strcasecmp(expect, "100-continue") && !conn->exchange->is_http10) {
		static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
		http_conn_queue(conn, bytes_new(text, sizeof text - 1));
		http_conn_schedule(conn);
	}
	http_lws_timeout(conn->wsi, conn->server->options.body_timeout_ms);
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

static int on_message_complete(http_parser *p)
{
	struct http_conn *conn = p->data;
	struct http_exchange *x = conn->exchange;
	x->keep_alive = http_should_keep_alive(p) && !conn->server->is_stopping;
	if (p->upgrade)
		x->keep_alive = !conn->server->is_stopping;
	x->request.body_size = conn->body.size;
	if (conn->body.size) {
		char *body = arena_alloc(x->request.arena, conn->body.size + 1);
		memcpy(body, conn->body.data, conn->body.size);
		x->request.body = body;
	}
	if (conn->body.capacity > HTTP_PIPELINE_MAX)
		buf_done(&conn->body);
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
    .on_message_complete = on_message_complete,
};

static void reject(struct http_conn *conn)
{
	http_exchange_free(conn->exchange);
	conn->exchange = NULL;
	http_respond_plain(conn, conn->reject_status ? conn->reject_status : 400);
}

static void dispatch(struct http_conn *conn)
{
	conn->message_done = false;
	conn->state = HTTP_CONN_HANDLING;
	http_lws_timeout(conn->wsi, 0);
	if (!conn->peer_arena) {
		conn->peer_arena = arena_new();
		http_tls_peer(conn);
	}
	conn->server->handler(conn->server->arg, &conn->exchange->request);
}

static void read_ahead(struct http_conn *conn, const char *data, size_t size)
{
	buf_append(&conn->in, data, size);
	if (conn->in.size > HTTP_PIPELINE_MAX && !conn->rx_paused) {
		conn->rx_paused = true;
		http_lws_pause(conn->wsi, true);
	}
}

static bool can_parse(const struct http_conn *conn)
{
	return !conn->is_broken && (conn->state == HTTP_CONN_IDLE || conn->state == HTTP_CONN_HEAD ||
				       conn->state == HTTP_CONN_BODY);
}

/* Any token is a method to HTTP, but not to the parser: the length of one that it does not know, or 0. */
static size_t unknown_method(const char *data, size_t size)
{
	size_t len = 0;
	while (len < size && len < 24 && data[len] >= 'A' && data[len] <= 'Z')
		len++;
	if (len == 0 || len >= 24 || len == size || data[len] != ' ')
		return 0;
#define XX(num, name, string)                                                                                \
	if (strlen(#string) == len && !memcmp(data, #string, len))                                           \
		return 0;
	HTTP_METHOD_MAP(XX)
#undef XX
	return len;
}

/* Parses up to the end of one message and hands it over; returns the bytes used. */
static size_t parse_some(struct http_conn *conn, const char *data, size_t size)
{
	size_t skipped = conn->state == HTTP_CONN_IDLE ? unknown_method(data, size) : 0;
	if (skipped) {
		memcpy(conn->method, data, skipped);
		conn->method[skipped] = '\0';
		http_parser_execute(&conn->parser, &settings, "GET", 3);
	}
	size_t used = skipped + http_parser_execute(&conn->parser, &settings, data + skipped, size - skipped);
	enum http_errno error = HTTP_PARSER_ERRNO(&conn->parser);
	if (conn->message_done) {
		http_parser_pause(&conn->parser, 0);
		dispatch(conn);
	} else if (error != HPE_OK || conn->reject_status) {
		reject(conn);
		return size;
	}
	return used;
}

void http_conn_feed(struct http_conn *conn, const char *data, size_t size)
{
	conn->is_feeding = true;
	while (size > 0 && can_parse(conn)) {
		size_t used = parse_some(conn, data, size);
		data += used;
		size -= used;
		if (conn->queued > HTTP_PIPELINE_MAX * 16)
			break; /* answers are not being read: no more requests until they are */
	}
	conn->is_feeding = false;
	if (size == 0 || conn->is_broken || conn->state == HTTP_CONN_CLOSING)
		return;
	if (conn->state == HTTP_CONN_TUNNEL)
		conn->tunnel->callbacks.on_data(conn->tunnel->arg, data, size);
	else
		read_ahead(conn, data, size);
}

void http_conn_continue(struct http_conn *conn)
{
	if (conn->is_feeding || conn->is_broken)
		return;
	if (conn->state == HTTP_CONN_IDLE && conn->server->is_stopping) {
		http_conn_close_after_drain(conn);
		return;
	}
	if (conn->in.size > 0) {
		struct buf in = conn->in;
		conn->in = BUF_INIT;
		http_conn_feed(conn, in.data, in.size);
		buf_done(&in);
	}
	if (conn->is_broken)
		return;
	if (conn->state == HTTP_CONN_IDLE)
		http_lws_timeout(conn->wsi, conn->server->options.idle_timeout_ms);
	if (conn->rx_paused && conn->in.size == 0 && conn->state != HTTP_CONN_TUNNEL) {
		conn->rx_paused = false;
		http_lws_pause(conn->wsi, false);
	}
}

int http_conn_receive(struct http_conn *conn, const char *data, size_t size)
{
	if (conn->is_broken)
		return -1;
	conn->in_callback = true;
	if (conn->state == HTTP_CONN_TUNNEL)
		conn->tunnel->callbacks.on_data(conn->tunnel->arg, data, size);
	else if (conn->state != HTTP_CONN_CLOSING)
		http_conn_feed(conn, data, size);
	conn->in_callback = false;
	return conn->is_broken ? -1 : 0;
}

int http_conn_writable(struct http_conn *conn)
{
	if (conn->is_broken)
		return -1;
	conn->in_callback = true;
	if (conn->state == HTTP_CONN_TUNNEL && conn->in.size > 0) {
		struct buf in = conn->in;
		conn->in = BUF_INIT;
		if (conn->rx_paused)
			http_tunnel_resume(conn->tunnel);
		conn->tunnel->callbacks.on_data(conn->tunnel->arg, in.data, in.size);
		buf_done(&in);
	}
	http_conn_flush(conn);
	conn->in_callback = false;
	return conn->is_broken ? -1 : 0;
}
