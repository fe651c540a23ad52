/*
 * One exchange between a client and a backend. The backend's connection is made first, the request sent, and
 * the answer's head read; then the client's connection becomes a tunnel, each side read only as fast as the
 * other takes its bytes. The client's go to the backend only when it has switched protocols: the backend
 * trusts this connection, and what stands behind any other request would be a request of the client's own.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/audit/audit.h"
#include "apiserver/deadline.h"
#include "apiserver/metrics.h"
#include "apiserver/proxy/proxy.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

#define QUEUE_MAX (512 * 1024) /* bytes that one side may be ahead of the other */
#define HEAD_MAX (64 * 1024)
#define ERROR_BODY_MAX (16 * 1024)
#define INTERIM_MAX 5 /* answers of 1xx before the one that counts */
#define CONNECT_MS 10000
#define LINGER_MS 10000 /* what a backend gets to finish in when the client has closed its side */

enum relay_state { RELAY_WAITING, RELAY_FAILED_BODY, RELAY_TUNNEL };

struct relay {
	enum relay_state state;
	struct api_request *req; /* until the connection is handed over */
	struct api_server *server;
	const struct relay_target *target;
	struct stream *stream;      /* the backend */
	struct http_tunnel *tunnel; /* the client */
	struct loop_timer *linger;
	struct metric_series *open; /* where it is counted while it lasts; NULL: nowhere */
	struct audit_record *audit; /* of the request that the tunnel has outlived */
	struct buf head;            /* of the answer, and what came with it */
	size_t body_start;          /* RELAY_FAILED_BODY: where the body starts in head */
	int status, interim_len;
	bool is_upgrade, is_stream_paused, is_tunnel_paused;
};

static void relay_free(struct relay *r)
{
	audit_record_end(r->audit);
	if (r->open)
		metric_add(r->open, -1);
	stream_close(r->stream);
	loop_timer_free(r->linger);
	buf_done(&r->head);
	free(r);
}

static void fail(struct relay *r, enum error_code code, const char *text)
{
	struct api_request *req = r->req;
	struct error err = ERROR_INIT;

	error_set(&err, code, "%s", text);
	relay_free(r);
	api_request_fail(req, &err);
}

static void cancel(void *arg)
{
	relay_free(arg);
}

/* --- the tunnel --- */

static void on_client_data(void *arg, const char *data, size_t size)
{
	struct relay *r = arg;

	if (!r->is_upgrade)
		return;
	stream_write(r->stream, data, size);
	if (!r->is_tunnel_paused && stream_pending(r->stream) > QUEUE_MAX) {
		r->is_tunnel_paused = true;
		http_tunnel_pause(r->tunnel);
	}
}

static void on_client_drain(void *arg)
{
	struct relay *r = arg;

	if (r->is_stream_paused) {
		r->is_stream_paused = false;
		stream_resume(r->stream);
	}
}

static void close_both(void *arg)
{
	struct relay *r = arg;

	http_tunnel_close(r->tunnel);
	relay_free(r);
}

static void on_client_end(void *arg)
{
	struct relay *r = arg;

	if (!r->is_upgrade) {
		close_both(r);
		return;
	}
	/* Half closed: the last output of a command may still come. */
	stream_shutdown(r->stream);
	if (!r->linger)
		r->linger = loop_timer_new(r->server->loop, close_both, r);
	loop_timer_start(r->linger, LINGER_MS, 0);
}

static void hand_over(struct relay *r, size_t head_size)
{
	static const struct http_tunnel_callbacks callbacks = {
	    on_client_data, on_client_drain, on_client_end};
	struct api_request *req = r->req;
	struct buf out = BUF_INIT;

	if (r->status == 101)
		buf_append(&out, r->head.data, head_size + 4);
	else
		relay_write_answer_head(&out, r->head.data, head_size);
	buf_append(&out, r->head.data + head_size + 4, r->head.size - head_size - 4);
	r->is_upgrade = r->status == 101;
	r->state = RELAY_TUNNEL;
	r->req = NULL;
	r->tunnel = http_tunnel(req->http, out.data, out.size, &callbacks, r);
	buf_done(&out);
	buf_done(&r->head);
	req->http = NULL; /* gone with the hand-over */
	r->audit = audit_hand_over(req, r->status);
	api_request_finished(req, r->status);
}

/* --- the answer's head --- */

/* The value of a header, "" when absent; the arena's. */
static const char *header(struct relay *r, size_t head_size, const char *name)
{
	const char *p = r->head.data, *end = p + head_size;
	size_t len = strlen(name);

	while (p < end) {
		const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		size_t size = eol ? (size_t)(eol - p) : (size_t)(end - p);
		if (size > len && p[len] == ':' && strncasecmp(p, name, len) == 0) {
			const char *value = p + len + 1;
			value += strspn(value, " ");
			return arena_strndup(r->req->arena, value, (size_t)(p + size - value));
		}
		p += size + 2;
	}
	return "";
}

/* Undoes chunked coding in place as far as it goes. */
static size_t dechunk(char *data, size_t size)
{
	size_t in = 0, out = 0;

	while (in < size) {
		char *eol = memmem(data + in, size - in, "\r\n", 2);
		if (!eol)
			break;
		size_t chunk = strtoul(data + in, NULL, 16);
		in = (size_t)(eol - data) + 2;
		if (chunk == 0 || chunk > size - in)
			break;
		memmove(data + out, data + in, chunk);
		out += chunk;
		in += chunk + 2;
	}
	return out;
}

/* What the kubelet says in plain text, as the Status that clients expect. */
static void answer_failed(struct relay *r)
{
	char *body = r->head.data + r->body_start;
	size_t size = r->head.size - r->body_start;

	if (strcasecmp(header(r, r->body_start - 4, "Transfer-Encoding"), "chunked") == 0)
		size = dechunk(body, size);
	while (size > 0 && (body[size - 1] == '\n' || body[size - 1] == ' '))
		size--;
	const char *text = arena_strndup(r->req->arena, body, size);
	switch (r->status) {
	case 400:
		return fail(r, ERR_BAD_REQUEST, text);
	case 401:
		return fail(r, ERR_INTERNAL, "the kubelet does not accept the API server's credentials");
	case 403:
		return fail(r, ERR_FORBIDDEN, text);
	case 404:
		return fail(r, ERR_NOT_FOUND,
		    arena_printf(
			r->req->arena, "the server could not find the requested resource ( %s)", text));
	case 405:
		return fail(r, ERR_METHOD_NOT_ALLOWED, text);
	case 503:
		return fail(r, ERR_UNAVAILABLE, text);
	default:
		fail(r, ERR_INTERNAL,
		    arena_printf(r->req->arena,
			"an error on the server (\"%s\") has prevented the request from succeeding", text));
	}
}

static void read_head(struct relay *r)
{
	const char *end = memmem(buf_str(&r->head), r->head.size, "\r\n\r\n", 4);

	if (!end) {
		if (r->head.size > HEAD_MAX)
			fail(r, ERR_INTERNAL, "the backend's answer has too long a head");
		return;
	}
	if (!str_has_prefix(r->head.data, "HTTP/1.") || r->head.size < 12) {
		fail(r, ERR_INTERNAL, "the backend does not speak HTTP/1");
		return;
	}
	size_t head_size = (size_t)(end - r->head.data);
	r->status = atoi(r->head.data + 9);
	if (r->status == 101 && !r->is_upgrade) {
		fail(r, ERR_INTERNAL, "the backend switched protocols without having been asked to");
		return;
	}
	if (r->status >= 100 && r->status < 200 && r->status != 101) {
		if (++r->interim_len > INTERIM_MAX) {
			fail(r, ERR_INTERNAL, "the backend sends interim answers only");
			return;
		}
		buf_consume(&r->head, head_size + 4); /* 100 Continue: the answer follows */
		read_head(r);
		return;
	}
	/* Refused upgrades pass unchanged: clients fall back by them. */
	if (r->target->is_kubelet && r->status >= 300 && !r->is_upgrade) {
		r->state = RELAY_FAILED_BODY;
		r->body_start = head_size + 4;
		return;
	}
	hand_over(r, head_size);
}

/* --- the backend --- */

static void on_connect(void *arg)
{
	struct relay *r = arg;
	struct buf out = BUF_INIT;

	relay_write_head(&out, r->req->http, r->target);
	stream_write(r->stream, out.data, out.size);
	buf_done(&out);
	if (r->req->http->body_size > 0)
		stream_write(r->stream, r->req->http->body, r->req->http->body_size);
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct relay *r = arg;

	switch (r->state) {
	case RELAY_WAITING:
		buf_append(&r->head, data, size);
		read_head(r);
		return;
	case RELAY_FAILED_BODY:
		if (r->head.size - r->body_start < ERROR_BODY_MAX)
			buf_append(&r->head, data, size);
		return;
	case RELAY_TUNNEL:
		if (http_tunnel_write(r->tunnel, data, size) > QUEUE_MAX && !r->is_stream_paused) {
			r->is_stream_paused = true;
			stream_pause(r->stream);
		}
		return;
	}
}

static void on_drain(void *arg)
{
	struct relay *r = arg;

	if (r->is_tunnel_paused) {
		r->is_tunnel_paused = false;
		http_tunnel_resume(r->tunnel);
	}
}

static void on_end(void *arg, const struct error *err)
{
	struct relay *r = arg;
	const char *why = err ? err->message : "the backend closed the connection before it answered";

	switch (r->state) {
	case RELAY_WAITING:
		if (r->target->is_kubelet)
			fail(r, ERR_INTERNAL,
			    arena_printf(r->req->arena, "error dialing backend: dial tcp %s: %s",
				r->target->address, why));
		else
			fail(r, ERR_UNAVAILABLE,
			    arena_printf(r->req->arena, "error trying to reach service: %s", why));
		return;
	case RELAY_FAILED_BODY:
		answer_failed(r);
		return;
	case RELAY_TUNNEL:
		close_both(r);
		return;
	}
}

int relay_start(struct api_request *req, const struct relay_target *target)
{
	static const struct stream_callbacks callbacks = {on_connect, on_data, on_drain, on_end};
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->req = req;
	r->server = req->server;
	r->target = arena_memdup(req->arena, target, sizeof(*target));
	r->is_upgrade = req->http->is_upgrade;
	if (api_is_long_running(req)) {
		r->open = metrics_streams(req);
		metric_add(r->open, 1);
	}
	r->stream = stream_connect(req->server->loop, target->address,
	    target->use_tls ? &r->target->tls : NULL, CONNECT_MS, &callbacks, r);
	req->cancel = cancel;
	req->cancel_arg = r;
	return API_PENDING;
}
