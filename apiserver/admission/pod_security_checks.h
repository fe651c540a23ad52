/*
 * pod_security_checks: the Pod Security Standards (baseline and restricted, as of v1.32) as pure functions
 * over a pod. https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
#ifndef CUBE_APISERVER_ADMISSION_POD_SECURITY_CHECKS_H
#define CUBE_APISERVER_ADMISSION_POD_SECURITY_CHECKS_H

#include "proto/core_v1.pb-c.h"

struct buf;

enum pod_security_level { POD_SECURITY_PRIVILEGED, POD_SECURITY_BASELINE, POD_SECURITY_RESTRICTED };

/* Appends why the pod is against the level: `reason (detail), reason (detail)`; nothing when it is not. */
void pod_security_evaluate(enum pod_security_level level, const MetaV1__ObjectMeta *meta,
    const CoreV1__PodSpec *spec, struct buf *out);

#endif
