#include "apiserver/patch/typed_custom.h"

#include <string.h>

#include "lib/api/json.h"

struct typed typed_custom(const struct json *schema)
{
	const char *type = json_get_string(schema, "type", "");
	const char *list_type = json_get_string(schema, "x-kubernetes-list-type", "atomic");
	const struct typed leaf = {.kind = TYPED_LEAF}, part = {.kind = TYPED_PART, .custom = schema};
	if (!strcmp(type, "object"))
		return strcmp(json_get_string(schema, "x-kubernetes-map-type", ""), "atomic") ? part : leaf;
	if (!strcmp(type, "array")) {
		if (!strcmp(list_type, "set"))
			return (struct typed){.kind = TYPED_SET, .custom = schema};
		if (!strcmp(list_type, "map") && typed_custom_keys(schema))
			return (struct typed){.kind = TYPED_LIST, .custom = schema};
		return leaf;
	}
	return *type ? leaf : (struct typed){.kind = TYPED_FREE};
}

struct typed typed_custom_member(const struct json *schema, const char *key)
{
	const struct json *known = json_get(json_get(schema, "properties"), key);
	return typed_custom(known ? known : json_get(schema, "additionalProperties"));
}

struct typed typed_custom_item(const struct json *list_schema)
{
	return typed_custom(json_get(list_schema, "items"));
}

bool typed_custom_has_field(const struct json *schema, const char *key)
{
	return json_get(json_get(schema, "properties"), key) != NULL;
}

const struct json *typed_custom_keys(const struct json *list_schema)
{
	const struct json *keys = json_get(list_schema, "x-kubernetes-list-map-keys");
	return keys && keys->type == JSON_ARRAY && keys->len ? keys : NULL;
}

const struct json *typed_custom_default_key(const struct json *list_schema, const char *key)
{
	const struct json *properties = json_get(json_get(list_schema, "items"), "properties");
	return json_get(json_get(properties, key), "default");
}
