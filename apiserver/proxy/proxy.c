/* The entry point, and what is asked of kubelets: logs, exec, attach, port-forward. */
#include "apiserver/proxy/proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apiserver/auth/auth.h"
#include "apiserver/auth/pod_refs.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

/* --- which container --- */

struct find {
	struct arena *arena;
	const char *wanted;
	bool found;
	const char *names[3]; /* by kind, joined by spaces */
};

static bool look(void *arg, const CoreV1__Container *c, enum container_kind kind, size_t index)
{
	struct find *f = arg;

	(void)index;
	f->found = f->found || str_eq(c->name, f->wanted);
	f->names[kind] = f->names[kind] ? arena_printf(f->arena, "%s %s", f->names[kind], c->name) : c->name;
	return true;
}

/* The container that the request means, or NULL with the 400 filled. */
static const char *choose_container(struct api_request *req, const CoreV1__Pod *pod, struct error *err)
{
	struct find f = {.arena = req->arena, .wanted = http_request_query(req->http, "container", 0)};

	pod_visit_containers(pod->spec, look, &f);
	if (!str_empty(f.wanted)) {
		if (!f.found)
			error_set(err, ERR_BAD_REQUEST, "container %s is not valid for pod %s", f.wanted,
			    req->info.name);
		return f.found ? f.wanted : NULL;
	}
	if (pod->spec->n_containers == 1)
		return pod->spec->containers[0]->name;
	const char *text =
	    arena_printf(req->arena, "a container name must be specified for pod %s", req->info.name);
	if (pod->spec->n_containers > 1)
		text = arena_printf(req->arena, "%s, choose one of: [%s]", text, f.names[CONTAINER_MAIN]);
	if (f.names[CONTAINER_INIT])
		text = arena_printf(
		    req->arena, "%s or one of the init containers: [%s]", text, f.names[CONTAINER_INIT]);
	if (f.names[CONTAINER_EPHEMERAL])
		text = arena_printf(req->arena, "%s or one of the ephemeral containers: [%s]", text,
		    f.names[CONTAINER_EPHEMERAL]);
	error_set(err, ERR_BAD_REQUEST, "%s", text);
	return NULL;
}

/* --- what goes into the kubelet's URL --- */

static void add_text(struct buf *path, const char *name, const char *value)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	buf_printf(path, "%s%s=", strchr(buf_str(path), '?') ? "&" : "?", name);
	for (; *value; value++) {
		if (strchr(safe, *value))
			buf_putc(path, *value);
		else
			buf_printf(path, "%%%02X", (unsigned char)*value);
	}
}

/* A bool of the query as Go's conversion reads it: present means true unless it says otherwise. */
static bool query_bool(struct api_request *req, const char *name, bool fallback)
{
	const char *value = http_request_query(req->http, name, 0);

	if (!value)
		return fallback;
	return !str_eq(value, "0") && strcasecmp(value, "false") != 0;
}

static void add_log_query(struct api_request *req, struct buf *path)
{
	static const char *const names[] = {"follow", "previous", "sinceSeconds", "sinceTime", "timestamps",
	    "tailLines", "limitBytes", "stream", NULL};

	for (size_t i = 0; names[i]; i++) {
		const char *value = http_request_query(req->http, names[i], 0);
		if (value)
			add_text(path, names[i], value);
	}
}

/* NULL in *ret_value when the query does not have it. */
static int query_number(
    struct api_request *req, const char *name, const char **ret_value, long long *ret, struct error *err)
{
	char *end;

	*ret_value = http_request_query(req->http, name, 0);
	if (str_empty(*ret_value)) {
		*ret_value = NULL;
		return 0;
	}
	*ret = strtoll(*ret_value, &end, 10);
	if (*end)
		return error_set(err, ERR_BAD_REQUEST, "%s: \"%s\" is no number", name, *ret_value);
	return 0;
}

static int check_log_query(struct api_request *req, struct error *err)
{
	const char *tail, *limit, *since;
	long long tail_n = 0, limit_n = 1, since_n = 1;
	struct field_errors errors;

	if (query_number(req, "tailLines", &tail, &tail_n, err) ||
	    query_number(req, "limitBytes", &limit, &limit_n, err) ||
	    query_number(req, "sinceSeconds", &since, &since_n, err))
		return -1;
	field_errors_init(&errors, req->arena);
	if (tail_n < 0)
		field_errors_add(
		    &errors, FIELD_INVALID, "tailLines", tail, "must be greater than or equal to 0");
	if (limit_n < 1)
		field_errors_add(&errors, FIELD_INVALID, "limitBytes", limit, "must be greater than 0");
	if (since && !str_empty(http_request_query(req->http, "sinceTime", 0)))
		field_errors_add(&errors, FIELD_FORBIDDEN, "", NULL,
		    "at most one of `sinceTime` or `sinceSeconds` may be specified");
	else if (since_n < 1)
		field_errors_add(&errors, FIELD_INVALID, "sinceSeconds", since, "must be greater than 0");
	return errors.len ? field_errors_to_error(&errors, "", "PodLogOptions", req->info.name, err) : 0;
}

static void add_stream_query(struct api_request *req, struct buf *path)
{
	const char *command;

	if (query_bool(req, "stdin", false))
		add_text(path, "input", "1");
	if (query_bool(req, "stdout", true))
		add_text(path, "output", "1");
	if (query_bool(req, "stderr", true))
		add_text(path, "error", "1");
	if (query_bool(req, "tty", false))
		add_text(path, "tty", "1");
	for (size_t i = 0; (command = http_request_query(req->http, "command", i)); i++)
		add_text(path, "command", command);
}

static void add_port_query(struct api_request *req, struct buf *path)
{
	const char *port;
	struct buf ports = BUF_INIT;

	for (size_t i = 0; (port = http_request_query(req->http, "ports", i)); i++)
		buf_printf(&ports, "%s%s", i ? "," : "", port);
	if (ports.size > 0)
		add_text(path, "port", buf_str(&ports));
	buf_done(&ports);
}

/* --- upgrades --- */

/*
 * containerd's streaming server knows WebSocket up to v4. Clients that offer only what is newer are refused
 * here with a clean 400, upon which they fall back to SPDY.
 */
static bool is_served_upgrade(const struct http_server_request *http)
{
	static const char *const known[] = {
	    "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io", NULL};
	const char *upgrade = http_request_header(http, "Upgrade");

	if (!upgrade || strcasecmp(upgrade, "websocket") != 0)
		return true;
	const char *offered = http_request_header(http, "Sec-WebSocket-Protocol");
	if (!offered)
		return true;
	while (*offered) {
		char name[64] = "";
		offered += strspn(offered, ", ");
		size_t len = strcspn(offered, ", ");
		if (len > 0 && len < sizeof(name)) {
			memcpy(name, offered, len);
			if (str_in(name, known))
				return true;
		}
		offered += len;
	}
	return false;
}

static int check_upgrade(struct api_request *req, const CoreV1__Pod *pod, struct error *err)
{
	const char *phase = pod->status->phase;

	if (!req->http->is_upgrade)
		return error_set(err, ERR_BAD_REQUEST, "Upgrade request required");
	if (!is_served_upgrade(req->http))
		return error_set(err, ERR_BAD_REQUEST,
		    "unable to upgrade: none of the WebSocket protocols is supported, use SPDY");
	if (str_eq(req->info.subresource, "exec") && (str_eq(phase, "Succeeded") || str_eq(phase, "Failed")))
		return error_set(err, ERR_BAD_REQUEST,
		    "cannot exec into a container in a completed pod; current phase is %s", phase);
	return 0;
}

/* --- dispatch --- */

static const struct {
	const char *subresource, *path;
	bool needs_container, is_upgrade;
	void (*add_query)(struct api_request *req, struct buf *path);
} endpoints[] = {
    {"log", "containerLogs", true, false, add_log_query},
    {"exec", "exec", true, true, add_stream_query},
    {"attach", "attach", true, true, add_stream_query},
    {"portforward", "portForward", false, true, add_port_query},
};

static int serve_kubelet(struct api_request *req, size_t e, struct error *err)
{
	const struct object *obj =
	    reader_get(auth_reader(req->server), resource_pods, req->info.ns, req->info.name);
	const CoreV1__Pod *pod = obj ? (const CoreV1__Pod *)obj->msg : NULL;
	const char *container = NULL;
	struct relay_target target;
	const char *method = req->http->method;

	if (strcmp(method, "GET") != 0 && (!endpoints[e].is_upgrade || strcmp(method, "POST") != 0))
		return error_set(err, ERR_METHOD_NOT_ALLOWED,
		    "the server does not allow this method on the requested resource");
	if (!endpoints[e].is_upgrade && check_log_query(req, err))
		return API_FAIL;
	if (!pod) {
		error_set(err, ERR_NOT_FOUND, "pods \"%s\" not found", req->info.name);
		error_about(err, "", "pods", req->info.name);
		return API_FAIL;
	}
	if (endpoints[e].is_upgrade && check_upgrade(req, pod, err) < 0)
		return API_FAIL;
	if (endpoints[e].needs_container && !(container = choose_container(req, pod, err)))
		return API_FAIL;
	if (str_empty(pod->spec->node_name)) {
		if (endpoints[e].is_upgrade)
			return error_set(
			    err, ERR_BAD_REQUEST, "pod %s does not have a host assigned", req->info.name);
		api_respond_text(req, 200, "text/plain", ""); /* no node, no logs yet */
		return API_DONE;
	}
	if (target_kubelet(req, pod->spec->node_name, &target, err) < 0)
		return API_FAIL;
	if (query_bool(req, "insecureSkipTLSVerifyBackend", false))
		target.tls.insecure = true;
	struct buf path = BUF_INIT;
	buf_printf(&path, "/%s/%s/%s", endpoints[e].path, req->info.ns, req->info.name);
	if (container)
		buf_printf(&path, "/%s", container);
	endpoints[e].add_query(req, &path);
	target.path = arena_strdup(req->arena, buf_str(&path));
	buf_done(&path);
	return relay_start(req, &target);
}

/* Relative links of a proxied page need the slash. */
static bool redirect_to_slash(struct api_request *req)
{
	const char *method = req->http->method;

	if (!str_empty(req->info.rest) || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) ||
	    req->http->is_upgrade)
		return false;
	const char *query = req->http->query;
	const struct http_header headers[] = {
	    {"Location",
		arena_printf(req->arena, "%s/%s%s", req->http->path, str_empty(query) ? "" : "?", query)},
	    {NULL, NULL}};
	http_respond(req->http, 301, "text/plain", headers, "", 0);
	api_request_finished(req, 301);
	return true;
}

static int serve_proxy(struct api_request *req, struct error *err)
{
	struct relay_target target;
	int result;

	if (redirect_to_slash(req))
		return API_DONE;
	if (str_eq(req->info.resource, "pods"))
		result = target_pod_proxy(req, &target, err);
	else if (str_eq(req->info.resource, "services"))
		result = target_service_proxy(req, &target, err);
	else
		result = target_node_proxy(req, &target, err);
	return result < 0 ? API_FAIL : relay_start(req, &target);
}

int proxy_serve(struct api_request *req, struct error *err)
{
	if (str_eq(req->info.subresource, "proxy"))
		return serve_proxy(req, err);
	for (size_t e = 0; e < sizeof(endpoints) / sizeof(endpoints[0]); e++)
		if (str_eq(req->info.subresource, endpoints[e].subresource))
			return serve_kubelet(req, e, err);
	return error_set(err, ERR_NOT_FOUND, "the server could not find the requested resource");
}
