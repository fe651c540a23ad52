/* One connection: bytes in, requests out; then the next request, a tunnel, or the end. */
#include "lib/http/internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	server->unsettled_len++;
	http_parser_init(&conn->parser, HTTP_REQUEST);
	conn->parser.data = conn;
	remember_address(conn);
	conn->peer.address = conn->address;
	http_lws_timeout(conn->wsi, server->options.head_timeout_ms);
	return conn;
}

void http_exchange_free(struct http_exchange *exchange)
{
	if (!exchange)
		return;
	exchange->conn->server->held -= exchange->held;
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
	http_pending_done(conn);
	conn->is_broken = true;
	http_server_conn_settled(conn);
	loop_timer_free(conn->timer);
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
	http_server_conn_settled(conn);
	if (!conn->in_callback)
		http_lws_kill(conn->wsi);
}

void http_conn_close_after_drain(struct http_conn *conn)
{
	conn->state = HTTP_CONN_CLOSING;
	buf_done(&conn->in);
	if (conn->lingers && conn->rx_paused) {
		conn->rx_paused = false;
		http_lws_pause(conn->wsi, false);
	}
	http_conn_flush(conn);
}

void http_conn_refuse(struct http_conn *conn, int status)
{
	if (conn->timer)
		loop_timer_stop(conn->timer);
	http_pending_done(conn);
	http_exchange_free(conn->exchange);
	conn->exchange = NULL;
	buf_done(&conn->head);
	buf_done(&conn->body);
	conn->reject_status = status;
	conn->lingers |= status == 413 || status == 429 || status == 431;
	http_respond_plain(conn, status);
}

static void find_peer(struct http_conn *conn)
{
	if (conn->peer_arena)
		return;
	conn->peer_arena = arena_new();
	http_tls_peer(conn);
}

static void tell_to_continue(struct http_conn *conn)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (!conn->expects_continue)
		return;
	conn->expects_continue = false;
	http_conn_queue(conn, bytes_new(go_on, sizeof go_on - 1));
	http_conn_schedule(conn);
}

static void dispatch(struct http_conn *conn, void (*handler)(void *arg, struct http_server_request *request))
{
	loop_timer_free(conn->timer);
	conn->timer = NULL;
	conn->message_done = false;
	http_pending_done(conn);
	conn->state = HTTP_CONN_HANDLING;
	http_lws_timeout(conn->wsi, 0);
	find_peer(conn);
	handler(conn->server->arg, &conn->exchange->request);
}

/* What still comes of the body is read by nobody: the connection closes behind the answer. */
static void answer_without_body(struct http_conn *conn)
{
	conn->exchange->keep_alive = false;
	conn->lingers = true;
	if (conn->server->options.late_handler)
		dispatch(conn, conn->server->options.late_handler);
	else
		http_conn_refuse(conn, 504);
}

static void on_body_late(void *arg)
{
	answer_without_body(arg);
}

static bool is_body_wanted(struct http_conn *conn)
{
	const struct http_server_options *options = &conn->server->options;
	find_peer(conn);
	return !options->screen || options->screen(conn->server->arg, &conn->exchange->request);
}

/* Most bodies come with their head. For those that do not, whoever is to get them is asked first, and there
 * is a timer. */
static void expect_body(struct http_conn *conn)
{
	if (conn->state != HTTP_CONN_BODY || conn->timer || conn->is_broken)
		return;
	if (!is_body_wanted(conn)) {
		conn->exchange->request.is_unread = true;
		answer_without_body(conn);
		return;
	}
	tell_to_continue(conn);
	conn->timer = loop_timer_new(conn->server->loop, on_body_late, conn);
	loop_timer_start(conn->timer, conn->server->options.body_timeout_ms, 0);
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

/* Parses up to the end of one message and hands it over; returns the bytes used. */
static size_t parse_some(struct http_conn *conn, const char *data, size_t size)
{
	size_t used = http_message_parse(conn, data, size);
	if (conn->message_done) {
		http_parser_pause(&conn->parser, 0);
		tell_to_continue(conn);
		dispatch(conn, conn->server->handler);
	} else if (conn->reject_status) {
		http_conn_refuse(conn, conn->reject_status);
		return size;
	}
	return used;
}

void http_conn_feed(struct http_conn *conn, const char *data, size_t size)
{
	if (conn->in.size > 0 && conn->state != HTTP_CONN_TUNNEL) {
		read_ahead(conn, data, size); /* what came before is not parsed yet */
		return;
	}
	conn->is_feeding = true;
	while (size > 0 && can_parse(conn)) {
		size_t used = parse_some(conn, data, size);
		data += used;
		size -= used;
		if (conn->queued > HTTP_PIPELINE_MAX)
			break; /* answers are not being read: no more requests until they are */
	}
	conn->is_feeding = false;
	http_pending_update(conn);
	expect_body(conn);
	http_pending_enforce(conn->server);
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
