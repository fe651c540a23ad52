/* pods_of: the pods that a workload, a service or a pod itself stands for: logs, exec, port-forward and
 * attach need one. */
#ifndef CUBE_KUBECTL_PODS_OF_H
#define CUBE_KUBECTL_PODS_OF_H

#include "kubectl/kubectl.h"

struct target;

/* All pods; a pod stands for itself. */
int pods_of(
    struct kubectl *k, const struct target *target, struct json ***ret, size_t *ret_len, struct error *err);
/* The best one: running before others, ready, long ready first; waits up to timeout_ms for one to appear. */
int pod_of(
    struct kubectl *k, const struct target *target, int64_t timeout_ms, struct json **ret, struct error *err);
/* "a=b,c in (d)" of what a workload or service selects; NULL when it selects nothing. */
const char *pods_selector(struct kubectl *k, const struct json *object);
/* The container that commands mean: `asked`, the annotated default, or the first. NULL with err when asked is
 * unknown. */
const char *pod_container(struct kubectl *k, const struct json *pod, const char *asked, struct error *err);

#endif
