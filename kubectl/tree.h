/* tree: reading API objects that are JSON trees, by dotted paths; NULL is accepted for every tree. */
#ifndef CUBE_KUBECTL_TREE_H
#define CUBE_KUBECTL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/api/json.h"

struct arena;

struct json *tree_at(const struct json *v, const char *path);                        /* NULL when absent */
const char *tree_text(const struct json *v, const char *path, const char *fallback); /* strings only */
int64_t tree_int(const struct json *v, const char *path, int64_t fallback);
bool tree_bool(const struct json *v, const char *path, bool fallback);
size_t tree_len(const struct json *list);    /* of an array; 0 for anything else */
size_t tree_size(const struct json *object); /* members of an object; 0 for anything else */
/* A scalar as text: strings raw, numbers and booleans as written; "" for NULL and null. Containers as JSON.
 */
const char *tree_show(struct arena *arena, const struct json *v);
const char *tree_show_at(struct arena *arena, const struct json *v, const char *path, const char *fallback);
const char *tree_name(const struct json *object);      /* metadata.name or "" */
const char *tree_namespace(const struct json *object); /* metadata.namespace or "" */
/* Sets a value at a dotted path, making the objects on the way. */
void tree_set(struct arena *arena, struct json *object, const char *path, struct json *value);
void tree_set_text(struct arena *arena, struct json *object, const char *path, const char *value);
void tree_remove(struct json *object, const char *path);
/* {"apiVersion": ..., "kind": ..., "metadata": {"name": ..., "namespace": ...}}; ns may be NULL. */
struct json *tree_new(
    struct arena *arena, const char *api_version, const char *kind, const char *name, const char *ns);
/* The element of a list of objects whose `key` is `value`, or NULL. */
struct json *tree_find(const struct json *list, const char *key, const char *value);
/* Seconds since 1970 of an RFC 3339 text; 0 when it is none. */
int64_t tree_time(const struct json *v, const char *path);
/* "5m", "2d3h": how long ago the time at path was; fallback when there is none. */
const char *tree_age(struct arena *arena, const struct json *v, const char *path, const char *fallback);

#define tree_for_each(list, item)                                                                            \
	for (size_t item##_i = 0; item##_i < tree_len(list); item##_i++)                                     \
		for (struct json *item = (list)->items[item##_i]; item; item = NULL)

#endif
