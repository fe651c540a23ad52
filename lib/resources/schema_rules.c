#include "lib/resources/schema_rules.h"

#include <string.h>

#include "lib/api/field_errors.h"
#include "lib/api/schema.h"
#include "lib/base/str.h"
#include "lib/resources/rules.h"

static bool is_metadata_or_status(const struct schema *schema, const struct schema_field *f)
{
	return schema->kind && (!strcmp(f->json, "metadata") || !strcmp(f->json, "status"));
}

static void check_string(const struct schema_field *f, const char *value, bool strict,
    const struct field_path *path, struct field_errors *errors)
{
	bool empty = str_empty(value);

	if (strict && empty && (f->flags & SCHEMA_REQUIRED)) {
		rule_required(errors, path, value);
		return;
	}
	if (empty && !(value && (f->flags & SCHEMA_NULLABLE)))
		return;
	if (strict && f->enum_values)
		rule_enum(errors, path, value, f->enum_values);
	if (f->format)
		rule_format(errors, path, value, f->format);
}

static void check_number(const struct schema_field *f, const char *base, const struct field_path *path,
    struct field_errors *errors)
{
	int64_t value = f->kind == SCHEMA_INT32 ? *(const int32_t *)(base + f->offset)
						: *(const int64_t *)(base + f->offset);
	bool set = *(const protobuf_c_boolean *)(base + f->quantifier_offset);

	if ((f->minimum || f->maximum) && (set || !(f->flags & SCHEMA_NULLABLE)))
		rule_range(errors, path, value, f->minimum, f->maximum);
}

static void check_list(const struct schema_field *f, const char *base, bool strict,
    const struct field_path *path, struct field_errors *errors)
{
	size_t len = *(const size_t *)(base + f->quantifier_offset);
	void *const *items = *(void *const *const *)(base + f->offset);

	if (strict && !len && (f->flags & SCHEMA_REQUIRED))
		rule_required_that(errors, path, false, "");
	for (size_t i = 0; i < len; i++)
		if (f->kind == SCHEMA_MESSAGE)
			schema_validate(f->message, items[i], strict, PATH_INDEX(path, i), errors);
		else if (f->kind == SCHEMA_STRING)
			check_string(f, items[i], strict, PATH_INDEX(path, i), errors);
}

static void check_message(const struct schema_field *f, const char *base, bool strict,
    const struct field_path *path, struct field_errors *errors)
{
	const ProtobufCMessage *child = *(ProtobufCMessage *const *)(base + f->offset);

	if (child)
		schema_validate(f->message, child, strict, path, errors);
	else if (strict && (f->flags & SCHEMA_REQUIRED))
		rule_required_that(errors, path, false, "");
}

void schema_validate(const struct schema *schema, const ProtobufCMessage *msg, bool strict,
    const struct field_path *path, struct field_errors *errors)
{
	const char *base = (const char *)msg;

	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		const struct field_path *at = f->flags & SCHEMA_INLINE ? path : PATH_CHILD(path, f->json);

		if (is_metadata_or_status(schema, f) || f->shape == SCHEMA_MAP)
			continue;
		if (f->shape == SCHEMA_LIST)
			check_list(f, base, strict, at, errors);
		else if (f->kind == SCHEMA_STRING)
			check_string(f, *(char *const *)(base + f->offset), strict, at, errors);
		else if (f->kind == SCHEMA_INT32 || f->kind == SCHEMA_INT64)
			check_number(f, base, at, errors);
		else if (f->kind == SCHEMA_MESSAGE)
			check_message(f, base, strict, at, errors);
	}
}

static bool fields_equal(const struct schema_field *f, const char *a, const char *b)
{
	if (f->kind == SCHEMA_MESSAGE && f->shape == SCHEMA_SINGLE)
		return api_equal_message(
		    *(ProtobufCMessage *const *)(a + f->offset), *(ProtobufCMessage *const *)(b + f->offset));
	if (f->kind == SCHEMA_STRING && f->shape == SCHEMA_SINGLE)
		return str_eq(*(char *const *)(a + f->offset), *(char *const *)(b + f->offset));
	if (f->kind == SCHEMA_INT64)
		return *(const int64_t *)(a + f->offset) == *(const int64_t *)(b + f->offset);
	if (f->kind == SCHEMA_INT32)
		return *(const int32_t *)(a + f->offset) == *(const int32_t *)(b + f->offset);
	if (f->kind == SCHEMA_BOOL)
		return *(const protobuf_c_boolean *)(a + f->offset) ==
		       *(const protobuf_c_boolean *)(b + f->offset);
	return true; /* lists and maps are not declared immutable: hooks do those */
}

void schema_validate_update(const struct schema *schema, const ProtobufCMessage *msg,
    const ProtobufCMessage *old, const struct field_path *path, struct field_errors *errors)
{
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		const char *a = (const char *)msg, *b = (const char *)old;
		const struct field_path *at = f->flags & SCHEMA_INLINE ? path : PATH_CHILD(path, f->json);

		if (is_metadata_or_status(schema, f))
			continue;
		if (f->flags & SCHEMA_IMMUTABLE) {
			rule_immutable(errors, at, fields_equal(f, a, b));
		} else if (f->kind == SCHEMA_MESSAGE && f->shape == SCHEMA_SINGLE) {
			const ProtobufCMessage *x = *(ProtobufCMessage *const *)(a + f->offset);
			const ProtobufCMessage *y = *(ProtobufCMessage *const *)(b + f->offset);

			if (x && y)
				schema_validate_update(f->message, x, y, at, errors);
		}
	}
}
