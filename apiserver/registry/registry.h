/*
 * registry: the generic create, get, list, update, patch, delete, deletecollection and watch over any
 * resource type, and the subresources with behaviour of their own (status, scale, binding, eviction,
 * finalize). The pipeline's stages route, decode, load, default, prepare, store and encode live here; the
 * strategy hooks of lib/resources do what differs by kind.
 *
 * This header is also the way in which other folders write: registry_create() and friends run a request
 * inside the process as the system itself, through admission and validation. done fires once, later, with the
 * stored object (borrowed) or an error.
 */
#ifndef CUBE_APISERVER_REGISTRY_REGISTRY_H
#define CUBE_APISERVER_REGISTRY_REGISTRY_H

#include "apiserver/server.h"

typedef void registry_done_fn(void *arg, const struct object *obj, const struct error *err);

/* obj is borrowed and cloned. done may be NULL (the failure is logged at debug). */
void registry_create(struct api_server *server, const struct resource_type *type, const struct object *obj,
    registry_done_fn *done, void *arg);
/* subresource: NULL, "status", ... . With obj->meta->resource_version "" the update is unconditional. */
void registry_update(struct api_server *server, const struct resource_type *type, const char *subresource,
    const struct object *obj, registry_done_fn *done, void *arg);
void registry_delete(struct api_server *server, const struct resource_type *type, const char *ns,
    const char *name, const char *precondition_uid, registry_done_fn *done, void *arg);

#endif
