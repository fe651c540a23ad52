/* status conditions: the pod conditions that the kubelet owns, from the container statuses. Pure; used by
 * status.c. */
#ifndef CUBE_KUBELET_STATUS_CONDITIONS_H
#define CUBE_KUBELET_STATUS_CONDITIONS_H

#include "kubelet/pods/status.h"

/* Appends the conditions to status, whose container statuses and phase are filled; transition times carry on.
 */
void status_conditions(struct arena *arena, const struct status_input *in, CoreV1__PodStatus *status);
bool status_condition_is_ours(const char *type);

#endif
