/*
 * object: one API object of any kind: a built-in one as its protobuf-c struct, a custom resource as a JSON
 * tree. Reference counted; immutable once shared: caches hand out `const struct object *`, changes go to
 * object_clone(). Every object owns an arena in which all its parts live.
 */
#ifndef CUBE_API_OBJECT_H
#define CUBE_API_OBJECT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/meta_v1.pb-c.h"

struct arena;
struct buf;
struct error;
struct json;
struct schema;

struct object {
	_Atomic unsigned refs;
	struct arena *arena;
	const struct schema *schema;    /* of the kind; NULL for a custom resource */
	const char *api_version, *kind; /* "apps/v1", "Deployment" */
	ProtobufCMessage *msg; /* the struct, e.g. (CoreV1__Pod *)obj->msg; NULL for a custom resource */
	struct json *tree;     /* a custom resource; NULL for a built-in kind */
	MetaV1__ObjectMeta
	    *meta; /* never NULL; for custom resources decoded from the tree and written back on encode */
	int64_t revision;                /* meta->resource_version as a number; 0 when not set */
	struct object_version *versions; /* the same object in other versions, see object_in_version() */
};

/*
 * What a custom resource is in another version, where only a webhook can tell: kept with the object, because
 * asking takes time. It goes with the object, and clones start without.
 */
struct object_version {
	struct object_version *next;
	const struct object *object;
};
const struct object *object_in_version(const struct object *obj, const char *api_version); /* or NULL */
void object_add_version(const struct object *obj, const struct object *take_other);

/* A new empty object of a kind, with one reference. */
struct object *object_new(const struct schema *schema);
/* Wraps a message that lives in `take_arena`. */
struct object *object_wrap(struct arena *take_arena, const struct schema *schema, ProtobufCMessage *msg);
struct object *object_wrap_tree(struct arena *take_arena, struct json *tree, struct error *err);
struct object *object_ref(const struct object *obj);
void object_unref(const struct object *obj); /* NULL is accepted */
struct object *object_clone(const struct object *obj);
bool object_equal(const struct object *a, const struct object *b);

/* Reads one object of any known kind (unknown kinds become custom resources). Text is JSON, YAML or the
 * envelope. */
int object_decode(const void *data, size_t size, struct object **ret, struct error *err);
/* The same into an arena that the object owns then; on failure it is freed. */
int object_decode_into(
    struct arena *take_arena, const void *data, size_t size, struct object **ret, struct error *err);
void object_encode_json(struct buf *out, const struct object *obj);
struct json *object_to_json(struct arena *arena, const struct object *obj);
void object_encode_stored(
    struct buf *out, const struct object *obj); /* the protobuf envelope, or JSON and a newline */

static inline const char *object_name(const struct object *o)
{
	return o->meta->name;
}
static inline const char *object_namespace(const struct object *o)
{
	return o->meta->namespace_;
}
static inline const char *object_uid(const struct object *o)
{
	return o->meta->uid;
}
static inline bool object_is_deleting(const struct object *o)
{
	return o->meta->deletion_timestamp != NULL;
}
/* "namespace/name", or "name" for cluster-scoped objects. Written to out; truncation cannot happen for valid
 * names. */
#define OBJECT_KEY_MAX 320
const char *object_key(const struct object *obj, char out[OBJECT_KEY_MAX]);
void object_split_key(const char *key, char ns[64], char name[256]);
/* The owner reference with controller: true, or NULL. */
const MetaV1__OwnerReference *object_controller(const MetaV1__ObjectMeta *meta);
bool object_is_owned_by(const MetaV1__ObjectMeta *meta, const char *uid);
bool object_has_finalizer(const MetaV1__ObjectMeta *meta, const char *finalizer);

#endif
