/* The four actions of probes and hooks. Each run reports once and frees itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/probes/probe.h"
#include "kubelet/runtime/grpc.h"
#include "kubelet/runtime/runtime.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/loop/http_client.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

#define OUTPUT_MAX 10240
#define EXEC_SLACK_MS                                                                                        \
	5000 /* the runtime itself enforces the timeout; this is for a runtime that doesn't answer */

struct probe_run {
	struct runtime *rt;
	struct loop *loop;
	struct runtime_call *exec;
	struct http_call *http;
	struct stream *stream;
	struct grpc_channel *channel;
	struct loop_timer *defer;
	struct buf output;
	enum probe_result result;
	probe_done *done;
	void *arg;
};

static void run_free(struct probe_run *run)
{
	runtime_cancel(run->rt, run->exec);
	http_call_cancel(run->http);
	stream_close(run->stream);
	grpc_channel_free(run->channel);
	loop_timer_free(run->defer);
	buf_done(&run->output);
	free(run);
}

static void finish(struct probe_run *run, enum probe_result result)
{
	run->result = result;
	run->done(run->arg, result, buf_str(&run->output));
	run_free(run);
}

static void on_defer(void *arg)
{
	struct probe_run *run = arg;
	finish(run, run->result);
}

/* Ends the run on the next turn: from within the call that started it, or from a callback of what is to be
 * freed. */
static void finish_soon(struct probe_run *run, enum probe_result result)
{
	run->result = result;
	run->defer = loop_timer_new(run->loop, on_defer, run);
	loop_timer_start(run->defer, 0, 0);
}

static struct probe_run *run_new(struct loop *loop, probe_done *done, void *arg)
{
	struct probe_run *run = calloc(1, sizeof *run);
	run->loop = loop;
	run->done = done;
	run->arg = arg;
	return run;
}

void probe_run_cancel(struct probe_run *run)
{
	if (run)
		run_free(run);
}

/* A number, or the name of one of the container's ports; 0 when there is none such. */
static int port_of(const CoreV1__Container *c, const Intstr__IntOrString *port)
{
	if (!port)
		return 0;
	if (!intstr_is_string(port))
		return port->int_val;
	for (size_t i = 0; i < c->n_ports; i++)
		if (str_eq(c->ports[i]->name, port->str_val))
			return c->ports[i]->container_port;
	return atoi(port->str_val);
}

/* ---- exec ---- */

static void on_exec(void *arg, const ProtobufCMessage *response, const struct error *err)
{
	struct probe_run *run = arg;
	run->exec = NULL;
	if (err) {
		buf_printf(&run->output, "%s", err->message);
		/* A command that takes too long has failed; a runtime that can't say is no result. */
		finish(run, err->code == ERR_TIMEOUT ? PROBE_FAILURE : PROBE_UNKNOWN);
		return;
	}
	const CriV1__ExecSyncResponse *r = (const CriV1__ExecSyncResponse *)response;
	buf_append(&run->output, r->stdout.data, r->stdout.len);
	buf_append(&run->output, r->stderr.data, r->stderr.len);
	if (run->output.size > OUTPUT_MAX) {
		run->output.size = OUTPUT_MAX;
		run->output.data[OUTPUT_MAX] = 0;
	}
	finish(run, r->exit_code == 0 ? PROBE_SUCCESS : PROBE_FAILURE);
}

struct probe_run *probe_exec(struct runtime *rt, const struct probe_target *t, const CoreV1__ExecAction *exec,
    int64_t timeout_ms, probe_done *done, void *arg)
{
	struct probe_run *run = run_new(rt->loop, done, arg);
	run->rt = rt;
	CriV1__ExecSyncRequest request = CRI_V1__EXEC_SYNC_REQUEST__INIT;
	request.container_id = (char *)t->container_id;
	request.n_cmd = exec->n_command;
	request.cmd = exec->command;
	request.timeout = timeout_ms / 1000;
	run->exec = runtime_call(
	    rt, RUNTIME_EXEC_SYNC, &request, timeout_ms > 0 ? timeout_ms + EXEC_SLACK_MS : -1, on_exec, run);
	return run;
}

/* ---- http ---- */

static void on_http(void *arg, const struct http_response *r)
{
	struct probe_run *run = arg;
	run->http = NULL;
	if (!r->status) {
		buf_puts(&run->output, r->error->message);
		finish(run, PROBE_FAILURE);
		return;
	}
	bool ok = r->status >= 200 && r->status < 400;
	if (!ok)
		buf_printf(&run->output, "HTTP probe failed with statuscode: %d", r->status);
	finish(run, ok ? PROBE_SUCCESS : PROBE_FAILURE);
}

static bool has_header(const CoreV1__HTTPGetAction *get, const char *name)
{
	for (size_t i = 0; i < get->n_http_headers; i++)
		if (strcasecmp(get->http_headers[i]->name, name) == 0)
			return true;
	return false;
}

struct probe_run *probe_http(struct http_client *client, const struct probe_target *t,
    const CoreV1__HTTPGetAction *get, int64_t timeout_ms, probe_done *done, void *arg)
{
	struct probe_run *run = run_new(NULL, done, arg);
	struct arena *arena = arena_new();
	const char *host = str_or(get->host, str_or(t->host, ""));
	bool https = strcasecmp(str_or(get->scheme, "HTTP"), "HTTPS") == 0, v6 = strchr(host, ':');
	const char *path = str_or(get->path, "/");
	const char *url = arena_printf(arena, "%s://%s%s%s:%d%s%s", https ? "https" : "http", v6 ? "[" : "",
	    host, v6 ? "]" : "", port_of(t->container, get->port), *path == '/' ? "" : "/", path);
	const char **headers = ARENA_ARRAY(arena, const char *, get->n_http_headers + 5);
	size_t n = 0;
	for (size_t i = 0; i < get->n_http_headers; i++) {
		const CoreV1__HTTPHeader *h = get->http_headers[i];
		/* An empty value takes the default header away. */
		headers[n++] = arena_printf(arena, "%s:%s%s", h->name, *h->value ? " " : "", h->value);
	}
	if (!has_header(get, "User-Agent"))
		headers[n++] = arena_printf(arena, "User-Agent: %s", t->user_agent);
	if (!has_header(get, "Accept"))
		headers[n++] = "Accept: */*";
	headers[n++] = "Connection: close";
	run->http = http_client_send(client,
	    &(struct http_request){.url = url,
		.headers = headers,
		.timeout_ms = timeout_ms,
		.connect_timeout_ms = timeout_ms,
		.response_max = 10 << 20,
		.fresh_connection = true},
	    on_http, run);
	arena_free(arena);
	return run;
}

/* ---- tcp ---- */

static void on_tcp_connect(void *arg)
{
	finish_soon(arg, PROBE_SUCCESS);
}

static void on_tcp_data(void *arg, const char *data, size_t size)
{
}

static void on_tcp_end(void *arg, const struct error *err)
{
	struct probe_run *run = arg;
	if (run->defer)
		return;
	buf_puts(&run->output, err ? err->message : "connection closed");
	finish_soon(run, PROBE_FAILURE);
}

struct probe_run *probe_tcp(struct loop *loop, const struct probe_target *t,
    const CoreV1__TCPSocketAction *tcp, int64_t timeout_ms, probe_done *done, void *arg)
{
	static const struct stream_callbacks callbacks = {
	    .on_connect = on_tcp_connect, .on_data = on_tcp_data, .on_end = on_tcp_end};
	struct probe_run *run = run_new(loop, done, arg);
	char address[320];
	const char *host = str_or(tcp->host, str_or(t->host, ""));
	snprintf(address, sizeof address, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host,
	    port_of(t->container, tcp->port));
	run->stream = stream_connect(loop, address, NULL, timeout_ms, &callbacks, run);
	return run;
}

/* ---- grpc: HealthCheckRequest{1 service}, HealthCheckResponse{1 status}, 1 is SERVING ---- */

static void on_grpc(void *arg, const void *message, size_t size, const struct error *err)
{
	struct probe_run *run = arg;
	const unsigned char *p = message;
	if (err) {
		buf_printf(&run->output, "health check: %s", err->message);
		finish_soon(run, PROBE_FAILURE);
		return;
	}
	bool serving = size >= 2 && p[0] == 0x08 && p[1] == 1;
	if (!serving)
		buf_puts(&run->output, "service unhealthy (responded with \"NOT_SERVING\")");
	finish_soon(run, serving ? PROBE_SUCCESS : PROBE_FAILURE);
}

struct probe_run *probe_grpc(struct loop *loop, const struct probe_target *t, const CoreV1__GRPCAction *grpc,
    int64_t timeout_ms, probe_done *done, void *arg)
{
	struct probe_run *run = run_new(loop, done, arg);
	char address[128], request[256];
	snprintf(address, sizeof address, strchr(t->host, ':') ? "[%s]:%d" : "%s:%d", t->host, grpc->port);
	size_t n = strlen(str_or(grpc->service, "")), size = 0;
	if (n && n < 128) {
		request[size++] = 0x0a;
		request[size++] = (char)n;
		memcpy(request + size, grpc->service, n);
		size += n;
	}
	run->channel = grpc_channel_new(loop, address);
	grpc_unary(run->channel, "/grpc.health.v1.Health/Check", request, size, timeout_ms, on_grpc, run);
	return run;
}
