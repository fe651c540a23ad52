/* Protobuf to messages. Every byte is doubted: lengths are checked before use, nesting is bounded. */
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/codec.h"
#include "lib/api/codec_special.h"
#include "lib/api/json_text.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

enum {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
	DEPTH_MAX = 128,
	ITEMS_FIRST = 2
};

struct input {
	const uint8_t *p, *end;
};

struct reader {
	struct arena *arena;
	struct error *err;
};

/* One field's value as it stands on the wire. */
struct wire {
	uint32_t number;
	unsigned type;
	uint64_t value;    /* varint and fixed */
	struct input data; /* bytes */
};

static int read_message(
    struct reader *r, const struct schema *schema, struct input in, unsigned depth, void *msg);
static int check_raw(struct reader *r, const void *msg);
static int read_field(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void *msg);
static int read_embedded(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void **ret);
static int read_element(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void *msg);
static int read_packed(struct reader *r, const struct schema_field *f, struct input in, void *msg);
static int read_scalar(struct reader *r, const struct schema_field *f, const struct wire *w, void *ret);
static int read_text(struct reader *r, struct input in, const char **ret);
static int canonicalise(struct reader *r, Resource__Quantity *q);
static void *add_item(struct reader *r, const struct schema_field *f, void *msg);
static void sort_maps(const struct schema *schema, void *msg);
static const struct schema_field *find_number(const struct schema *schema, uint32_t number, size_t *hint);
static unsigned expected_type(const struct schema_field *f);
static bool next(struct input *in, struct wire *ret);
static bool take_varint(struct input *in, uint64_t *ret);
static bool take_fixed(struct input *in, size_t size, uint64_t *ret);
static int malformed(struct reader *r);

int codec_from_proto(struct arena *arena, const struct schema *schema, const void *data, size_t size,
    ProtobufCMessage **ret, struct error *err)
{
	struct reader r = {.arena = arena, .err = err};
	struct input in = {.p = data};
	ProtobufCMessage *msg = api_new_schema(arena, schema);

	in.end = in.p + size;
	if (read_message(&r, schema, in, DEPTH_MAX, msg) < 0)
		return error_prefix(err, "%s", schema->kind ? schema->kind : schema->name);
	*ret = msg;
	return 0;
}

bool codec_is_envelope(const void *data, size_t size)
{
	return size >= CODEC_ENVELOPE_MAGIC_SIZE &&
	       memcmp(data, CODEC_ENVELOPE_MAGIC, CODEC_ENVELOPE_MAGIC_SIZE) == 0;
}

int codec_open_envelope(
    struct arena *arena, const void *data, size_t size, struct codec_envelope *ret, struct error *err)
{
	struct reader r = {.arena = arena, .err = err};
	struct codec_envelope e = {.api_version = "", .kind = "", .raw = "", .content_type = ""};
	struct input in = {.p = data}, type;
	struct wire w;

	in.end = in.p + size;
	if (!codec_is_envelope(data, size))
		return error_set(
		    err, ERR_BAD_REQUEST, "not a protobuf object: it does not start with k8s\\0");
	in.p += CODEC_ENVELOPE_MAGIC_SIZE;
	while (in.p < in.end) {
		if (!next(&in, &w))
			return malformed(&r);
		if (w.type != WIRE_BYTES)
			continue;
		if (w.number == 2) {
			e.raw = w.data.p;
			e.raw_size = (size_t)(w.data.end - w.data.p);
		} else if (w.number == 4 && read_text(&r, w.data, &e.content_type) < 0) {
			return -1;
		} else if (w.number == 1) {
			for (type = w.data; type.p < type.end;) {
				if (!next(&type, &w))
					return malformed(&r);
				if (w.type == WIRE_BYTES && (w.number == 1 || w.number == 2) &&
				    read_text(&r, w.data, w.number == 1 ? &e.api_version : &e.kind) < 0)
					return -1;
			}
		}
	}
	*ret = e;
	return 0;
}

static int read_message(
    struct reader *r, const struct schema *schema, struct input in, unsigned depth, void *msg)
{
	bool has_map = false;
	size_t hint = 0;
	struct wire w;

	if (depth == 0)
		return error_set(r->err, ERR_BAD_REQUEST, "protobuf nested deeper than %d levels", DEPTH_MAX);
	while (in.p < in.end) {
		const struct schema_field *f;

		if (!next(&in, &w))
			return malformed(r);
		f = find_number(schema, w.number, &hint);
		if (!f)
			continue;
		if (read_field(r, f, &w, depth, msg) < 0)
			return -1;
		has_map = has_map || f->shape == SCHEMA_MAP;
	}
	if (has_map)
		sort_maps(schema, msg);
	return schema->special == SCHEMA_RAW_EXTENSION || schema->special == SCHEMA_JSON ? check_raw(r, msg)
											 : 0;
}

/* The bytes are kept and printed as they are: a number that no reader of the JSON takes is refused here. */
static int check_raw(struct reader *r, const void *msg)
{
	enum { SHOWN_MAX = 40 };
	const ProtobufCBinaryData *raw = &((const struct codec_raw *)msg)->raw;
	const char *number;
	size_t size;

	if (raw->len == 0 || codec_is_envelope(raw->data, raw->len) ||
	    !json_text_find_huge_number(raw->data, raw->len, &number, &size))
		return 0;
	return error_set(r->err, ERR_BAD_REQUEST, "number %.*s is out of range",
	    (int)(size < SHOWN_MAX ? size : SHOWN_MAX), number);
}

static int read_field(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void *msg)
{
	bool packed = f->shape == SCHEMA_LIST && w->type == WIRE_BYTES && f->kind >= SCHEMA_BOOL &&
		      f->kind <= SCHEMA_DOUBLE;

	if (packed)
		return read_packed(r, f, w->data, msg);
	if (w->type != expected_type(f))
		return error_set(
		    r->err, ERR_BAD_REQUEST, "protobuf field %u has wire type %u", f->number, w->type);
	if (f->shape != SCHEMA_SINGLE)
		return read_element(r, f, w, depth, msg);
	if (f->kind >= SCHEMA_MESSAGE)
		return read_embedded(r, f, w, depth, &MEMBER(void *, msg, f));
	if (f->quantifier_offset)
		MEMBER_HAS(msg, f) = 1;
	return read_scalar(r, f, w, &MEMBER(char, msg, f));
}

/* A message that comes twice is merged, as everywhere in protobuf. A special value without bytes is "not
 * set". */
static int read_embedded(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void **ret)
{
	if (w->data.p == w->data.end &&
	    (f->kind == SCHEMA_TIME || f->kind == SCHEMA_MICRO_TIME || f->kind == SCHEMA_QUANTITY)) {
		*ret = NULL;
		return 0;
	}
	if (!*ret)
		*ret = api_new_schema(r->arena, f->message);
	if (read_message(r, f->message, w->data, depth - 1, *ret) < 0)
		return f->kind == SCHEMA_MESSAGE ? -1 : error_prefix(r->err, "%s", f->json);
	if (f->kind == SCHEMA_TIME)
		((MetaV1__Time *)*ret)->nanos = 0;
	return f->kind == SCHEMA_QUANTITY ? canonicalise(r, *ret) : 0;
}

static int read_element(
    struct reader *r, const struct schema_field *f, const struct wire *w, unsigned depth, void *msg)
{
	void *item = add_item(r, f, msg);
	const struct schema_field *value;

	if (f->shape == SCHEMA_LIST) {
		if (f->kind < SCHEMA_MESSAGE)
			return read_scalar(r, f, w, item);
		if (read_embedded(r, f, w, depth, item) < 0)
			return -1;
		if (!*(void **)item)
			*(void **)item = api_new_schema(r->arena, f->message);
		return 0;
	}
	*(void **)item = api_new_schema(r->arena, f->entry);
	if (read_message(r, f->entry, w->data, depth - 1, *(void **)item) < 0)
		return -1;
	value = &f->entry->fields[1];
	if (f->kind >= SCHEMA_MESSAGE && !MEMBER(void *, *(void **)item, value))
		MEMBER(void *, *(void **)item, value) = api_new_schema(r->arena, f->message);
	return 0;
}

static int read_packed(struct reader *r, const struct schema_field *f, struct input in, void *msg)
{
	struct wire w = {.type = expected_type(f)};

	while (in.p < in.end) {
		if (f->kind == SCHEMA_DOUBLE ? !take_fixed(&in, 8, &w.value) : !take_varint(&in, &w.value))
			return malformed(r);
		if (read_scalar(r, f, &w, add_item(r, f, msg)) < 0)
			return -1;
	}
	return 0;
}

static int read_scalar(struct reader *r, const struct schema_field *f, const struct wire *w, void *ret)
{
	ProtobufCBinaryData *bytes = ret;

	switch (f->kind) {
	case SCHEMA_STRING:
		return read_text(r, w->data, ret);
	case SCHEMA_BYTES:
		bytes->len = (size_t)(w->data.end - w->data.p);
		bytes->data =
		    bytes->len ? arena_memdup(r->arena, w->data.p, bytes->len) : arena_alloc(r->arena, 1);
		return 0;
	case SCHEMA_BOOL:
		*(protobuf_c_boolean *)ret = w->value != 0;
		return 0;
	case SCHEMA_INT32:
		*(int32_t *)ret = (int32_t)w->value;
		return 0;
	case SCHEMA_INT64:
		*(int64_t *)ret = (int64_t)w->value;
		return 0;
	default:
		memcpy(ret, &w->value, sizeof(double));
		return 0;
	}
}

static int read_text(struct reader *r, struct input in, const char **ret)
{
	size_t size = (size_t)(in.end - in.p);

	if (size == 0) {
		*ret = "";
		return 0;
	}
	if (memchr(in.p, 0, size))
		return error_set(r->err, ERR_BAD_REQUEST, "a string contains a NUL character");
	*ret = arena_strndup(r->arena, (const char *)in.p, size);
	return 0;
}

static int canonicalise(struct reader *r, Resource__Quantity *q)
{
	char text[QUANTITY_TEXT_MAX];
	struct quantity value;

	if (quantity_parse(q->string, &value, r->err) < 0)
		return -1;
	if (strcmp(quantity_format(&value, text), q->string) != 0)
		q->string = arena_strdup(r->arena, text);
	return 0;
}

/* Room for one more item. All arrays of this decode were made here, so a power of two tells that one is full.
 * Most lists are short, and what is cached was decoded here. */
static void *add_item(struct reader *r, const struct schema_field *f, void *msg)
{
	size_t *len = &MEMBER_COUNT(msg, f);
	size_t size = f->shape == SCHEMA_MAP ? sizeof(void *) : field_element_size(f);

	if (*len == 0)
		MEMBER(void *, msg, f) = arena_calloc(r->arena, ITEMS_FIRST, size);
	else if (*len >= ITEMS_FIRST && (*len & (*len - 1)) == 0)
		MEMBER(void *, msg, f) =
		    arena_grow(r->arena, MEMBER(void *, msg, f), *len * size, *len * 2 * size);
	return MEMBER(char *, msg, f) + (*len)++ * size;
}

static void sort_maps(const struct schema *schema, void *msg)
{
	for (size_t i = 0; i < schema->fields_len; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->shape == SCHEMA_MAP)
			MEMBER_COUNT(msg, f) =
			    message_sort_entries(MEMBER_COUNT(msg, f), MEMBER(void **, msg, f));
	}
}

/* Fields come in the order of their numbers: the search goes on where the last one ended. */
static const struct schema_field *find_number(const struct schema *schema, uint32_t number, size_t *hint)
{
	for (size_t tried = 0, i = *hint; tried < schema->fields_len; tried++, i++) {
		const struct schema_field *f;

		if (i >= schema->fields_len)
			i = 0;
		f = &schema->fields[schema->by_number[i]];
		if (f->number == number) {
			*hint = i;
			return f;
		}
	}
	return NULL;
}

static unsigned expected_type(const struct schema_field *f)
{
	if (f->shape == SCHEMA_MAP)
		return WIRE_BYTES;
	switch (f->kind) {
	case SCHEMA_BOOL:
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return WIRE_VARINT;
	case SCHEMA_DOUBLE:
		return WIRE_FIXED64;
	default:
		return WIRE_BYTES;
	}
}

static bool next(struct input *in, struct wire *ret)
{
	uint64_t tag, size;

	if (!take_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return false;
	ret->number = (uint32_t)(tag >> 3);
	ret->type = tag & 7;
	switch (ret->type) {
	case WIRE_VARINT:
		return take_varint(in, &ret->value);
	case WIRE_FIXED64:
		return take_fixed(in, 8, &ret->value);
	case WIRE_FIXED32:
		return take_fixed(in, 4, &ret->value);
	case WIRE_BYTES:
		if (!take_varint(in, &size) || size > (uint64_t)(in->end - in->p))
			return false;
		ret->data = (struct input){in->p, in->p + size};
		in->p += size;
		return true;
	default:
		return false; /* groups: no Kubernetes client writes them */
	}
}

static bool take_varint(struct input *in, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 70 && in->p < in->end; shift += 7) {
		uint8_t byte = *in->p++;

		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool take_fixed(struct input *in, size_t size, uint64_t *ret)
{
	if ((size_t)(in->end - in->p) < size)
		return false;
	*ret = 0;
	for (size_t i = 0; i < size; i++)
		*ret |= (uint64_t)in->p[i] << (8 * i);
	in->p += size;
	return true;
}

static int malformed(struct reader *r)
{
	return error_set(r->err, ERR_BAD_REQUEST, "malformed or truncated protobuf");
}
