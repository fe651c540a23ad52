/* Messages to JSON text, byte for byte what Go's encoder prints for the same object. */
#include <math.h>
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/codec.h"
#include "lib/api/codec_special.h"
#include "lib/api/json.h"
#include "lib/api/number.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static void write_members(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg);
static bool is_empty(const struct schema_field *f, const void *msg);
static void write_name(struct buf *out, const char *name);
static void write_list(struct buf *out, const struct schema_field *f, const void *msg);
static void write_map(struct buf *out, const struct schema_field *f, const void *msg);
static void write_value(struct buf *out, const struct schema_field *f, const void *value);
static void write_bytes(struct buf *out, const ProtobufCBinaryData *bytes);

void codec_to_json_text(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg)
{
	if (!schema->kind) {
		codec_write_message(out, schema, msg);
		return;
	}
	buf_puts(out, "{\"kind\":\"");
	buf_puts(out, schema->kind);
	buf_puts(out, "\",\"apiVersion\":\"");
	if (schema->group[0]) {
		buf_puts(out, schema->group);
		buf_putc(out, '/');
	}
	buf_puts(out, schema->version);
	buf_putc(out, '"');
	write_members(out, schema, msg);
	buf_putc(out, '}');
}

void codec_write_message(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg)
{
	if (schema->special != SCHEMA_MESSAGE) {
		codec_write_special(out, schema, msg);
		return;
	}
	buf_putc(out, '{');
	write_members(out, schema, msg);
	buf_putc(out, '}');
}

static void write_members(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg)
{
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->flags & SCHEMA_INLINE) {
			const ProtobufCMessage *inner = MEMBER(const ProtobufCMessage *, msg, f);

			if (inner)
				write_members(out, f->message, inner);
			continue;
		}
		if (codec_is_left_out(f, msg))
			continue;
		write_name(out, f->json);
		if (codec_is_list_items(schema, f))
			write_list(out, f, msg);
		else if (codec_is_nil(f, msg))
			buf_puts(out, "null");
		else if (f->shape == SCHEMA_LIST)
			write_list(out, f, msg);
		else if (f->shape == SCHEMA_MAP)
			write_map(out, f, msg);
		else
			write_value(out, f, &MEMBER(char, msg, f));
	}
}

bool codec_is_left_out(const struct schema_field *f, const void *msg)
{
	if (f->flags & SCHEMA_NOT_IN_JSON)
		return true;
	return (f->flags & SCHEMA_OMITEMPTY) &&
	       (field_is_nullable(f) ? codec_is_nil(f, msg) : is_empty(f, msg));
}

/* What Go prints as null: a nil pointer, slice or map. */
bool codec_is_nil(const struct schema_field *f, const void *msg)
{
	if (f->shape != SCHEMA_SINGLE)
		return MEMBER_COUNT(msg, f) == 0 && !MEMBER(void *, msg, f);
	if (f->kind == SCHEMA_BYTES)
		return !MEMBER(ProtobufCBinaryData, msg, f).data;
	if (!field_is_nullable(f))
		return false;
	if (f->kind == SCHEMA_STRING || f->kind >= SCHEMA_MESSAGE)
		return !MEMBER(void *, msg, f);
	return !MEMBER_HAS(msg, f);
}

/* What omitempty drops: zero and empty values, but never a struct. */
static bool is_empty(const struct schema_field *f, const void *msg)
{
	const struct json_strings_message {
		ProtobufCMessage base;
		size_t len;
	} * strings;
	const char *text;

	if (f->shape != SCHEMA_SINGLE)
		return MEMBER_COUNT(msg, f) == 0;
	switch (f->kind) {
	case SCHEMA_STRING:
		text = MEMBER(const char *, msg, f);
		return !text || !*text;
	case SCHEMA_BOOL:
		return !MEMBER(protobuf_c_boolean, msg, f);
	case SCHEMA_INT32:
		return MEMBER(int32_t, msg, f) == 0;
	case SCHEMA_INT64:
		return MEMBER(int64_t, msg, f) == 0;
	case SCHEMA_DOUBLE:
		return MEMBER(double, msg, f) == 0;
	case SCHEMA_BYTES:
		return MEMBER(ProtobufCBinaryData, msg, f).len == 0;
	case SCHEMA_STRINGS:
		strings = MEMBER(const struct json_strings_message *, msg, f);
		return !strings || strings->len == 0;
	default:
		return false;
	}
}

/* A comma is due unless the object has just been opened; no value ends with a brace that opens. */
static void write_name(struct buf *out, const char *name)
{
	size_t len = strlen(name);
	char *to = buf_reserve(out, len + 4), *start = to;

	if (to[-1] != '{')
		*to++ = ',';
	*to++ = '"';
	memcpy(to, name, len);
	to += len;
	*to++ = '"';
	*to++ = ':';
	*to = '\0';
	out->size += (size_t)(to - start);
}

static void write_list(struct buf *out, const struct schema_field *f, const void *msg)
{
	const char *items = MEMBER(const char *, msg, f);
	size_t size = field_element_size(f);

	buf_putc(out, '[');
	for (size_t i = 0; i < MEMBER_COUNT(msg, f); i++) {
		if (i > 0)
			buf_putc(out, ',');
		write_value(out, f, items + i * size);
	}
	buf_putc(out, ']');
}

static void write_map(struct buf *out, const struct schema_field *f, const void *msg)
{
	void *const *entries = MEMBER(void *const *, msg, f);

	buf_putc(out, '{');
	for (size_t i = 0; i < MEMBER_COUNT(msg, f); i++) {
		const char *key = ENTRY_KEY(entries[i]);

		if (i > 0)
			buf_putc(out, ',');
		json_write_string(out, key, strlen(key));
		buf_putc(out, ':');
		write_value(out, &f->entry->fields[1], &MEMBER(char, entries[i], &f->entry->fields[1]));
	}
	buf_putc(out, '}');
}

static void write_value(struct buf *out, const struct schema_field *f, const void *value)
{
	char number[NUMBER_TEXT_MAX];
	const char *text;

	switch (f->kind) {
	case SCHEMA_STRING:
		text = str_or(*(char *const *)value, "");
		json_write_string(out, text, strlen(text));
		break;
	case SCHEMA_BOOL:
		buf_puts(out, *(const protobuf_c_boolean *)value ? "true" : "false");
		break;
	case SCHEMA_INT32:
		buf_puts(out, number_format_int64(*(const int32_t *)value, number));
		break;
	case SCHEMA_INT64:
		buf_puts(out, number_format_int64(*(const int64_t *)value, number));
		break;
	case SCHEMA_DOUBLE:
		/* JSON has no NaN and no infinity; only protobuf can bring them. */
		buf_puts(out, isfinite(*(const double *)value)
				  ? number_format_double(*(const double *)value, number)
				  : "null");
		break;
	case SCHEMA_BYTES:
		write_bytes(out, value);
		break;
	default:
		if (f->flags & SCHEMA_TYPED)
			codec_to_json_text(out, f->message, *(ProtobufCMessage *const *)value);
		else
			codec_write_message(out, f->message, *(ProtobufCMessage *const *)value);
		break;
	}
}

static void write_bytes(struct buf *out, const ProtobufCBinaryData *bytes)
{
	if (!bytes->data) {
		buf_puts(out, "null");
		return;
	}
	buf_putc(out, '"');
	out->size +=
	    str_base64_write(buf_reserve(out, (bytes->len + 2) / 3 * 4 + 1), bytes->data, bytes->len);
	buf_putc(out, '"');
}

/* Upstream's servers never send a nil list of items, and clients count on it. */
bool codec_is_list_items(const struct schema *schema, const struct schema_field *f)
{
	return schema->kind && f->shape == SCHEMA_LIST && strcmp(f->json, "items") == 0 &&
	       str_has_suffix(schema->kind, "List");
}
