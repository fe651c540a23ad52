#include "kubelet/runtime/grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

#define STREAM_WINDOW (4 << 20)
#define CONNECTION_WINDOW (16 << 20)
#define MESSAGE_MAX (64 << 20)
#define PREFIX_SIZE 5 /* one byte of flags, four of length */

struct grpc_call {
	struct grpc_channel *channel;
	struct grpc_call *prev, *next;
	int32_t stream_id; /* 0: not submitted yet */
	char *path;
	char **metadata; /* name, value, ..., NULL */
	struct buf request;
	size_t request_sent;
	struct buf response;
	int grpc_status; /* < 0: none came */
	int http_status;
	struct buf grpc_message;
	struct loop_timer *timer;
	bool is_stream, finished;
	void (*on_message)(void *arg, const void *message, size_t size);
	grpc_done *done;
	void *arg;
};

struct grpc_channel {
	struct loop *loop;
	char *address;
	struct stream *stream;
	nghttp2_session *session;
	struct grpc_call *calls;
	bool connected, flushing, in_receive, is_broken;
	struct loop_timer *flush_timer; /* deferred work that dies with the channel */
};

static void channel_connect(struct grpc_channel *ch);
static void channel_flush_soon(struct grpc_channel *ch);
static void channel_finish_calls(struct grpc_channel *ch);

static void call_unlink(struct grpc_call *call)
{
	if (call->prev)
		call->prev->next = call->next;
	else if (call->channel->calls == call)
		call->channel->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->prev = call->next = NULL;
}

static void call_free(struct grpc_call *call)
{
	call_unlink(call);
	loop_timer_free(call->timer);
	free(call->path);
	for (char **m = call->metadata; m && *m; m++)
		free(*m);
	free(call->metadata);
	buf_done(&call->request);
	buf_done(&call->response);
	buf_done(&call->grpc_message);
	free(call);
}

static enum error_code code_of_status(int status)
{
	static const enum error_code codes[] = {ERR_NONE, ERR_CANCELLED, ERR_INTERNAL, ERR_BAD_REQUEST,
	    ERR_TIMEOUT, ERR_NOT_FOUND, ERR_ALREADY_EXISTS, ERR_FORBIDDEN, ERR_TOO_MANY_REQUESTS,
	    ERR_CONFLICT, ERR_CANCELLED, ERR_BAD_REQUEST, ERR_NOT_IMPLEMENTED, ERR_INTERNAL, ERR_UNAVAILABLE,
	    ERR_INTERNAL, ERR_UNAUTHORIZED};
	if (status < 0 || (size_t)status >= sizeof codes / sizeof *codes)
		return ERR_INTERNAL;
	return codes[status];
}

/* grpc-message is percent-encoded. */
static void decode_message(const struct buf *in, char *out, size_t out_size)
{
	size_t n = 0;
	const char *s = buf_str(in);
	while (*s && n + 1 < out_size) {
		unsigned byte;
		if (*s == '%' && s[1] && s[2] && sscanf(s + 1, "%2x", &byte) == 1) {
			out[n++] = (char)byte;
			s += 3;
		} else {
			out[n++] = *s++;
		}
	}
	out[n] = 0;
}

/* Ends the call with its done callback; frees it. */
static void call_end(struct grpc_call *call, const struct error *err)
{
	struct error own = ERROR_INIT;
	char text[700];
	if (!err && call->grpc_status != 0) {
		decode_message(&call->grpc_message, text, sizeof text);
		if (call->grpc_status > 0)
			error_set(&own, code_of_status(call->grpc_status), "%s", text);
		else
			error_set(&own, ERR_UNAVAILABLE, "the answer ended without a status (HTTP %d)",
			    call->http_status);
		err = &own;
	}
	const char *message = NULL;
	size_t size = 0;
	if (!err && !call->is_stream) {
		if (call->response.size < PREFIX_SIZE) {
			error_set(&own, ERR_UNAVAILABLE, "the answer holds no message");
			err = &own;
		} else {
			message = call->response.data + PREFIX_SIZE;
			size = call->response.size - PREFIX_SIZE;
		}
	}
	call_unlink(call);
	call->done(call->arg, err ? NULL : message, size, err);
	call_free(call);
}

static void reset_stream(struct grpc_call *call)
{
	struct grpc_channel *ch = call->channel;
	if (ch->session && call->stream_id > 0) {
		nghttp2_session_set_stream_user_data(ch->session, call->stream_id, NULL);
		nghttp2_submit_rst_stream(ch->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
		channel_flush_soon(ch);
	}
}

static void on_timeout(void *arg)
{
	struct grpc_call *call = arg;
	struct error err = ERROR_INIT;
	error_set(&err, ERR_TIMEOUT, "no answer in time");
	reset_stream(call);
	call_end(call, &err);
}

/* Hands whole messages of a stream on. */
static void stream_deliver(struct grpc_call *call)
{
	while (call->response.size >= PREFIX_SIZE && !call->finished) {
		const unsigned char *p = (const unsigned char *)call->response.data;
		size_t size = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		if (call->response.size < PREFIX_SIZE + size)
			return;
		call->on_message(call->arg, call->response.data + PREFIX_SIZE, size);
		buf_consume(&call->response, PREFIX_SIZE + size);
	}
}

/* ---- nghttp2 callbacks: they only note things; user callbacks run after nghttp2_session_mem_recv() ---- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	if (!call)
		return 0;
	if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
		call->grpc_status = atoi((const char *)value);
	} else if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0) {
		buf_reset(&call->grpc_message);
		buf_append(&call->grpc_message, value, value_len);
	} else if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
		call->http_status = atoi((const char *)value);
	}
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
    size_t len, void *user_data)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
	if (!call)
		return 0;
	if (call->response.size + len > MESSAGE_MAX) {
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_CANCEL);
		return 0;
	}
	buf_append(&call->response, data, len);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code, void *user_data)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
	if (call)
		call->finished = true;
	return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t len,
    uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	struct grpc_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
	if (!call)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t left = call->request.size - call->request_sent;
	size_t n = left < len ? left : len;
	memcpy(out, call->request.data + call->request_sent, n);
	call->request_sent += n;
	if (n == left)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void session_open(struct grpc_channel *ch)
{
	nghttp2_session_callbacks *cbs;
	nghttp2_session_callbacks_new(&cbs);
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs, on_stream_close);
	nghttp2_session_client_new(&ch->session, cbs, ch);
	nghttp2_session_callbacks_del(cbs);
	nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW}, {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
	nghttp2_submit_settings(ch->session, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(ch->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

#define HEADER(n, v)                                                                                         \
	(nghttp2_nv)                                                                                         \
	{                                                                                                    \
		(uint8_t *)(n), (uint8_t *)(v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE                   \
	}

static void call_submit(struct grpc_call *call)
{
	nghttp2_nv headers[16] = {HEADER(":method", "POST"), HEADER(":scheme", "http"),
	    HEADER(":path", call->path), HEADER(":authority", "localhost"), HEADER("te", "trailers"),
	    HEADER("content-type", "application/grpc"), HEADER("user-agent", "cube-kubelet")};
	size_t len = 7;
	for (char **m = call->metadata; m && *m && len < 16; m += 2)
		headers[len++] = HEADER(m[0], m[1]);
	nghttp2_data_provider body = {.read_callback = read_request};
	call->stream_id = nghttp2_submit_request(call->channel->session, NULL, headers, len, &body, call);
	if (call->stream_id < 0)
		call->finished = true;
}

/* ---- the connection ---- */

static void channel_break(struct grpc_channel *ch, const struct error *err)
{
	struct error lost = ERROR_INIT;
	error_set(&lost, ERR_UNAVAILABLE, "connection to %s: %s", ch->address,
	    err ? err->message : "closed by the other side");
	stream_close(ch->stream);
	ch->stream = NULL;
	ch->connected = false;
	nghttp2_session_del(ch->session);
	ch->session = NULL;
	/* New calls made by the callbacks go in front of the list and open a new connection. */
	for (struct grpc_call *c = ch->calls; c; c = c->next)
		c->stream_id = -1;
	for (;;) {
		struct grpc_call *c = ch->calls;
		while (c && c->stream_id != -1)
			c = c->next;
		if (!c)
			return;
		call_end(c, &lost);
	}
}

static void on_connect(void *arg)
{
	struct grpc_channel *ch = arg;
	ch->connected = true;
	channel_flush_soon(ch);
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct grpc_channel *ch = arg;
	ssize_t n = nghttp2_session_mem_recv(ch->session, (const uint8_t *)data, size);
	ch->is_broken =
	    n < 0 || !(nghttp2_session_want_read(ch->session) || nghttp2_session_want_write(ch->session));
	channel_flush_soon(ch);
	channel_finish_calls(ch);
	if (ch->is_broken && ch->session)
		channel_break(ch, NULL);
}

static void on_end(void *arg, const struct error *err)
{
	channel_break(arg, err);
}

static void channel_connect(struct grpc_channel *ch)
{
	static const struct stream_callbacks callbacks = {
	    .on_connect = on_connect, .on_data = on_data, .on_end = on_end};
	session_open(ch);
	ch->is_broken = false;
	ch->stream = stream_connect(ch->loop, ch->address, NULL, 5000, &callbacks, ch);
}

static void channel_finish_calls(struct grpc_channel *ch)
{
	/* A callback may add, end or cancel calls: start over after each one. */
again:
	for (struct grpc_call *c = ch->calls; c; c = c->next) {
		if (c->is_stream && c->response.size >= PREFIX_SIZE && !c->finished)
			stream_deliver(c);
		if (c->finished) {
			call_end(c, NULL);
			goto again;
		}
	}
}

static void channel_flush(void *arg)
{
	struct grpc_channel *ch = arg;
	bool waiting = false;
	for (struct grpc_call *c = ch->calls; c; c = c->next)
		waiting |= c->stream_id == 0;
	if (!ch->session) {
		if (waiting)
			channel_connect(ch);
		return;
	}
	if (!ch->connected)
		return;
	/* The newest call is first in the list: submit the oldest first. */
	struct grpc_call *last = ch->calls;
	while (last && last->next)
		last = last->next;
	for (struct grpc_call *c = last; c; c = c->prev)
		if (c->stream_id == 0)
			call_submit(c);
	for (;;) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(ch->session, &data);
		if (n <= 0)
			break;
		stream_write(ch->stream, data, (size_t)n);
	}
	channel_finish_calls(ch);
}

static void channel_flush_soon(struct grpc_channel *ch)
{
	if (!loop_timer_is_active(ch->flush_timer))
		loop_timer_start(ch->flush_timer, 0, 0);
}

struct grpc_channel *grpc_channel_new(struct loop *loop, const char *address)
{
	struct grpc_channel *ch = calloc(1, sizeof *ch);
	ch->loop = loop;
	ch->address = strdup(address);
	ch->flush_timer = loop_timer_new(loop, channel_flush, ch);
	return ch;
}

void grpc_channel_free(struct grpc_channel *ch)
{
	if (!ch)
		return;
	while (ch->calls)
		call_free(ch->calls);
	stream_close(ch->stream);
	nghttp2_session_del(ch->session);
	loop_timer_free(ch->flush_timer);
	free(ch->address);
	free(ch);
}

static struct grpc_call *call_new(
    struct grpc_channel *ch, const char *path, const void *request, size_t size, grpc_done *done, void *arg)
{
	struct grpc_call *call = calloc(1, sizeof *call);
	call->channel = ch;
	call->path = strdup(path);
	call->grpc_status = -1;
	call->done = done;
	call->arg = arg;
	unsigned char prefix[PREFIX_SIZE] = {0, (unsigned char)(size >> 24), (unsigned char)(size >> 16),
	    (unsigned char)(size >> 8), (unsigned char)size};
	buf_append(&call->request, prefix, sizeof prefix);
	buf_append(&call->request, request, size);
	call->next = ch->calls;
	if (ch->calls)
		ch->calls->prev = call;
	ch->calls = call;
	channel_flush_soon(ch);
	return call;
}

struct grpc_call *grpc_unary(struct grpc_channel *ch, const char *path, const void *request, size_t size,
    int64_t timeout_ms, grpc_done *done, void *arg)
{
	struct grpc_call *call = call_new(ch, path, request, size, done, arg);
	if (timeout_ms > 0) {
		call->timer = loop_timer_new(ch->loop, on_timeout, call);
		loop_timer_start(call->timer, timeout_ms, 0);
	}
	return call;
}

struct grpc_call *grpc_stream(struct grpc_channel *ch, const char *path, const char *const *metadata,
    const void *request, size_t size, void (*on_message)(void *arg, const void *message, size_t size),
    grpc_done *done, void *arg)
{
	struct grpc_call *call = call_new(ch, path, request, size, done, arg);
	size_t len = 0;
	while (metadata && metadata[len])
		len++;
	call->metadata = calloc(len + 1, sizeof *call->metadata);
	for (size_t i = 0; i < len; i++)
		call->metadata[i] = strdup(metadata[i]);
	call->is_stream = true;
	call->on_message = on_message;
	return call;
}

void grpc_cancel(struct grpc_call *call)
{
	if (!call)
		return;
	reset_stream(call);
	call_free(call);
}
