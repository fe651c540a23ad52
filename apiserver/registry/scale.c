/* The scale subresource: an autoscaling/v1 Scale made of, and applied to, the fields that the type's table
 * names. */
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/api/json.h"
#include "lib/api/labels.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "proto/autoscaling_v1.pb-c.h"

/* Paths come as ".spec.replicas" from custom resources and as "spec.replicas" from the table. */
static const struct json *at(const struct json *tree, const char *path)
{
	if (!path)
		return NULL;
	return json_get_path(tree, *path == '.' ? path + 1 : path);
}

static int32_t int_at(const struct json *tree, const char *path)
{
	const struct json *v = at(tree, path);
	int64_t n = 0;
	return v && json_is_int(v, &n) ? (int32_t)n : 0;
}

static const char *selector_text(struct arena *arena, const struct json *v)
{
	struct selector *selector = NULL;
	ProtobufCMessage *msg = NULL;
	if (!v)
		return "";
	if (v->type == JSON_STRING)
		return v->text;
	if (!json_get(v, "matchLabels") && !json_get(v, "matchExpressions")) {
		/* a plain map: replication controllers */
		struct json *wrapped = json_new_object(arena);
		json_set(arena, wrapped, "matchLabels", (struct json *)(uintptr_t)v);
		v = wrapped;
	}
	if (codec_from_json(arena, schema_of(&meta_v1__label_selector__descriptor), v, NULL, &msg, NULL) ||
	    selector_from_object(arena, (const MetaV1__LabelSelector *)msg, &selector, NULL))
		return "";
	return selector_format(arena, selector);
}

struct object *scale_of(const struct resource_type *type, const struct object *obj, struct error *err)
{
	const struct schema *schema = schema_by_gvk("autoscaling", "v1", "Scale");
	struct object *out = object_new(schema);
	AutoscalingV1__Scale *scale = (AutoscalingV1__Scale *)out->msg;
	struct json *tree = object_to_json(out->arena, obj);
	MetaV1__ObjectMeta *meta = out->meta;
	meta->name = arena_strdup(out->arena, obj->meta->name);
	meta->namespace_ = arena_strdup(out->arena, obj->meta->namespace_);
	meta->uid = arena_strdup(out->arena, obj->meta->uid);
	meta->resource_version = arena_strdup(out->arena, obj->meta->resource_version);
	if (obj->meta->creation_timestamp)
		meta->creation_timestamp = api_clone(out->arena, obj->meta->creation_timestamp);
	scale->spec->replicas = int_at(tree, type->scale_spec_replicas);
	scale->status->replicas = int_at(tree, type->scale_status_replicas);
	scale->status->selector =
	    arena_strdup(out->arena, selector_text(out->arena, at(tree, type->scale_selector)));
	out->revision = obj->revision;
	return out;
}

static int set_int(struct object *obj, const char *path, int32_t n, struct error *err)
{
	struct json *tree = object_to_json(obj->arena, obj), *parent = tree;
	const char *p = *path == '.' ? path + 1 : path;
	const char *dot;
	while ((dot = strchr(p, '.'))) {
		char *key = arena_strndup(obj->arena, p, (size_t)(dot - p));
		struct json *next = json_get(parent, key);
		if (!next)
			json_set(obj->arena, parent, key, next = json_new_object(obj->arena));
		parent = next;
		p = dot + 1;
	}
	json_set(obj->arena, parent, p, json_new_int(obj->arena, n));
	if (obj->tree) {
		obj->tree = tree;
		return 0;
	}
	ProtobufCMessage *msg = NULL;
	if (codec_from_json(obj->arena, obj->schema, tree, NULL, &msg, err))
		return -1;
	obj->msg = msg;
	obj->meta = *(MetaV1__ObjectMeta **)((char *)msg + schema_find(obj->schema, "metadata")->offset);
	return 0;
}

int scale_apply(
    const struct resource_type *type, struct object *obj, const struct object *scale, struct error *err)
{
	const AutoscalingV1__Scale *s = (const AutoscalingV1__Scale *)scale->msg;
	if (s->spec->replicas < 0) {
		struct field_errors *errors = ARENA_NEW(obj->arena, struct field_errors);
		field_errors_init(errors, obj->arena);
		field_errors_add(errors, FIELD_INVALID, "spec.replicas",
		    arena_printf(obj->arena, "%d", s->spec->replicas), "must be greater than or equal to 0");
		return field_errors_to_error(errors, "autoscaling", "Scale", obj->meta->name, err);
	}
	const char *version = scale->meta->resource_version;
	const char *uid = scale->meta->uid;
	if (set_int(obj, type->scale_spec_replicas, s->spec->replicas, err))
		return -1;
	obj->meta->resource_version = arena_strdup(obj->arena, version);
	obj->meta->uid = arena_strdup(obj->arena, uid);
	return 0;
}
