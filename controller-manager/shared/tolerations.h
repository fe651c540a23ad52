/* tolerations: which toleration of a pod covers a taint. */
#ifndef CUBE_CONTROLLER_MANAGER_SHARED_TOLERATIONS_H
#define CUBE_CONTROLLER_MANAGER_SHARED_TOLERATIONS_H

#include "proto/core_v1.pb-c.h"

/* The one that holds shortest when several do; NULL when none does. */
const CoreV1__Toleration *toleration_for(
    const CoreV1__Taint *taint, CoreV1__Toleration *const *tolerations, size_t len);

#endif
