/* Schemas of the table as OpenAPI definitions. */
#include <string.h>

#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

void openapi_text(struct openapi_doc *doc, struct json *object, const char *key, const char *text)
{
	json_set(doc->arena, object, key, json_new_string(doc->arena, text));
}

struct json *openapi_new(struct openapi_doc *doc, const char *key, const char *text)
{
	struct json *out = json_new_object(doc->arena);
	openapi_text(doc, out, key, text);
	return out;
}

struct json *openapi_texts(struct openapi_doc *doc, const char *const *list)
{
	struct json *out = json_new_array(doc->arena);
	for (; *list; list++)
		json_push(doc->arena, out, json_new_string(doc->arena, *list));
	return out;
}

struct json *openapi_gvk(struct openapi_doc *doc, const char *group, const char *version, const char *kind)
{
	struct json *out = openapi_new(doc, "group", group);
	openapi_text(doc, out, "kind", kind);
	openapi_text(doc, out, "version", version);
	return out;
}

struct json *openapi_ref_name(struct openapi_doc *doc, const char *name)
{
	const char *base = doc->is_v3 ? "#/components/schemas/" : "#/definitions/";
	return openapi_new(doc, "$ref", arena_printf(doc->arena, "%s%s", base, name));
}

struct json *openapi_ref(struct openapi_doc *doc, const struct schema *schema)
{
	openapi_add_definition(doc, schema);
	return openapi_ref_name(doc, schema->name);
}

static struct json *one_of(struct openapi_doc *doc, const char *a, const char *b)
{
	struct json *list = json_new_array(doc->arena);
	json_push(doc->arena, list, openapi_new(doc, "type", a));
	json_push(doc->arena, list, openapi_new(doc, "type", b));
	return list;
}

/* Messages whose JSON is no object with the fields as members. */
static struct json *special_definition(struct openapi_doc *doc, const struct schema *schema)
{
	struct json *out = json_new_object(doc->arena);
	switch (schema->special) {
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
		openapi_text(doc, out, "type", "string");
		openapi_text(doc, out, "format", "date-time");
		break;
	case SCHEMA_DURATION:
		openapi_text(doc, out, "type", "string");
		break;
	case SCHEMA_QUANTITY:
		if (doc->is_v3)
			json_set(doc->arena, out, "oneOf", one_of(doc, "string", "number"));
		else
			openapi_text(doc, out, "type", "string");
		break;
	case SCHEMA_INT_OR_STRING:
		openapi_text(doc, out, "format", "int-or-string");
		if (doc->is_v3)
			json_set(doc->arena, out, "oneOf", one_of(doc, "integer", "string"));
		else
			openapi_text(doc, out, "type", "string");
		break;
	case SCHEMA_RAW_EXTENSION:
	case SCHEMA_FIELDS_V1:
		openapi_text(doc, out, "type", "object");
		break;
	case SCHEMA_STRINGS:
		openapi_text(doc, out, "type", "array");
		json_set(doc->arena, out, "items", openapi_new(doc, "type", "string"));
		break;
	default:
		break; /* any JSON value */
	}
	return out;
}

/* One value of the field: an element when it is a list or a map. */
static struct json *value_of(struct openapi_doc *doc, const struct schema_field *f)
{
	static const struct {
		const char *type, *format;
	} plain[] = {[SCHEMA_STRING] = {"string", NULL},
	    [SCHEMA_BOOL] = {"boolean", NULL},
	    [SCHEMA_INT32] = {"integer", "int32"},
	    [SCHEMA_INT64] = {"integer", "int64"},
	    [SCHEMA_DOUBLE] = {"number", "double"},
	    [SCHEMA_BYTES] = {"string", "byte"}};
	struct json *out;
	if (f->kind >= SCHEMA_MESSAGE && f->message && f->kind != SCHEMA_STRINGS)
		return openapi_ref(doc, f->message);
	if (f->kind == SCHEMA_STRINGS) {
		out = openapi_new(doc, "type", "array");
		json_set(doc->arena, out, "items", openapi_new(doc, "type", "string"));
		return out;
	}
	out = openapi_new(doc, "type", plain[f->kind].type);
	if (plain[f->kind].format)
		openapi_text(doc, out, "format", plain[f->kind].format);
	if (f->enum_values)
		json_set(doc->arena, out, "enum", openapi_texts(doc, f->enum_values));
	return out;
}

static void add_list_extensions(struct openapi_doc *doc, struct json *out, const struct schema_field *f)
{
	static const char *const types[] = {"atomic", "set", "map"};
	openapi_text(doc, out, "x-kubernetes-list-type", types[f->list_type]);
	if (f->list_type == SCHEMA_LIST_MAP && f->list_map_keys)
		json_set(doc->arena, out, "x-kubernetes-list-map-keys", openapi_texts(doc, f->list_map_keys));
}

static void add_patch_extensions(struct openapi_doc *doc, struct json *out, const struct schema_field *f)
{
	bool merge = f->flags & SCHEMA_PATCH_MERGE, retain = f->flags & SCHEMA_PATCH_RETAIN_KEYS;
	const char *strategy = merge && retain                   ? "merge,retainKeys"
			       : merge                           ? "merge"
			       : retain                          ? "retainKeys"
			       : f->flags & SCHEMA_PATCH_REPLACE ? "replace"
								 : NULL;
	if (!str_empty(f->patch_merge_key))
		openapi_text(doc, out, "x-kubernetes-patch-merge-key", f->patch_merge_key);
	if (strategy)
		openapi_text(doc, out, "x-kubernetes-patch-strategy", strategy);
}

static struct json *wrap_value(struct openapi_doc *doc, const struct schema_field *f, struct json *value)
{
	struct json *out;
	switch (f->shape) {
	case SCHEMA_LIST:
		out = openapi_new(doc, "type", "array");
		json_set(doc->arena, out, "items", value);
		add_list_extensions(doc, out, f);
		return out;
	case SCHEMA_MAP:
		out = openapi_new(doc, "type", "object");
		json_set(doc->arena, out, "additionalProperties", value);
		if (f->flags & SCHEMA_ATOMIC)
			openapi_text(doc, out, "x-kubernetes-map-type", "atomic");
		return out;
	default:
		/* Members beside $ref are not allowed in v3; there a list with one reference stands for it.
		 */
		if (doc->is_v3 && json_get(value, "$ref")) {
			struct json *all = json_new_array(doc->arena);
			json_push(doc->arena, all, value);
			out = json_new_object(doc->arena);
			json_set(doc->arena, out, "allOf", all);
			return out;
		}
		return value;
	}
}

static struct json *property_of(struct openapi_doc *doc, const struct schema_field *f)
{
	struct json *value = value_of(doc, f), *preset = NULL;
	struct json *out = wrap_value(doc, f, value);
	if (f->shape == SCHEMA_SINGLE && (f->flags & SCHEMA_ATOMIC))
		openapi_text(doc, out, "x-kubernetes-map-type", "atomic");
	add_patch_extensions(doc, out, f);
	if (f->doc)
		openapi_text(doc, out, "description", f->doc);
	if (f->default_value &&
	    !json_parse(doc->arena, f->default_value, strlen(f->default_value), NULL, &preset, NULL))
		json_set(doc->arena, out, "default", preset);
	else if (doc->is_v3 && f->kind == SCHEMA_MESSAGE && f->shape == SCHEMA_SINGLE &&
		 !(f->flags & SCHEMA_NULLABLE))
		json_set(doc->arena, out, "default", json_new_object(doc->arena));
	return out;
}

static void add_fields(
    struct openapi_doc *doc, const struct schema *schema, struct json *properties, struct json *required)
{
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		if (f->flags & SCHEMA_NOT_IN_JSON)
			continue;
		if (f->flags & SCHEMA_INLINE) {
			add_fields(doc, f->message, properties, required);
			continue;
		}
		json_set(doc->arena, properties, f->json, property_of(doc, f));
		if (f->flags & SCHEMA_REQUIRED)
			json_push(doc->arena, required, json_new_string(doc->arena, f->json));
	}
}

static void add_type_meta(
    struct openapi_doc *doc, const struct schema *schema, struct json *out, struct json *properties)
{
	static const char *const docs[][2] = {
	    {"apiVersion", "The group and version of the API that this object follows."},
	    {"kind", "What this object is, in CamelCase. Cannot be changed."}};
	struct json *list = json_new_array(doc->arena);
	for (size_t i = 0; i < 2; i++) {
		struct json *p = openapi_new(doc, "type", "string");
		openapi_text(doc, p, "description", docs[i][1]);
		json_set(doc->arena, properties, docs[i][0], p);
	}
	json_push(doc->arena, list, openapi_gvk(doc, schema->group, schema->version, schema->kind));
	json_set(doc->arena, out, "x-kubernetes-group-version-kind", list);
}

void openapi_add_definition(struct openapi_doc *doc, const struct schema *schema)
{
	if (json_get(doc->definitions, schema->name))
		return;
	bool is_special = schema->special > SCHEMA_MESSAGE;
	struct json *out = is_special ? special_definition(doc, schema) : openapi_new(doc, "type", "object");
	/* Before its fields: schemas refer to themselves. */
	json_set(doc->arena, doc->definitions, schema->name, out);
	if (schema->doc)
		openapi_text(doc, out, "description", schema->doc);
	if (is_special)
		return;
	struct json *properties = json_new_object(doc->arena), *required = json_new_array(doc->arena);
	add_fields(doc, schema, properties, required);
	if (schema->kind)
		add_type_meta(doc, schema, out, properties);
	if (properties->len > 0)
		json_set(doc->arena, out, "properties", properties);
	if (required->len > 0)
		json_set(doc->arena, out, "required", required);
}
