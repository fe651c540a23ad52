/*
 * gc: what must be watched over time: unused images when the disk fills, log rotation, size limits of
 * emptyDir volumes and of ephemeral storage, and evictions under node pressure. Ticks only while there is
 * something to watch.
 */
#ifndef CUBE_KUBELET_GC_H
#define CUBE_KUBELET_GC_H

struct gc;
struct kubelet_config;
struct loop;
struct node_manager;
struct pod_manager;
struct runtime;
struct volume_manager;

struct gc *gc_new(const struct kubelet_config *config, struct loop *loop, struct runtime *rt,
    struct pod_manager *pods, struct volume_manager *volumes, struct node_manager *node);
void gc_start(struct gc *gc);
void gc_free(struct gc *gc);

#endif
