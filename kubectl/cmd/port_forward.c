/* kubectl port-forward: local ports to ports of a pod, over one tunnel: two streams a connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/kubectl.h"
#include "kubectl/mapper.h"
#include "kubectl/pods_of.h"
#include "kubectl/session.h"
#include "kubectl/stream/tunnel.h"
#include "kubectl/targets.h"
#include "kubectl/tree.h"
#include "lib/loop/loop.h"
#include "lib/loop/stream.h"

enum { PORTS_MAX = 64, PENDING_MAX = 1024 * 1024 };

struct forward;

struct port {
	struct forward *forward;
	int local, remote;
};

struct connection {
	struct forward *forward;
	struct connection *next;
	struct stream *stream;
	const struct port *port;
	uint32_t data_id, error_id;
	bool local_over, remote_over, error_over;
	struct buf problem; /* what came on the error stream */
};

struct forward {
	struct kubectl *k;
	struct port ports[PORTS_MAX];
	size_t ports_len;
	struct flag_list addresses;
	struct stream_listener *listeners[PORTS_MAX * 4];
	size_t listeners_len;
	struct connection *connections;
	struct tunnel *tunnel;
	struct spdy *spdy;
	unsigned requests;
	bool is_over;
	int result;
	struct error *err;
};

static void close_connection(struct connection *c)
{
	struct connection **at = &c->forward->connections;
	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	stream_close(c->stream);
	buf_done(&c->problem);
	free(c);
}

static void close_if_done(struct connection *c)
{
	if (c->local_over && c->remote_over && c->error_over)
		close_connection(c);
}

/* -- the local side
 * ----------------------------------------------------------------------------------------------- */

static void on_local_data(void *arg, const char *data, size_t size)
{
	struct connection *c = arg;
	spdy_send(c->forward->spdy, c->data_id, data, size, false);
	if (tunnel_pending(c->forward->tunnel) > PENDING_MAX)
		stream_pause(c->stream);
}

static void on_local_end(void *arg, const struct error *err)
{
	struct connection *c = arg;
	if (err) {
		spdy_reset(c->forward->spdy, c->data_id);
		close_connection(c);
		return;
	}
	c->local_over = true;
	spdy_send(c->forward->spdy, c->data_id, "", 0, true);
	close_if_done(c);
}

static void on_tunnel_drain(void *arg)
{
	struct forward *f = arg;
	for (struct connection *c = f->connections; c; c = c->next)
		stream_resume(c->stream);
}

static uint32_t open_stream(struct forward *f, const struct port *port, const char *type, bool fin)
{
	char number[16], request[16];
	snprintf(number, sizeof(number), "%d", port->remote);
	snprintf(request, sizeof(request), "%u", f->requests);
	const struct spdy_header headers[] = {{"streamtype", type}, {"port", number}, {"requestid", request}};
	return spdy_open(f->spdy, headers, 3, fin);
}

static void on_accept(void *arg, int fd)
{
	static const struct stream_callbacks callbacks = {.on_data = on_local_data, .on_end = on_local_end};
	const struct port *port = arg;
	struct forward *f = port->forward;
	struct connection *c = calloc(1, sizeof(*c));
	if (!c)
		abort();
	printf("Handling connection for %d\n", port->local);
	fflush(stdout);
	c->forward = f;
	c->port = port;
	c->error_id = open_stream(f, port, "error", true);
	c->data_id = open_stream(f, port, "data", false);
	f->requests++;
	c->next = f->connections;
	f->connections = c;
	c->stream = stream_adopt(f->k->loop, fd, &callbacks, c);
}

/* -- the pod's side
 * ----------------------------------------------------------------------------------------------- */

static void finish(struct forward *f, int result)
{
	f->is_over = true;
	f->result = result;
	loop_stop(f->k->loop);
}

static int listen_on(struct forward *f, struct port *port, const char *ip, bool must, struct error *err)
{
	struct error one = ERROR_INIT;
	const char *address =
	    arena_printf(f->k->arena, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, port->local);
	struct stream_listener *listener = stream_listen(f->k->loop, address, on_accept, port, &one);
	if (!listener) {
		if (!must)
			return 0;
		fprintf(stderr,
		    "Unable to listen on port %d: Listeners failed to create with the following errors: "
		    "[%s]\n",
		    port->local, one.message);
		return error_set(err, ERR_IO, "unable to listen on any of the requested ports: [{%d %d}]",
		    port->local, port->remote);
	}
	f->listeners[f->listeners_len++] = listener;
	if (!port->local)
		port->local = stream_listener_port(listener);
	printf(strchr(ip, ':') ? "Forwarding from [%s]:%d -> %d\n" : "Forwarding from %s:%d -> %d\n", ip,
	    port->local, port->remote);
	fflush(stdout);
	return 0;
}

static void on_open(void *arg, struct spdy *spdy)
{
	struct forward *f = arg;
	f->spdy = spdy;
	for (size_t i = 0; i < f->ports_len; i++)
		for (size_t j = 0; j < f->addresses.len && f->listeners_len + 2 < PORTS_MAX * 4; j++) {
			bool is_localhost = strcmp(f->addresses.items[j], "localhost") == 0;
			if (listen_on(f, &f->ports[i], is_localhost ? "127.0.0.1" : f->addresses.items[j],
				true, f->err)) {
				finish(f, -1);
				return;
			}
			if (is_localhost)
				listen_on(f, &f->ports[i], "::1", false, NULL);
		}
}

static struct connection *find(struct forward *f, uint32_t id)
{
	for (struct connection *c = f->connections; c; c = c->next)
		if (c->data_id == id || c->error_id == id)
			return c;
	return NULL;
}

static void on_data(void *arg, uint32_t id, const char *data, size_t size, bool fin)
{
	struct connection *c = find(arg, id);
	if (!c)
		return;
	if (id == c->error_id) {
		if (size)
			buf_append(&c->problem, data, size);
		c->error_over = c->error_over || fin;
		if (fin && c->problem.size) {
			fprintf(stderr, "an error occurred forwarding %d -> %d: %s\n", c->port->local,
			    c->port->remote, buf_str(&c->problem));
			spdy_reset(c->forward->spdy, c->data_id);
			close_connection(c);
			return;
		}
		close_if_done(c);
		return;
	}
	if (size)
		stream_write(c->stream, data, size);
	if (fin && !c->remote_over) {
		c->remote_over = true;
		stream_shutdown(c->stream);
		if (!c->local_over) {
			/* The pod is done: whoever still writes writes to nobody. */
			c->local_over = true;
			spdy_send(c->forward->spdy, c->data_id, "", 0, true);
		}
		if (!stream_pending(c->stream))
			close_if_done(c);
	}
}

/* The error stream may still say why. */
static void on_reset(void *arg, uint32_t id, uint32_t status)
{
	struct connection *c = find(arg, id);
	if (!c)
		return;
	if (id == c->error_id) {
		c->error_over = true;
	} else {
		c->local_over = c->remote_over = true;
		stream_shutdown(c->stream);
	}
	close_if_done(c);
}

static void on_end(void *arg, const struct error *err)
{
	struct forward *f = arg;
	if (f->is_over)
		return;
	if (err)
		*f->err = *err;
	else
		error_set(f->err, ERR_IO, "lost connection to pod");
	finish(f, -1);
}

/* -- arguments
 * ---------------------------------------------------------------------------------------------------- */

static bool to_port(const char *text, int *ret)
{
	int64_t n;
	if (!str_to_int64(text, &n) || n < 0 || n > 65535)
		return false;
	*ret = (int)n;
	return true;
}

/* The container port that a port of a service, or the name of a container's port, means. */
static int resolve_port(
    const struct target *target, const struct json *pod, const char *text, int *ret, struct error *err)
{
	bool is_service = str_eq(target->mapping->plural, "services");
	const struct json *wanted = NULL;
	tree_for_each(is_service ? tree_at(target->tree, "spec.ports") : NULL, port)
	{
		int64_t number;
		if (str_eq(json_get_string(port, "name", NULL), text) ||
		    (str_to_int64(text, &number) && json_get_int(port, "port", 0) == number))
			wanted = json_get(port, "targetPort");
	}
	if (is_service && !wanted)
		return error_set(
		    err, ERR_PARSE, "Service %s does not have a service port %s", target->name, text);
	int64_t number;
	if (wanted && json_is_int(wanted, &number)) {
		*ret = (int)number;
		return 0;
	}
	if (!wanted && to_port(text, ret))
		return 0;
	const char *name = wanted && wanted->type == JSON_STRING ? wanted->text : text;
	tree_for_each(tree_at(pod, "spec.containers"), container) tree_for_each(
	    json_get(container, "ports"), port) if (str_eq(json_get_string(port, "name", NULL), name))
	{
		*ret = (int)json_get_int(port, "containerPort", 0);
		return 0;
	}
	return error_set(err, ERR_PARSE, "Pod '%s' does not have a named port '%s'", tree_name(pod), name);
}

static int parse_ports(struct forward *f, const struct target *target, const struct json *pod,
    const struct args *args, struct error *err)
{
	for (size_t i = 1; i < args->len && f->ports_len < PORTS_MAX; i++) {
		const char *text = args->items[i], *colon = strchr(text, ':');
		struct port *port = &f->ports[f->ports_len++];
		port->forward = f;
		const char *local = colon ? arena_strndup(f->k->arena, text, (size_t)(colon - text)) : text;
		if (resolve_port(target, pod, colon ? colon + 1 : text, &port->remote, err))
			return -1;
		if (!*local)
			port->local = 0;
		else if (!to_port(local, &port->local) && colon)
			return error_set(err, ERR_PARSE,
			    "error parsing local port '%s': strconv.ParseUint: parsing \"%s\": invalid "
			    "syntax",
			    local, local);
		else if (!colon && !to_port(local, &port->local))
			port->local = port->remote;
		if (port->remote == 0)
			return error_set(err, ERR_PARSE, "remote port must be > 0");
	}
	return 0;
}

static int serve(struct forward *f, const struct json *pod, struct error *err)
{
	static const char *const protocols[] = {"portforward.k8s.io", NULL};
	static const struct tunnel_callbacks callbacks = {
	    on_open, on_data, on_reset, on_tunnel_drain, on_end};
	struct kubectl *k = f->k;
	const char *path =
	    session_path(k, mapper_built_in(k, "pods"), tree_namespace(pod), tree_name(pod), "portforward");
	f->err = err;
	f->tunnel = tunnel_open(k, path, protocols, &callbacks, f, err);
	if (!f->tunnel)
		return -1;
	while (!f->is_over)
		loop_run(k->loop);
	while (f->connections)
		close_connection(f->connections);
	for (size_t i = 0; i < f->listeners_len; i++)
		stream_listener_close(f->listeners[i]);
	tunnel_close(f->tunnel);
	return f->result;
}

static int run(struct kubectl *k, int argc, char **argv, struct error *err)
{
	static const char *localhost[] = {"localhost"};
	struct forward f = {.k = k};
	int64_t timeout_ms = 60000;
	const struct flag flags[] = {
	    {"address", 0, FLAG_LIST, &f.addresses, "Addresses to listen on: localhost or IPs"},
	    {"pod-running-timeout", 0, FLAG_DURATION, &timeout_ms, "Time to wait for a pod"}, FLAG_END};
	struct args args;
	struct target target;
	struct json *pod;
	if (kubectl_parse(k,
		"kubectl port-forward TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT "
		"[...[LOCAL_PORT_N:]REMOTE_PORT_N]",
		flags, argc, argv, &args, err))
		return -1;
	if (args.len < 2)
		return error_set(err, ERR_PARSE,
		    "TYPE/NAME and list of ports are required for port-forward\nSee 'kubectl port-forward "
		    "-h' for help and examples");
	if (!f.addresses.len)
		f.addresses = (struct flag_list){localhost, 1};
	const struct target_query query = {.args = args.items, .args_len = 1, .default_type = "pods"};
	if (target_find_one(k, &query, &target, err) || pod_of(k, &target, timeout_ms, &pod, err) ||
	    parse_ports(&f, &target, pod, &args, err))
		return -1;
	if (!str_eq(tree_text(pod, "status.phase", ""), "Running"))
		return error_set(err, ERR_PARSE,
		    "unable to forward port because pod is not running. Current status=%s",
		    tree_text(pod, "status.phase", ""));
	return serve(&f, pod, err);
}

const struct command command_port_forward = {"port-forward", NULL,
    "Troubleshooting and Debugging Commands:", "Forward one or more local ports to a pod", run};
