/*
 * status manager: brings pod statuses to the API server: one request a pod at a time, the newest wins,
 * retried with back-off while the server is away. After the last status of a terminated pod it deletes the
 * pod with grace 0.
 */
#ifndef CUBE_KUBELET_STATUS_MANAGER_H
#define CUBE_KUBELET_STATUS_MANAGER_H

#include <stdbool.h>

#include "proto/core_v1.pb-c.h"

struct object;
struct rest_client;
struct status_manager;

struct status_manager *status_manager_new(struct rest_client *client);
void status_manager_free(struct status_manager *sm);
/* The wanted status; copied. `pod` is the newest object known (its status is what the server has). */
void status_manager_set(struct status_manager *sm, const struct object *pod, const CoreV1__PodStatus *status);
/* After the last status is through, delete (grace 0, uid precondition). */
void status_manager_delete(struct status_manager *sm, const struct object *pod);
const CoreV1__PodStatus *status_manager_get(
    const struct status_manager *sm, const char *uid); /* NULL: none yet */
void status_manager_forget(struct status_manager *sm, const char *uid);

#endif
