/* Values of custom resources' defaults: whether they are what their schema asks for. */
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

static const Schema *property(const Schema *s, const char *name)
{
	for (size_t i = 0; i < s->n_properties; i++)
		if (!strcmp(s->properties[i]->key, name))
			return s->properties[i]->value;
	return NULL;
}

static bool preserves(const Schema *s)
{
	return s->has_x_kubernetes_preserve_unknown_fields && s->x_kubernetes_preserve_unknown_fields;
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

/* The members of an object. Returns false when one is unknown: it would be pruned. */
static bool check_object(
    const Schema *s, const struct json *value, const struct field_path *p, struct field_errors *e)
{
	bool known = true;

	for (size_t i = 0; i < s->n_required; i++)
		if (!json_get(value, s->required[i]) &&
		    !(property(s, s->required[i]) && property(s, s->required[i])->default_))
			rule_required_that(e, CHILD(p, s->required[i]), false, "");
	for (size_t i = 0; i < value->len; i++) {
		const Schema *field = property(s, value->members[i].key);

		if (!field && s->additional_properties)
			field = s->additional_properties->schema;
		if (field)
			known = crd_check_value(
				    field, value->members[i].value, CHILD(p, value->members[i].key), e) &&
				known;
		else
			known = known && (preserves(s) ||
					     (s->additional_properties && s->additional_properties->allows));
	}
	return known;
}

static bool is_listed(const Schema *s, const struct json *value)
{
	bool listed = !s->n_enum_;

	for (size_t i = 0; i < s->n_enum_ && !listed; i++) {
		struct arena *arena = arena_new();
		struct json *v = NULL;

		listed = json_parse(arena, (const char *)s->enum_[i]->raw.data, s->enum_[i]->raw.len, NULL,
			     &v, NULL) == 0 &&
			 json_equal(v, value);
		arena_free(arena);
	}
	return listed;
}

static bool check_array(
    const Schema *s, const struct json *value, const struct field_path *p, struct field_errors *e)
{
	const Schema *item = s->items ? s->items->schema : NULL;
	bool known = true;

	rule_invalid_if(e, p,
	    (s->has_min_items && (int64_t)value->len < s->min_items) ||
		(s->has_max_items && (int64_t)value->len > s->max_items),
	    NULL, "has a number of items out of bounds");
	for (size_t i = 0; item && i < value->len; i++)
		known = crd_check_value(item, value->items[i], p, e) && known; /* reported at the list */
	return known;
}

/* What is wrong with a value that holds no others; NULL when nothing is. */
static const char *check_scalar(const Schema *s, const struct json *value)
{
	static const char *const types[] = {
	    "array", "boolean", "integer", "number", "object", "string", NULL};

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
	if (str_eq(s->type, "object") && value->type != JSON_OBJECT)
		return "must be of type object";
	if (str_eq(s->type, "array") && value->type != JSON_ARRAY)
		return "must be of type array";
	return NULL;
}

bool crd_check_value(
    const Schema *s, const struct json *value, const struct field_path *p, struct field_errors *e)
{
	const char *detail;

	if (value->type == JSON_NULL) {
		rule_invalid_if(e, p, !s->nullable && !preserves(s), "null", "must not be null");
		return true;
	}
	if (!is_listed(s, value))
		field_errors_at(e, FIELD_NOT_SUPPORTED, p, NULL, "is none of the supported values");
	detail = check_scalar(s, value);
	if (!rule_invalid_if(e, p, detail, NULL, detail))
		return true;
	if (str_eq(s->type, "object"))
		return check_object(s, value, p, e);
	return !str_eq(s->type, "array") || check_array(s, value, p, e);
}
