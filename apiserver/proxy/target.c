/* Where proxied requests go; see proxy.h. */
#include <stdio.h>
#include <string.h>

#include "apiserver/auth/auth.h"
#include "apiserver/options.h"
#include "apiserver/proxy/proxy.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define KUBELET_PORT 10250

static const char *host_port(struct arena *arena, const char *host, int port)
{
	return strchr(host, ':') ? arena_printf(arena, "[%s]:%d", host, port)
				 : arena_printf(arena, "%s:%d", host, port);
}

static int not_found(const char *resource, const char *name, struct error *err)
{
	error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", resource, name);
	error_about(err, "", resource, name);
	return -1;
}

/* --- kubelets --- */

static const char *address_of_type(const CoreV1__NodeStatus *status, const char *type)
{
	for (size_t i = 0; i < status->n_addresses; i++)
		if (str_eq(status->addresses[i]->type, type))
			return status->addresses[i]->address;
	return NULL;
}

static const char *node_address(const struct api_options *options, const CoreV1__NodeStatus *status)
{
	static const char *const usual[] = {
	    "InternalIP", "Hostname", "InternalDNS", "ExternalDNS", "ExternalIP", NULL};
	const struct flag_list *wanted = &options->kubelet_preferred_address_types;
	const char *address = NULL;

	for (size_t i = 0; i < wanted->len && !address; i++)
		address = address_of_type(status, wanted->items[i]);
	for (size_t i = 0; wanted->len == 0 && usual[i] && !address; i++)
		address = address_of_type(status, usual[i]);
	return address;
}

int target_kubelet(
    struct api_request *req, const char *node_name, struct relay_target *ret, struct error *err)
{
	const struct api_options *o = req->server->options;
	const struct object *obj = reader_get(auth_reader(req->server), resource_nodes, "", node_name);
	const CoreV1__Node *node = obj ? (const CoreV1__Node *)obj->msg : NULL;

	if (!node)
		return not_found("nodes", node_name, err);
	const char *address = node_address(o, node->status);
	if (!address)
		return error_set(err, ERR_INTERNAL, "no preferred addresses found; known addresses: []");
	const CoreV1__NodeDaemonEndpoints *endpoints = node->status->daemon_endpoints;
	int port = endpoints && endpoints->kubelet_endpoint ? endpoints->kubelet_endpoint->port : 0;
	*ret = (struct relay_target){
	    .address = host_port(req->arena, address, port ? port : KUBELET_PORT),
	    .use_tls = true,
	    .tls = {.ca_file = str_or(o->kubelet_certificate_authority, NULL),
		.cert_file = str_or(o->kubelet_client_certificate, NULL),
		.key_file = str_or(o->kubelet_client_key, NULL),
		.insecure = str_empty(o->kubelet_certificate_authority)},
	    .is_kubelet = true,
	};
	ret->host = ret->address;
	return 0;
}

/* --- pods, services and nodes as servers --- */

/* [SCHEME:]NAME[:PORT]; parts that are missing are "". */
struct proxy_name {
	const char *scheme, *name, *port;
};

static int split_name(struct arena *arena, const char *text, struct proxy_name *ret, struct error *err)
{
	size_t len;
	char **parts = str_split(arena, text, ':', &len);

	*ret = (struct proxy_name){"", parts[0], ""};
	if (len == 2)
		ret->port = parts[1];
	if (len == 3)
		*ret = (struct proxy_name){parts[0], parts[1], parts[2]};
	if (len > 3 || str_empty(ret->name) ||
	    (!str_empty(ret->scheme) && !str_eq(ret->scheme, "http") && !str_eq(ret->scheme, "https")))
		return error_set(err, ERR_BAD_REQUEST, "invalid proxy name \"%s\"", text);
	return 0;
}

/* Path and query of the client's request behind /proxy. */
static const char *rest_of(struct api_request *req)
{
	const char *rest = str_or(req->info.rest, "/");
	return str_empty(req->http->query) ? rest : arena_printf(req->arena, "%s?%s", rest, req->http->query);
}

static void fill_plain(
    struct api_request *req, const char *scheme, const char *host, int port, struct relay_target *ret)
{
	*ret = (struct relay_target){
	    .address = host_port(req->arena, host, port),
	    .use_tls = str_eq(scheme, "https"),
	    .tls = {.insecure = true}, /* as upstream: the API server has no CA to know such servers by */
	    .path = rest_of(req),
	};
	ret->host = ret->address;
}

static int number_of(const char *port)
{
	int64_t n;
	return str_to_int64(port, &n) && n > 0 && n < 65536 ? (int)n : 0;
}

static int container_port(const CoreV1__PodSpec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_containers; i++)
		for (size_t p = 0; p < spec->containers[i]->n_ports; p++) {
			const CoreV1__ContainerPort *port = spec->containers[i]->ports[p];
			if (str_empty(name) || str_eq(port->name, name))
				return port->container_port;
		}
	return 0;
}

int target_pod_proxy(struct api_request *req, struct relay_target *ret, struct error *err)
{
	struct proxy_name n;

	if (split_name(req->arena, req->info.name, &n, err) < 0)
		return -1;
	const struct object *obj = reader_get(auth_reader(req->server), resource_pods, req->info.ns, n.name);
	const CoreV1__Pod *pod = obj ? (const CoreV1__Pod *)obj->msg : NULL;
	if (!pod)
		return not_found("pods", n.name, err);
	int port = number_of(n.port);
	if (!port)
		port = container_port(pod->spec, n.port);
	if (!port && str_empty(n.port))
		port = 80;
	if (!port)
		return error_set(err, ERR_BAD_REQUEST, "pod %s has no port \"%s\"", n.name, n.port);
	if (str_empty(pod->status->pod_ip))
		return error_set(err, ERR_BAD_REQUEST, "address not allowed");
	fill_plain(req, n.scheme, pod->status->pod_ip, port, ret);
	return 0;
}

/* The service port that the name or number means; the only one when there is none. */
static const CoreV1__ServicePort *service_port(const CoreV1__ServiceSpec *spec, const char *port)
{
	if (str_empty(port))
		return spec->n_ports == 1 ? spec->ports[0] : NULL;
	for (size_t i = 0; i < spec->n_ports; i++)
		if (str_eq(spec->ports[i]->name, port) || spec->ports[i]->port == number_of(port))
			return spec->ports[i];
	return NULL;
}

/* One ready address behind the port; which one is left to chance, so that no backend takes all. */
static bool pick_endpoint(
    const CoreV1__Endpoints *endpoints, const char *port_name, const char **ret_ip, int *ret_port)
{
	static size_t turn;

	for (size_t s = 0; s < endpoints->n_subsets; s++) {
		const CoreV1__EndpointSubset *subset = endpoints->subsets[s];
		for (size_t p = 0; p < subset->n_ports && subset->n_addresses > 0; p++) {
			if (!str_eq(subset->ports[p]->name, port_name))
				continue;
			*ret_ip = subset->addresses[turn++ % subset->n_addresses]->ip;
			*ret_port = subset->ports[p]->port;
			return true;
		}
	}
	return false;
}

int target_service_endpoint(struct api_server *server, const char *ns, const char *name, const char *port,
    const char **ret_ip, int *ret_port, struct error *err)
{
	const struct object_reader *reader = auth_reader(server);
	const struct object *obj = reader_get(reader, resource_services, ns, name);

	if (!obj)
		return not_found("services", name, err);
	const CoreV1__ServicePort *sp = service_port(((const CoreV1__Service *)obj->msg)->spec, port);
	if (!sp)
		return error_set(
		    err, ERR_UNAVAILABLE, "no service port \"%s\" found for service \"%s\"", port, name);
	const struct object *endpoints = reader_get(reader, resource_endpoints, ns, name);
	if (!endpoints ||
	    !pick_endpoint((const CoreV1__Endpoints *)endpoints->msg, str_or(sp->name, ""), ret_ip, ret_port))
		return error_set(err, ERR_UNAVAILABLE, "no endpoints available for service \"%s\"", name);
	return 0;
}

int target_service_proxy(struct api_request *req, struct relay_target *ret, struct error *err)
{
	struct proxy_name n;
	const char *ip;
	int port;

	if (split_name(req->arena, req->info.name, &n, err) < 0 ||
	    target_service_endpoint(req->server, req->info.ns, n.name, n.port, &ip, &port, err) < 0)
		return -1;
	fill_plain(req, n.scheme, ip, port, ret);
	return 0;
}

int target_node_proxy(struct api_request *req, struct relay_target *ret, struct error *err)
{
	struct proxy_name n;

	if (split_name(req->arena, req->info.name, &n, err) < 0 || target_kubelet(req, n.name, ret, err) < 0)
		return -1;
	int port = number_of(n.port);
	if (port) {
		const char *colon = strrchr(ret->address, ':');
		ret->address = ret->host =
		    arena_printf(req->arena, "%.*s:%d", (int)(colon - ret->address), ret->address, port);
		ret->use_tls = !str_eq(n.scheme, "http");
	}
	ret->is_kubelet = false; /* its answers are the client's business */
	ret->path = rest_of(req);
	return 0;
}
