/* Definitions of types that were added at run time. */
#include <string.h>

#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

#define META_V1 "io.k8s.apimachinery.pkg.apis.meta.v1."

/* stable.example.com becomes com.example.stable, as Java packages are named. */
static const char *definition_name(
    struct openapi_doc *doc, const struct resource_type *type, const char *kind)
{
	size_t len = 0;
	char **labels = str_split(doc->arena, type->group, '.', &len);
	const char **reversed = ARENA_ARRAY(doc->arena, const char *, len + 1);
	for (size_t i = 0; i < len; i++)
		reversed[i] = labels[len - 1 - i];
	return arena_printf(
	    doc->arena, "%s.%s.%s", str_join(doc->arena, reversed, len, "."), type->version, kind);
}

/* What v2 cannot say is left out, and what is below is free then. */
static void reduce_to_v2(struct json *schema)
{
	static const char *const unknown[] = {"oneOf", "anyOf", "not", "nullable", "allOf", "default", NULL};
	if (schema->type != JSON_OBJECT)
		return;
	const struct json *free_form = json_get(schema, "x-kubernetes-preserve-unknown-fields");
	if (free_form && free_form->boolean) {
		json_remove(schema, "properties");
		json_remove(schema, "items");
	}
	for (const char *const *p = unknown; *p; p++)
		json_remove(schema, *p);
	struct json *properties = json_get(schema, "properties"), *below;
	for (size_t i = 0; properties && properties->type == JSON_OBJECT && i < properties->len; i++)
		reduce_to_v2(properties->members[i].value);
	if ((below = json_get(schema, "items")))
		reduce_to_v2(below);
	if ((below = json_get(schema, "additionalProperties")))
		reduce_to_v2(below);
}

static void add_meta(struct openapi_doc *doc, struct json *schema, const char *meta)
{
	struct json *properties = json_get(schema, "properties");
	if (!properties) {
		properties = json_new_object(doc->arena);
		json_set(doc->arena, schema, "properties", properties);
	}
	json_set(doc->arena, properties, "apiVersion", openapi_new(doc, "type", "string"));
	json_set(doc->arena, properties, "kind", openapi_new(doc, "type", "string"));
	json_set(doc->arena, properties, "metadata",
	    openapi_ref(doc, schema_by_name(arena_printf(doc->arena, META_V1 "%s", meta))));
}

static struct json *list_schema(struct openapi_doc *doc, const char *item_name)
{
	struct json *out = openapi_new(doc, "type", "object"), *properties = json_new_object(doc->arena);
	struct json *items = openapi_new(doc, "type", "array");
	static const char *const required[] = {"items", NULL};
	json_set(doc->arena, items, "items", openapi_ref_name(doc, item_name));
	json_set(doc->arena, properties, "items", items);
	json_set(doc->arena, out, "properties", properties);
	json_set(doc->arena, out, "required", openapi_texts(doc, required));
	return out;
}

struct json *openapi_ref_custom(struct openapi_doc *doc, const struct resource_type *type, bool is_list)
{
	const char *kind = is_list ? type->list_kind : type->kind;
	const char *name = definition_name(doc, type, kind);
	const struct json *given = openapi_schema_of(doc->server, type);
	struct json *schema, *list = json_new_array(doc->arena);
	if (json_get(doc->definitions, name))
		return openapi_ref_name(doc, name);
	if (is_list)
		schema = list_schema(doc, definition_name(doc, type, type->kind));
	else if (given && given->type == JSON_OBJECT)
		schema = json_clone(doc->arena, given);
	else
		schema = openapi_new(doc, "type", "object");
	if (!is_list && !given)
		json_set(doc->arena, schema, "x-kubernetes-preserve-unknown-fields",
		    json_new_bool(doc->arena, true));
	if (!doc->is_v3)
		reduce_to_v2(schema);
	json_set(doc->arena, doc->definitions, name, schema);
	add_meta(doc, schema, is_list ? "ListMeta" : "ObjectMeta");
	json_push(doc->arena, list, openapi_gvk(doc, type->group, type->version, kind));
	json_set(doc->arena, schema, "x-kubernetes-group-version-kind", list);
	return openapi_ref_name(doc, name);
}
