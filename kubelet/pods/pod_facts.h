/* pod facts: what follows from a pod's spec alone: its containers in one list, QoS class, sums of resources.
 * Pure. */
#ifndef CUBE_KUBELET_POD_FACTS_H
#define CUBE_KUBELET_POD_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/object.h"
#include "proto/core_v1.pb-c.h"

enum slot_kind {
	SLOT_INIT,
	SLOT_SIDECAR /* init container with restartPolicy Always */,
	SLOT_APP,
	SLOT_EPHEMERAL
};

struct pod_slot {
	enum slot_kind kind;
	const CoreV1__Container *spec; /* an ephemeral container is presented as an ordinary one */
	const char *target;            /* ephemeral: targetContainerName */
};

/* Init containers and sidecars in order, then containers, then ephemeral ones: names are unique over all. */
struct pod_slots {
	struct pod_slot *items;
	size_t len;
};
struct pod_slots pod_slots_of(struct arena *arena, const CoreV1__Pod *pod);

static inline const CoreV1__Pod *pod_of(const struct object *obj)
{
	return (const CoreV1__Pod *)obj->msg;
}

enum pod_qos { QOS_GUARANTEED, QOS_BURSTABLE, QOS_BEST_EFFORT };
enum pod_qos pod_qos_of(const CoreV1__Pod *pod);
const char *pod_qos_name(enum pod_qos qos);

/* Requests as the scheduler counts them: max(sum of containers + sidecars, init peak) + overhead. 0 when not
 * set. */
int64_t pod_request_milli_cpu(const CoreV1__Pod *pod);
int64_t pod_request_bytes(const CoreV1__Pod *pod, const char *resource);
/* Any resource: value in units (milli for cpu). */
int64_t container_request(const CoreV1__Container *c, const char *resource);
int64_t container_limit(const CoreV1__Container *c, const char *resource); /* 0: none */
int64_t pod_limit_milli_cpu(const CoreV1__Pod *pod);                       /* 0: some container has none */
int64_t pod_limit_memory(const CoreV1__Pod *pod);                          /* 0: some container has none */

bool pod_is_static(const CoreV1__Pod *pod);
bool pod_is_terminal_phase(const char *phase);
bool pod_is_critical(const CoreV1__Pod *pod);
int64_t pod_grace_s(const struct object *pod); /* deletionGracePeriodSeconds, else spec's, else 30 */
/* Upstream's container hash role: changes exactly when the container must be made anew (name, image). */
const char *container_hash(const CoreV1__Container *c, char out[17]);
/* hostname and (may be "") domain of the pod, as its UTS namespace and /etc/hosts show them. */
void pod_host_names(const CoreV1__Pod *pod, const char *cluster_domain, char hostname[64], char fqdn[256]);

#endif
