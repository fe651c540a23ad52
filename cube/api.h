/* api: the launcher as a client of the API server: waiting for it, bootstrap objects, the node's readiness.
 * All block. */
#ifndef CUBE_CUBE_API_H
#define CUBE_CUBE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct arena;
struct cluster;
struct error;
struct rest_client;

struct api *api_open(const struct cluster *cluster, struct error *err);
void api_close(struct api *api);
struct rest_client *api_client(struct api *api);

/* Waits for /readyz; the error says what the server answered last. */
int api_wait_ready(struct api *api, int64_t timeout_ms, struct error *err);
bool api_is_ready(struct api *api, char *ret_text, size_t size);
/* Creates the objects of bootstrap.yaml that are missing. */
int api_create_bootstrap(struct api *api, struct error *err);
/* Waits until this node's condition Ready is True; the error carries the condition's message. */
int api_wait_node_ready(struct api *api, const char *node, int64_t timeout_ms, struct error *err);

#endif
