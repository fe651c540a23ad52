/* downward: what fieldRef and resourceFieldRef mean, for environment variables and downwardAPI volumes. Pure.
 */
#ifndef CUBE_KUBELET_DOWNWARD_H
#define CUBE_KUBELET_DOWNWARD_H

#include "lib/api/object.h"
#include "proto/core_v1.pb-c.h"

struct arena;
struct error;

struct downward_facts {
	const char *pod_ip;  /* "" or NULL: none yet */
	const char *pod_ips; /* comma separated */
	const char *host_ip;
	const CoreV1__Node *node; /* for limits that aren't set; may be NULL */
};

/* metadata.name, metadata.labels['x'], metadata.annotations (all, one key="value" a line), status.podIP, ...
 */
int downward_field(struct arena *arena, const struct object *pod, const struct downward_facts *facts,
    const char *path, const char **ret, struct error *err);
/* limits.cpu, requests.memory, ... divided by the divisor (NULL: 1), rounded up. */
int downward_resource(struct arena *arena, const CoreV1__Pod *pod, const char *container,
    const CoreV1__ResourceFieldSelector *selector, const struct downward_facts *facts, const char **ret,
    struct error *err);

#endif
