/* volumes: claims and volumes as the binder, the provisioner and the protection controllers see them. */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_VOLUMES_H
#define CUBE_CONTROLLER_MANAGER_SHARED_VOLUMES_H

#include <stdbool.h>

#include "proto/core_v1.pb-c.h"
#include "proto/storage_v1.pb-c.h"

struct informer;
struct object;

#define ANNOTATION_BIND_COMPLETED "pv.kubernetes.io/bind-completed"
#define ANNOTATION_BOUND_BY_CONTROLLER "pv.kubernetes.io/bound-by-controller"
#define ANNOTATION_PROVISIONED_BY "pv.kubernetes.io/provisioned-by"
#define ANNOTATION_PROVISIONER "volume.kubernetes.io/storage-provisioner"
#define ANNOTATION_PROVISIONER_BETA "volume.beta.kubernetes.io/storage-provisioner"
#define ANNOTATION_SELECTED_NODE "volume.kubernetes.io/selected-node"
#define HOST_PATH_PROVISIONER "cube.local/host-path"
#define NO_PROVISIONER "kubernetes.io/no-provisioner"

const CoreV1__PersistentVolume *volume_of(const struct object *obj);
const CoreV1__PersistentVolumeClaim *claim_of(const struct object *obj);
/* The class that the claim names, by field or by the old annotation; "" for none. */
const char *claim_class_name(const CoreV1__PersistentVolumeClaim *claim);
const StorageV1__StorageClass *claim_class(
    const struct informer *classes, const CoreV1__PersistentVolumeClaim *claim); /* or NULL */
/* claimRef names the claim by namespace and name, and by uid where it has one. */
bool volume_is_for(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim);
/* Free, big enough, of the claim's class, modes and selector. */
bool volume_suits(const CoreV1__PersistentVolume *volume, const CoreV1__PersistentVolumeClaim *claim);
/* The smallest volume that suits, or the one reserved for the claim; NULL when there is none. */
const struct object *volume_find(
    const struct informer *volumes, const CoreV1__PersistentVolumeClaim *claim, bool only_reserved);

#endif
