/* node_images: the images that the runtime has, for the Node's status; node_manager.c asks for them. */
#ifndef CUBE_KUBELET_NODE_IMAGES_H
#define CUBE_KUBELET_NODE_IMAGES_H

#include <stddef.h>

struct loop;
struct node_image;
struct node_images;
struct runtime;

/* on_change fires after each answer of the runtime. Loop and runtime are borrowed. */
struct node_images *node_images_new(
    struct loop *loop, struct runtime *rt, void (*on_change)(void *arg), void *arg);
void node_images_free(struct node_images *images);
/* Asks the runtime soon; further calls until then are one. */
void node_images_refresh(struct node_images *images);
/* The largest first; valid until the next on_change. */
const struct node_image *node_images_list(const struct node_images *images, size_t *ret_len);

#endif
