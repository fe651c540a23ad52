/* image: images in the node's containerd, by its own client `ctr`. */
#ifndef CUBE_CUBE_IMAGE_H
#define CUBE_CUBE_IMAGE_H

struct arena;
struct cluster;
struct error;

/* file: an OCI or docker archive. ret_names: what it held, a line each. */
int image_load(const struct cluster *cluster, const char *file, char **ret_names, struct error *err);
/* name as users write it: nginx, nginx:1.0, registry:5000/a/b@sha256:... */
int image_remove(const struct cluster *cluster, const char *name, struct error *err);
/* A table with the header IMAGE SIZE DIGEST. */
int image_list(const struct cluster *cluster, char **ret_text, struct error *err);
/* docker.io/library/nginx:latest from nginx, as containerd names it. */
const char *image_full_name(struct arena *arena, const char *name);

#endif
