/* Private to server/: what the handlers share. */
#ifndef CUBE_KUBELET_SERVER_PRIVATE_H
#define CUBE_KUBELET_SERVER_PRIVATE_H

#include "kubelet/server/server.h"
#include "lib/http/server.h"

struct log_follow;
struct tunnel;

struct kubelet_server {
	struct kubelet_server_deps deps;
	struct http_server *http, *read_only; /* the second is NULL unless asked for */
	struct kubelet_auth *auth;
	struct log_follow *follows;
	struct tunnel *tunnels;
	struct strmap *samples; /* CPU readings, for rates */
};

void respond_text(struct http_server_request *request, int status, const char *text);
/* The i-th segment of the path behind its first one, decoded; NULL when absent. */
const char *path_segment(struct http_server_request *request, size_t i);

void handle_logs(struct kubelet_server *s, struct http_server_request *request); /* logs.c */
void logs_close_all(struct kubelet_server *s);
void handle_exec(struct kubelet_server *s, struct http_server_request *request); /* tunnel.c */
void handle_attach(struct kubelet_server *s, struct http_server_request *request);
void handle_port_forward(struct kubelet_server *s, struct http_server_request *request);
void tunnels_close_all(struct kubelet_server *s);
void handle_pods(struct kubelet_server *s, struct http_server_request *request);          /* server.c */
void handle_stats_summary(struct kubelet_server *s, struct http_server_request *request); /* stats.c */
void handle_spec(struct kubelet_server *s, struct http_server_request *request);
void handle_metrics(struct kubelet_server *s, struct http_server_request *request);
void handle_metrics_resource(struct kubelet_server *s, struct http_server_request *request);
/* A self-signed certificate in DIR/kubelet.crt and .key when there is none. */
int server_self_sign(const char *dir, const char *node_name, const char *node_ip, char cert[512],
    char key[512], struct error *err);

#endif
