/* Semantic comparison of messages. */
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/values.h"

static bool equal_message(const struct schema *schema, const ProtobufCMessage *a, const ProtobufCMessage *b);
static bool equal_field(const struct schema_field *f, const void *a, const void *b);
static bool equal_list(const struct schema_field *f, const void *a, const void *b);
static bool equal_embedded(
    const struct schema_field *f, const ProtobufCMessage *a, const ProtobufCMessage *b);
static bool is_zero(const struct schema *schema, const ProtobufCMessage *msg);
static bool equal_element(const struct schema_field *f, const void *a, const void *b, size_t i);
static bool equal_string(const char *a, const char *b);
static bool equal_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b);
static bool equal_scalar(const struct schema_field *f, const void *a, const void *b);

bool api_equal_message(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->descriptor != b->descriptor)
		return false;
	return equal_message(schema_of(a->descriptor), a, b);
}

static bool equal_message(const struct schema *schema, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (schema->special == SCHEMA_QUANTITY) {
		struct quantity x = quantity_of((const Resource__Quantity *)a);
		struct quantity y = quantity_of((const Resource__Quantity *)b);

		return quantity_compare(&x, &y) == 0;
	}
	for (size_t i = 0; i < schema->fields_len; i++) {
		if (!equal_field(&schema->fields[i], a, b))
			return false;
	}
	return true;
}

static bool equal_field(const struct schema_field *f, const void *a, const void *b)
{
	if (f->shape != SCHEMA_SINGLE)
		return equal_list(f, a, b);
	if (f->kind == SCHEMA_STRING) {
		const char *x = MEMBER(const char *, a, f), *y = MEMBER(const char *, b, f);

		if (field_is_nullable(f) && (!x || !y))
			return x == y;
		return equal_string(x, y);
	}
	if (f->kind == SCHEMA_BYTES)
		return equal_bytes(&MEMBER(ProtobufCBinaryData, a, f), &MEMBER(ProtobufCBinaryData, b, f));
	if (f->kind >= SCHEMA_MESSAGE)
		return equal_embedded(
		    f, MEMBER(const ProtobufCMessage *, a, f), MEMBER(const ProtobufCMessage *, b, f));
	if (field_is_nullable(f)) {
		if (!MEMBER_HAS(a, f) || !MEMBER_HAS(b, f))
			return !MEMBER_HAS(a, f) && !MEMBER_HAS(b, f);
	}
	return equal_scalar(f, &MEMBER(char, a, f), &MEMBER(char, b, f));
}

/* A plain special value that is not set equals a zero one. */
static bool equal_embedded(const struct schema_field *f, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	if (a && b)
		return equal_message(f->message, a, b);
	if (a == b)
		return true;
	if (field_is_nullable(f) || !field_is_special(f))
		return false;
	if (f->kind == SCHEMA_QUANTITY)
		return equal_message(f->message, a, b);
	return is_zero(f->message, a ? a : b);
}

static bool is_zero(const struct schema *schema, const ProtobufCMessage *msg)
{
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];
		const char *p = &MEMBER(char, msg, f);

		if (f->shape != SCHEMA_SINGLE   ? MEMBER_COUNT(msg, f) != 0
		    : f->kind == SCHEMA_STRING  ? !equal_string(*(char *const *)p, "")
		    : f->kind == SCHEMA_BYTES   ? ((const ProtobufCBinaryData *)p)->len != 0
		    : f->kind >= SCHEMA_MESSAGE ? *(void *const *)p != NULL
						: memcmp(p, &(int64_t){0}, field_element_size(f)) != 0)
			return false;
	}
	return true;
}

static bool equal_list(const struct schema_field *f, const void *a, const void *b)
{
	size_t len = MEMBER_COUNT(a, f);

	if (len != MEMBER_COUNT(b, f))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!equal_element(f, MEMBER(const void *, a, f), MEMBER(const void *, b, f), i))
			return false;
	}
	return true;
}

static bool equal_element(const struct schema_field *f, const void *a, const void *b, size_t i)
{
	const struct schema *message = f->shape == SCHEMA_MAP ? f->entry : f->message;
	size_t size = field_element_size(f);

	if (message)
		return equal_message(
		    message, ((ProtobufCMessage *const *)a)[i], ((ProtobufCMessage *const *)b)[i]);
	if (f->kind == SCHEMA_STRING)
		return equal_string(((char *const *)a)[i], ((char *const *)b)[i]);
	if (f->kind == SCHEMA_BYTES)
		return equal_bytes((const ProtobufCBinaryData *)a + i, (const ProtobufCBinaryData *)b + i);
	return equal_scalar(f, (const char *)a + i * size, (const char *)b + i * size);
}

static bool equal_string(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool equal_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool equal_scalar(const struct schema_field *f, const void *a, const void *b)
{
	if (f->kind == SCHEMA_BOOL)
		return !*(const protobuf_c_boolean *)a == !*(const protobuf_c_boolean *)b;
	if (f->kind == SCHEMA_DOUBLE)
		return *(const double *)a == *(const double *)b;
	return memcmp(a, b, field_element_size(f)) == 0;
}
