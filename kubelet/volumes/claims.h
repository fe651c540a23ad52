/* claims: the persistent volumes behind a pod's claims, read once when the pod is set up. */
#ifndef CUBE_KUBELET_CLAIMS_H
#define CUBE_KUBELET_CLAIMS_H

#include "lib/api/object.h"
#include "proto/core_v1.pb-c.h"

struct claims;
struct error;
struct rest_client;

struct claims *claims_new(
    struct rest_client *client, void (*on_change)(void *arg, const char *uid), void *arg);
void claims_free(struct claims *claims);
/* 0 and *ret (borrowed), 1: on its way, < 0: not bound, missing, or not this pod's. */
int claims_get(struct claims *claims, const struct object *pod, const char *name,
    const CoreV1__PersistentVolume **ret, struct error *err);
void claims_remove_pod(struct claims *claims, const char *uid);

#endif
