/* workload: what Deployment, ReplicaSet, StatefulSet, DaemonSet and the like share. */
#ifndef CUBE_RESOURCES_WORKLOAD_H
#define CUBE_RESOURCES_WORKLOAD_H

#include "lib/resources/rules.h"
#include "proto/core_v1.pb-c.h"

struct resource_context;

enum workload_flags {
	WORKLOAD_REPORTS_BAD_SELECTOR = 1, /* a selector that cannot be read is also Invalid itself */
};
/* selector (required, not empty, matching the template's labels) and template of a controller. */
void workload_validate(const MetaV1__LabelSelector *selector, const CoreV1__PodTemplateSpec *template,
    unsigned flags, const struct field_path *spec_path, struct field_errors *errors);
/* maxUnavailable and maxSurge of a rolling update: numbers or percentages, not both 0. Either may be NULL. */
void workload_validate_rolling(const Intstr__IntOrString *max_unavailable,
    const Intstr__IntOrString *max_surge, const struct field_path *path, struct field_errors *errors);
/* A status' count of name collisions (NULL: none) is not negative and does not shrink. */
void workload_validate_collisions(
    const int32_t *count, int32_t was, const struct field_path *path, struct field_errors *errors);
bool workload_has_labels(const CoreV1__PodTemplateSpec *template, size_t len, void *selector_entries);
bool workload_selector_changed(const MetaV1__LabelSelector *selector, const MetaV1__LabelSelector *old);

#endif
