/* services: which pods stand behind a Service, and with which ports and names. For Endpoints and
 * EndpointSlices. */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_SERVICES_H
#define CUBE_CONTROLLER_MANAGER_SHARED_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/api/object.h"
#include "lib/client/controller.h"
#include "proto/core_v1.pb-c.h"

static inline const CoreV1__Service *service_of(const struct object *obj)
{
	return (const CoreV1__Service *)obj->msg;
}

bool service_is_headless(const CoreV1__Service *service);
/* Pods with an address that run or will run; those that end only when asked for. */
bool service_counts_pod(const struct object *pod, bool with_terminating);
/* The pod's address of a family; NULL when it has none. */
const char *service_pod_ip(const CoreV1__Pod *pod, bool ipv6);
/* The port of this pod that a Service's port leads to; false when the pod has no port of that name. */
bool service_find_port(const CoreV1__Pod *pod, const CoreV1__ServicePort *port, int32_t *ret);
/* The name under which DNS knows the pod in this Service, or NULL. */
const char *service_pod_hostname(const CoreV1__Service *service, const CoreV1__Pod *pod);
CoreV1__ObjectReference *service_pod_reference(struct arena *arena, const struct object *pod);
/* The Service's pods in the order of their names. In the arena. */
const struct object **service_pods(
    struct controller_context *ctx, struct arena *arena, const struct object *service, size_t *ret_len);
/* Map function for pods: Services whose selector matches before or after the change, if the change matters to
 * them. */
void service_map_pod(struct controller_context *ctx, const struct object *old, const struct object *new_,
    struct controller_enqueue *enqueue);

#endif
