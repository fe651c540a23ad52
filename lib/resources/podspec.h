/*
 * podspec: what every owner of a pod spec shares (pods, templates of workloads): defaults and validation.
 * The files: pod_defaults.c, pod_validation.c (the spec itself), pod_containers.c, pod_probes.c,
 * pod_volumes.c, pod_files.c (secrets and the like as volumes), pod_security.c, pod_os.c, pod_annotations.c,
 * pod_scheduling.c (affinity, tolerations, spreading), pod_update.c, pod_status.c.
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

/* The spec of a pod, whose metadata is `pod`; of a template when that is NULL. */
void podspec_validate(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *pod, bool is_update,
    const struct field_path *path, struct field_errors *errors);
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
/* What the ephemeralcontainers subresource may change: containers are added, never changed or removed. */
void pod_validate_ephemeral_update(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct field_errors *errors);
/* What the resize subresource may change: amounts of cpu and memory. */
void pod_validate_resize(
    const CoreV1__Pod *pod, const CoreV1__Pod *old, struct arena *arena, struct field_errors *errors);
void pod_validate_status_update(const CoreV1__Pod *pod, const CoreV1__Pod *old, struct field_errors *errors);

/* Parts, used between the files. */
struct volume_set { /* the volumes that were valid */
	const CoreV1__Volume **items;
	size_t len;
};
struct podspec_scope { /* what the rules of one part need to know of the rest */
	const CoreV1__PodSpec *spec;
	const MetaV1__ObjectMeta *pod; /* NULL: the spec is a template's */
	bool is_update;
	struct volume_set volumes;
};
void podspec_validate_volumes(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *pod,
    const struct field_path *path, struct field_errors *errors, struct volume_set *ret_valid);
/* Volumes of files; of the shape that lib/resources/volumes.h calls a volume_check. */
void podspec_check_secret(const void *source, const struct field_path *path, struct field_errors *errors);
void podspec_check_config_map(const void *source, const struct field_path *path, struct field_errors *errors);
void podspec_check_downward_api(
    const void *source, const struct field_path *path, struct field_errors *errors);
void podspec_check_projected(const void *source, const struct field_path *path, struct field_errors *errors);
/* `path` is the spec's: all three kinds of containers. */
void podspec_validate_containers(
    const struct podspec_scope *scope, const struct field_path *path, struct field_errors *errors);
enum probe_kind { PROBE_LIVENESS, PROBE_READINESS, PROBE_STARTUP };
void podspec_validate_probe(const CoreV1__Probe *probe, enum probe_kind kind, const struct field_path *path,
    struct field_errors *errors);
void podspec_validate_lifecycle(const CoreV1__Lifecycle *lifecycle, const CoreV1__PodSpec *spec,
    const struct field_path *path, struct field_errors *errors);
/* Security contexts: `path` is theirs. */
void podspec_validate_pod_security(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
void podspec_validate_container_security(
    const CoreV1__SecurityContext *context, const struct field_path *path, struct field_errors *errors);
/* spec.os, and what it excludes; `path` is the spec's. */
void podspec_validate_os(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
/* Annotations with a meaning, at `path`. */
void podspec_validate_annotations(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *meta,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_annotations_update(const MetaV1__ObjectMeta *meta, const MetaV1__ObjectMeta *old,
    const struct field_path *path, struct field_errors *errors);
/* Security profiles that are said by annotation and by field; `path` is the spec's. On create only. */
void podspec_validate_profiles(const CoreV1__PodSpec *spec, const MetaV1__ObjectMeta *meta,
    const struct field_path *path, struct field_errors *errors);
bool pod_is_mirror(const MetaV1__ObjectMeta *meta);
void podspec_validate_field_ref(const CoreV1__ObjectFieldSelector *ref, bool for_volume,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_resource_field_ref(const CoreV1__ResourceFieldSelector *ref, bool for_volume,
    const struct field_path *path, struct field_errors *errors);
void podspec_validate_resources(const CoreV1__ResourceRequirements *resources, const struct field_path *path,
    struct field_errors *errors);
void podspec_validate_affinity(
    const struct podspec_scope *scope, const struct field_path *path, struct field_errors *errors);
void podspec_validate_tolerations(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
void podspec_validate_spreading(
    const CoreV1__PodSpec *spec, const struct field_path *path, struct field_errors *errors);
/* Node selectors, also those of persistent volumes. `strict`: values must be label values, as of new objects.
 */
void node_selector_validate(const CoreV1__NodeSelector *selector, bool strict, const struct field_path *path,
    struct field_errors *errors);

#endif
