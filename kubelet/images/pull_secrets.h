/* pull secrets: the credentials for an image among a pod's imagePullSecrets (.dockerconfigjson, .dockercfg).
 * Pure. */
#ifndef CUBE_KUBELET_PULL_SECRETS_H
#define CUBE_KUBELET_PULL_SECRETS_H

#include "lib/api/object.h"
#include "proto/cri_v1.pb-c.h"

struct arena;
struct references;

/* The nth of the pod's secrets that has credentials for the image's registry; NULL when there are not as
 * many. */
CriV1__AuthConfig *pull_secret_for(
    struct arena *arena, struct references *refs, const struct object *pod, const char *image, size_t nth);
/* The names of those that don't exist, "a, b"; NULL when all do. */
const char *pull_secrets_missing(struct arena *arena, struct references *refs, const struct object *pod);
/* The registry an image comes from: docker.io for names without one. */
const char *image_registry(struct arena *arena, const char *image);

#endif
