/*
 * Values checked against a schema. Errors carry the paths that upstream's validator gives them: items of
 * lists are reported at the list, and what a junctor (allOf, anyOf, ...) has to say at no path at all,
 * "<nil>".
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "apiserver/extensions/custom_schema.h"
#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/resources/formats.h"
#include "lib/resources/rules.h"

typedef ApiextensionsV1__JSONSchemaProps Props;

static void check(const struct custom_schema *s, const struct json *v, const struct json *old,
    const struct field_path *p, struct field_errors *e);

/* Text of a value for the message. */
static const char *show(struct field_errors *e, const struct json *v)
{
	struct buf out = BUF_INIT;
	if (v->type == JSON_STRING || v->type == JSON_NUMBER)
		return v->text;
	json_write(&out, v, 0);
	const char *text = arena_strndup(e->arena, buf_str(&out), out.size > 200 ? 200 : out.size);
	buf_done(&out);
	return text;
}

#define BAD(...) field_errors_at(e, FIELD_INVALID, p, show(e, v), __VA_ARGS__)

static size_t runes(const struct json *v)
{
	size_t n = 0;
	for (size_t i = 0; i < v->len; i++)
		n += ((unsigned char)v->text[i] & 0xc0) != 0x80;
	return n;
}

/* Compiled patterns are large, and most are never asked. */
static const regex_t *pattern_of(const struct custom_schema *schema)
{
	struct custom_schema *s = (struct custom_schema *)(uintptr_t)schema;
	if (!s->has_pattern && !str_empty(s->props->pattern))
		s->pattern = custom_pattern_compile(s->arena, s->props->pattern);
	s->has_pattern = true;
	return s->pattern;
}

static void check_string(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	const Props *b = s->props;
	const char *detail = custom_format_check(b->format, v->text);
	if (b->has_max_length && (int64_t)runes(v) > b->max_length)
		BAD("may not be more than %lld characters long", (long long)b->max_length);
	if (b->has_min_length && (int64_t)runes(v) < b->min_length)
		BAD("should be at least %lld chars long", (long long)b->min_length);
	const regex_t *pattern = pattern_of(s);
	if (pattern && regexec(pattern, v->text, 0, NULL, 0))
		BAD("should match '%s'", b->pattern);
	if (detail)
		BAD("%s", detail);
}

static void check_number(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	const Props *b = s->props;
	double n = 0;
	if (!json_number(v, &n))
		return;
	if (b->has_maximum && (b->exclusive_maximum ? n >= b->maximum : n > b->maximum))
		BAD("should be less than%s %g", b->exclusive_maximum ? "" : " or equal to", b->maximum);
	if (b->has_minimum && (b->exclusive_minimum ? n <= b->minimum : n < b->minimum))
		BAD("should be greater than%s %g", b->exclusive_minimum ? "" : " or equal to", b->minimum);
	if (b->has_multiple_of && b->multiple_of > 0) {
		double ratio = n / b->multiple_of;
		if (fabs(ratio - round(ratio)) > 1e-9 * fmax(1, fabs(ratio)))
			BAD("should be a multiple of %g", b->multiple_of);
	}
	if (s->type == CUSTOM_INTEGER && str_eq(b->format, "int32") && (n < INT32_MIN || n > INT32_MAX))
		BAD("is out of the range of int32");
}

static void check_items(const struct custom_schema *s, const struct json *v, const struct json *old,
    const struct field_path *p, struct field_errors *e)
{
	const Props *b = s->props;
	if (b->has_max_items && (int64_t)v->len > b->max_items)
		BAD("must have at most %lld items", (long long)b->max_items);
	if (b->has_min_items && (int64_t)v->len < b->min_items)
		BAD("should have at least %lld items", (long long)b->min_items);
	for (size_t i = 0; s->items && i < v->len; i++) {
		bool was_there = false;
		for (size_t k = 0; old && old->type == JSON_ARRAY && k < old->len && !was_there; k++)
			was_there = str_eq(b->x_kubernetes_list_type, "map") &&
				    json_equal(old->items[k], v->items[i]);
		if (!was_there)
			check(s->items, v->items[i], NULL, p, e);
	}
}

static bool is_group_version(const char *text)
{
	const char *slash = strchr(text, '/');
	return *text && (!slash || !strchr(slash + 1, '/'));
}

/* What any object says about itself; it need not have a name yet. */
static void check_embedded(const struct json *v, const struct field_path *p, struct field_errors *e)
{
	const struct json *version = json_get(v, "apiVersion"), *kind = json_get(v, "kind"),
			  *tree = json_get(v, "metadata");
	struct error err = ERROR_INIT;
	ProtobufCMessage *msg = NULL;

	if (rule_required_that(e, PATH_CHILD(p, "apiVersion"), version, "must not be empty"))
		rule_invalid_if(e, PATH_CHILD(p, "apiVersion"),
		    version->type != JSON_STRING || !is_group_version(version->text), NULL,
		    "must be GROUP/VERSION or VERSION");
	if (rule_required_that(e, PATH_CHILD(p, "kind"), kind, "must not be empty"))
		rule_invalid_if(e, PATH_CHILD(p, "kind"),
		    kind->type != JSON_STRING || !format_is_dns1035_label(str_lower(e->arena, kind->text)),
		    NULL, "must be a DNS-1035 label, but for the case of its letters");
	if (!tree)
		return;
	if (codec_from_json(e->arena, schema_of(&meta_v1__object_meta__descriptor), tree, NULL, &msg, &err) <
	    0) {
		field_errors_at(e, FIELD_INVALID, PATH_CHILD(p, "metadata"), NULL, "%s", err.message);
		return;
	}
	MetaV1__ObjectMeta *meta = (MetaV1__ObjectMeta *)msg;
	if (str_empty(meta->name))
		meta->name = (char *)"unnamed";
	rule_object_meta(
	    e, PATH_CHILD(p, "metadata"), meta, !str_empty(meta->namespace_), "path-segment", false);
}

static void check_members(const struct custom_schema *s, const struct json *v, const struct json *old,
    const struct field_path *p, struct field_errors *e)
{
	const Props *b = s->props;
	if (b->has_max_properties && (int64_t)v->len > b->max_properties)
		BAD("must have at most %lld properties", (long long)b->max_properties);
	if (b->has_min_properties && (int64_t)v->len < b->min_properties)
		BAD("should have at least %lld properties", (long long)b->min_properties);
	for (size_t i = 0; i < b->n_required; i++)
		if (!json_get(v, b->required[i]))
			field_errors_at(e, FIELD_REQUIRED, PATH_CHILD(p, b->required[i]), NULL, "%s", "");
	for (size_t i = 0; i < v->len; i++) {
		const char *key = v->members[i].key;
		const struct custom_schema *member = custom_schema_property(s, key);
		if (!member)
			member = s->additional;
		if (member)
			check(member, v->members[i].value, old ? json_get(old, key) : NULL,
			    PATH_CHILD(p, key), e);
	}
	if (s->is_embedded)
		check_embedded(v, p, e);
}

static bool has_type(const struct custom_schema *s, const struct json *v)
{
	double n = 0;
	if (v->type == JSON_NULL)
		return s->is_nullable || (s->type == CUSTOM_ANY && !s->is_int_or_string);
	if (s->is_int_or_string)
		return v->type == JSON_STRING ||
		       (v->type == JSON_NUMBER && json_number(v, &n) && n == floor(n));
	switch (s->type) {
	case CUSTOM_ARRAY:
		return v->type == JSON_ARRAY;
	case CUSTOM_BOOLEAN:
		return v->type == JSON_BOOL;
	case CUSTOM_INTEGER:
		return v->type == JSON_NUMBER && json_number(v, &n) && n == floor(n);
	case CUSTOM_NUMBER:
		return v->type == JSON_NUMBER;
	case CUSTOM_OBJECT:
		return v->type == JSON_OBJECT;
	case CUSTOM_STRING:
		return v->type == JSON_STRING;
	default:
		return true;
	}
}

static void check_enum(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	struct buf list = BUF_INIT;
	if (!s->enum_len)
		return;
	for (size_t i = 0; i < s->enum_len; i++) {
		if (json_equal(s->enum_values[i], v)) {
			buf_done(&list);
			return;
		}
		buf_puts(&list, i ? ", " : "");
		json_write(&list, s->enum_values[i], 0);
	}
	field_errors_at(e, FIELD_NOT_SUPPORTED, p, show(e, v), "supported values: %s", buf_str(&list));
	buf_done(&list);
}

/* How many schemas of the list the value keeps; the errors of the one that it is closest to in `nearest`. */
static size_t matches(const struct custom_schema_list *list, const struct json *v, const struct field_path *p,
    struct field_errors *nearest)
{
	size_t n = 0;
	bool has_nearest = false;
	for (size_t i = 0; i < list->len; i++) {
		struct field_errors one;
		field_errors_init(&one, nearest->arena);
		check(list->items[i], v, NULL, p, &one);
		n += one.len == 0;
		if (one.len && (!has_nearest || one.len < nearest->len)) {
			*nearest = one;
			has_nearest = true;
		}
	}
	return n;
}

static void add_all(struct field_errors *e, const struct field_errors *from)
{
	for (size_t i = 0; i < from->len; i++) {
		const struct field_error *f = &from->items[i];
		field_errors_add(e, f->type, f->field, f->value, "%s", f->detail);
	}
}

static void blame_junctor(struct field_errors *e, const char *detail)
{
	field_errors_add(e, FIELD_INVALID, "<nil>", "", "%s", detail);
}

static void check_junctors(
    const struct custom_schema *s, const struct json *v, const struct field_path *p, struct field_errors *e)
{
	struct field_errors nearest;
	field_errors_init(&nearest, e->arena);
	if (s->any_of.len && !matches(&s->any_of, v, p, &nearest)) {
		blame_junctor(e, "must validate at least one schema (anyOf)");
		add_all(e, &nearest);
	}
	field_errors_init(&nearest, e->arena);
	size_t n = s->one_of.len ? matches(&s->one_of, v, p, &nearest) : 1;
	if (n != 1)
		blame_junctor(e, "must validate one and only one schema (oneOf)");
	if (n == 0)
		add_all(e, &nearest);
	field_errors_init(&nearest, e->arena);
	for (size_t i = 0; i < s->all_of.len; i++)
		check(s->all_of.items[i], v, NULL, p, &nearest);
	if (nearest.len)
		blame_junctor(e, "must validate all the schemas (allOf)");
	add_all(e, &nearest);
	field_errors_init(&nearest, e->arena);
	if (!s->not_)
		return;
	check(s->not_, v, NULL, p, &nearest);
	if (!nearest.len)
		blame_junctor(e, "must not validate the schema (not)");
}

static void check(const struct custom_schema *s, const struct json *v, const struct json *old,
    const struct field_path *p, struct field_errors *e)
{
	if (old && json_equal(v, old))
		return;
	if (!has_type(s, v)) {
		BAD("must be of type %s",
		    s->is_int_or_string ? "integer,string" : str_or(s->props->type, "any"));
		return;
	}
	check_enum(s, v, p, e);
	check_junctors(s, v, p, e);
	if (v->type == JSON_STRING)
		check_string(s, v, p, e);
	else if (v->type == JSON_NUMBER)
		check_number(s, v, p, e);
	else if (v->type == JSON_ARRAY)
		check_items(s, v, old, p, e);
	else if (v->type == JSON_OBJECT)
		check_members(s, v, old, p, e);
}

static bool has_bad_lists(const struct custom_schema *s, const struct json *tree)
{
	struct arena *arena = arena_new();
	struct field_errors errors;
	field_errors_init(&errors, arena);
	custom_schema_validate_lists(s, tree, NULL, &errors);
	bool is_bad = errors.len > 0;
	arena_free(arena);
	return is_bad;
}

void custom_schema_validate(const struct custom_schema *s, const struct json *tree, const struct json *old,
    struct field_errors *errors)
{
	size_t before = errors->len;
	if (!s)
		return;
	check(s, tree, old, NULL, errors);
	/* Whether keys are unique is a question only where they are there and of their types, and of objects
	 * that had unique ones before. */
	if (errors->len == before && !(old && has_bad_lists(s, old)))
		custom_schema_validate_lists(s, tree, NULL, errors);
}
