/* gc images: removes images that no container uses when the disk is fuller than the high threshold. */
#ifndef CUBE_KUBELET_GC_IMAGES_H
#define CUBE_KUBELET_GC_IMAGES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct error;
struct gc_images;
struct kubelet_config;
struct loop;
struct node_manager;
struct pod_manager;
struct runtime;

struct gc_images *gc_images_new(const struct kubelet_config *config, struct loop *loop, struct runtime *rt,
    struct pod_manager *pods, struct node_manager *node);
void gc_images_free(struct gc_images *g);
void gc_images_check(struct gc_images *g); /* collects when the disk is full, at most every five minutes */
bool gc_images_collect(
    struct gc_images *g); /* true: it has begun; false: nothing was left to remove last time */
/* A callback for calls whose answer doesn't matter. */
void gc_images_ignore(void *arg, const ProtobufCMessage *response, const struct error *err);

#endif
