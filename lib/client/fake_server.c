#include "lib/client/fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

struct fake_conn {
	struct fake_conn *next;
	struct fake_server *server;
	struct stream *stream;
	struct buf in;
};

struct fake_server {
	struct loop *loop;
	struct stream_listener *listener;
	struct fake_conn *conns;
	fake_handler *handler;
	void *arg;
};

void fake_close(struct fake_conn *conn)
{
	for (struct fake_conn **place = &conn->server->conns; *place; place = &(*place)->next) {
		if (*place != conn)
			continue;
		*place = conn->next;
		stream_close(conn->stream);
		buf_done(&conn->in);
		free(conn);
		return;
	}
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct fake_conn *conn = arg;
	buf_append(&conn->in, data, size);
	char *end = strstr(conn->in.data, "\r\n\r\n");
	if (!end)
		return;
	char *length = strcasestr(conn->in.data, "\r\ncontent-length:");
	size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
	size_t head = (size_t)(end - conn->in.data) + 4;
	if (conn->in.size < head + body)
		return;
	char *text = strndup(conn->in.data, head + body), *body_text = strndup(conn->in.data + head, body);
	char method[16], target[2048];
	sscanf(text, "%15s %2047s", method, target);
	text[head] = '\0';
	buf_consume(&conn->in, head + body);
	conn->server->handler(conn->server->arg, conn, method, target, text, body_text); /* may close conn */
	free(text);
	free(body_text);
}

static void on_end(void *arg, const struct error *err)
{
	fake_close(arg);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {.on_data = on_data, .on_end = on_end};
	struct fake_server *server = arg;
	struct fake_conn *conn = calloc(1, sizeof(*conn));
	conn->server = server;
	conn->next = server->conns;
	server->conns = conn;
	conn->stream = stream_adopt(server->loop, fd, &callbacks, conn);
}

struct fake_server *fake_server_new(struct loop *loop, int port, fake_handler *handler, void *arg)
{
	struct fake_server *server = calloc(1, sizeof(*server));
	struct error err = ERROR_INIT;
	char address[64];
	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	server->loop = loop;
	server->handler = handler;
	server->arg = arg;
	server->listener = stream_listen(loop, address, on_accept, server, &err);
	if (!server->listener) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	return server;
}

void fake_server_break(struct fake_server *server)
{
	while (server->conns)
		fake_close(server->conns);
}

void fake_server_free(struct fake_server *server)
{
	if (!server)
		return;
	fake_server_break(server);
	stream_listener_close(server->listener);
	free(server);
}

int fake_server_port(const struct fake_server *server)
{
	return stream_listener_port(server->listener);
}

static void put(struct fake_conn *conn, const char *text)
{
	stream_write(conn->stream, text, strlen(text));
}

void fake_reply(struct fake_conn *conn, int status, const char *headers, const char *body)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
	    status, headers, strlen(body), body);
	put(conn, buf_str(&out));
	buf_done(&out);
}

void fake_stream_start(struct fake_conn *conn)
{
	put(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void fake_stream_send(struct fake_conn *conn, const char *text)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "%zx\r\n%s\r\n", strlen(text), text);
	put(conn, buf_str(&out));
	buf_done(&out);
}

void fake_stream_end(struct fake_conn *conn)
{
	put(conn, "0\r\n\r\n");
}
