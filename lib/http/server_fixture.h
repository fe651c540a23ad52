/*
 * server_fixture: the server against raw sockets: the client runs in a thread of its own, the loop in the
 * main one. handle() has a path for each kind of answer, and describes the request for all others. One file
 * of a program includes this.
 */
#ifndef CUBE_HTTP_SERVER_FIXTURE_H
#define CUBE_HTTP_SERVER_FIXTURE_H

#include "lib/http/server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/loop.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* no program needs all of these */

/* cmocka's asserts jump, which only the main thread may: the client's end the program. */
static void check_at(bool ok, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "line %d: failed: %s\n", line, what);
	abort();
}
#define check(condition) check_at((condition), __LINE__, #condition)
static void has_at(const char *text, const char *part, int line)
{
	check_at(strstr(text, part) != NULL, line, text);
}
#define has(text, part) has_at((text), (part), __LINE__)

struct fixture {
	struct loop *loop;
	struct http_server *server;
	struct http_server_request *stream;
	struct http_tunnel *tunnel;
	struct bytes *big;
	atomic_int closed; /* on_close calls */
	atomic_bool done;
	bool late_is_ours; /* there is a late_handler */
	void (*client)(struct fixture *f);
	int port;
	char directory[64];
};

enum { BIG = 24 * 1024 * 1024 };

/* What the handler serves. */

static size_t fill_source(void *arg, char *to, size_t room)
{
	size_t part = room > 10007 ? 10007 : room; /* less than there is room for */
	memset(to, 'x', part);
	return part;
}

static void on_source_done(void *arg)
{
	struct fixture *f = arg;
	f->closed++;
}

/* An answer whose end nobody knows beforehand: five parts. */
static size_t fill_parts(void *arg, char *to, size_t room)
{
	static const char word[] = {'p', 'a', 'r', 't'};
	static int part;
	part = (part + 1) % 6;
	memcpy(to, word, sizeof word);
	return part ? sizeof word : 0;
}

static void on_stream_close(void *arg)
{
	struct fixture *f = arg;
	f->stream = NULL;
	f->closed++;
}

static void on_tunnel_data(void *arg, const char *data, size_t size)
{
	struct fixture *f = arg;
	http_tunnel_write(f->tunnel, data, size);
}

static void on_tunnel_end(void *arg)
{
	struct fixture *f = arg;
	http_tunnel_close(f->tunnel);
	f->tunnel = NULL;
	f->closed++;
}

static void describe(struct http_server_request *r)
{
	struct buf out = BUF_INIT;
	buf_printf(&out, "%s %s|%s|", r->method, r->path, r->query);
	for (size_t i = 0; i < r->headers_len; i++)
		if (!strncmp(r->headers[i].name, "X-", 2))
			buf_printf(&out, "%s=%s;", r->headers[i].name, r->headers[i].value);
	const char *q = http_request_query(r, "q", 0), *q1 = http_request_query(r, "q", 1);
	buf_printf(&out, "|%s,%s|", q ? q : "-", q1 ? q1 : "-");
	buf_append(&out, r->body, r->body_size);
	const struct http_peer *p = r->peer;
	if (p->has_cert)
		buf_printf(
		    &out, "|%s:%s:%d", p->cert_common_name, p->cert_organizations[0], p->cert_verified);
	http_respond(r, 200, "text/plain", NULL, out.data, out.size);
	buf_done(&out);
}

static void handle(void *arg, struct http_server_request *r)
{
	static const struct http_tunnel_callbacks callbacks = {on_tunnel_data, NULL, on_tunnel_end};
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
	struct fixture *f = arg;
	if (!strcmp(r->path, "/stream")) {
		f->stream = r;
		http_start(r, 200, "text/plain", NULL, NULL, on_stream_close, f);
		http_send(r, "one", 3);
		http_send(r, "two", 3);
		if (!*r->query) {
			f->stream = NULL;
			http_end(r);
		}
	} else if (!strcmp(r->path, "/big")) {
		http_respond_bytes(r, 200, "application/octet-stream", NULL, &f->big, 1);
	} else if (!strcmp(r->path, "/source")) {
		struct http_source source = {BIG, fill_source, on_source_done, f};
		http_respond_source(r, 200, "application/octet-stream", NULL, &source);
	} else if (!strcmp(r->path, "/parts")) {
		struct http_source source = {HTTP_SIZE_UNKNOWN, fill_parts, on_source_done, f};
		http_respond_source(r, 200, "text/plain", NULL, &source);
	} else if (r->is_upgrade && !strcmp(r->path, "/tunnel")) {
		f->tunnel = http_tunnel(r, switching, sizeof switching - 1, &callbacks, f);
	} else {
		describe(r);
	}
}

/* The client's side: blocking sockets with a time limit. */

static int dial(struct fixture *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static void say(int fd, const char *text)
{
	check(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Reads until `until` has been seen, or to the end when it is NULL. */
static char *hear(int fd, const char *until)
{
	static char text[256 * 1024];
	size_t size = 0;
	text[0] = '\0';
	while (size < sizeof text - 1 && (!until || !strstr(text, until))) {
		ssize_t n = recv(fd, text + size, sizeof text - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		text[size] = '\0';
	}
	return text;
}

static void *run_client(void *arg)
{
	struct fixture *f = arg;
	f->client(f);
	f->done = true;
	return NULL;
}

static void run_with(
    struct fixture *f, const struct http_server_options *options, void (*client)(struct fixture *f))
{
	struct error err = ERROR_INIT;
	pthread_t thread;
	f->loop = loop_new(NULL);
	f->client = client;
	f->server = http_server_new(f->loop, options, handle, f, &err);
	assert_string_equal(err.message, "");
	f->port = http_server_port(f->server);
	pthread_create(&thread, NULL, run_client, f);
	while (!f->done) {
		loop_poll(f->loop);
		usleep(200);
	}
	pthread_join(thread, NULL);
	http_server_free(f->server);
	for (int i = 0; i < 10; i++)
		loop_poll(f->loop);
	loop_free(f->loop);
	bytes_unref(f->big);
}

static void run(void (*client)(struct fixture *f))
{
	struct fixture f = {0};
	run_with(&f,
	    &(struct http_server_options){.address = "127.0.0.1", .body_max = 1000, .head_max = 4000},
	    client);
}

#endif
