/* payload: the files of configMap, secret, downwardAPI and token sources, for plain and projected volumes.
 * Loop side. */
#ifndef CUBE_KUBELET_PAYLOAD_H
#define CUBE_KUBELET_PAYLOAD_H

#include "kubelet/volumes/volume.h"

#define PAYLOAD_DEFAULT_MODE 0644

/* Each adds files to work; 0, 1 (not there yet) or an error, as volume_kind.collect. */
int payload_config_map(struct volume_manager *vm, const struct object *pod, const char *name, size_t n_items,
    CoreV1__KeyToPath *const *items, int32_t mode, bool optional, struct volume_work *work,
    struct error *err);
int payload_secret(struct volume_manager *vm, const struct object *pod, const char *name, size_t n_items,
    CoreV1__KeyToPath *const *items, int32_t mode, bool optional, struct volume_work *work,
    struct error *err);
int payload_downward(struct volume_manager *vm, const struct object *pod, size_t n_items,
    CoreV1__DownwardAPIVolumeFile *const *items, int32_t mode, struct volume_work *work, struct error *err);
int payload_token(struct volume_manager *vm, const struct object *pod,
    const CoreV1__ServiceAccountTokenProjection *token, int32_t mode, struct volume_work *work,
    struct error *err);
/* set_up of all volumes made of files. */
int payload_set_up(const struct volume_work *work, struct error *err);

#endif
