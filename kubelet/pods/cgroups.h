/*
 * cgroups: the tree kubepods[/burstable|/besteffort]/pod<uid> with the limits of QoS classes and pods;
 * containers' own are made by runc below. cgroup v1 (every mounted hierarchy) and v2; a hierarchy that
 * refuses a value is left without it.
 */
#ifndef CUBE_KUBELET_CGROUPS_H
#define CUBE_KUBELET_CGROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/core_v1.pb-c.h"

struct cgroups;
struct error;
struct kubelet_config;

/* NULL when cgroups are switched off. memory_bytes: the limit of kubepods (allocatable); 0: none. */
struct cgroups *cgroups_new(
    const struct kubelet_config *config, int64_t memory_bytes, int64_t milli_cpu, struct error *err);
void cgroups_free(struct cgroups *cg);
/* The pod's cgroup as cgroup_parent names it: "/kubepods/burstable/pod<uid>". "" for NULL. */
void cgroups_pod_path(const struct cgroups *cg, const CoreV1__Pod *pod, char out[512]);
int cgroups_create_pod(struct cgroups *cg, const CoreV1__Pod *pod, struct error *err);
/* Removes the pod's directories in all classes; kills what is left in them. */
void cgroups_remove_pod(struct cgroups *cg, const char *uid);
/* Shares of the burstable class follow its pods' requests. */
void cgroups_set_burstable(struct cgroups *cg, int64_t milli_cpu);
/* Calls fn for each pod directory that exists (orphans after a restart). */
void cgroups_for_each_pod(struct cgroups *cg, void (*fn)(void *arg, const char *uid), void *arg);

#endif
