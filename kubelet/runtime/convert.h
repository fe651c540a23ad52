/* convert: CRI's answers to the cache's own structs, and small helpers to build CRI messages in an arena. */
#ifndef CUBE_KUBELET_CONVERT_H
#define CUBE_KUBELET_CONVERT_H

#include "kubelet/runtime/cache.h"
#include "proto/cri_v1.pb-c.h"

struct arena;

#define LABEL_POD_NAME "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE "io.kubernetes.pod.namespace"
#define LABEL_POD_UID "io.kubernetes.pod.uid"
#define LABEL_CONTAINER_NAME "io.kubernetes.container.name"
#define ANNOTATION_HASH "io.kubernetes.container.hash"
#define ANNOTATION_RESTART_COUNT "io.kubernetes.container.restartCount"
#define ANNOTATION_TERMINATION_PATH "io.kubernetes.container.terminationMessagePath"
#define ANNOTATION_TERMINATION_POLICY "io.kubernetes.container.terminationMessagePolicy"

/* Reads the termination message (and the log's end when the policy says so) of an exited container: blocking,
 * small. */
struct rt_container *convert_container(const CriV1__ContainerStatus *s);
struct rt_sandbox *convert_sandbox(const CriV1__PodSandboxStatus *s);
void rt_container_free(struct rt_container *c);
void rt_sandbox_free(struct rt_sandbox *s);
bool rt_container_equal(const struct rt_container *a, const struct rt_container *b);
bool rt_sandbox_equal(const struct rt_sandbox *a, const struct rt_sandbox *b);

/* Entries of a pod. The put functions take over their argument and say whether something visible changed. */
void rt_pod_free(void *pod);
bool rt_pod_put_container(struct rt_pod *pod, struct rt_container *take_c);
bool rt_pod_put_sandbox(struct rt_pod *pod, struct rt_sandbox *take_s);
void rt_pod_remove(struct rt_pod *pod, const char *id);

/* Maps of CRI messages: all have the layout {base, key, value}. NULL when absent. */
const char *cri_map_get_(size_t len, void *entries, const char *key);
#define cri_map_get(owner, member, key) cri_map_get_((owner)->n_##member, (void *)(owner)->member, (key))
void cri_map_add_(struct arena *arena, size_t *len, void ***entries, const ProtobufCMessageDescriptor *entry,
    const char *key, const char *value);
#define cri_map_add(arena, owner, member, entry_lower, key, value)                                           \
	cri_map_add_((arena), &(owner)->n_##member, (void ***)&(owner)->member, &entry_lower##__descriptor,  \
	    (key), (value))
/* A new message in the arena: CRI_NEW(arena, cri_v1__mount). Strings are "" until set. */
void *cri_new_(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);
#define CRI_NEW(arena, lower) cri_new_((arena), &lower##__descriptor)
void cri_append_(struct arena *arena, size_t *len, void ***items, void *item);
#define cri_append(arena, owner, member, item)                                                               \
	cri_append_((arena), &(owner)->n_##member, (void ***)&(owner)->member, (item))

#endif
