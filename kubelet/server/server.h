/*
 * server: the kubelet's HTTPS port: logs, exec, attach and port-forward for the API server, /pods, health,
 * stats and metrics. Every request is authenticated (client certificate, or a token by TokenReview) and
 * authorized by a SubjectAccessReview on nodes/{proxy,log,stats,metrics,spec}; answers are cached for a
 * while. With config->read_only_port (0: none, the default) /healthz, /pods, /spec, /stats/summary and
 * /metrics are served to anybody by plain HTTP on the same address as well.
 */
#ifndef CUBE_KUBELET_SERVER_H
#define CUBE_KUBELET_SERVER_H

struct error;
struct kubelet_config;
struct kubelet_server;
struct loop;
struct node_manager;
struct pod_manager;
struct rest_client;
struct runtime;

struct kubelet_server_deps {
	const struct kubelet_config *config;
	struct loop *loop;
	struct rest_client *client;
	struct runtime *runtime;
	struct pod_manager *pods;
	struct node_manager *node;
};
struct kubelet_server *kubelet_server_new(const struct kubelet_server_deps *deps, struct error *err);
int kubelet_server_port(const struct kubelet_server *server);
void kubelet_server_free(struct kubelet_server *server);

#endif
