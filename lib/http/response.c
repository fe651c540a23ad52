/* Answers: whole ones, streams and tunnels. */
#include "lib/http/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/loop/loop.h"

static struct http_exchange *exchange_of(struct http_server_request *request)
{
	return (struct http_exchange *)((char *)request - offsetof(struct http_exchange, request));
}

static const char *reason_phrase(int status)
{
	switch (status) {
#define XX(num, name, string)                                                                                \
	case num:                                                                                            \
		return #string;
		HTTP_STATUS_MAP(XX)
#undef XX
	default:
		return "Status";
	}
}

static void write_header(struct buf *out, const struct http_header *header)
{
	buf_puts(out, header->name);
	buf_puts(out, ": ");
	/* A line break in a value would end the header: header values are text we were given in part. */
	for (const char *p = header->value; *p; p++)
		buf_putc(out, *p == '\r' || *p == '\n' ? ' ' : *p);
	buf_puts(out, "\r\n");
}

static void write_head(struct buf *out, struct http_conn *conn, int status, const char *content_type,
    const struct http_header *headers)
{
	buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_phrase(status),
	    http_server_date(conn->server));
	if (content_type)
		buf_printf(out, "Content-Type: %s\r\n", content_type);
	if (conn->server->options.server_name)
		buf_printf(out, "Server: %s\r\n", conn->server->options.server_name);
	for (; headers && headers->name; headers++)
		write_header(out, headers);
	if (conn->exchange && conn->exchange->request.extra.name)
		write_header(out, &conn->exchange->request.extra);
}

static struct bytes *take_bytes(struct buf *buf)
{
	struct bytes *b = bytes_new(buf->data, buf->size);
	buf_done(buf);
	return b;
}

void http_exchange_finish(struct http_exchange *x)
{
	struct http_conn *conn = x->conn;
	bool keep_alive = x->keep_alive && !conn->server->is_stopping;
	conn->exchange = NULL;
	http_exchange_free(x);
	if (conn->is_broken)
		return;
	if (!keep_alive) {
		http_conn_close_after_drain(conn);
		return;
	}
	conn->state = HTTP_CONN_IDLE;
	if (conn->is_feeding) {
		http_conn_schedule(conn); /* answers to pipelined requests leave together */
		http_lws_timeout(conn->wsi, conn->server->options.idle_timeout_ms);
		return;
	}
	http_conn_flush(conn);
	http_conn_continue(conn);
}

static bool has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

/* The head of a whole answer; size may be HTTP_SIZE_UNKNOWN. */
static void write_whole_head(struct buf *head, struct http_exchange *x, int status, const char *content_type,
    const struct http_header *headers, size_t size)
{
	write_head(head, x->conn, status, content_type, headers);
	if (size == HTTP_SIZE_UNKNOWN && x->is_http10)
		x->keep_alive = false; /* the end of the connection is the end of the answer */
	else if (size == HTTP_SIZE_UNKNOWN)
		buf_puts(head, "Transfer-Encoding: chunked\r\n");
	else if (!has_no_body(status))
		buf_printf(head, "Content-Length: %zu\r\n", size);
	if (!x->keep_alive || x->conn->server->is_stopping)
		buf_puts(head, "Connection: close\r\n");
	else if (x->is_http10)
		buf_puts(head, "Connection: keep-alive\r\n");
	buf_puts(head, "\r\n");
}

void http_respond_bytes(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, struct bytes *const *parts, size_t parts_len)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	size_t size = 0;
	for (size_t i = 0; i < parts_len; i++)
		size += parts[i]->size;
	struct buf head = BUF_INIT;
	write_whole_head(&head, x, status, content_type, headers, size);
	bool with_body = !x->is_head && !has_no_body(status);
	if (with_body && size < HTTP_COALESCE_MAX) {
		for (size_t i = 0; i < parts_len; i++)
			buf_append(&head, parts[i]->data, parts[i]->size);
		with_body = false;
	}
	http_conn_queue(conn, take_bytes(&head));
	for (size_t i = 0; with_body && i < parts_len; i++)
		http_conn_queue(conn, bytes_ref(parts[i]));
	http_exchange_finish(x);
}

void http_respond(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, const void *body, size_t body_size)
{
	struct bytes *bytes = bytes_new(body, body_size);
	http_respond_bytes(request, status, content_type, headers, &bytes, 1);
	bytes_unref(bytes);
}

void http_respond_source(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, const struct http_source *source)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	struct buf head = BUF_INIT;
	write_whole_head(&head, x, status, content_type, headers, source->size);
	http_conn_queue(conn, take_bytes(&head));
	x->on_close = NULL; /* whoever made the request has done his part */
	if (x->is_head || has_no_body(status) || source->size == 0) {
		source->done(source->arg);
		http_exchange_finish(x);
		return;
	}
	conn->source = *source;
	conn->source_left = source->size;
	x->is_chunked = source->size == HTTP_SIZE_UNKNOWN && !x->is_http10;
	http_conn_schedule(conn);
}

void http_respond_plain(struct http_conn *conn, int status)
{
	struct buf out = BUF_INIT;
	static const struct http_header soon[] = {{"Retry-After", "1"}, {NULL, NULL}};
	write_head(&out, conn, status, "text/plain; charset=utf-8", status == 429 ? soon : NULL);
	buf_printf(&out, "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
	    strlen(reason_phrase(status)) + 1, reason_phrase(status));
	http_conn_queue(conn, take_bytes(&out));
	http_conn_close_after_drain(conn);
}

void http_start(struct http_server_request *request, int status, const char *content_type,
    const struct http_header *headers, void (*on_drain)(void *arg), void (*on_close)(void *arg), void *arg)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	x->is_started = true;
	x->is_chunked = !x->is_http10;
	x->on_drain = on_drain;
	x->on_close = on_close;
	x->arg = arg;
	if (!x->is_chunked)
		x->keep_alive = false;
	struct buf head = BUF_INIT;
	write_head(&head, conn, status, content_type, headers);
	if (x->is_chunked)
		buf_puts(&head, "Transfer-Encoding: chunked\r\n");
	if (!x->keep_alive)
		buf_puts(&head, "Connection: close\r\n");
	buf_puts(&head, "\r\n");
	http_conn_queue(conn, take_bytes(&head));
	http_conn_schedule(conn);
}

static size_t send_framed(struct http_exchange *x, struct bytes *take, const void *data, size_t size)
{
	struct http_conn *conn = x->conn;
	if (size == 0 || x->is_head) {
		bytes_unref(take);
		return conn->queued;
	}
	if (!x->is_chunked) {
		http_conn_queue(conn, take ? take : bytes_new(data, size));
	} else if (size < HTTP_COALESCE_MAX) {
		struct buf out = BUF_INIT;
		buf_reserve(&out, size + 24);
		buf_printf(&out, "%zx\r\n", size);
		buf_append(&out, take ? take->data : data, size);
		buf_puts(&out, "\r\n");
		bytes_unref(take);
		http_conn_queue(conn, take_bytes(&out));
	} else {
		char line[24];
		int n = snprintf(line, sizeof line, "%zx\r\n", size);
		http_conn_queue(conn, bytes_new(line, (size_t)n));
		http_conn_queue(conn, take ? take : bytes_new(data, size));
		http_conn_queue(conn, bytes_new("\r\n", 2));
	}
	http_conn_schedule(conn);
	return conn->queued;
}

size_t http_send(struct http_server_request *request, const void *data, size_t size)
{
	return send_framed(exchange_of(request), NULL, data, size);
}

size_t http_send_bytes(struct http_server_request *request, struct bytes *bytes)
{
	return send_framed(exchange_of(request), bytes_ref(bytes), NULL, bytes->size);
}

struct bytes *http_chunk_new(const void *data, size_t size)
{
	struct buf out = BUF_INIT;
	buf_reserve(&out, size + 24);
	buf_printf(&out, "%zx\r\n", size);
	buf_append(&out, data, size);
	buf_puts(&out, "\r\n");
	return take_bytes(&out);
}

size_t http_send_chunk(struct http_server_request *request, struct bytes *chunk)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	if (!x->is_chunked || x->is_head) {
		const char *data = strstr(chunk->data, "\r\n") + 2;
		return http_send(request, data, chunk->size - (size_t)(data - chunk->data) - 2);
	}
	http_conn_queue(conn, bytes_ref(chunk));
	http_conn_schedule(conn);
	return conn->queued;
}

void http_close_after(struct http_server_request *request)
{
	exchange_of(request)->keep_alive = false;
}

void http_end(struct http_server_request *request)
{
	struct http_exchange *x = exchange_of(request);
	if (x->is_chunked && !x->is_head)
		http_conn_queue(x->conn, bytes_new("0\r\n\r\n", 5));
	http_exchange_finish(x);
}

void http_abort(struct http_server_request *request)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	conn->exchange = NULL;
	conn->state = HTTP_CONN_CLOSING;
	http_exchange_free(x);
	http_conn_kill(conn);
}

void http_on_close(struct http_server_request *request, void (*on_close)(void *arg), void *arg)
{
	struct http_exchange *x = exchange_of(request);
	x->on_close = on_close;
	x->arg = arg;
}

struct http_tunnel *http_tunnel(struct http_server_request *request, const void *head, size_t head_size,
    const struct http_tunnel_callbacks *callbacks, void *arg)
{
	struct http_exchange *x = exchange_of(request);
	struct http_conn *conn = x->conn;
	struct http_tunnel *tunnel = calloc(1, sizeof *tunnel);
	if (!tunnel)
		abort();
	tunnel->conn = conn;
	tunnel->callbacks = *callbacks;
	tunnel->arg = arg;
	conn->tunnel = tunnel;
	conn->exchange = NULL;
	conn->state = HTTP_CONN_TUNNEL;
	http_server_conn_settled(conn);
	if (head && head_size)
		http_conn_queue(conn, bytes_new(head, head_size));
	http_exchange_free(x);
	/* Also delivers, on a later turn, what was read ahead. */
	http_lws_want_write(conn->wsi);
	return tunnel;
}

size_t http_tunnel_write(struct http_tunnel *tunnel, const void *data, size_t size)
{
	if (!tunnel->conn)
		return 0;
	http_conn_queue(tunnel->conn, bytes_new(data, size));
	http_conn_schedule(tunnel->conn);
	return tunnel->conn->queued;
}

void http_tunnel_pause(struct http_tunnel *tunnel)
{
	if (!tunnel->conn || tunnel->conn->rx_paused)
		return;
	tunnel->conn->rx_paused = true;
	http_lws_pause(tunnel->conn->wsi, true);
}

void http_tunnel_resume(struct http_tunnel *tunnel)
{
	if (!tunnel->conn || !tunnel->conn->rx_paused)
		return;
	tunnel->conn->rx_paused = false;
	http_lws_pause(tunnel->conn->wsi, false);
}

void http_tunnel_close(struct http_tunnel *tunnel)
{
	struct http_conn *conn = tunnel ? tunnel->conn : NULL;
	free(tunnel);
	if (!conn)
		return;
	conn->tunnel = NULL;
	http_conn_close_after_drain(conn);
}
