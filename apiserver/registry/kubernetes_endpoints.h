/*
 * kubernetes_endpoints: the addresses behind the service `kubernetes` in default: those of all API servers
 * that live. By --endpoint-reconciler-type: "lease" (each server keeps a key under /registry/masterleases/
 * that the store drops 15 seconds after its last renewal), "master-count" (as many as --apiserver-count, each
 * server adds itself) or "none".
 */
#ifndef CUBE_APISERVER_REGISTRY_KUBERNETES_ENDPOINTS_H
#define CUBE_APISERVER_REGISTRY_KUBERNETES_ENDPOINTS_H

struct api_server;
struct kubernetes_endpoints;

/* done fires once, when the first round is over: also when it has failed, or when there is nothing to do. */
struct kubernetes_endpoints *kubernetes_endpoints_start(
    struct api_server *server, void (*done)(void *arg), void *arg);
/* The server stops: takes its address out, in good order. done fires once, after five seconds at the latest.
 */
void kubernetes_endpoints_leave(struct kubernetes_endpoints *endpoints, void (*done)(void *arg), void *arg);
void kubernetes_endpoints_free(struct kubernetes_endpoints *endpoints);

#endif
