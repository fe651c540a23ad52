#include "kubelet/server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/config.h"
#include "kubelet/pods/pod_manager.h"
#include "kubelet/server/auth.h"
#include "kubelet/server/server_private.h"
#include "lib/api/object.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/log.h"
#include "lib/base/str.h"
#include "lib/base/strmap.h"

void respond_text(struct http_server_request *request, int status, const char *text)
{
	http_respond(request, status, "text/plain; charset=utf-8", NULL, text, strlen(text));
}

const char *path_segment(struct http_server_request *request, size_t i)
{
	const char *p = request->path;
	for (size_t k = 0; p && k <= i + 1; k++) {
		p = strchr(p, '/');
		if (p)
			p++;
	}
	if (!p || !*p)
		return NULL;
	return http_decode_segment(request->arena, p, strcspn(p, "/"));
}

/* ---- small handlers ---- */

static void handle_health(struct kubelet_server *s, struct http_server_request *request)
{
	respond_text(request, 200, "ok");
}

struct pod_writer {
	struct buf out;
	bool first;
};

static void write_pod(void *arg, const struct object *pod, const CoreV1__PodStatus *status)
{
	struct pod_writer *w = arg;
	struct object *copy = object_clone(pod);
	((CoreV1__Pod *)copy->msg)->status =
	    (CoreV1__PodStatus *)status; /* borrowed: the arena doesn't own it */
	if (!w->first)
		buf_putc(&w->out, ',');
	w->first = false;
	object_encode_json(&w->out, copy);
	object_unref(copy);
}

void handle_pods(struct kubelet_server *s, struct http_server_request *request)
{
	struct pod_writer w = {.first = true};
	buf_puts(&w.out, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[");
	pod_manager_for_each(s->deps.pods, write_pod, &w);
	buf_puts(&w.out, "]}\n");
	http_respond(request, 200, "application/json", NULL, w.out.data, w.out.size);
	buf_done(&w.out);
}

/* ---- routes ---- */

enum match { EXACT, PREFIX };
/* Whether the plain port serves it too, or only who was authenticated. */
enum access { ANYBODY, AUTHORIZED };

static const struct route {
	const char *path;
	enum match match;
	enum access access;
	void (*handle)(struct kubelet_server *s, struct http_server_request *request);
} routes[] = {
    {"/healthz", PREFIX, ANYBODY, handle_health},
    {"/pods", EXACT, ANYBODY, handle_pods},
    {"/pods/", EXACT, ANYBODY, handle_pods},
    {"/spec", EXACT, ANYBODY, handle_spec},
    {"/spec/", EXACT, ANYBODY, handle_spec},
    {"/stats/summary", EXACT, ANYBODY, handle_stats_summary},
    {"/metrics", EXACT, ANYBODY, handle_metrics},
    {"/metrics/resource", EXACT, ANYBODY, handle_metrics_resource},
    {"/metrics/probes", EXACT, ANYBODY, handle_metrics},
    {"/metrics/cadvisor", EXACT, ANYBODY, handle_metrics_resource},
    {"/containerLogs/", PREFIX, AUTHORIZED, handle_logs},
    {"/exec/", PREFIX, AUTHORIZED, handle_exec},
    {"/attach/", PREFIX, AUTHORIZED, handle_attach},
    {"/portForward/", PREFIX, AUTHORIZED, handle_port_forward},
};

static const struct route *find_route(const char *path)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		const struct route *r = &routes[i];
		if (r->match == EXACT ? str_eq(path, r->path) : str_has_prefix(path, r->path))
			return r;
	}
	return NULL;
}

static void on_allowed(void *arg, struct http_server_request *request)
{
	const struct route *route = find_route(request->path);
	if (route)
		route->handle(arg, request);
	else
		respond_text(request, 404, "404 page not found\n");
}

/* The plain port: nobody is asked who they are, so that nothing is served that acts or shows a log. */
static void on_read_only_request(void *arg, struct http_server_request *request)
{
	const struct route *route = find_route(request->path);
	if (!route)
		respond_text(request, 404, "404 page not found\n");
	else if (route->access != ANYBODY)
		respond_text(request, 405, "Debug endpoints are disabled.\n");
	else if (!str_eq(request->method, "GET"))
		respond_text(request, 405, "405: Method Not Allowed\n");
	else
		route->handle(arg, request);
}

static void on_request(void *arg, struct http_server_request *request)
{
	struct kubelet_server *s = arg;
	kubelet_auth_check(s->auth, request, on_allowed, s);
}

struct kubelet_server *kubelet_server_new(const struct kubelet_server_deps *deps, struct error *err)
{
	const struct kubelet_config *config = deps->config;
	struct kubelet_server *s = calloc(1, sizeof *s);
	char cert[512], key[512], dir[600];
	s->deps = *deps;
	snprintf(cert, sizeof cert, "%s", str_or(config->cert_file, ""));
	snprintf(key, sizeof key, "%s", str_or(config->key_file, ""));
	snprintf(dir, sizeof dir, "%s/pki", config->root_dir);
	if (!*cert && server_self_sign(dir, config->node_name, config->node_ip, cert, key, err)) {
		free(s);
		return NULL;
	}
	s->auth = kubelet_auth_new(config, deps->loop, deps->client);
	struct http_server_options options = {.address = config->address,
	    .port = (int)config->port,
	    .cert_file = cert,
	    .key_file = key,
	    .client_ca_file = str_empty(config->client_ca_file) ? NULL : config->client_ca_file};
	s->http = http_server_new(deps->loop, &options, on_request, s, err);
	if (!s->http) {
		error_prefix(err, "HTTPS server on port %lld", (long long)config->port);
		kubelet_server_free(s);
		return NULL;
	}
	struct http_server_options plain = {.address = config->address, .port = (int)config->read_only_port};
	if (config->read_only_port)
		s->read_only = http_server_new(deps->loop, &plain, on_read_only_request, s, err);
	if (config->read_only_port && !s->read_only) {
		error_prefix(err, "read-only HTTP server on port %lld", (long long)config->read_only_port);
		kubelet_server_free(s);
		return NULL;
	}
	return s;
}

int kubelet_server_port(const struct kubelet_server *server)
{
	return http_server_port(server->http);
}

void kubelet_server_free(struct kubelet_server *s)
{
	if (!s)
		return;
	logs_close_all(s);
	tunnels_close_all(s);
	strmap_free(s->samples, free);
	kubelet_auth_free(s->auth);
	if (s->http)
		http_server_free(s->http);
	if (s->read_only)
		http_server_free(s->read_only);
	free(s);
}
