/*
 * quota_usage: what an object uses of a namespace's quota, and to which quotas it belongs. Admission charges
 * by it and the quota controller counts by it, so that both always agree.
 */
#ifndef CUBE_RESOURCES_QUOTA_USAGE_H
#define CUBE_RESOURCES_QUOTA_USAGE_H

#include "lib/resources/amounts.h"
#include "proto/core_v1.pb-c.h"

struct object;

/*
 * Everything that the object counts for: pods, count/deployments.apps, requests.cpu, ... . group and resource
 * are those under which it is stored. Pods that have ended count for count/pods only; now_s tells which
 * deletions are overdue.
 */
struct amounts quota_usage_of(
    struct arena *arena, const char *group, const char *resource, const struct object *obj, int64_t now_s);

/* Do the scopes of the quota take this object in? A quota with scopes takes pods only. */
bool quota_scopes_match(const CoreV1__ResourceQuotaSpec *spec, const struct object *obj);

/* What the pod as a whole asks for and may use: containers, init containers and side-cars, overhead. */
struct amounts pod_requests(struct arena *arena, const CoreV1__PodSpec *spec);
struct amounts pod_limits(struct arena *arena, const CoreV1__PodSpec *spec);

#endif
