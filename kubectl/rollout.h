/* rollout: ReplicaSets and ControllerRevisions as the history of what a workload ran. */
#ifndef CUBE_KUBECTL_ROLLOUT_H
#define CUBE_KUBECTL_ROLLOUT_H

#include "kubectl/kubectl.h"

#define REVISION_ANNOTATION "deployment.kubernetes.io/revision"
#define CHANGE_CAUSE_ANNOTATION "kubernetes.io/change-cause"

/* The ReplicaSets that a deployment owns, oldest revision first. */
int rollout_replica_sets(
    struct kubectl *k, const struct json *deployment, struct json ***ret, size_t *ret_len, struct error *err);
/* The one whose template is the deployment's; NULL when there is none yet. */
struct json *rollout_current_set(const struct json *deployment, struct json *const *sets, size_t len);
int64_t rollout_revision(const struct json *set);
/* The ControllerRevisions that a daemon set or stateful set owns, oldest first. */
int rollout_controller_revisions(
    struct kubectl *k, const struct json *owner, struct json ***ret, size_t *ret_len, struct error *err);

#endif
