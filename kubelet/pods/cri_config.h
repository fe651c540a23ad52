/*
 * cri config: the CRI configurations of a pod's sandbox and of its containers. Pure: what needs the file
 * system (mounts, log paths) or the runtime (the image's user) is given.
 */
#ifndef CUBE_KUBELET_CRI_CONFIG_H
#define CUBE_KUBELET_CRI_CONFIG_H

#include "kubelet/pods/env.h"
#include "kubelet/pods/pod_facts.h"
#include "proto/cri_v1.pb-c.h"

struct error;
struct kubelet_config;

struct sandbox_input {
	const struct kubelet_config *config;
	const struct object *pod;
	uint32_t attempt;
	const char *log_directory;
	const char *cgroup_parent; /* "" without cgroups */
	CriV1__DNSConfig *dns;
	int64_t now_ns;
};
int sandbox_config_build(
    struct arena *arena, const struct sandbox_input *in, CriV1__PodSandboxConfig **ret, struct error *err);

struct container_input {
	const struct kubelet_config *config;
	const struct object *pod;
	const struct pod_slot *slot;
	const struct env *env;
	const char *image_ref;
	bool image_has_user; /* the image names a numeric user */
	int64_t image_uid;
	const char *image_username;
	CriV1__Mount **mounts;
	size_t mounts_len;
	int32_t restart_count;
	int64_t node_memory_bytes;
	const char *target_id; /* ephemeral: container whose process namespace is joined */
};
/* ERR_INVALID: CreateContainerConfigError (runAsNonRoot and the like). */
int container_config_build(
    struct arena *arena, const struct container_input *in, CriV1__ContainerConfig **ret, struct error *err);

int64_t container_oom_score_adj(
    const CoreV1__Pod *pod, const CoreV1__Container *c, int64_t node_memory_bytes);
int64_t cpu_shares_of_milli(int64_t milli);
int64_t cpu_quota_of_milli(int64_t milli); /* 0: none */
/* Whether sysctl is namespaced and safe; `host_net`, `host_ipc`: those namespaces are the node's. */
bool sysctl_is_allowed(const struct kubelet_config *config, const char *name, bool host_net, bool host_ipc);

#endif
