/*
 * proxy: requests that end at a node or in a pod: logs, exec, attach, port-forward, and pods, services and
 * nodes as HTTP servers. proxy_serve() of apiserver/server.h finds out where a request is to go (target.c)
 * and hands its bytes over (relay.c): after the two heads nothing is looked at, so SPDY, WebSocket and plain
 * HTTP all pass.
 */
#ifndef CUBE_APISERVER_PROXY_PROXY_H
#define CUBE_APISERVER_PROXY_PROXY_H

#include "apiserver/server.h"
#include "lib/loop/http_client.h"
#include "proto/core_v1.pb-c.h"

struct relay_target {        /* everything lives in the request's arena */
	const char *address; /* "10.0.0.1:10250", "[::1]:80" */
	bool use_tls;
	struct http_tls tls;
	const char *host;     /* Host header */
	const char *path;     /* path and query, encoded */
	const char *identity; /* header lines that say who asks, or NULL: extension servers */
	bool is_kubelet;      /* its plain-text errors become a Status, and its failures read as upstream's */
};

/* Starts the exchange; returns API_PENDING. The request is answered and finished by the relay. */
int relay_start(struct api_request *req, const struct relay_target *target);

/* Where the kubelet of a node listens. 0, or -1 with err filled. */
int target_kubelet(
    struct api_request *req, const char *node_name, struct relay_target *ret, struct error *err);
/* For pods/NAME/proxy and the like: NAME may be SCHEME:NAME:PORT. */
int target_pod_proxy(struct api_request *req, struct relay_target *ret, struct error *err);
int target_service_proxy(struct api_request *req, struct relay_target *ret, struct error *err);
int target_node_proxy(struct api_request *req, struct relay_target *ret, struct error *err);

/* A ready endpoint behind a service's port (name, number, or "" for the only one). Webhooks use it too. */
int target_service_endpoint(struct api_server *server, const char *ns, const char *name, const char *port,
    const char **ret_ip, int *ret_port, struct error *err);

/* Appends the request head for the target: the client's headers without those that end here. */
struct buf;
void relay_write_head(
    struct buf *out, const struct http_server_request *http, const struct relay_target *target);
/* Rewrites an answer's head (without its empty line) so that the client does not use the connection again. */
void relay_write_answer_head(struct buf *out, const char *head, size_t size);

#endif
