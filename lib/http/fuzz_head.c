/*
 * Bytes of a connection: heads, bodies, pipelined requests. The first byte says how the requests are answered
 * and into what pieces the rest is cut. Whatever the pieces, the same requests must arrive and the same bytes
 * must be answered; and what arrives holds no byte that could mean something else to whoever reads it next.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/arena.h"
#include "lib/http/internal.h"
#include "lib/loop/loop.h"

/* Whether a client is told to go on depends on how much has come when its head is read. */
static void drop_continue(struct buf *out)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t size = sizeof text - 1;
	char *at;
	while (out->size && (at = memmem(out->data, out->size, text, size))) {
		memmove(at, at + size, (size_t)(out->data + out->size - at) - size);
		out->size -= size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LATER = 1, STREAM = 2, TUNNEL = 4 }; /* how requests are answered: bits of the first byte */

/* In the place of libwebsockets: what was asked for is noted. */
struct lws {
	struct buf out;
	bool is_killed, is_paused, wants_write;
};

struct http_lws *http_lws_new(struct loop *loop, const struct http_server_options *options,
    struct http_server *server, struct error *err)
{
	abort();
}

void http_lws_free(struct http_lws *lws)
{
	abort();
}

void http_lws_adopt(struct http_lws *lws, int fd)
{
	abort();
}

void http_lws_timeout(struct lws *wsi, int64_t ms)
{
}

void http_lws_pause(struct lws *wsi, bool paused)
{
	wsi->is_paused = paused;
}

void http_lws_want_write(struct lws *wsi)
{
	wsi->wants_write = true;
}

int http_lws_write(struct lws *wsi, const char *data, size_t size)
{
	buf_append(&wsi->out, data, size);
	return (int)size;
}

bool http_lws_is_full(struct lws *wsi)
{
	return false;
}

void http_lws_kill(struct lws *wsi)
{
	wsi->is_killed = true;
}

void http_lws_end_output(struct lws *wsi)
{
}

int http_lws_fd(struct lws *wsi)
{
	return -1;
}

void *http_lws_ssl(struct lws *wsi)
{
	return NULL;
}

/* In the place of server.c: no listener, and time stands still. */
void http_server_conn_gone(struct http_server *server)
{
}

void http_server_conn_settled(struct http_conn *conn)
{
}

const char *http_server_date(struct http_server *server)
{
	return "now";
}

static bool buf_equal(const struct buf *a, const struct buf *b)
{
	return a->size == b->size && (a->size == 0 || !memcmp(a->data, b->data, a->size));
}

struct run {
	struct http_server server;
	struct lws wsi;
	struct buf log; /* the requests as they arrived */
	struct http_server_request *waiting;
	struct http_tunnel *tunnel;
	int mode;
};

static void answer(struct run *run, struct http_server_request *request)
{
	if (run->mode & STREAM) {
		http_start(request, 200, "text/plain", NULL, NULL, NULL, NULL);
		http_send(request, request->target, strlen(request->target));
		http_end(request);
	} else {
		http_respond(request, 200, "text/plain", NULL, request->body, request->body_size);
	}
}

static void check_text(const char *text, bool is_target)
{
	for (; *text; text++) {
		assert((unsigned char)*text > (is_target ? ' ' : 0x1f) || *text == '\t');
		assert(*text != 0x7f);
	}
}

/* What stands behind us must read the head as we do. */
static void check_request(const struct http_server_request *r)
{
	size_t hosts = 0;
	check_text(r->target, true);
	for (size_t i = 0; i < r->headers_len; i++) {
		assert(r->headers[i].name[0] && !strpbrk(r->headers[i].name, " \t:\r\n"));
		check_text(r->headers[i].value, false);
		hosts += !strcasecmp(r->headers[i].name, "Host");
	}
	assert(hosts <= 1);
	assert(!(http_request_header(r, "Content-Length") && http_request_header(r, "Transfer-Encoding")));
	assert(r->body[r->body_size] == '\0');
}

static void on_tunnel_data(void *arg, const char *data, size_t size)
{
	struct run *run = arg;
	buf_append(&run->log, data, size);
}

static void on_tunnel_end(void *arg)
{
}

static void handle(void *arg, struct http_server_request *r)
{
	static const struct http_tunnel_callbacks callbacks = {
	    .on_data = on_tunnel_data, .on_end = on_tunnel_end};
	struct run *run = arg;
	check_request(r);
	buf_printf(&run->log, "%s %s|%s|%s %zu\n", r->method, r->target, r->path, r->query, r->body_size);
	for (size_t i = 0; i < r->headers_len; i++)
		buf_printf(&run->log, "%s:%s\n", r->headers[i].name, r->headers[i].value);
	buf_append(&run->log, r->body, r->body_size);
	if (r->is_upgrade && run->mode & TUNNEL)
		run->tunnel = http_tunnel(r, "101\r\n", 5, &callbacks, run);
	else if (run->mode & LATER)
		run->waiting = r;
	else
		answer(run, r);
}

/* What the loop would do between two reads. False: the connection is to be closed. */
static bool settle(struct run *run, struct http_conn *conn)
{
	for (;;) {
		http_flush_scheduled(&run->server);
		if (run->wsi.is_killed)
			return false;
		if (run->waiting) {
			struct http_server_request *request = run->waiting;
			run->waiting = NULL;
			answer(run, request);
		} else if (run->wsi.wants_write) {
			run->wsi.wants_write = false;
			if (http_conn_writable(conn) < 0)
				return false;
		} else {
			return !run->wsi.is_killed;
		}
	}
}

static void on_tick(void *arg)
{
}

static void serve(struct run *run, struct loop *loop, int mode, size_t piece, const char *data, size_t size)
{
	*run = (struct run){.mode = mode};
	run->server = (struct http_server){.loop = loop,
	    .handler = handle,
	    .arg = run,
	    /* No input reaches the size of a head: a bad byte behind it is seen before or after it, by the
	       pieces. */
	    .options = {.body_max = 1024, .head_max = 64 * 1024, .pending_max = SIZE_MAX},
	    .scratch = malloc(HTTP_WRITE_MAX),
	    .flush_tick = {.fn = on_tick}};
	http_flush_list_init(&run->server.answers);
	http_flush_list_init(&run->server.streams);
	struct http_conn *conn = http_conn_new(&run->server, &run->wsi);
	while (size > 0) {
		size_t part = size < piece ? size : piece;
		char *copy = malloc(part); /* of its own size, so that overruns are seen */
		memcpy(copy, data, part);
		int rc = http_conn_receive(conn, copy, part);
		free(copy);
		if (rc < 0 || !settle(run, conn))
			break;
		assert(!run->wsi.is_paused); /* everything was answered: nothing to wait for */
		data += part;
		size -= part;
	}
	http_conn_free(conn);
	http_tunnel_close(run->tunnel);
	loop_tick_stop(&run->server.flush_tick);
	free(run->server.scratch);
	loop_poll(loop); /* handles are freed on its next turn */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct loop *loop;
	struct run whole, parts;
	if (!loop)
		loop = loop_new(NULL);
	if (size < 2)
		return 0;
	size_t piece = (data[0] >> 3) % 32 + 1;
	serve(&whole, loop, data[0] & 7, size, (const char *)data + 1, size - 1);
	serve(&parts, loop, data[0] & 7, piece, (const char *)data + 1, size - 1);
	assert(buf_equal(&whole.log, &parts.log));
	drop_continue(&whole.wsi.out);
	drop_continue(&parts.wsi.out);
	assert(buf_equal(&whole.wsi.out, &parts.wsi.out));
	buf_done(&whole.log);
	buf_done(&parts.log);
	buf_done(&whole.wsi.out);
	buf_done(&parts.wsi.out);
	return 0;
}
