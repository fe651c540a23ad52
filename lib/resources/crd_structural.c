/*
 * Whether a schema is structural (KEP 1693, "Vanilla OpenAPI subset"): every field has a type at one place,
 * and the logical junctors (allOf, anyOf, oneOf, not) add conditions but no structure.
 */
#include <regex.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/resources/crd.h"

typedef ApiextensionsV1__JSONSchemaProps Schema;

enum level { LEVEL_ROOT, LEVEL_BELOW };

static void check_nested(
    const Schema *s, bool skip_any_of, const struct field_path *p, struct field_errors *e);

static const Schema *property(const Schema *s, const char *name)
{
	for (size_t i = 0; s && i < s->n_properties; i++)
		if (!strcmp(s->properties[i]->key, name))
			return s->properties[i]->value;
	return NULL;
}

static bool preserves(const Schema *s)
{
	return s->has_x_kubernetes_preserve_unknown_fields && s->x_kubernetes_preserve_unknown_fields;
}

static const Schema *item_of(const Schema *s)
{
	return s->items ? s->items->schema : NULL;
}

static bool is_only_type(const Schema *s, const char *type)
{
	Schema want = APIEXTENSIONS_V1__JSONSCHEMA_PROPS__INIT;

	want.type = (char *)type;
	return api_equal(s, &want);
}

/* "An integer or a string" spelled out: the one junctor that may name types. */
static bool is_int_or_string(const Schema *s)
{
	return s->n_any_of == 2 && is_only_type(s->any_of[0], "integer") &&
	       is_only_type(s->any_of[1], "string");
}

static void check_pattern(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	regex_t re;
	int rc;

	if (str_empty(s->pattern) ||
	    !rule_invalid_if(e, CHILD(p, "pattern"), !crd_pattern_is_bounded(s->pattern), s->pattern,
		"must be a valid regular expression: it repeats too often"))
		return;
	rc = regcomp(&re, s->pattern, REG_EXTENDED | REG_NOSUB);
	rule_invalid_if(e, CHILD(p, "pattern"), rc != 0 && rc != REG_BADRPT, s->pattern,
	    "must be a valid regular expression");
	if (!rc)
		regfree(&re);
}

static void check_junctors(const Schema *s, bool skip_any_of, bool skip_first_any_of,
    const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < s->n_any_of && !skip_any_of; i++)
		check_nested(s->any_of[i], false, AT(CHILD(p, "anyOf"), i), e);
	for (size_t i = 0; i < s->n_all_of; i++)
		check_nested(s->all_of[i], skip_first_any_of && !i, AT(CHILD(p, "allOf"), i), e);
	for (size_t i = 0; i < s->n_one_of; i++)
		check_nested(s->one_of[i], false, AT(CHILD(p, "oneOf"), i), e);
	if (s->not_)
		check_nested(s->not_, false, CHILD(p, "not"), e);
	check_pattern(s, p, e);
}

/* Inside a junctor nothing may say what a field is. */
static void check_nested(
    const Schema *s, bool skip_any_of, const struct field_path *p, struct field_errors *e)
{
	static const char detail[] = "must be empty to be structural";

	check_junctors(s, skip_any_of, false, p, e);
	if (item_of(s))
		check_nested(item_of(s), false, CHILD(p, "items"), e);
	for (size_t i = 0; i < s->n_properties; i++)
		check_nested(
		    s->properties[i]->value, false, KEY(CHILD(p, "properties"), s->properties[i]->key), e);
	rule_forbidden_if(e, CHILD(p, "type"), !str_empty(s->type), detail);
	rule_forbidden_if(e, CHILD(p, "additionalProperties"), s->additional_properties, detail);
	rule_forbidden_if(e, CHILD(p, "default"), s->default_ && s->default_->raw.len, detail);
	rule_forbidden_if(e, CHILD(p, "title"), !str_empty(s->title), detail);
	rule_forbidden_if(e, CHILD(p, "description"), !str_empty(s->description), detail);
	rule_forbidden_if(e, CHILD(p, "nullable"), s->nullable, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-preserve-unknown-fields"), preserves(s), detail);
	rule_forbidden_if(
	    e, CHILD(p, "x-kubernetes-embedded-resource"), s->x_kubernetes_embedded_resource, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-int-or-string"), s->x_kubernetes_int_or_string, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-list-map-keys"), s->n_x_kubernetes_list_map_keys, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-list-type"), s->x_kubernetes_list_type, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-map-type"), s->x_kubernetes_map_type, detail);
	rule_forbidden_if(e, CHILD(p, "x-kubernetes-validations"), s->n_x_kubernetes_validations, detail);
	rule_forbidden_if(e, KEY(CHILD(p, "properties"), "metadata"), property(s, "metadata"),
	    "must not be specified in a nested context");
}

static void check_type(const Schema *s, enum level level, const struct field_path *p, struct field_errors *e)
{
	bool is_embedded = s->x_kubernetes_embedded_resource;

	if (str_eq(s->type, "array"))
		rule_required_that(e, CHILD(p, "items"), item_of(s), "must be specified");
	if (is_embedded && !str_eq(s->type, "object")) {
		if (rule_required(e, CHILD(p, "type"), s->type))
			rule_invalid_if(e, CHILD(p, "type"), true, s->type,
			    "must be object if x-kubernetes-embedded-resource is true");
	} else if (!s->x_kubernetes_int_or_string && !preserves(s)) {
		rule_required_that(e, CHILD(p, "type"), !str_empty(s->type), "must not be empty");
	}
	rule_invalid_if(e, CHILD(p, "type"),
	    level == LEVEL_ROOT && !str_empty(s->type) && strcmp(s->type, "object"), s->type,
	    "must be object at the root");
	rule_forbidden_if(e, CHILD(p, "additionalProperties"),
	    s->additional_properties && (level == LEVEL_ROOT || is_embedded),
	    "must not be used at the root of an object");
	rule_required_that(e, CHILD(p, "properties"), !is_embedded || preserves(s) || s->n_properties,
	    "must not be empty if x-kubernetes-embedded-resource is true without "
	    "x-kubernetes-preserve-unknown-fields");
	rule_invalid_if(e, CHILD(p, "x-kubernetes-preserve-unknown-fields"),
	    s->x_kubernetes_int_or_string && preserves(s), "true",
	    "must be false if x-kubernetes-int-or-string is true");
	rule_invalid_if(e, CHILD(p, "x-kubernetes-embedded-resource"),
	    s->x_kubernetes_int_or_string && is_embedded, "true",
	    "must be false if x-kubernetes-int-or-string is true");
}

/* Of the root's metadata only the name may be restricted. */
static bool restricts_more_than_name(const Schema *metadata)
{
	static const Schema empty = APIEXTENSIONS_V1__JSONSCHEMA_PROPS__INIT;
	Schema rest = *metadata;
	size_t names = !!property(metadata, "name") + !!property(metadata, "generateName");

	if (names == metadata->n_properties)
		rest.n_properties = 0;
	rest.type = empty.type;
	rest.default_ = NULL;
	rest.example = NULL;
	rest.external_docs = NULL;
	return !api_equal(&rest, &empty);
}

/* kind, apiVersion and metadata of a resource have their types already. */
static void check_meta(const Schema *s, enum level level, const struct field_path *p, struct field_errors *e)
{
	static const char *const names[] = {"kind", "apiVersion", "metadata"};

	if (level != LEVEL_ROOT && !s->x_kubernetes_embedded_resource)
		return;
	for (size_t i = 0; i < 3; i++) {
		const Schema *field = property(s, names[i]);
		const char *type = strcmp(names[i], "metadata") ? "string" : "object";

		if (field)
			rule_invalid_if(e, CHILD(KEY(CHILD(p, "properties"), names[i]), "type"),
			    !str_eq(field->type, type), field->type,
			    *type == 's' ? "must be string" : "must be object");
	}
	if (level == LEVEL_ROOT && property(s, "metadata"))
		rule_forbidden_if(e, KEY(CHILD(p, "properties"), "metadata"),
		    restricts_more_than_name(property(s, "metadata")),
		    "must not specify anything other than name and generateName, but metadata is implicitly "
		    "specified");
}

static void check_level(const Schema *s, enum level level, const struct field_path *p, struct field_errors *e)
{
	if (item_of(s))
		check_level(item_of(s), LEVEL_BELOW, CHILD(p, "items"), e);
	for (size_t i = 0; i < s->n_properties; i++)
		check_level(s->properties[i]->value, LEVEL_BELOW,
		    KEY(CHILD(p, "properties"), s->properties[i]->key), e);
	if (s->additional_properties && s->additional_properties->schema)
		check_level(
		    s->additional_properties->schema, LEVEL_BELOW, CHILD(p, "additionalProperties"), e);
	check_junctors(s, is_int_or_string(s), s->n_all_of && is_int_or_string(s->all_of[0]), p, e);
	check_type(s, level, p, e);
	check_meta(s, level, p, e);
}

static void check_conditions(
    const Schema *conditions, const Schema *s, const struct field_path *p, struct field_errors *e);

/* Fields and items that conditions speak of must be there outside of them; `s` is that place, or NULL. */
static void check_complete(
    const Schema *nested, const Schema *s, const struct field_path *p, struct field_errors *e)
{
	if (!nested || !rule_required_that(e, p, s, "because it is defined in a junctor"))
		return;
	check_conditions(nested, s, p, e);
	check_complete(item_of(nested), item_of(s), CHILD(p, "items"), e);
	for (size_t i = 0; i < nested->n_properties; i++)
		check_complete(nested->properties[i]->value, property(s, nested->properties[i]->key),
		    KEY(CHILD(p, "properties"), nested->properties[i]->key), e);
}

static void check_conditions(
    const Schema *conditions, const Schema *s, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < conditions->n_any_of; i++)
		check_complete(conditions->any_of[i], s, p, e);
	for (size_t i = 0; i < conditions->n_all_of; i++)
		check_complete(conditions->all_of[i], s, p, e);
	for (size_t i = 0; i < conditions->n_one_of; i++)
		check_complete(conditions->one_of[i], s, p, e);
	check_complete(conditions->not_, s, p, e);
}

static void check_completeness(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	check_conditions(s, s, p, e);
	if (item_of(s))
		check_completeness(item_of(s), CHILD(p, "items"), e);
	for (size_t i = 0; i < s->n_properties; i++)
		check_completeness(
		    s->properties[i]->value, KEY(CHILD(p, "properties"), s->properties[i]->key), e);
	if (s->additional_properties && s->additional_properties->schema)
		check_completeness(s->additional_properties->schema, CHILD(p, "additionalProperties"), e);
}

void crd_validate_structure(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	check_level(s, LEVEL_ROOT, p, e);
	check_completeness(s, p, e);
}
