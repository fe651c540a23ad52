/*
 * podspec: what every owner of a pod spec shares (pods, templates of workloads): defaults and validation.
 * The files: pod_defaults.c, pod_validation.c (the spec itself), pod_containers.c, pod_probes.c,
 * pod_volumes.c, pod_scheduling.c (affinity, tolerations, spreading), pod_update.c.
 */
#ifndef CUBE_RESOURCES_PODSPEC_H
#define CUBE_RESOURCES_PODSPEC_H

#include <stdbool.h>

#include "lib/resources/rules.h"
#include "proto/core_v1.pb-c.h"

struct arena;

/* Defaults of a pod spec beyond the declared ones: pull policies, volumes, the old serviceAccount name, ...
 */
void podspec_defaults(struct arena *arena, CoreV1__PodSpec *spec);
void podtemplate_defaults(struct arena *arena, CoreV1__PodTemplateSpec *template);
/* Of a pod alone: requests from limits, host ports, service links. */
void pod_defaults(struct arena *arena, CoreV1__Pod *pod);
/* serviceAccount always repeats serviceAccountName; for whoever changes the latter. */
void podspec_mirror_service_account(CoreV1__PodSpec *spec);
const char *pod_qos_class(const CoreV1__PodSpec *spec);

void podspec_validate(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
/* A template: its labels, annotations and spec. restartPolicy is the owner's concern. */
void podtemplate_validate(
    const CoreV1__PodTemplateSpec *template, const struct field_path *path, struct field_errors *errors);
/*
 * A template of a controller that keeps pods running (upstream: ValidatePodTemplateSpecForReplicaSet): labels
 * must match the selector, restartPolicy must be Always, no activeDeadlineSeconds.
 */
void podtemplate_validate_for_controller(const CoreV1__PodTemplateSpec *template, bool selector_matches,
    const struct field_path *path, struct field_errors *errors);
void pod_validate_update(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct arena *arena, struct field_errors *errors);

/* Parts, used between the files. */
struct volume_set { /* the volumes that were valid */
	const CoreV1__Volume **items;
	size_t len;
};
void podspec_validate_volumes(const CoreV1__PodSpec *spec, const struct field_path *path,
    struct field_errors *errors, struct volume_set *ret_valid);
void podspec_validate_containers(const CoreV1__PodSpec *spec, const struct volume_set *volumes,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_ephemeral_containers(const CoreV1__PodSpec *spec, const struct volume_set *volumes,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_probe(const CoreV1__Probe *probe, bool success_must_be_one,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_lifecycle(
    const CoreV1__Lifecycle *lifecycle, const struct field_path *path, struct field_errors *errors);
void podspec_validate_field_ref(const CoreV1__ObjectFieldSelector *ref, bool for_volume,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_resource_field_ref(const CoreV1__ResourceFieldSelector *ref, bool for_volume,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_resources(const CoreV1__ResourceRequirements *resources, const struct field_path *path,
    struct field_errors *errors);
void podspec_validate_affinity(
    const CoreV1__Affinity *affinity, const struct field_path *path, struct field_errors *errors);
void podspec_validate_tolerations(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
void podspec_validate_spreading(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
void podspec_validate_seccomp(
    const CoreV1__SeccompProfile *profile, const struct field_path *path, struct field_errors *errors);
/* Node selectors, also those of persistent volumes. */
void node_selector_validate(
    const CoreV1__NodeSelector *selector, const struct field_path *path, struct field_errors *errors);
void node_selector_term_validate(
    const CoreV1__NodeSelectorTerm *term, const struct field_path *path, struct field_errors *errors);

#endif
