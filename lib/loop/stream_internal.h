/* stream_internal: the stream as stream.c (sockets) and stream_tls.c (the TLS layer between) share it. */
#ifndef CUBE_LOOP_STREAM_INTERNAL_H
#define CUBE_LOOP_STREAM_INTERNAL_H

#include <openssl/ssl.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/loop/internal.h"
#include "lib/loop/stream.h"

struct resolve;

struct stream {
	struct loop_owned owned;
	struct loop *loop;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	bool has_handle;
	struct stream_callbacks callbacks;
	void *arg;
	uv_connect_t connect;
	uv_shutdown_t shutdown;
	struct resolve *resolve; /* a name look-up under way */
	struct loop_timer *timeout;
	struct loop_tick tick;
	struct buf early;      /* written before the connection (and its TLS) stood */
	struct error *failure; /* to be told, or told (then `failed`) */
	SSL_CTX *ssl_ctx;
	SSL *ssl;
	bool socket_ready; /* connected */
	bool ready;        /* and the TLS handshake done */
	bool paused, ended, failed, closed;
	bool drain_due;
	bool shutdown_wanted, shut;
};

/* Records the failure; on_end is told on the next turn. */
void stream_fail(struct stream *stream, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void stream_fail_uv(struct stream *stream, const char *what, int status);
/* The connection is usable from now on: tells on_connect and sends what was written early. */
void stream_became_ready(struct stream *stream);
/* The peer's side ended. */
void stream_ended(struct stream *stream);
/* Bytes to the socket, past TLS. */
void stream_write_raw(struct stream *stream, const void *data, size_t size);

/* stream_tls.c */
void stream_tls_start(struct stream *stream); /* the socket is connected: the handshake begins */
void stream_tls_input(struct stream *stream, const char *data,
    size_t size); /* from the socket; size 0: deliver what is there */
void stream_tls_write(struct stream *stream, const void *data, size_t size);
void stream_tls_shutdown(struct stream *stream);

#endif
