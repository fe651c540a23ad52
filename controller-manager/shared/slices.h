/*
 * slices: brings the EndpointSlices of one owner in line with what they shall hold, with few writes:
 * endpoints stay in the slice where they are, new ones go where a write is due anyway, then where there is
 * room, then into new slices of up to 100. A slice that is no longer needed is turned into one that is
 * missing, before one is deleted and one made.
 */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_SLICES_H
#define CUBE_CONTROLLER_MANAGER_SHARED_SLICES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/client/controller.h"
#include "proto/discovery_v1.pb-c.h"

struct object;
struct plan;

#define SLICE_ENDPOINTS_MAX 100
#define SLICE_SERVICE_LABEL "kubernetes.io/service-name"
#define SLICE_MANAGER_LABEL "endpointslice.kubernetes.io/managed-by"

struct slice_group { /* endpoints of one address type and one set of ports */
	struct slice_group *next;
	const char *address_type;
	DiscoveryV1__EndpointPort **ports;
	size_t ports_len;
	DiscoveryV1__Endpoint **endpoints;
	size_t len, capacity;
	bool must_exist; /* also without endpoints */
};

struct slice_set { /* in the plan's arena */
	struct plan *plan;
	const char *manager;            /* value of SLICE_MANAGER_LABEL: others' slices are left alone */
	const char *service;            /* its name */
	const struct object *owner;     /* of new slices */
	const struct object *labels_of; /* whose labels they carry */
	bool is_headless;
	struct slice_group *groups;
};

/* The group of these ports (sorted by the caller always in the same way), made when there is none. */
struct slice_group *slices_group(
    struct slice_set *set, const char *address_type, DiscoveryV1__EndpointPort **ports, size_t len);
void slices_add(struct slice_set *set, struct slice_group *group, DiscoveryV1__Endpoint *endpoint);
void slices_reconcile(struct controller_context *ctx, struct slice_set *set);
/* Deletes all of them. */
void slices_delete(struct controller_context *ctx, struct plan *plan, const char *ns, const char *service,
    const char *manager);
/* Map function for slices: the Service (or Endpoints) of the same name. Registers the index they are found
 * by, in init. */
void slices_init(struct controller_context *ctx);
void slices_map(const struct object *old, const struct object *new_, const char *manager,
    struct controller_enqueue *enqueue);

#endif
