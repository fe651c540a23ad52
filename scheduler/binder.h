/*
 * binder: makes a choice come true: claims that waited for their first consumer are bound or provisioned for
 * the node, then the pod is bound to it. Asynchronous; the result comes once through on_bound.
 */
#ifndef CUBE_SCHEDULER_BINDER_H
#define CUBE_SCHEDULER_BINDER_H

#include "proto/core_v1.pb-c.h"
#include "scheduler/volumes.h"

struct binder;
struct error;
struct informer;
struct object;
struct rest_client;

typedef void binder_done(void *arg, const struct object *pod, const char *node, const struct error *err);

struct binder *binder_new(struct rest_client *client, const struct informer *claims,
    const struct informer *volumes, binder_done *on_bound, void *arg);
void binder_free(struct binder *binder);
void binder_bind(struct binder *binder, const struct object *pod, const CoreV1__Node *node,
    const struct volumes_state *volumes);
void binder_claim_changed(struct binder *binder, const struct object *claim);

#endif
