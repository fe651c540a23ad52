/* persistentvolumeclaim: the rules of a claim's spec, which stateful sets and ephemeral volumes use too. */
#ifndef CUBE_RESOURCES_PERSISTENTVOLUMECLAIM_H
#define CUBE_RESOURCES_PERSISTENTVOLUMECLAIM_H

#include "lib/resources/rules.h"
#include "proto/core_v1.pb-c.h"

void persistentvolumeclaim_validate_spec(const CoreV1__PersistentVolumeClaimSpec *spec,
    const struct field_path *path, struct field_errors *errors);

#endif
