/*
 * stored: values in etcd and the objects that they are. A store may have been filled by another server, of
 * upstream's since v1.20 too, whose stored versions were older than ours: what is read becomes an object of
 * the version that we store, or an error; it never becomes an object of another kind.
 */
#ifndef CUBE_RESOURCES_STORED_H
#define CUBE_RESOURCES_STORED_H

#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;
struct object;
struct resource_type;

/*
 * Decodes a value that is kept where objects of `type` (a version that is stored) are: an envelope or JSON,
 * of the stored version, of another that we serve, or of one that only used to be stored. A custom resource
 * stays in the version in which it was stored; all others get the defaults that they lack. Fails, without an
 * object, when it is malformed, of another kind or of an unknown version. The object owns the arena then (or
 * another, when it had to be converted); on failure it is freed.
 */
int resource_decode_stored(const struct resource_type *type, struct arena *take_arena, const void *data,
    size_t size, struct object **ret, struct error *err);

/*
 * Appends the value of an object of a version that is stored: JSON for custom resources, definitions and
 * APIServices, else the envelope; in a version that upstream has read since v1.20 where one says the same
 * (stored_write.c).
 */
void resource_encode_stored(struct buf *out, const struct object *obj);

/* JSON of versions that are no longer served, brought to v1 in place (stored_versions.c). */
void stored_upgrade_ingress(struct arena *arena, struct json *tree);
void stored_upgrade_definition(struct arena *arena, struct json *tree);
void stored_upgrade_priority_level(struct arena *arena, struct json *tree);

#endif
