/*
 * pod_refs: what a pod refers to: its containers of all three kinds, and the secrets, config maps and claims
 * it names. The Node authorizer, NodeRestriction, PodSecurity and others walk pods with these. A visitor that
 * returns false stops the walk, and the walk then returns false.
 */
#ifndef CUBE_APISERVER_AUTH_POD_REFS_H
#define CUBE_APISERVER_AUTH_POD_REFS_H

#include <stdbool.h>

#include "proto/core_v1.pb-c.h"

enum container_kind { CONTAINER_INIT, CONTAINER_MAIN, CONTAINER_EPHEMERAL };

/* Ephemeral containers are shown as containers: their struct has the same members in the same places. */
typedef bool pod_container_fn(
    void *arg, const CoreV1__Container *container, enum container_kind kind, size_t index);
bool pod_visit_containers(const CoreV1__PodSpec *spec, pod_container_fn *visit, void *arg);

typedef bool pod_name_fn(void *arg, const char *name);
bool pod_visit_secrets(const CoreV1__PodSpec *spec, pod_name_fn *visit, void *arg);
bool pod_visit_config_maps(const CoreV1__PodSpec *spec, pod_name_fn *visit, void *arg);
/* Claims by name, those of ephemeral volumes (POD-VOLUME) included. */
bool pod_visit_claims(const CoreV1__Pod *pod, pod_name_fn *visit, void *arg);

#endif
