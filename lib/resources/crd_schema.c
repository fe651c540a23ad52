/*
 * Schemas of custom resources. They must be structural (KEP 1693, "Vanilla OpenAPI subset"): every field has
 * a type at one place, and the logical junctors (allOf, anyOf, oneOf, not) add conditions but no structure.
 */
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"
#include "lib/resources/crd.h"

enum { PATTERN_REPEAT_MAX = 1000, PATTERN_DEPTH_MAX = 64 };

typedef ApiextensionsV1__JSONSchemaProps Schema;

static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string", NULL};

enum level { LEVEL_ROOT, LEVEL_FIELD, LEVEL_JUNCTOR };

static void check_level(
    const Schema *s, enum level level, const struct field_path *p, struct field_errors *e);

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

/* A list's keys are fields of its items, scalar, and always there: required or with a default. */
static void check_map_keys(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const struct field_path *keys = CHILD(p, "x-kubernetes-list-map-keys");
	const Schema *item = item_of(s);

	if (!rule_required_that(e, keys, s->n_x_kubernetes_list_map_keys,
		"must not be empty if x-kubernetes-list-type is map"))
		return;
	for (size_t i = 0; i < s->n_x_kubernetes_list_map_keys; i++) {
		const char *key = s->x_kubernetes_list_map_keys[i];
		const Schema *field = property(item, key);
		bool required = field && field->default_;

		if (!rule_invalid_if(e, keys, !field, key, "entries must all be names of item properties"))
			continue;
		for (size_t k = 0; k < item->n_required && !required; k++)
			required = str_eq(item->required[k], key);
		rule_required_that(e, CHILD(KEY(CHILD(CHILD(p, "items"), "properties"), key), "default"),
		    required,
		    "this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
		    "required property");
	}
}

static void check_list_type(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	const char *type = s->x_kubernetes_list_type;
	const Schema *item = item_of(s);

	rule_invalid_if(e, CHILD(p, "x-kubernetes-list-map-keys"),
	    s->n_x_kubernetes_list_map_keys && !str_eq(type, "map"), NULL,
	    "must be empty unless x-kubernetes-list-type is map");
	if (!type || !RULE_ENUM(e, CHILD(p, "x-kubernetes-list-type"), type, "atomic", "map", "set"))
		return;
	if (!str_eq(s->type, "array")) {
		if (rule_required(e, CHILD(p, "type"), s->type))
			rule_invalid_if(e, CHILD(p, "type"), true, s->type,
			    "must be array if x-kubernetes-list-type is specified");
		return;
	}
	if (!strcmp(type, "map"))
		check_map_keys(s, p, e);
	if (strcmp(type, "set") || !item)
		return;
	rule_invalid_if(e, CHILD(CHILD(p, "items"), "x-kubernetes-map-type"),
	    str_eq(item->type, "object") && !str_eq(item->x_kubernetes_map_type, "atomic"),
	    item->x_kubernetes_map_type, "must be atomic as item of a list with x-kubernetes-list-type=set");
	rule_invalid_if(e, CHILD(CHILD(p, "items"), "x-kubernetes-list-type"),
	    str_eq(item->type, "array") && item->x_kubernetes_list_type &&
		strcmp(item->x_kubernetes_list_type, "atomic"),
	    item->x_kubernetes_list_type, "must be atomic as item of a list with x-kubernetes-list-type=set");
}

static void check_extensions(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	rule_invalid_if(e, CHILD(p, "x-kubernetes-preserve-unknown-fields"),
	    s->has_x_kubernetes_preserve_unknown_fields && !s->x_kubernetes_preserve_unknown_fields, "false",
	    "must be true or undefined");
	if (s->x_kubernetes_map_type &&
	    RULE_ENUM(e, CHILD(p, "x-kubernetes-map-type"), s->x_kubernetes_map_type, "atomic", "granular"))
		rule_invalid_if(e, CHILD(p, "type"), !str_eq(s->type, "object"), s->type,
		    "must be object if x-kubernetes-map-type is specified");
	check_list_type(s, p, e);
	if (!s->x_kubernetes_embedded_resource)
		return;
	if (rule_required(e, CHILD(p, "type"), s->type))
		rule_invalid_if(e, CHILD(p, "type"), strcmp(s->type, "object"), s->type,
		    "must be object if x-kubernetes-embedded-resource is true");
	rule_required_that(e, CHILD(p, "properties"), s->n_properties || preserves(s),
	    "must not be empty if x-kubernetes-embedded-resource is true without "
	    "x-kubernetes-preserve-unknown-fields");
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
	rule_forbidden_if(e, CHILD(p, "items"), s->items && s->items->n_json_schemas,
	    "items must be a schema object and not an array");
}

/* The upper count of {n}, {n,} or {n,m} at p; 1 when there is none. */
static long repeat_at(const char *p)
{
	char *end;
	long low, high;

	if (*p != '{' || p[1] < '0' || p[1] > '9')
		return 1;
	low = high = strtol(p + 1, &end, 10);
	if (*end == ',' && end[1] >= '0' && end[1] <= '9')
		high = strtol(end + 1, &end, 10);
	return high > low ? high : low;
}

static const char *skip_set(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	if (*p == ']')
		p++;
	while (*p && *p != ']')
		p += *p == '\\' && p[1] ? 2 : 1;
	return p;
}

bool crd_pattern_is_bounded(const char *pattern)
{
	/* The largest product of counts in each open group. */
	long most[PATTERN_DEPTH_MAX] = {1}, here;
	size_t depth = 0;

	for (const char *p = pattern; *p; p++) {
		here = 1;
		if (*p == '(') {
			if (++depth == PATTERN_DEPTH_MAX)
				return false;
			most[depth] = 1;
			continue;
		}
		if (*p == ')' && depth > 0)
			here = most[depth--];
		else if (*p == '\\' && p[1])
			p++;
		else if (*p == '[')
			p = skip_set(p);
		if (!*p)
			break;
		if (repeat_at(p + 1) > PATTERN_REPEAT_MAX)
			return false;
		here *= repeat_at(p + 1);
		if (here > PATTERN_REPEAT_MAX)
			return false;
		if (here > most[depth])
			most[depth] = here;
	}
	return true;
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

static void check_default(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	struct json *value = NULL;
	const char *detail;

	if (!s->default_ || !s->default_->raw.len)
		return;
	if (json_parse(
		e->arena, (const char *)s->default_->raw.data, s->default_->raw.len, NULL, &value, NULL) < 0)
		return;
	detail = crd_check_value(s, value);
	rule_invalid_if(e, CHILD(p, "default"), detail, NULL, detail);
}

static void check_junctors(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	for (size_t i = 0; i < s->n_all_of; i++)
		check_level(s->all_of[i], LEVEL_JUNCTOR, AT(CHILD(p, "allOf"), i), e);
	for (size_t i = 0; i < s->n_any_of; i++)
		check_level(s->any_of[i], LEVEL_JUNCTOR, AT(CHILD(p, "anyOf"), i), e);
	for (size_t i = 0; i < s->n_one_of; i++)
		check_level(s->one_of[i], LEVEL_JUNCTOR, AT(CHILD(p, "oneOf"), i), e);
	if (s->not_)
		check_level(s->not_, LEVEL_JUNCTOR, CHILD(p, "not"), e);
}

/* Inside a junctor nothing may say what a field is; int-or-string's own pattern of two types is the one
 * exception. */
static void check_no_structure(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	static const char detail[] = "must be empty to be structural";

	rule_forbidden_if(e, CHILD(p, "type"), !str_empty(s->type), detail);
	rule_forbidden_if(e, CHILD(p, "default"), s->default_ && s->default_->raw.len, detail);
	rule_forbidden_if(e, CHILD(p, "additionalProperties"), s->additional_properties, detail);
	rule_forbidden_if(e, CHILD(p, "nullable"), s->nullable, detail);
	rule_forbidden_if(e, CHILD(p, "description"), !str_empty(s->description), detail);
	rule_forbidden_if(e, CHILD(p, "title"), !str_empty(s->title), detail);
}

static void check_type(const Schema *s, enum level level, const struct field_path *p, struct field_errors *e)
{
	bool may_lack = preserves(s) || s->x_kubernetes_int_or_string || (s->ref && *s->ref);

	if (level == LEVEL_JUNCTOR) {
		check_no_structure(s, p, e);
		return;
	}
	if (!str_empty(s->type))
		RULE_ENUM(e, CHILD(p, "type"), s->type, "array", "boolean", "integer", "number", "object",
		    "string");
	rule_required_that(e, CHILD(p, "type"), !str_empty(s->type) || (may_lack && level != LEVEL_ROOT),
	    "must not be empty");
	if (level == LEVEL_ROOT && !str_empty(s->type))
		rule_invalid_if(
		    e, CHILD(p, "type"), strcmp(s->type, "object"), s->type, "must be object at the root");
	rule_forbidden_if(e, CHILD(p, "type"), s->x_kubernetes_int_or_string && !str_empty(s->type),
	    "must be empty if x-kubernetes-int-or-string is true");
	if (str_eq(s->type, "array"))
		rule_required_that(e, CHILD(p, "items"),
		    s->items && (s->items->schema || s->items->n_json_schemas), "must be specified");
}

/* Of metadata only the name may be restricted. */
static void check_metadata(const Schema *s, const struct field_path *p, struct field_errors *e)
{
	bool other = s->n_required || s->n_all_of || s->n_any_of || s->n_one_of || s->not_ ||
		     s->has_min_properties || s->has_max_properties;

	for (size_t i = 0; i < s->n_properties; i++)
		other = other || (strcmp(s->properties[i]->key, "name") &&
				     strcmp(s->properties[i]->key, "generateName"));
	rule_forbidden_if(e, p, other,
	    "must not specify anything other than name and generateName, but metadata is implicitly "
	    "specified");
}

static void check_level(const Schema *s, enum level level, const struct field_path *p, struct field_errors *e)
{
	enum level below = level == LEVEL_JUNCTOR ? LEVEL_JUNCTOR : LEVEL_FIELD;

	check_type(s, level, p, e);
	check_forbidden(s, p, e);
	check_extensions(s, p, e);
	check_pattern(s, p, e);
	check_default(s, p, e);
	for (size_t i = 0; i < s->n_properties; i++) {
		const struct field_path *at = KEY(CHILD(p, "properties"), s->properties[i]->key);

		if (level == LEVEL_ROOT && !strcmp(s->properties[i]->key, "metadata"))
			check_metadata(s->properties[i]->value, at, e);
		check_level(s->properties[i]->value, below, at, e);
	}
	if (item_of(s))
		check_level(item_of(s), below, CHILD(p, "items"), e);
	if (s->additional_properties && s->additional_properties->schema)
		check_level(s->additional_properties->schema, below, CHILD(p, "additionalProperties"), e);
	if (!s->x_kubernetes_int_or_string)
		check_junctors(s, p, e);
}

void crd_validate_schema(const Schema *schema, const struct field_path *p, struct field_errors *e)
{
	rule_forbidden_if(e, CHILD(p, "nullable"), schema->nullable, "nullable cannot be true at the root");
	check_level(schema, LEVEL_ROOT, p, e);
}

static const char *check_number(const Schema *s, const struct json *value)
{
	double n = 0;
	int64_t whole;

	if (value->type != JSON_NUMBER || !json_number(value, &n))
		return "must be of type number";
	if (str_eq(s->type, "integer") && !json_is_int(value, &whole))
		return "must be of type integer";
	if (s->has_minimum && (s->exclusive_minimum ? n <= s->minimum : n < s->minimum))
		return "should be greater than or equal to the minimum";
	if (s->has_maximum && (s->exclusive_maximum ? n >= s->maximum : n > s->maximum))
		return "should be less than or equal to the maximum";
	if (s->has_multiple_of && s->multiple_of > 0 && fabs(remainder(n, s->multiple_of)) > 1e-9)
		return "should be a multiple of multipleOf";
	return NULL;
}

static const char *check_text(const Schema *s, const struct json *value)
{
	regex_t re;
	int rc = 0;

	if (value->type != JSON_STRING)
		return "must be of type string";
	if ((s->has_min_length && (int64_t)value->len < s->min_length) ||
	    (s->has_max_length && (int64_t)value->len > s->max_length))
		return "has a length out of bounds";
	if (!str_empty(s->pattern) && !regcomp(&re, s->pattern, REG_EXTENDED | REG_NOSUB)) {
		rc = regexec(&re, value->text, 0, NULL, 0);
		regfree(&re);
	}
	return rc ? "should match the pattern" : NULL;
}

static const char *check_object(const Schema *s, const struct json *value)
{
	if (value->type != JSON_OBJECT)
		return "must be of type object";
	for (size_t i = 0; i < s->n_required; i++)
		if (!json_get(value, s->required[i]) &&
		    !(property(s, s->required[i]) && property(s, s->required[i])->default_))
			return "lacks a required field";
	for (size_t i = 0; i < value->len; i++) {
		const Schema *field = property(s, value->members[i].key);
		const char *detail;

		if (!field && s->additional_properties)
			field = s->additional_properties->schema;
		if (!field && !preserves(s) &&
		    !(s->additional_properties && s->additional_properties->allows))
			return "has an unknown field"; /* it would be pruned */
		detail = field ? crd_check_value(field, value->members[i].value) : NULL;
		if (detail)
			return detail;
	}
	return NULL;
}

const char *crd_check_value(const Schema *s, const struct json *value)
{
	bool listed = !s->n_enum_;

	if (value->type == JSON_NULL)
		return s->nullable || preserves(s) ? NULL : "must not be null";
	for (size_t i = 0; i < s->n_enum_ && !listed; i++) {
		struct arena *arena = arena_new();
		struct json *v = NULL;

		listed = json_parse(arena, (const char *)s->enum_[i]->raw.data, s->enum_[i]->raw.len, NULL,
			     &v, NULL) == 0 &&
			 json_equal(v, value);
		arena_free(arena);
	}
	if (!listed)
		return "is none of the supported values";
	if (!str_empty(s->type) && !str_in(s->type, types))
		return "is of a type that there is not";
	if (s->x_kubernetes_int_or_string)
		return value->type == JSON_STRING || value->type == JSON_NUMBER
			   ? NULL
			   : "must be an integer or a string";
	if (str_eq(s->type, "boolean"))
		return value->type == JSON_BOOL ? NULL : "must be of type boolean";
	if (str_eq(s->type, "integer") || str_eq(s->type, "number"))
		return check_number(s, value);
	if (str_eq(s->type, "string"))
		return check_text(s, value);
	if (str_eq(s->type, "object"))
		return check_object(s, value);
	if (!str_eq(s->type, "array"))
		return NULL;
	if (value->type != JSON_ARRAY)
		return "must be of type array";
	if ((s->has_min_items && (int64_t)value->len < s->min_items) ||
	    (s->has_max_items && (int64_t)value->len > s->max_items))
		return "has a number of items out of bounds";
	for (size_t i = 0; item_of(s) && i < value->len; i++) {
		const char *detail = crd_check_value(item_of(s), value->items[i]);

		if (detail)
			return detail;
	}
	return NULL;
}
