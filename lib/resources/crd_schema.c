/* Schemas of custom resources: what OpenAPI allows and the API server does not, and how the parts go
 * together. */
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/crd.h"

typedef ApiextensionsV1__JSONSchemaProps Schema;

/* What the schemas above say about one. */
struct surroundings {
	bool no_defaults; /* of the object's own metadata */
	bool in_meta;
};

static const Schema *property(const Schema *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_properties; i++)
		if (!strcmp(s->properties[i]->key, name))
			return s->properties[i]->value;
	return NULL;
}

static const Schema *item_of(const Schema *s)
{
	return s->items ? s->items->schema : NULL;
}

/* "must be TYPE if ...": Required when there is none, Invalid when it is another. */
static void check_type_is(
    const Schema *s, const char *type, const char *detail, const struct field_path *p, struct field_errors *e)
{
	if (rule_required_that(e, CHILD(p, "type"), !str_empty(s->type), detail))
		rule_invalid_if(e, CHILD(p, "type"), strcmp(s->type, type), s->type, detail);
}

/* A list's keys are fields of its items, scalar, never null, and always there: required or with a default. */
static void check_map_keys(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *keys = CHILD(p, "x-kubernetes-list-map-keys");
	const Schema *item = item_of(s);
	struct rule_seen seen = {0};

	for (size_t i = 0; i < s->n_x_kubernetes_list_map_keys; i++) {
		const char *key = s->x_kubernetes_list_map_keys[i];
		const Schema *field = property(item, key);
		const struct field_path *at = KEY(CHILD(CHILD(p, "items"), "properties"), key);
		bool required = field && field->default_;

		if (str_eq(item->type, "object")) {
			rule_invalid_if(e, keys, !field, key, "entries must all be names of item properties");
			rule_invalid_if(e, keys, rule_seen(&seen, e->arena, key), key,
			    "must not contain duplicate entries");
			rule_invalid_if(e, CHILD(at, "type"),
			    field && (str_eq(field->type, "array") || str_eq(field->type, "object")),
			    field ? field->type : NULL,
			    "must be a scalar type if parent array's x-kubernetes-list-type is map");
		}
		if (!field)
			continue;
		for (size_t k = 0; k < item->n_required && !required; k++)
			required = str_eq(item->required[k], key);
		rule_required_that(e, CHILD(at, "default"), required,
		    "this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
		    "required property");
		rule_forbidden_if(e, CHILD(at, "nullable"), field->nullable,
		    "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
	}
}

static void check_map_list(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *items = CHILD(p, "items");

	rule_required_that(e, CHILD(p, "x-kubernetes-list-map-keys"), s->n_x_kubernetes_list_map_keys,
	    "must not be empty if x-kubernetes-list-type is map");
	if (!rule_required_that(e, items, s->items, "must have a schema if x-kubernetes-list-type is map") ||
	    !rule_invalid_if(e, items, !item_of(s), NULL,
		"must only have a single schema if x-kubernetes-list-type is map"))
		return;
	rule_invalid_if(e, CHILD(items, "type"), !str_eq(item_of(s)->type, "object"), item_of(s)->type,
	    "must be object if parent array's x-kubernetes-list-type is map");
	check_map_keys(s, p, e);
}

static void check_list_type(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const char *type = s->x_kubernetes_list_type;
	const Schema *item = item_of(s);
	const struct field_path *at = CHILD(p, "x-kubernetes-list-type");

	if (s->n_x_kubernetes_list_map_keys &&
	    rule_required_that(e, at, type, "must be map if x-kubernetes-list-map-keys is non-empty"))
		rule_invalid_if(e, at, strcmp(type, "map"), type,
		    "must be map if x-kubernetes-list-map-keys is non-empty");
	if (!type)
		return;
	RULE_ENUM(e, at, type, "atomic", "map", "set");
	check_type_is(s, "array", "must be array if x-kubernetes-list-type is specified", p, e);
	if (!strcmp(type, "map"))
		check_map_list(s, p, e);
	if ((strcmp(type, "set") && strcmp(type, "map")) || !item)
		return;
	rule_forbidden_if(e, CHILD(CHILD(p, "items"), "nullable"), item->nullable,
	    "cannot be nullable when x-kubernetes-list-type is set or map");
	if (strcmp(type, "set") || !str_eq(s->type, "array"))
		return;
	rule_invalid_if(e, CHILD(CHILD(p, "items"), "x-kubernetes-map-type"),
	    str_eq(item->type, "object") && !str_eq(item->x_kubernetes_map_type, "atomic"),
	    item->x_kubernetes_map_type, "must be atomic as item of a list with x-kubernetes-list-type=set");
	rule_invalid_if(e, CHILD(CHILD(p, "items"), "x-kubernetes-list-type"),
	    str_eq(item->type, "array") && item->x_kubernetes_list_type &&
		strcmp(item->x_kubernetes_list_type, "atomic"),
	    item->x_kubernetes_list_type, "must be atomic as item of a list with x-kubernetes-list-type=set");
}

static bool is_blank(const char *text)
{
	return !text || !text[strspn(text, " \t\r\n")];
}

/* A rule's text and message; the expression itself is not run (README.md of apiserver/extensions). */
static void check_rules(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < s->n_x_kubernetes_validations; i++) {
		const ApiextensionsV1__ValidationRule *r = s->x_kubernetes_validations[i];
		const struct field_path *message = CHILD(AT(p, i), "message");

		if (!rule_required_that(
			e, CHILD(AT(p, i), "rule"), !is_blank(r->rule), "rule is not specified"))
			continue;
		if (!str_empty(r->message))
			rule_invalid_if(e, message, is_blank(r->message) || strpbrk(r->message, "\r\n"),
			    r->message, "message must be one line and not blank");
		else
			rule_required_that(e, message, !strpbrk(r->rule, "\r\n"),
			    "message must be specified if rule contains line breaks");
	}
}

static void check_extensions(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	rule_invalid_if(e, CHILD(p, "x-kubernetes-preserve-unknown-fields"),
	    s->has_x_kubernetes_preserve_unknown_fields && !s->x_kubernetes_preserve_unknown_fields, "false",
	    "must be true or undefined");
	if (s->x_kubernetes_map_type) {
		RULE_ENUM(
		    e, CHILD(p, "x-kubernetes-map-type"), s->x_kubernetes_map_type, "atomic", "granular");
		check_type_is(s, "object", "must be object if x-kubernetes-map-type is specified", p, e);
	}
	check_list_type(s, p, e);
	check_rules(s, CHILD(p, "x-kubernetes-validations"), e);
}

static void check_forbidden(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const ApiextensionsV1__JSONSchemaPropsOrBool *more = s->additional_properties;

	rule_forbidden_if(e, CHILD(p, "uniqueItems"), s->unique_items,
	    "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
	rule_forbidden_if(e, CHILD(p, "additionalProperties"),
	    more && s->n_properties && (!more->allows || more->schema),
	    "additionalProperties and properties are mutual exclusive");
	rule_forbidden_if(e, CHILD(p, "definitions"), s->n_definitions, "definitions is not supported");
	rule_forbidden_if(e, CHILD(p, "dependencies"), s->n_dependencies, "dependencies is not supported");
	rule_forbidden_if(
	    e, CHILD(p, "patternProperties"), s->n_pattern_properties, "patternProperties is not supported");
	rule_forbidden_if(
	    e, CHILD(p, "additionalItems"), s->additional_items, "additionalItems is not supported");
	rule_forbidden_if(e, CHILD(p, "id"), !str_empty(s->id), "id is not supported");
	rule_forbidden_if(e, CHILD(p, "$ref"), s->ref && *s->ref, "$ref is not supported");
	rule_forbidden_if(e, CHILD(p, "type"), str_eq(s->type, "null"),
	    "type cannot be set to null, use nullable as an alternative");
	rule_forbidden_if(e, CHILD(p, "items"), s->items && s->items->n_json_schemas,
	    "items must be a schema object and not an array");
}

/* Calls `f` for everything right below a schema, until one call returns true. */
static bool each_below(const Schema *s, bool (*f)(const Schema *below))
{
	const Schema *single[] = {
	    item_of(s), s->not_, s->additional_properties ? s->additional_properties->schema : NULL};

	for (size_t i = 0; i < 3; i++)
		if (single[i] && f(single[i]))
			return true;
	for (size_t i = 0; i < s->n_properties; i++)
		if (f(s->properties[i]->value))
			return true;
	for (size_t i = 0; i < s->n_all_of; i++)
		if (f(s->all_of[i]))
			return true;
	for (size_t i = 0; i < s->n_any_of; i++)
		if (f(s->any_of[i]))
			return true;
	for (size_t i = 0; i < s->n_one_of; i++)
		if (f(s->one_of[i]))
			return true;
	return false;
}

/* Uses what no structural schema can be made of, which is reported as such and nothing else. */
static bool is_beyond_structure(const Schema *s)
{
	return s->n_definitions || s->n_dependencies || s->n_pattern_properties || s->additional_items ||
	       !str_empty(s->id) || (s->ref && *s->ref) || (s->items && s->items->n_json_schemas) ||
	       each_below(s, is_beyond_structure);
}

static bool is_meta(const char *name)
{
	return !strcmp(name, "metadata") || !strcmp(name, "kind") || !strcmp(name, "apiVersion");
}

static void check_level(
    const Schema *s, bool is_root, struct surroundings in, const struct field_path *p, struct field_errors *e)
{
	struct surroundings below = in;

	if (!str_empty(s->type))
		RULE_ENUM(e, CHILD(p, "type"), s->type, "array", "boolean", "integer", "number", "object",
		    "string");
	rule_forbidden_if(e, CHILD(p, "default"), in.no_defaults && s->default_, "must not be set");
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-embedded-resource"),
	    in.in_meta && s->x_kubernetes_embedded_resource, "must not be used inside of resource meta");
	check_forbidden(s, p, e);
	check_extensions(s, p, e);
	below.no_defaults = in.no_defaults || in.in_meta;
	if (s->additional_properties && s->additional_properties->schema)
		check_level(
		    s->additional_properties->schema, false, below, CHILD(p, "additionalProperties"), e);
	for (size_t i = 0; i < s->n_properties; i++) {
		bool meta = (is_root || s->x_kubernetes_embedded_resource) && is_meta(s->properties[i]->key);

		below.in_meta = in.in_meta || meta;
		below.no_defaults = in.no_defaults || (meta && is_root);
		check_level(s->properties[i]->value, false, below,
		    KEY(CHILD(p, "properties"), s->properties[i]->key), e);
	}
	if (item_of(s))
		check_level(item_of(s), false, in, CHILD(p, "items"), e);
	if (s->not_)
		check_level(s->not_, false, in, CHILD(p, "not"), e);
	for (size_t i = 0; i < s->n_all_of; i++)
		check_level(s->all_of[i], false, in, AT(CHILD(p, "allOf"), i), e);
	for (size_t i = 0; i < s->n_any_of; i++)
		check_level(s->any_of[i], false, in, AT(CHILD(p, "anyOf"), i), e);
	for (size_t i = 0; i < s->n_one_of; i++)
		check_level(s->one_of[i], false, in, AT(CHILD(p, "oneOf"), i), e);
}

static void check_defaults(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *at = CHILD(p, "default");
	struct json *value = NULL;
	size_t before = e->len;

	if (s->default_ && s->default_->raw.len &&
	    json_parse(e->arena, (const char *)s->default_->raw.data, s->default_->raw.len, NULL, &value,
		NULL) == 0 &&
	    !crd_check_value(s, value, at, e)) {
		e->len = before; /* upstream stops at what would be pruned */
		rule_invalid_if(e, at, true, NULL, "must be pruned: it has an unknown field");
	}
	for (size_t i = 0; i < s->n_properties; i++)
		check_defaults(
		    s->properties[i]->value, KEY(CHILD(p, "properties"), s->properties[i]->key), e);
	if (item_of(s))
		check_defaults(item_of(s), CHILD(p, "items"), e);
	if (s->additional_properties && s->additional_properties->schema)
		check_defaults(s->additional_properties->schema, CHILD(p, "additionalProperties"), e);
}

/* With a status of its own, the root may say only what holds for the rest alone just as well. */
static bool says_more_than_status_allows(const Schema *s)
{
	return s->n_all_of || s->n_any_of || s->n_one_of || s->not_ || s->n_enum_ || s->default_ ||
	       s->nullable || s->additional_properties || s->has_min_properties || s->has_max_properties ||
	       s->n_pattern_properties || s->n_definitions || s->n_dependencies || s->additional_items ||
	       !str_empty(s->id) || s->ref || s->x_kubernetes_embedded_resource ||
	       s->x_kubernetes_int_or_string || s->x_kubernetes_list_type || s->x_kubernetes_map_type ||
	       s->n_x_kubernetes_list_map_keys;
}

void crd_validate_schema(
    const Schema *schema, bool has_status, const struct field_path *p, struct field_errors *e)
{
	bool is_object = str_empty(schema->type) || !strcmp(schema->type, "object");
	size_t before;

	rule_invalid_if(e, p, has_status && is_object && says_more_than_status_allows(schema), NULL,
	    "only conditions on single fields are allowed at the root of the schema if the status "
	    "subresource is enabled");
	rule_invalid_if(
	    e, CHILD(p, "type"), has_status && !is_object, schema->type, "must be object at the root");
	rule_forbidden_if(e, CHILD(p, "nullable"), schema->nullable, "nullable cannot be true at the root");
	before = e->len;
	if (!is_beyond_structure(schema)) {
		crd_validate_structure(schema, p, e);
		if (e->len == before)
			check_defaults(schema, p, e);
	}
	check_level(schema, true, (struct surroundings){0}, p, e);
}
