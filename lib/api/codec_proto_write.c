/*
 * Messages to protobuf, as gogo's generated code writes them. Like that code it writes back to front: when
 * the length of a nested message is due, its bytes are already there, so nothing is measured beforehand.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/codec.h"
#include "lib/api/values.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

struct back { /* the bytes so far are the last `used` of the memory */
	uint8_t *memory;
	size_t capacity, used;
};

static void write_message(struct back *b, const struct schema *schema, const ProtobufCMessage *msg);
static void write_field(struct back *b, const struct schema_field *f, const void *msg);
static bool is_set(const struct schema_field *f, const void *msg);
static void write_value(struct back *b, const struct schema_field *f, const void *value);
static void write_embedded(struct back *b, const struct schema_field *f, const ProtobufCMessage *msg);
static void put_bytes(struct back *b, const void *data, size_t size);
static void put_varint(struct back *b, uint64_t value);
static void put_tag(struct back *b, uint32_t number, unsigned wire);
static void put_string_field(struct back *b, uint32_t number, const void *data, size_t size);
static uint8_t *room(struct back *b, size_t size);
static void finish(struct back *b, struct buf *out);

void codec_to_proto(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg)
{
	struct back b = {0};

	write_message(&b, schema, msg);
	finish(&b, out);
}

void codec_write_envelope(struct buf *out, const char *api_version, const char *kind,
    const struct schema *schema, const ProtobufCMessage *msg)
{
	struct back b = {0};
	size_t behind;

	put_string_field(&b, 4, "", 0); /* contentType and contentEncoding */
	put_string_field(&b, 3, "", 0);
	behind = b.used;
	write_message(&b, schema, msg);
	put_varint(&b, b.used - behind);
	put_tag(&b, 2, WIRE_BYTES);
	behind = b.used;
	put_string_field(&b, 2, kind, strlen(kind));
	put_string_field(&b, 1, api_version, strlen(api_version));
	put_varint(&b, b.used - behind);
	put_tag(&b, 1, WIRE_BYTES);
	put_bytes(&b, CODEC_ENVELOPE_MAGIC, CODEC_ENVELOPE_MAGIC_SIZE);
	finish(&b, out);
}

static void write_message(struct back *b, const struct schema *schema, const ProtobufCMessage *msg)
{
	for (size_t i = schema->fields_len; i-- > 0;)
		write_field(b, &schema->fields[schema->by_number[i]], msg);
}

static void write_field(struct back *b, const struct schema_field *f, const void *msg)
{
	size_t size = field_element_size(f);
	const char *items;

	if (f->shape == SCHEMA_SINGLE) {
		if (is_set(f, msg))
			write_value(b, f, &MEMBER(char, msg, f));
		return;
	}
	items = MEMBER(const char *, msg, f);
	for (size_t i = MEMBER_COUNT(msg, f); i-- > 0;) {
		if (f->shape == SCHEMA_LIST) {
			write_value(b, f, items + i * size);
		} else {
			size_t behind = b->used;

			write_message(b, f->entry, ((ProtobufCMessage *const *)items)[i]);
			put_varint(b, b->used - behind);
			put_tag(b, f->number, WIRE_BYTES);
		}
	}
}

static bool is_set(const struct schema_field *f, const void *msg)
{
	if (f->kind == SCHEMA_BYTES)
		return MEMBER(ProtobufCBinaryData, msg, f).data != NULL;
	if (f->kind == SCHEMA_STRINGS)
		return MEMBER(void *, msg, f) != NULL; /* a named slice in Go: nil when not set */
	if (!field_is_nullable(f))
		return true;
	if (f->kind == SCHEMA_STRING || f->kind >= SCHEMA_MESSAGE)
		return MEMBER(void *, msg, f) != NULL;
	return MEMBER_HAS(msg, f);
}

static void write_value(struct back *b, const struct schema_field *f, const void *value)
{
	const ProtobufCBinaryData *bytes = value;
	const char *text;

	switch (f->kind) {
	case SCHEMA_STRING:
		text = str_or(*(char *const *)value, "");
		put_string_field(b, f->number, text, strlen(text));
		break;
	case SCHEMA_BYTES:
		put_string_field(b, f->number, bytes->data, bytes->len);
		break;
	case SCHEMA_BOOL:
		put_varint(b, *(const protobuf_c_boolean *)value != 0);
		put_tag(b, f->number, WIRE_VARINT);
		break;
	case SCHEMA_INT32:
		put_varint(b, (uint64_t)(int64_t) * (const int32_t *)value);
		put_tag(b, f->number, WIRE_VARINT);
		break;
	case SCHEMA_INT64:
		put_varint(b, (uint64_t) * (const int64_t *)value);
		put_tag(b, f->number, WIRE_VARINT);
		break;
	case SCHEMA_DOUBLE: {
		uint64_t bits;

		memcpy(&bits, value, sizeof(bits));
		for (int shift = 56; shift >= 0; shift -= 8)
			*room(b, 1) = (uint8_t)(bits >> shift);
		put_tag(b, f->number, WIRE_FIXED64);
		break;
	}
	default:
		write_embedded(b, f, *(ProtobufCMessage *const *)value);
		break;
	}
}

static void write_embedded(struct back *b, const struct schema_field *f, const ProtobufCMessage *msg)
{
	static const Intstr__IntOrString zero_intstr = {.str_val = (char *)""};
	static const MetaV1__Duration zero_duration = {0};
	size_t behind = b->used;

	if (f->kind == SCHEMA_QUANTITY) {
		const char *text = msg ? str_or(((const Resource__Quantity *)msg)->string, "0") : "0";

		put_string_field(b, 1, text, strlen(text));
	} else if (f->kind == SCHEMA_TIME && msg &&
		   ((const MetaV1__Time *)msg)->seconds == TIME_ZERO_SECONDS) {
		msg = NULL;
	} else if (msg) {
		write_message(b, f->message, msg);
	} else if (f->kind == SCHEMA_INT_OR_STRING) {
		write_message(b, f->message, &zero_intstr.base);
	} else if (f->kind == SCHEMA_DURATION) {
		write_message(b, f->message, &zero_duration.base);
	}
	put_varint(b, b->used - behind);
	put_tag(b, f->number, WIRE_BYTES);
}

static void put_string_field(struct back *b, uint32_t number, const void *data, size_t size)
{
	put_bytes(b, data, size);
	put_varint(b, size);
	put_tag(b, number, WIRE_BYTES);
}

static void put_bytes(struct back *b, const void *data, size_t size)
{
	uint8_t *to = room(b, size);

	if (size > 0)
		memcpy(to, data, size);
}

static void put_varint(struct back *b, uint64_t value)
{
	uint8_t text[10];
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		text[size++] = (uint8_t)(value | 0x80);
	text[size++] = (uint8_t)value;
	memcpy(room(b, size), text, size);
}

static void put_tag(struct back *b, uint32_t number, unsigned wire)
{
	put_varint(b, (uint64_t)number << 3 | wire);
}

/* Makes room in front of what is there. */
static uint8_t *room(struct back *b, size_t size)
{
	if (!b->memory || b->capacity - b->used < size) {
		size_t capacity = b->capacity ? b->capacity : 1024;
		uint8_t *memory;

		while (capacity - b->used < size)
			capacity *= 2;
		memory = malloc(capacity);
		if (!memory)
			abort();
		if (b->used > 0)
			memcpy(memory + capacity - b->used, b->memory + b->capacity - b->used, b->used);
		free(b->memory);
		b->memory = memory;
		b->capacity = capacity;
	}
	b->used += size;
	return b->memory + b->capacity - b->used;
}

static void finish(struct back *b, struct buf *out)
{
	buf_append(out, b->memory ? b->memory + b->capacity - b->used : NULL, b->used);
	free(b->memory);
}
