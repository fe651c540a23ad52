/*
 * references: the configmaps and secrets that pods of this node use, each watched by its name (which is all
 * that the Node authorizer lets a kubelet see) from the first pod that wants it to the last one that is gone.
 * Also the services.
 */
#ifndef CUBE_KUBELET_REFERENCES_H
#define CUBE_KUBELET_REFERENCES_H

#include <stdbool.h>

struct object;
struct references;
struct resource_type;
struct rest_client;

enum reference_kind { REFERENCE_CONFIG_MAP, REFERENCE_SECRET, REFERENCE_KIND_COUNT };
enum reference_state { REFERENCE_PENDING, REFERENCE_FOUND, REFERENCE_MISSING };

/* on_change: an object that the pod uses came, changed or went. client NULL: fed by references_inject()
 * (tests). */
struct references *references_new(
    struct rest_client *client, void (*on_change)(void *arg, const char *pod_uid), void *arg);
void references_free(struct references *refs);
void references_set_handler(
    struct references *refs, void (*on_change)(void *arg, const char *pod_uid), void *arg);

/* Takes note of everything that the pod refers to; calling again with a changed pod is fine. */
void references_add_pod(struct references *refs, const struct object *pod);
void references_remove_pod(struct references *refs, const char *pod_uid);
bool references_synced(const struct references *refs, const char *pod_uid); /* none is PENDING */
/* PENDING until the first list of it came. *ret_obj borrowed, set only when FOUND. */
enum reference_state references_get(const struct references *refs, enum reference_kind kind, const char *ns,
    const char *name, const struct object **ret_obj);
void references_inject(struct references *refs, enum reference_kind kind, const char *ns, const char *name,
    const struct object *obj /* NULL: missing */);

#endif
