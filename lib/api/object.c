#include "lib/api/object.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/api/yaml.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static struct object *make(struct arena *arena, const char *api_version, const char *kind);
static void set_meta(struct object *obj, MetaV1__ObjectMeta *meta);
static const struct schema *find_schema(struct arena *arena, const char *api_version, const char *kind);
static int decode_envelope(
    struct arena *arena, const void *data, size_t size, struct object **ret, struct error *err);
static int decode_text(
    struct arena *arena, const char *text, size_t size, struct object **ret, struct error *err);
static struct json *tree_with_meta(struct arena *arena, const struct object *obj);
static const char *schema_api_version(struct arena *arena, const struct schema *schema);

struct object *object_new(const struct schema *schema)
{
	struct arena *arena = arena_new();

	return object_wrap(arena, schema, api_new_schema(arena, schema));
}

struct object *object_wrap(struct arena *take_arena, const struct schema *schema, ProtobufCMessage *msg)
{
	struct object *obj = make(take_arena, schema_api_version(take_arena, schema), schema->kind);
	const struct schema_field *meta = schema_find(schema, "metadata");

	obj->schema = schema;
	obj->msg = msg;
	/* Lists and reviews without ObjectMeta get one of their own, which nobody prints. */
	if (meta && meta->message && meta->message->descriptor == &meta_v1__object_meta__descriptor)
		set_meta(obj, *(MetaV1__ObjectMeta **)((char *)msg + meta->offset));
	else
		set_meta(obj, API_NEW(take_arena, meta_v1__object_meta));
	return obj;
}

struct object *object_wrap_tree(struct arena *take_arena, struct json *tree, struct error *err)
{
	const char *api_version = json_get_string(tree, "apiVersion", ""),
		   *kind = json_get_string(tree, "kind", "");
	const struct schema *schema = schema_of(&meta_v1__object_meta__descriptor);
	struct json *meta = json_get(tree, "metadata");
	struct object *obj;
	ProtobufCMessage *msg;

	if (!meta)
		meta = json_new_object(take_arena);
	if (!*kind) {
		error_set(err, ERR_BAD_REQUEST, "Object 'Kind' is missing");
	} else if (!*api_version) {
		error_set(err, ERR_BAD_REQUEST, "Object 'apiVersion' is missing");
	} else if (codec_from_json(take_arena, schema, meta, NULL, &msg, err) < 0) {
		error_prefix(err, "metadata");
	} else {
		obj = make(take_arena, api_version, kind);
		json_sort(tree);
		obj->tree = tree;
		set_meta(obj, (MetaV1__ObjectMeta *)msg);
		return obj;
	}
	arena_free(take_arena);
	return NULL;
}

struct object *object_ref(const struct object *obj)
{
	struct object *shared = (struct object *)obj;

	atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
	return shared;
}

void object_unref(const struct object *obj)
{
	if (obj && atomic_fetch_sub_explicit(&((struct object *)obj)->refs, 1, memory_order_acq_rel) == 1)
		arena_free(obj->arena);
}

struct object *object_clone(const struct object *obj)
{
	struct arena *arena = arena_new();
	struct object *copy;

	if (obj->schema)
		return object_wrap(arena, obj->schema, api_clone_message(arena, obj->msg));
	copy = make(arena, arena_strdup(arena, obj->api_version), arena_strdup(arena, obj->kind));
	copy->tree = json_clone(arena, obj->tree);
	set_meta(copy, api_clone(arena, obj->meta));
	return copy;
}

const struct object *object_in_version(const struct object *obj, const char *api_version)
{
	for (const struct object_version *v = obj->versions; v; v = v->next)
		if (str_eq(v->object->api_version, api_version))
			return v->object;
	return NULL;
}

static void unref_version(void *arg)
{
	object_unref(arg);
}

void object_add_version(const struct object *obj, const struct object *take_other)
{
	struct object *owner = (struct object *)(uintptr_t)obj;
	struct object_version *v = ARENA_NEW(owner->arena, struct object_version);

	v->object = take_other;
	v->next = owner->versions;
	owner->versions = v;
	arena_on_free(owner->arena, unref_version, (void *)(uintptr_t)take_other);
}

bool object_equal(const struct object *a, const struct object *b)
{
	struct arena *arena;
	bool equal;

	if (a->schema != b->schema || !str_eq(a->kind, b->kind) || !str_eq(a->api_version, b->api_version))
		return false;
	if (a->schema)
		return api_equal_message(a->msg, b->msg);
	arena = arena_new();
	equal = json_equal(tree_with_meta(arena, a), tree_with_meta(arena, b));
	arena_free(arena);
	return equal;
}

int object_decode(const void *data, size_t size, struct object **ret, struct error *err)
{
	return object_decode_into(arena_new(), data, size, ret, err);
}

int object_decode_into(
    struct arena *take_arena, const void *data, size_t size, struct object **ret, struct error *err)
{
	if (codec_is_envelope(data, size))
		return decode_envelope(take_arena, data, size, ret, err);
	return decode_text(take_arena, data, size, ret, err);
}

void object_encode_json(struct buf *out, const struct object *obj)
{
	struct arena *arena;

	if (obj->schema) {
		codec_to_json_text(out, obj->schema, obj->msg);
		return;
	}
	arena = arena_new();
	json_write(out, tree_with_meta(arena, obj), 0);
	arena_free(arena);
}

struct json *object_to_json(struct arena *arena, const struct object *obj)
{
	return obj->schema ? codec_to_json(arena, obj->schema, obj->msg)
			   : json_clone(arena, tree_with_meta(arena, obj));
}

/* Upstream keeps what its extension servers own as JSON: custom resources, their definitions, and
 * APIServices. */
void object_encode_stored(struct buf *out, const struct object *obj)
{
	bool as_json = !obj->schema || str_eq(obj->schema->group, "apiextensions.k8s.io") ||
		       str_eq(obj->schema->group, "apiregistration.k8s.io");

	if (!as_json) {
		codec_write_envelope(out, obj->api_version, obj->kind, obj->schema, obj->msg);
		return;
	}
	object_encode_json(out, obj);
	buf_putc(out, '\n');
}

const char *object_key(const struct object *obj, char out[OBJECT_KEY_MAX])
{
	const char *namespace = str_or(obj->meta->namespace_, "");

	snprintf(
	    out, OBJECT_KEY_MAX, "%s%s%s", namespace, *namespace ? "/" : "", str_or(obj->meta->name, ""));
	return out;
}

void object_split_key(const char *key, char ns[64], char name[256])
{
	const char *slash = strchr(key, '/');

	snprintf(ns, 64, "%.*s", slash ? (int)(slash - key) : 0, key);
	snprintf(name, 256, "%s", slash ? slash + 1 : key);
}

const MetaV1__OwnerReference *object_controller(const MetaV1__ObjectMeta *meta)
{
	for (size_t i = 0; i < meta->n_owner_references; i++) {
		if (meta->owner_references[i]->has_controller && meta->owner_references[i]->controller)
			return meta->owner_references[i];
	}
	return NULL;
}

bool object_is_owned_by(const MetaV1__ObjectMeta *meta, const char *uid)
{
	for (size_t i = 0; i < meta->n_owner_references; i++) {
		if (str_eq(meta->owner_references[i]->uid, uid))
			return true;
	}
	return false;
}

bool object_has_finalizer(const MetaV1__ObjectMeta *meta, const char *finalizer)
{
	for (size_t i = 0; i < meta->n_finalizers; i++) {
		if (str_eq(meta->finalizers[i], finalizer))
			return true;
	}
	return false;
}

static struct object *make(struct arena *arena, const char *api_version, const char *kind)
{
	struct object *obj = ARENA_NEW(arena, struct object);

	obj->refs = 1;
	obj->arena = arena;
	obj->api_version = api_version;
	obj->kind = kind;
	return obj;
}

static void set_meta(struct object *obj, MetaV1__ObjectMeta *meta)
{
	int64_t revision;

	obj->meta = meta;
	if (str_to_int64(meta->resource_version, &revision))
		obj->revision = revision;
}

static const struct schema *find_schema(struct arena *arena, const char *api_version, const char *kind)
{
	const char *slash = strchr(api_version, '/');
	const char *group = slash ? arena_strndup(arena, api_version, (size_t)(slash - api_version)) : "";

	return schema_by_gvk(group, slash ? slash + 1 : api_version, kind);
}

static int decode_envelope(
    struct arena *arena, const void *data, size_t size, struct object **ret, struct error *err)
{
	const struct schema *schema = NULL;
	struct codec_envelope envelope;
	ProtobufCMessage *msg;
	int r = codec_open_envelope(arena, data, size, &envelope, err);

	if (r == 0) {
		schema = find_schema(arena, envelope.api_version, envelope.kind);
		if (!schema)
			r = error_set(err, ERR_BAD_REQUEST,
			    "no kind \"%.100s\" is registered for version \"%.100s\"", envelope.kind,
			    envelope.api_version);
	}
	if (r == 0)
		r = codec_from_proto(arena, schema, envelope.raw, envelope.raw_size, &msg, err);
	if (r < 0) {
		arena_free(arena);
		return -1;
	}
	*ret = object_wrap(arena, schema, msg);
	return 0;
}

/* Two arenas: the tree of a built-in kind is gone when its struct stands. */
static int decode_text(
    struct arena *arena, const char *text, size_t size, struct object **ret, struct error *err)
{
	struct arena *scratch = arena_new();
	struct json_limits limits = {.size_max = size > 0 ? size : 1};
	const char *first = text, *end = text + size;
	const struct schema *schema = NULL;
	ProtobufCMessage *msg = NULL;
	struct json *tree;
	int r;

	while (first < end && strchr(" \t\r\n", *first) && *first)
		first++;
	if (first < end && *first == '{')
		r = json_parse(scratch, text, size, &limits, &tree, err);
	else
		r = yaml_parse(scratch, text, size, NULL, &tree, err);
	if (r == 0) {
		schema = find_schema(
		    scratch, json_get_string(tree, "apiVersion", ""), json_get_string(tree, "kind", ""));
		if (!schema) {
			tree = json_clone(arena, tree);
			arena_free(scratch);
			*ret = object_wrap_tree(arena, tree, err);
			return *ret ? 0 : -1;
		}
		r = codec_from_json(arena, schema, tree, NULL, &msg, err);
	}
	arena_free(scratch);
	if (r < 0) {
		arena_free(arena);
		return -1;
	}
	*ret = object_wrap(arena, schema, msg);
	return 0;
}

/* The tree of a custom resource with the metadata as it is now; shares all else with the object. */
static struct json *tree_with_meta(struct arena *arena, const struct object *obj)
{
	const struct schema *schema = schema_of(&meta_v1__object_meta__descriptor);
	struct json *tree = json_new_object(arena), *meta = codec_to_json(arena, schema, &obj->meta->base);
	struct json *created = json_get(meta, "creationTimestamp");

	if (created && created->type == JSON_NULL)
		json_remove(meta, "creationTimestamp");
	json_sort(meta);
	for (size_t i = 0; i < obj->tree->len; i++)
		json_set(arena, tree, obj->tree->members[i].key, obj->tree->members[i].value);
	json_set(arena, tree, "metadata", meta);
	return tree;
}

static const char *schema_api_version(struct arena *arena, const struct schema *schema)
{
	if (!*schema->group)
		return schema->version;
	return arena_printf(arena, "%s/%s", schema->group, schema->version);
}
