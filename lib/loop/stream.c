#include "lib/loop/stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream_internal.h"

struct resolve {
	uv_getaddrinfo_t uv;
	struct stream *stream; /* NULL after the stream was closed */
};

struct write {
	uv_write_t uv;
	char data[];
};

static void run_tick(void *arg);
static void close_stream(void *owner);

static struct stream *new_stream(struct loop *loop, const struct stream_callbacks *callbacks, void *arg)
{
	struct stream *stream = loop_must(calloc(1, sizeof(*stream)));
	stream->loop = loop;
	stream->callbacks = *callbacks;
	stream->arg = arg;
	stream->tick.fn = run_tick;
	stream->tick.arg = stream;
	loop_own(loop, &stream->owned, close_stream);
	return stream;
}

static void open_handle(struct stream *stream, bool is_tcp)
{
	if (is_tcp)
		uv_tcp_init(loop_uv(stream->loop), &stream->uv.tcp);
	else
		uv_pipe_init(loop_uv(stream->loop), &stream->uv.pipe, 0);
	stream->uv.handle.data = stream;
	stream->has_handle = true;
}

/* Failure and end */

static void set_failure(struct stream *stream)
{
	if (stream->has_handle && stream->socket_ready)
		uv_read_stop(&stream->uv.stream);
	loop_timer_free(stream->timeout);
	stream->timeout = NULL;
	loop_tick_start(stream->loop, &stream->tick);
}

void stream_fail(struct stream *stream, enum error_code code, const char *fmt, ...)
{
	if (stream->failure || stream->closed)
		return;
	char message[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	stream->failure = loop_must(calloc(1, sizeof(*stream->failure)));
	error_set(stream->failure, code, "%s", message);
	set_failure(stream);
}

void stream_fail_uv(struct stream *stream, const char *what, int status)
{
	stream_fail(stream, ERR_IO, "%s: %s", what, uv_strerror(status));
}

void stream_ended(struct stream *stream)
{
	if (stream->ended || stream->failure || stream->closed)
		return;
	stream->ended = true;
	uv_read_stop(&stream->uv.stream);
	if (!stream->ready) {
		stream_fail(stream, ERR_IO, "the peer closed the connection during the handshake");
		return;
	}
	stream->callbacks.on_end(stream->arg, NULL);
}

/* What waited for a turn of the loop: a failure, data left while paused, the news that the queue is empty. */
static void run_tick(void *arg)
{
	struct stream *stream = arg;
	if (stream->failure) {
		if (!stream->failed) {
			stream->failed = true;
			stream->callbacks.on_end(stream->arg, stream->failure);
		}
		return;
	}
	if (stream->ssl && stream->ready && !stream->paused)
		stream_tls_input(stream, NULL, 0);
	if (!stream->closed && !stream->failure && stream->drain_due && !stream_pending(stream)) {
		stream->drain_due = false;
		if (stream->callbacks.on_drain)
			stream->callbacks.on_drain(stream->arg);
	}
}

/* Reading */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct stream *stream = handle->data;
	/* One for the whole loop: what is read is handed on before anything else is read. */
	*buf = uv_buf_init(loop_scratch(stream->loop), LOOP_SCRATCH_SIZE);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
	struct stream *stream = uv->data;
	if (n > 0 && stream->ssl)
		stream_tls_input(stream, buf->base, (size_t)n);
	else if (n > 0)
		stream->callbacks.on_data(stream->arg, buf->base, (size_t)n);
	else if (n == UV_EOF)
		stream_ended(stream);
	else if (n < 0)
		stream_fail_uv(stream, "read", (int)n);
}

static void update_reading(struct stream *stream)
{
	if (!stream->socket_ready || stream->failure || stream->ended || stream->closed)
		return;
	/* The handshake reads whether or not the user wants data yet. */
	if (stream->paused && stream->ready) {
		uv_read_stop(&stream->uv.stream);
		return;
	}
	int status = uv_read_start(&stream->uv.stream, on_alloc, on_read);
	if (status && status != UV_EALREADY)
		stream_fail_uv(stream, "read", status);
}

void stream_pause(struct stream *stream)
{
	stream->paused = true;
	update_reading(stream);
}

void stream_resume(struct stream *stream)
{
	if (!stream->paused)
		return;
	stream->paused = false;
	update_reading(stream);
	if (stream->ssl)
		loop_tick_start(stream->loop, &stream->tick);
}

/* Connecting */

static void apply_shutdown(struct stream *stream);

void stream_became_ready(struct stream *stream)
{
	loop_timer_free(stream->timeout);
	stream->timeout = NULL;
	stream->ready = true;
	struct buf early = stream->early;
	stream->early = BUF_INIT;
	if (early.size)
		stream_write(stream, early.data, early.size);
	buf_done(&early);
	update_reading(stream);
	if (stream->shutdown_wanted)
		apply_shutdown(stream);
	if (stream->callbacks.on_connect)
		stream->callbacks.on_connect(stream->arg);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct stream *stream = connect->data;
	if (stream->closed || stream->failure)
		return;
	if (status) {
		stream_fail_uv(stream, "connect", status);
		return;
	}
	stream->socket_ready = true;
	if (!stream->ssl) {
		stream_became_ready(stream);
		return;
	}
	update_reading(stream);
	stream_tls_start(stream);
}

static void connect_to(struct stream *stream, const struct sockaddr *addr)
{
	stream->connect.data = stream;
	open_handle(stream, addr->sa_family != AF_UNIX);
	if (addr->sa_family == AF_UNIX) {
		uv_pipe_connect(&stream->connect, &stream->uv.pipe,
		    ((const struct sockaddr_un *)addr)->sun_path, on_connected);
		return;
	}
	uv_tcp_nodelay(&stream->uv.tcp, 1);
	int status = uv_tcp_connect(&stream->connect, &stream->uv.tcp, addr, on_connected);
	if (status)
		stream_fail_uv(stream, "connect", status);
}

static void on_resolved(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
	struct resolve *resolve = uv->data;
	struct stream *stream = resolve->stream;
	if (stream) {
		stream->resolve = NULL;
		/* IPv4 where there is a choice: most servers in a cluster listen on that alone. */
		const struct addrinfo *best = list;
		for (const struct addrinfo *info = list; info && best->ai_family != AF_INET;
		     info = info->ai_next)
			if (info->ai_family == AF_INET)
				best = info;
		if (status || !best)
			stream_fail_uv(stream, "name look-up", status ? status : UV_EAI_NONAME);
		else if (!stream->failure)
			connect_to(stream, best->ai_addr);
	}
	uv_freeaddrinfo(list);
	free(resolve);
}

static void start_resolve(struct stream *stream, const char *address)
{
	char host[256], port[8];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	address_split(address, host, port, NULL); /* address_parse() has seen to its form */
	struct resolve *resolve = loop_must(calloc(1, sizeof(*resolve)));
	resolve->uv.data = resolve;
	resolve->stream = stream;
	stream->resolve = resolve;
	int status = uv_getaddrinfo(loop_uv(stream->loop), &resolve->uv, on_resolved, host, port, &hints);
	if (status) {
		stream->resolve = NULL;
		free(resolve);
		stream_fail_uv(stream, "name look-up", status);
	}
}

static void on_timeout(void *arg)
{
	struct stream *stream = arg;
	stream_fail(stream, ERR_TIMEOUT, "connect: timed out");
}

static int start_tls(
    struct stream *stream, const char *address, const struct http_tls *tls, struct error *err)
{
	char host[256] = "", port[8];
	if (!str_has_prefix(address, "unix:") && address_split(address, host, port, err))
		return -1;
	stream->ssl_ctx = tls_client_context(tls, err);
	if (!stream->ssl_ctx)
		return -1;
	stream->ssl = tls_client_session(stream->ssl_ctx, tls, host);
	return 0;
}

struct stream *stream_connect(struct loop *loop, const char *address, const struct http_tls *tls,
    int64_t timeout_ms, const struct stream_callbacks *callbacks, void *arg)
{
	struct stream *stream = new_stream(loop, callbacks, arg);
	struct sockaddr_storage addr;
	socklen_t len;
	struct error err = ERROR_INIT;
	int kind = address_parse(address, &addr, &len, &err);
	if (kind < 0 || (tls && start_tls(stream, address, tls, &err))) {
		stream_fail(stream, err.code, "%s", err.message);
		return stream;
	}
	if (timeout_ms > 0) {
		stream->timeout = loop_timer_new_real(loop, on_timeout, stream);
		loop_timer_start(stream->timeout, timeout_ms, 0);
	}
	if (kind)
		start_resolve(stream, address);
	else
		connect_to(stream, (struct sockaddr *)&addr);
	return stream;
}

struct stream *stream_adopt(struct loop *loop, int fd, const struct stream_callbacks *callbacks, void *arg)
{
	struct stream *stream = new_stream(loop, callbacks, arg);
	int domain = 0;
	socklen_t len = sizeof(domain);
	bool is_tcp = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain != AF_UNIX;
	open_handle(stream, is_tcp);
	int status = is_tcp ? uv_tcp_open(&stream->uv.tcp, fd) : uv_pipe_open(&stream->uv.pipe, fd);
	if (status) {
		close(fd);
		stream_fail_uv(stream, "adopt", status);
		return stream;
	}
	if (is_tcp)
		uv_tcp_nodelay(&stream->uv.tcp, 1);
	stream->socket_ready = stream->ready = true;
	update_reading(stream);
	return stream;
}

/* Writing */

static void on_written(uv_write_t *uv, int status)
{
	struct stream *stream = uv->data;
	free(uv);
	if (status && status != UV_ECANCELED)
		stream_fail_uv(stream, "write", status);
	if (!stream->closed && !stream_pending(stream)) {
		stream->drain_due = true;
		loop_tick_start(stream->loop, &stream->tick);
	}
}

void stream_write_raw(struct stream *stream, const void *data, size_t size)
{
	if (!stream->socket_ready || stream->closed)
		return;
	if (uv_stream_get_write_queue_size(&stream->uv.stream) == 0) {
		uv_buf_t buf = uv_buf_init((char *)data, (unsigned)(size < 1 << 30 ? size : 1 << 30));
		int n = uv_try_write(&stream->uv.stream, &buf, 1);
		if (n < 0 && n != UV_EAGAIN) {
			stream_fail_uv(stream, "write", n);
			return;
		}
		if (n > 0) {
			data = (const char *)data + n;
			size -= (size_t)n;
		}
		if (!size) {
			if (stream->callbacks.on_drain) {
				stream->drain_due = true;
				loop_tick_start(stream->loop, &stream->tick);
			}
			return;
		}
	}
	struct write *write = loop_must(malloc(sizeof(*write) + size));
	memcpy(write->data, data, size);
	write->uv.data = stream;
	uv_buf_t buf = uv_buf_init(write->data, (unsigned)size);
	int status = uv_write(&write->uv, &stream->uv.stream, &buf, 1, on_written);
	if (status) {
		free(write);
		stream_fail_uv(stream, "write", status);
	}
}

void stream_write(struct stream *stream, const void *data, size_t size)
{
	if (!size || stream->failure || stream->closed || stream->shut)
		return;
	if (!stream->ready)
		buf_append(&stream->early, data, size);
	else if (stream->ssl)
		stream_tls_write(stream, data, size);
	else
		stream_write_raw(stream, data, size);
}

size_t stream_pending(const struct stream *stream)
{
	return stream->early.size +
	       (stream->socket_ready ? uv_stream_get_write_queue_size(&stream->uv.stream) : 0);
}

static void on_shutdown(uv_shutdown_t *uv, int status)
{
	/* A peer that is gone already is told of by reading. */
}

static void apply_shutdown(struct stream *stream)
{
	if (stream->shut || stream->failure)
		return;
	if (stream->ssl)
		stream_tls_shutdown(stream);
	stream->shut = true;
	stream->shutdown.data = stream;
	uv_shutdown(&stream->shutdown, &stream->uv.stream, on_shutdown);
}

void stream_shutdown(struct stream *stream)
{
	stream->shutdown_wanted = true;
	if (stream->ready)
		apply_shutdown(stream);
}

/* Closing */

static void free_stream(uv_handle_t *handle)
{
	struct stream *stream = handle->data;
	SSL_free(stream->ssl);
	SSL_CTX_free(stream->ssl_ctx);
	buf_done(&stream->early);
	free(stream->failure);
	free(stream);
}

static void close_stream(void *owner)
{
	struct stream *stream = owner;
	stream->closed = true;
	loop_timer_free(stream->timeout);
	stream->timeout = NULL;
	loop_tick_stop(&stream->tick);
	if (stream->resolve) {
		stream->resolve->stream = NULL;
		uv_cancel((uv_req_t *)&stream->resolve->uv);
	}
	/* Even without a socket the memory lives until the loop's next turn: the caller may be one of our
	 * callbacks. */
	if (!stream->has_handle)
		open_handle(stream, false);
	uv_close(&stream->uv.handle, free_stream);
}

void stream_close(struct stream *stream)
{
	if (!stream || stream->closed)
		return;
	loop_disown(&stream->owned);
	close_stream(stream);
}
