/* volumes: which volume a claim could use on a node, for the volume_binding plugin and for the binder. */
#ifndef CUBE_SCHEDULER_VOLUMES_H
#define CUBE_SCHEDULER_VOLUMES_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/core_v1.pb-c.h"
#include "proto/storage_v1.pb-c.h"

struct informer;
struct object;

struct waiting_claim { /* not bound, of a class that waits for its first consumer */
	const CoreV1__PersistentVolumeClaim *claim;
	const StorageV1__StorageClass *class;
};

struct volumes_state { /* what the volume_binding plugin knows of a pod's claims */
	const CoreV1__PersistentVolume **bound;
	size_t bound_len;
	struct waiting_claim *waiting;
	size_t waiting_len;
};

#define ANNOTATION_SELECTED_NODE "volume.kubernetes.io/selected-node"
#define NO_PROVISIONER "kubernetes.io/no-provisioner"

bool storage_class_waits(const struct object *storage_class);
/* The smallest free volume that suits the claim and the node, or NULL. */
const CoreV1__PersistentVolume *volumes_find(
    const struct informer *volumes, const CoreV1__PersistentVolumeClaim *claim, const CoreV1__Node *node);
/* A free volume exists, or the class can provision one for this node. */
bool volumes_claim_can_use(
    const struct informer *volumes, const struct waiting_claim *waiting, const CoreV1__Node *node);

#endif
