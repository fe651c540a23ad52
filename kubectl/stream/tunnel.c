#include "kubectl/stream/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/client/rest.h"
#include "lib/loop/http_client.h"
#include "lib/loop/stream.h"

enum { CONNECT_TIMEOUT_MS = 30000, HEAD_MAX = 64 * 1024 };

struct tunnel {
	struct kubectl *k;
	struct stream *stream;
	struct spdy *spdy;
	struct tunnel_callbacks callbacks;
	void *arg;
	struct buf request, head; /* head: the answer until it is whole */
	bool is_open, is_over;
};

static void end(struct tunnel *t, const struct error *err)
{
	if (t->is_over)
		return;
	t->is_over = true;
	t->callbacks.on_end(t->arg, err);
}

static void spdy_write(void *arg, const void *data, size_t size)
{
	struct tunnel *t = arg;
	if (!t->is_over)
		stream_write(t->stream, data, size);
}

static void on_spdy_data(void *arg, uint32_t stream, const char *data, size_t size, bool fin)
{
	struct tunnel *t = arg;
	if (!t->is_over)
		t->callbacks.on_data(t->arg, stream, data, size, fin);
}

static void on_spdy_reset(void *arg, uint32_t stream, uint32_t status)
{
	struct tunnel *t = arg;
	if (!t->is_over)
		t->callbacks.on_reset(t->arg, stream, status);
}

static void on_spdy_goaway(void *arg)
{
	(void)arg; /* the end of the connection follows */
}

static void on_connect(void *arg)
{
	struct tunnel *t = arg;
	stream_write(t->stream, t->request.data, t->request.size);
}

/* The answer of a server that does not upgrade: a Status, or text. False while its body is not whole. */
static bool refuse(struct tunnel *t, size_t head_size, bool at_end)
{
	struct error err = ERROR_INIT;
	const char *head = t->head.data;
	int status = 0;
	sscanf(head, "HTTP/1.%*d %d", &status);
	const char *body = head + head_size, *length = strcasestr(head, "\nContent-Length:");
	size_t have = t->head.size - head_size,
	       want = length && length < body ? strtoul(length + 16, NULL, 10) : SIZE_MAX;
	bool chunked = strcasestr(head, "\nTransfer-Encoding: chunked") != NULL;
	if (!at_end && have < want && !(chunked && have > 5 && strstr(body, "\r\n0\r\n")))
		return false;
	if (chunked && strstr(body, "\r\n")) {
		body = strstr(body, "\r\n") + 2;
		have = strcspn(body, "\r");
	}
	struct http_response response = {
	    .status = status, .content_type = "", .body = body, .body_size = have};
	struct error ignored = ERROR_INIT;
	struct json *tree = NULL;
	if (have && json_parse(t->k->arena, body, have, NULL, &tree, &ignored) == 0)
		t->k->status = tree;
	if (status == 101 || status == 0)
		error_set(&err, ERR_IO, "unable to upgrade connection: the server's answer cannot be read");
	else if (tree && str_eq(json_get_string(tree, "kind", ""), "Status"))
		rest_error(&response, &err);
	else
		error_set(
		    &err, ERR_IO, "unable to upgrade connection: %.*s", (int)(have < 400 ? have : 400), body);
	end(t, &err);
	return true;
}

static void on_data(void *arg, const char *data, size_t size)
{
	struct tunnel *t = arg;
	struct error err = ERROR_INIT;
	if (t->is_over)
		return;
	if (t->is_open) {
		if (spdy_feed(t->spdy, data, size, &err))
			end(t, &err);
		return;
	}
	buf_append(&t->head, data, size);
	const char *blank = strstr(t->head.data, "\r\n\r\n");
	if (!blank) {
		if (t->head.size > HEAD_MAX) {
			error_set(
			    &err, ERR_IO, "unable to upgrade connection: the answer's head is too long");
			end(t, &err);
		}
		return;
	}
	size_t head_size = (size_t)(blank - t->head.data) + 4;
	if (!str_has_prefix(t->head.data, "HTTP/1.1 101") && !str_has_prefix(t->head.data, "HTTP/1.0 101")) {
		refuse(t, head_size, false);
		return;
	}
	t->is_open = true;
	t->callbacks.on_open(t->arg, t->spdy);
	if (t->head.size > head_size &&
	    spdy_feed(t->spdy, t->head.data + head_size, t->head.size - head_size, &err))
		end(t, &err);
}

static void on_drain(void *arg)
{
	struct tunnel *t = arg;
	if (t->callbacks.on_drain && !t->is_over)
		t->callbacks.on_drain(t->arg);
}

static void on_end(void *arg, const struct error *err)
{
	struct tunnel *t = arg;
	struct error failed = ERROR_INIT;
	if (t->is_over)
		return;
	if (!t->is_open && !err) {
		const char *blank = t->head.size ? strstr(t->head.data, "\r\n\r\n") : NULL;
		if (blank) {
			refuse(t, (size_t)(blank - t->head.data) + 4, true);
			return;
		}
		error_set(&failed, ERR_IO, "unable to upgrade connection: the server closed it");
		err = &failed;
	} else if (!t->is_open) {
		error_set(&failed, ERR_IO, "error dialing backend: %s", err->message);
		err = &failed;
	}
	end(t, err);
}

/* "https://host:port/prefix": where to connect, and what stands before the path. */
static const char *split_server(
    struct kubectl *k, const char **ret_host, const char **ret_prefix, bool *ret_tls)
{
	const char *server = rest_client_server(k->rest), *at = strstr(server, "://") + 3;
	size_t len = strcspn(at, "/");
	const char *host = arena_strndup(k->arena, at, len), *colon = strrchr(host, ':');
	*ret_tls = str_has_prefix(server, "https://");
	*ret_host = host;
	*ret_prefix = at + len;
	bool has_port = colon && !strchr(colon, ']');
	return has_port ? host : arena_printf(k->arena, "%s:%d", host, *ret_tls ? 443 : 80);
}

const char *tunnel_address(struct kubectl *k, struct http_tls *ret, bool *ret_tls)
{
	const char *host, *prefix, *address = split_server(k, &host, &prefix, ret_tls);
	*ret = k->config.tls;
	if (!ret->server_name) {
		size_t len = host[0] == '[' ? strcspn(host + 1, "]") : strcspn(host, ":");
		ret->server_name = arena_strndup(k->arena, host + (host[0] == '['), len);
	}
	return address;
}

static void write_request(
    struct tunnel *t, const char *host, const char *prefix, const char *path, const char *const *protocols)
{
	buf_printf(&t->request, "POST %s%s HTTP/1.1\r\nHost: %s\r\n", prefix, path, host);
	for (const char *const *h = rest_client_headers(t->k->rest); *h; h++)
		buf_printf(&t->request, "%s\r\n", *h);
	for (; *protocols; protocols++)
		buf_printf(&t->request, "X-Stream-Protocol-Version: %s\r\n", *protocols);
	buf_puts(&t->request, "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n");
}

struct tunnel *tunnel_open(struct kubectl *k, const char *path, const char *const *protocols,
    const struct tunnel_callbacks *callbacks, void *arg, struct error *err)
{
	static const struct spdy_callbacks spdy_callbacks = {
	    spdy_write, on_spdy_data, on_spdy_reset, on_spdy_goaway};
	static const struct stream_callbacks stream_callbacks = {on_connect, on_data, on_drain, on_end};
	const char *host, *prefix;
	bool tls;
	if (kubectl_connect(k, err))
		return NULL;
	const char *address = split_server(k, &host, &prefix, &tls);
	struct tunnel *t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	t->k = k;
	t->callbacks = *callbacks;
	t->arg = arg;
	t->spdy = spdy_new(&spdy_callbacks, t);
	write_request(t, host, prefix, path, protocols);
	struct http_tls security;
	tunnel_address(k, &security, &tls);
	t->stream = stream_connect(
	    k->loop, address, tls ? &security : NULL, CONNECT_TIMEOUT_MS, &stream_callbacks, t);
	return t;
}

size_t tunnel_pending(const struct tunnel *tunnel)
{
	return stream_pending(tunnel->stream);
}

void tunnel_close(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	tunnel->is_over = true;
	stream_close(tunnel->stream);
	spdy_free(tunnel->spdy);
	buf_done(&tunnel->request);
	buf_done(&tunnel->head);
	free(tunnel);
}
