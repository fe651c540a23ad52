/*
 * hook: where a webhook is called, for admission and for the conversion of custom resources: a URL, or a
 * service, which is reached at one of its endpoints while its certificate is for the service's name.
 */
#ifndef CUBE_APISERVER_PROXY_HOOK_H
#define CUBE_APISERVER_PROXY_HOOK_H

#include <stddef.h>

struct api_server;
struct arena;
struct error;
struct http_tls;

struct hook_target {
	const char *url; /* or the service below */
	const char *service_namespace, *service_name;
	const char *path;      /* "" or NULL: "/" */
	int port;              /* 0: 443 */
	const void *ca_bundle; /* PEM */
	size_t ca_bundle_size; /* 0: the host's authorities */
};

/*
 * The URL to POST to, with ?timeout= as upstream's client sends it, and how the server is known; in the
 * arena. Fails with ERR_INTERNAL or ERR_NOT_FOUND when the target names nothing, or a service without a ready
 * endpoint.
 */
int hook_find(struct api_server *server, struct arena *arena, const struct hook_target *target, int timeout_s,
    const char **ret_url, struct http_tls *ret_tls, struct error *err);

#endif
