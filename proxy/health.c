#include "proxy/health.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum { HEAD_MAX = 16 * 1024, CONNECTIONS_MAX = 64, TIMEOUT_MS = 10000 };

struct health_listener {
	struct loop *loop;
	struct stream_listener *socket;
	health_answer *answer;
	void *arg;
	struct connection *connections;
	int len;
};

struct connection {
	struct connection *prev, *next;
	struct health_listener *listener;
	struct stream *stream;
	struct loop_timer *timeout;
	struct buf head;
	bool is_answered;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void close_connection(struct connection *connection)
{
	struct health_listener *listener = connection->listener;
	if (connection->next)
		connection->next->prev = connection->prev;
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		listener->connections = connection->next;
	listener->len--;
	stream_close(connection->stream);
	loop_timer_free(connection->timeout);
	buf_done(&connection->head);
	free(connection);
}

static void on_timeout(void *arg)
{
	close_connection(arg);
}

static const char *status_text(int status)
{
	return status == 200   ? "OK"
	       : status == 404 ? "Not Found"
	       : status == 503 ? "Service Unavailable"
			       : "Error";
}

static void answer(struct connection *connection, const char *path)
{
	struct buf body = BUF_INIT, out = BUF_INIT;
	const char *type = "text/plain; charset=utf-8";
	int status = connection->listener->answer(connection->listener->arg, path, &body, &type);
	buf_printf(&out,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nX-Content-Type-Options: nosniff\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n",
	    status, status_text(status), type, body.size);
	buf_append(&out, buf_str(&body), body.size);
	stream_write(connection->stream, out.data, out.size);
	stream_shutdown(connection->stream);
	connection->is_answered = true;
	buf_done(&body);
	buf_done(&out);
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct connection *connection = arg;
	char method[16], path[1024];
	if (connection->is_answered)
		return;
	buf_append(&connection->head, data, size);
	if (!strstr(connection->head.data, "\r\n\r\n")) {
		if (connection->head.size > HEAD_MAX)
			close_connection(connection);
		return;
	}
	if (sscanf(connection->head.data, "%15[A-Z] %1023[^ \r\n]", method, path) != 2) {
		close_connection(connection);
		return;
	}
	path[strcspn(path, "?")] = 0;
	answer(connection, path);
}

static void on_end(void *arg, const struct error *err)
{
	close_connection(arg);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {.on_data = on_data, .on_end = on_end};
	struct health_listener *listener = arg;
	struct connection *connection = must(calloc(1, sizeof(*connection)));
	connection->listener = listener;
	connection->next = listener->connections;
	if (connection->next)
		connection->next->prev = connection;
	listener->connections = connection;
	listener->len++;
	connection->timeout = loop_timer_new(listener->loop, on_timeout, connection);
	loop_timer_start(connection->timeout, TIMEOUT_MS, 0);
	connection->stream = stream_adopt(listener->loop, fd, &callbacks, connection);
	if (listener->len > CONNECTIONS_MAX)
		close_connection(connection);
}

struct health_listener *health_listen(
    struct loop *loop, const char *address, health_answer *fn, void *arg, struct error *err)
{
	struct health_listener *listener = must(calloc(1, sizeof(*listener)));
	listener->loop = loop;
	listener->answer = fn;
	listener->arg = arg;
	listener->socket = stream_listen(loop, address, on_accept, listener, err);
	if (!listener->socket) {
		free(listener);
		return NULL;
	}
	return listener;
}

int health_port(const struct health_listener *listener)
{
	return stream_listener_port(listener->socket);
}

void health_close(struct health_listener *listener)
{
	if (!listener)
		return;
	while (listener->connections)
		close_connection(listener->connections);
	stream_listener_close(listener->socket);
	free(listener);
}
