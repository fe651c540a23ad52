/* pod_cells: the table row of a pod, and the container columns of everything that has a pod template. */
#ifndef CUBE_RESOURCES_POD_CELLS_H
#define CUBE_RESOURCES_POD_CELLS_H

#include "lib/resources/resource.h"
#include "proto/core_v1.pb-c.h"

void pod_cells(const struct object *obj, const struct resource_context *ctx, struct json **cells);
/* The STATUS column: Running, Completed, CrashLoopBackOff, Init:0/2, Terminating, ... */
const char *pod_status_text(const CoreV1__Pod *pod, struct arena *arena);
/* "a,b": names and images of the containers. */
struct json *cell_container_names(const struct resource_context *ctx, const CoreV1__PodSpec *spec);
struct json *cell_container_images(const struct resource_context *ctx, const CoreV1__PodSpec *spec);

#endif
