#include "apiserver/extensions/dynamic.h"

#include <string.h>

#include "apiserver/extensions/columns.h"
#include "apiserver/extensions/conversion.h"
#include "apiserver/extensions/definition.h"
#include "apiserver/extensions/json_path.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/object.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static struct custom_type *custom(const struct resource_type *type)
{
	return (struct custom_type *)(uintptr_t)type;
}

static void ref(const struct resource_type *type)
{
	definition_ref(custom(type)->definition);
}

static void unref(const struct resource_type *type)
{
	definition_unref(custom(type)->definition);
}

static const char *api_version(const struct resource_type *type)
{
	return custom(type)->api_version;
}

static int wrong_type(struct arena *arena, const struct resource_type *type, const struct json *tree,
    const char *field, const char *value, const char *expected, struct error *err)
{
	struct field_errors *errors = ARENA_NEW(arena, struct field_errors);
	field_errors_init(errors, arena);
	field_errors_add(errors, FIELD_INVALID, field, arena_strdup(arena, value), "must be %s", expected);
	const struct json *meta = json_get(tree, "metadata");
	return field_errors_to_error(errors, type->group,
	    arena_strdup(arena, json_get_string(tree, "kind", "")),
	    arena_strdup(arena, meta && meta->type == JSON_OBJECT ? json_get_string(meta, "name", "") : ""),
	    err);
}

/* The codec of metadata drops what it does not know without a word. */
static void note_unknown_metadata(const struct json *meta, struct codec_warnings *unknown)
{
	const struct schema *schema = schema_of(&meta_v1__object_meta__descriptor);
	for (size_t i = 0; meta && meta->type == JSON_OBJECT && i < meta->len; i++)
		if (!schema_find(schema, meta->members[i].key))
			custom_schema_note_unknown(
			    unknown, PATH_CHILD(PATH_ROOT("metadata"), meta->members[i].key));
}

static int decode(
    const struct resource_type *type, struct json *tree, struct codec_warnings *unknown, struct error *err)
{
	const char *kind = json_get_string(tree, "kind", ""),
		   *version = json_get_string(tree, "apiVersion", "");
	if (!*kind)
		return error_set(err, ERR_BAD_REQUEST, "Object 'Kind' is missing");
	if (!*version)
		return error_set(err, ERR_BAD_REQUEST, "Object 'apiVersion' is missing");
	if (strcmp(kind, type->kind))
		return wrong_type(unknown->arena, type, tree, "kind", kind, type->kind, err);
	if (strcmp(version, custom(type)->api_version))
		return wrong_type(
		    unknown->arena, type, tree, "apiVersion", version, custom(type)->api_version, err);
	note_unknown_metadata(json_get(tree, "metadata"), unknown);
	custom_schema_prune(custom(type)->schema, tree, unknown);
	return 0;
}

static int convert(const struct resource_type *type, struct object *obj, struct error *err)
{
	if (!obj->tree)
		return error_set(err, ERR_INTERNAL, "%s is no custom resource", obj->kind);
	if (!strcmp(obj->api_version, custom(type)->api_version))
		return 0;
	/* What a webhook makes of it is found out before anybody comes here (conversion.h). */
	if (conversion_is_remote(type))
		return error_set(err, ERR_INTERNAL, "the webhook has not been asked what %s is in %s",
		    conversion_kind_text(obj->arena, obj), custom(type)->api_version);
	obj->api_version = arena_strdup(obj->arena, custom(type)->api_version);
	json_set(obj->arena, obj->tree, "apiVersion", json_new_string(obj->arena, obj->api_version));
	custom_schema_prune(custom(type)->schema, obj->tree, NULL);
	return 0;
}

/* The schema of the version in which an object is stored, which may be another than new ones are stored in.
 */
static const struct custom_schema *schema_of_version(const struct definition *def, const char *version)
{
	for (size_t i = 0; i < def->types_len; i++)
		if (!strcmp(def->types[i].api_version, version))
			return def->types[i].schema;
	return NULL;
}

static bool load(const struct resource_type *type, struct object *obj)
{
	if (!obj->tree)
		return false;
	const struct custom_schema *own = schema_of_version(custom(type)->definition, obj->api_version);
	bool is_other = strcmp(obj->api_version, custom(type)->api_version) != 0;
	bool changed = custom_schema_default(obj->arena, own, obj->tree);
	/* Where a webhook converts, it stays in its version until somebody wants it in another. */
	if (is_other && !conversion_is_remote(type))
		convert(type, obj, NULL);
	else
		changed = custom_schema_prune(own, obj->tree, NULL) || changed;
	return changed || is_other;
}

static void defaults(const struct resource_type *type, struct object *obj)
{
	if (obj->tree)
		custom_schema_default(obj->arena, custom(type)->schema, obj->tree);
}

/* With the metadata as it is now, where the schema has something to say about it. */
static const struct json *tree_of(
    struct arena *arena, const struct custom_schema *schema, const struct object *obj)
{
	return custom_schema_property(schema, "metadata") ? object_to_json(arena, obj) : obj->tree;
}

static void validate(const struct resource_type *type, const struct object *obj, const struct object *old,
    struct field_errors *errors)
{
	const struct custom_schema *schema = custom(type)->schema;
	if (schema && obj->tree)
		custom_schema_validate(schema, tree_of(errors->arena, schema, obj),
		    old ? tree_of(errors->arena, schema, old) : NULL, errors);
}

/* Of a selectable field, which is a string, a number or a bool; "" when it is not set. */
static const char *field(
    const struct resource_type *type, const struct object *obj, const char *name, struct arena *arena)
{
	const struct json *v = obj->tree ? json_path_first(obj->tree, name) : NULL;
	if (!v || v->type == JSON_NULL || v->type == JSON_ARRAY || v->type == JSON_OBJECT)
		return "";
	if (v->type == JSON_BOOL)
		return v->boolean ? "true" : "false";
	return arena_strdup(arena, v->text);
}

static void cells(const struct resource_type *type, const struct object *obj,
    const struct resource_context *ctx, struct json **out)
{
	custom_cells(custom(type)->version, obj, ctx, out);
}

const struct dynamic_type dynamic_functions = {.ref = ref,
    .unref = unref,
    .api_version = api_version,
    .decode = decode,
    .load = load,
    .convert = convert,
    .defaults = defaults,
    .validate = validate,
    .field = field,
    .cells = cells};
