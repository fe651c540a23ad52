/* mounts: what is mounted into a container: its volumes, the managed /etc/hosts, the termination message
 * file. */
#ifndef CUBE_KUBELET_MOUNTS_H
#define CUBE_KUBELET_MOUNTS_H

#include <stddef.h>

#include "kubelet/pods/env.h"
#include "kubelet/pods/pod_facts.h"
#include "proto/cri_v1.pb-c.h"

struct error;
struct kubelet_config;
struct volume_manager;

struct mounts_input {
	const struct kubelet_config *config;
	struct volume_manager *volumes;
	const struct object *pod;
	const struct pod_slot *slot;
	const struct env *env; /* for subPathExpr */
	const char *pod_ips;
};
/* Makes the files that are needed (blocking, small). */
int mounts_build(struct arena *arena, const struct mounts_input *in, CriV1__Mount ***ret, size_t *ret_len,
    struct error *err);

#endif
