/* kubeconfig_private: what reading (kubeconfig.c) and writing (kubeconfig_write.c) share. */
#ifndef CUBE_CLIENT_KUBECONFIG_PRIVATE_H
#define CUBE_CLIENT_KUBECONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;
struct json;

char *kubeconfig_read_file(struct arena *arena, const char *path, size_t *ret_size, struct error *err);
/* One file as a tree; `resolve` makes its relative paths absolute. */
int kubeconfig_read_one(
    struct arena *arena, const char *path, bool resolve, struct json **ret, struct error *err);
struct json *kubeconfig_new(struct arena *arena);
/* The entry {name, cluster|context|user} of a section; NULL when there is none. */
struct json *kubeconfig_find(const struct json *config, const char *section, const char *name);

#endif
