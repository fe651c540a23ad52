/*
 * What clients may make the server hold before it has anything to work on. Each connection is bounded by
 * head_max and body_max; many of them together by pending_max. When that is passed, those who have been
 * sending for the longest go first: who sends a body as fast as the network takes it is not among them.
 */
#include "lib/http/internal.h"

static void unlink_pending(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	*(conn->older_pending ? &conn->older_pending->newer_pending : &server->oldest_pending) =
	    conn->newer_pending;
	*(conn->newer_pending ? &conn->newer_pending->older_pending : &server->newest_pending) =
	    conn->older_pending;
	conn->older_pending = conn->newer_pending = NULL;
	conn->is_pending = false;
}

static void link_pending(struct http_conn *conn)
{
	struct http_server *server = conn->server;
	conn->older_pending = server->newest_pending;
	*(conn->older_pending ? &conn->older_pending->newer_pending : &server->oldest_pending) = conn;
	server->newest_pending = conn;
	conn->is_pending = true;
}

void http_pending_update(struct http_conn *conn)
{
	bool is_reading =
	    !conn->is_broken && (conn->state == HTTP_CONN_HEAD || conn->state == HTTP_CONN_BODY);
	if (!is_reading) {
		http_pending_done(conn);
		return;
	}
	size_t held =
	    conn->head.capacity + conn->body.capacity + conn->offsets_capacity * sizeof *conn->offsets;
	conn->server->held += held - conn->held;
	conn->held = held;
	if (!conn->is_pending)
		link_pending(conn);
}

void http_pending_done(struct http_conn *conn)
{
	conn->server->held -= conn->held;
	conn->held = 0;
	if (conn->is_pending)
		unlink_pending(conn);
}

void http_pending_enforce(struct http_server *server)
{
	while (server->held > server->options.pending_max && server->oldest_pending)
		http_conn_refuse(server->oldest_pending, 429);
}
