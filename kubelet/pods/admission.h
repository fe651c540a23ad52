/* admission: whether a pod that was bound to this node may run on it. Pure. */
#ifndef CUBE_KUBELET_ADMISSION_H
#define CUBE_KUBELET_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/api/object.h"
#include "proto/core_v1.pb-c.h"

struct kubelet_config;

struct admission_verdict {
	char reason[64]; /* NodeAffinity, OutOfcpu, NodePorts, SysctlForbidden, ... */
	char message[512];
};
/* others: the pods already admitted that have not ended. */
bool admission_check(const struct kubelet_config *config, const CoreV1__Node *node, const struct object *pod,
    const struct object *const *others, size_t len, struct admission_verdict *ret);

#endif
