/*
 * /exec, /attach, /portForward: the runtime is asked for a URL of its streaming server; then the request is
 * sent there with the new target and every byte goes through in both directions, so that SPDY and WebSocket
 * clients both work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods/pod_manager.h"
#include "kubelet/runtime/runtime.h"
#include "kubelet/server/server_private.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

#define QUEUE_MAX (1 << 20)
#define CALL_TIMEOUT_MS 10000

struct tunnel {
	struct kubelet_server *server;
	struct tunnel *prev, *next;
	struct http_server_request *request; /* until the tunnel stands */
	struct runtime_call *call;
	struct http_tunnel *client;
	struct stream *stream;
	bool stream_paused, client_paused;
};

static void tunnel_free(struct tunnel *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		t->server->tunnels = t->next;
	if (t->next)
		t->next->prev = t->prev;
	runtime_cancel(t->server->deps.runtime, t->call);
	stream_close(t->stream);
	if (t->client)
		http_tunnel_close(t->client);
	free(t);
}

static struct tunnel *tunnel_new(struct kubelet_server *s, struct http_server_request *request)
{
	struct tunnel *t = calloc(1, sizeof *t);
	*t = (struct tunnel){.server = s, .next = s->tunnels, .request = request};
	if (s->tunnels)
		s->tunnels->prev = t;
	s->tunnels = t;
	return t;
}

void tunnels_close_all(struct kubelet_server *s)
{
	while (s->tunnels)
		tunnel_free(s->tunnels);
}

/* ---- bytes ---- */

static void from_runtime(void *arg, const char *data, size_t size)
{
	struct tunnel *t = arg;
	if (http_tunnel_write(t->client, data, size) > QUEUE_MAX && !t->stream_paused) {
		t->stream_paused = true;
		stream_pause(t->stream);
	}
}

static void client_drained(void *arg)
{
	struct tunnel *t = arg;
	if (t->stream_paused) {
		t->stream_paused = false;
		stream_resume(t->stream);
	}
}

static void from_client(void *arg, const char *data, size_t size)
{
	struct tunnel *t = arg;
	stream_write(t->stream, data, size);
	if (stream_pending(t->stream) > QUEUE_MAX && !t->client_paused) {
		t->client_paused = true;
		http_tunnel_pause(t->client);
	}
}

static void runtime_drained(void *arg)
{
	struct tunnel *t = arg;
	if (t->client_paused) {
		t->client_paused = false;
		http_tunnel_resume(t->client);
	}
}

static void runtime_ended(void *arg, const struct error *err)
{
	tunnel_free(arg);
}

static void client_ended(void *arg)
{
	tunnel_free(arg);
}

/* The request as the client sent it, but for its target; credentials for us are no business of the runtime's.
 */
static void write_head(
    struct buf *out, const struct http_server_request *request, const char *target, const char *host)
{
	buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", request->method, target, host);
	for (size_t i = 0; i < request->headers_len; i++) {
		const struct http_header *h = &request->headers[i];
		if (strcasecmp(h->name, "Host") != 0 && strcasecmp(h->name, "Authorization") != 0)
			buf_printf(out, "%s: %s\r\n", h->name, h->value);
	}
	buf_puts(out, "\r\n");
	buf_append(out, request->body, request->body_size);
}

static void connect_tunnel(struct tunnel *t, const char *url)
{
	static const struct stream_callbacks runtime_side = {
	    .on_data = from_runtime, .on_drain = runtime_drained, .on_end = runtime_ended};
	static const struct http_tunnel_callbacks client_side = {
	    .on_data = from_client, .on_drain = client_drained, .on_end = client_ended};
	const char *host = str_has_prefix(url, "http://") ? url + strlen("http://") : NULL;
	const char *path = host ? strchr(host, '/') : NULL;
	if (!path) {
		respond_text(t->request, 500, "the runtime's streaming address can't be read");
		t->request = NULL;
		tunnel_free(t);
		return;
	}
	char *address = strndup(host, (size_t)(path - host));
	struct buf head = BUF_INIT;
	write_head(&head, t->request, path, address);
	t->stream = stream_connect(t->server->deps.loop, address, NULL, 5000, &runtime_side, t);
	stream_write(t->stream, head.data, head.size);
	struct http_server_request *request = t->request;
	t->request = NULL;
	http_on_close(request, NULL, NULL);
	t->client = http_tunnel(request, NULL, 0, &client_side, t);
	free(address);
	buf_done(&head);
}

/* ---- asking the runtime ---- */

static void on_url(struct tunnel *t, const char *url, const struct error *err)
{
	t->call = NULL;
	if (err) {
		respond_text(t->request, err->code == ERR_NOT_FOUND ? 404 : 500, err->message);
		t->request = NULL;
		tunnel_free(t);
		return;
	}
	connect_tunnel(t, url);
}

static void on_exec(void *arg, const ProtobufCMessage *r, const struct error *err)
{
	on_url(arg, r ? ((const CriV1__ExecResponse *)r)->url : NULL, err);
}

static void on_attach(void *arg, const ProtobufCMessage *r, const struct error *err)
{
	on_url(arg, r ? ((const CriV1__AttachResponse *)r)->url : NULL, err);
}

static void on_forward(void *arg, const ProtobufCMessage *r, const struct error *err)
{
	on_url(arg, r ? ((const CriV1__PortForwardResponse *)r)->url : NULL, err);
}

static void on_peer_gone(void *arg)
{
	tunnel_free(arg);
}

static bool flag(struct http_server_request *request, const char *name)
{
	const char *v = http_request_query(request, name, 0);
	return v && (str_eq(v, "1") || str_eq(v, "true"));
}

/* /exec/ns/pod/container or /exec/ns/pod/uid/container */
static const struct rt_container *find_container(
    struct kubelet_server *s, struct http_server_request *request)
{
	const char *ns = path_segment(request, 0), *name = path_segment(request, 1),
		   *container = path_segment(request, 2);
	if (path_segment(request, 3))
		container = path_segment(request, 3);
	const struct object *pod = ns && name ? pod_manager_find(s->deps.pods, ns, name) : NULL;
	if (!pod || !container) {
		respond_text(
		    request, 404, arena_printf(request->arena, "pod \"%s\" not found", str_or(name, "")));
		return NULL;
	}
	const struct rt_container *c = pod_manager_container(s->deps.pods, pod, container, false);
	if (!c || c->state != RT_RUNNING) {
		respond_text(request, c ? 500 : 404,
		    c ? arena_printf(request->arena,
			    "cannot exec in a stopped container: container \"%s\" is not running", container)
		      : arena_printf(request->arena, "container not found (\"%s\")", container));
		return NULL;
	}
	return c;
}

void handle_exec(struct kubelet_server *s, struct http_server_request *request)
{
	const struct rt_container *c = find_container(s, request);
	if (!c)
		return;
	CriV1__ExecRequest exec = CRI_V1__EXEC_REQUEST__INIT;
	const char *word;
	exec.container_id = c->id;
	exec.stdin = flag(request, "input") || flag(request, "stdin");
	exec.stdout = flag(request, "output") || flag(request, "stdout");
	exec.tty = flag(request, "tty");
	exec.stderr = !exec.tty && (flag(request, "error") || flag(request, "stderr"));
	for (size_t i = 0; (word = http_request_query(request, "command", i)); i++) {
		exec.cmd =
		    arena_grow(request->arena, exec.cmd, i * sizeof *exec.cmd, (i + 1) * sizeof *exec.cmd);
		exec.cmd[exec.n_cmd++] = (char *)word;
	}
	struct tunnel *t = tunnel_new(s, request);
	http_on_close(request, on_peer_gone, t);
	t->call = runtime_call(s->deps.runtime, RUNTIME_EXEC, &exec, CALL_TIMEOUT_MS, on_exec, t);
}

void handle_attach(struct kubelet_server *s, struct http_server_request *request)
{
	const struct rt_container *c = find_container(s, request);
	if (!c)
		return;
	CriV1__AttachRequest attach = CRI_V1__ATTACH_REQUEST__INIT;
	attach.container_id = c->id;
	attach.stdin = flag(request, "input") || flag(request, "stdin");
	attach.stdout = flag(request, "output") || flag(request, "stdout");
	attach.tty = flag(request, "tty");
	attach.stderr = !attach.tty && (flag(request, "error") || flag(request, "stderr"));
	struct tunnel *t = tunnel_new(s, request);
	http_on_close(request, on_peer_gone, t);
	t->call = runtime_call(s->deps.runtime, RUNTIME_ATTACH, &attach, CALL_TIMEOUT_MS, on_attach, t);
}

void handle_port_forward(struct kubelet_server *s, struct http_server_request *request)
{
	const char *ns = path_segment(request, 0), *name = path_segment(request, 1), *word;
	const struct object *pod = ns && name ? pod_manager_find(s->deps.pods, ns, name) : NULL;
	const struct rt_sandbox *sandbox =
	    pod ? rt_pod_sandbox(runtime_cache_pod(pod_manager_cache(s->deps.pods), pod->meta->uid)) : NULL;
	if (!sandbox) {
		respond_text(request, 404,
		    arena_printf(request->arena, "pod \"%s\" not found or not running", str_or(name, "")));
		return;
	}
	CriV1__PortForwardRequest forward = CRI_V1__PORT_FORWARD_REQUEST__INIT;
	forward.pod_sandbox_id = sandbox->id;
	for (size_t i = 0; (word = http_request_query(request, "port", i)); i++) {
		forward.port = arena_grow(
		    request->arena, forward.port, i * sizeof *forward.port, (i + 1) * sizeof *forward.port);
		forward.port[forward.n_port++] = atoi(word);
	}
	struct tunnel *t = tunnel_new(s, request);
	http_on_close(request, on_peer_gone, t);
	t->call =
	    runtime_call(s->deps.runtime, RUNTIME_PORT_FORWARD, &forward, CALL_TIMEOUT_MS, on_forward, t);
}
