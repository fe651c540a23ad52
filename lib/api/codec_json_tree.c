/*
 * Messages to JSON trees: what parsing the text of codec_json_write.c would give, without text in between.
 * Only values of special kinds, whose text is short, go through it.
 */
#include <math.h>
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/codec_special.h"
#include "lib/api/json_build.h"
#include "lib/api/number.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

static int add_root(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg);
static int add_message(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg);

static int add_text(struct json_builder *b, const char *s)
{
	return json_build_scalar(b, JSON_STRING, false, s, strlen(s));
}

static int add_number(struct json_builder *b, const char *text)
{
	return json_build_scalar(b, JSON_NUMBER, false, text, strlen(text));
}

static int add_null(struct json_builder *b)
{
	return json_build_scalar(b, JSON_NULL, false, NULL, 0);
}

static int add_bytes(struct json_builder *b, const ProtobufCBinaryData *bytes)
{
	return bytes->data ? add_text(b, str_base64(b->arena, bytes->data, bytes->len)) : add_null(b);
}

static int add_special(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg)
{
	struct buf text = BUF_INIT;
	struct json *tree;

	codec_write_special(&text, schema, msg);
	int r = json_parse(b->arena, text.data, text.size, b->limits, &tree, b->err);
	buf_done(&text);
	if (r < 0)
		return -1;
	json_build_add(b, tree);
	return 0;
}

static int add_value(struct json_builder *b, const struct schema_field *f, const void *value)
{
	char number[NUMBER_TEXT_MAX];

	switch (f->kind) {
	case SCHEMA_STRING:
		return add_text(b, str_or(*(char *const *)value, ""));
	case SCHEMA_BOOL:
		return json_build_scalar(b, JSON_BOOL, *(const protobuf_c_boolean *)value, NULL, 0);
	case SCHEMA_INT32:
		return add_number(b, number_format_int64(*(const int32_t *)value, number));
	case SCHEMA_INT64:
		return add_number(b, number_format_int64(*(const int64_t *)value, number));
	case SCHEMA_DOUBLE:
		if (!isfinite(*(const double *)value))
			return add_null(b);
		return add_number(b, number_format_double(*(const double *)value, number));
	case SCHEMA_BYTES:
		return add_bytes(b, value);
	default:
		return (f->flags & SCHEMA_TYPED ? add_root : add_message)(
		    b, f->message, *(ProtobufCMessage *const *)value);
	}
}

static int add_list(struct json_builder *b, const struct schema_field *f, const void *msg)
{
	const char *items = MEMBER(const char *, msg, f);
	size_t size = field_element_size(f);

	if (json_build_open(b, false) < 0)
		return -1;
	for (size_t i = 0; i < MEMBER_COUNT(msg, f); i++)
		if (add_value(b, f, items + i * size) < 0)
			return -1;
	json_build_close(b);
	return 0;
}

static int add_map(struct json_builder *b, const struct schema_field *f, const void *msg)
{
	void *const *entries = MEMBER(void *const *, msg, f);
	const struct schema_field *value = &f->entry->fields[1];

	if (json_build_open(b, true) < 0)
		return -1;
	for (size_t i = 0; i < MEMBER_COUNT(msg, f); i++) {
		const char *key = ENTRY_KEY(entries[i]);

		if (json_build_key(b, key, strlen(key)) < 0 ||
		    add_value(b, value, &MEMBER(char, entries[i], value)) < 0)
			return -1;
	}
	json_build_close(b);
	return 0;
}

static int add_members(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg)
{
	int r = 0;

	for (size_t i = 0; i < schema->fields_len && r == 0; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->flags & SCHEMA_INLINE) {
			const ProtobufCMessage *inner = MEMBER(const ProtobufCMessage *, msg, f);

			r = inner ? add_members(b, f->message, inner) : 0;
			continue;
		}
		if (codec_is_left_out(f, msg))
			continue;
		if (json_build_key(b, f->json, strlen(f->json)) < 0)
			return -1;
		if (codec_is_list_items(schema, f))
			r = add_list(b, f, msg);
		else if (codec_is_nil(f, msg))
			r = add_null(b);
		else if (f->shape == SCHEMA_LIST)
			r = add_list(b, f, msg);
		else if (f->shape == SCHEMA_MAP)
			r = add_map(b, f, msg);
		else
			r = add_value(b, f, &MEMBER(char, msg, f));
	}
	return r;
}

static int add_message(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg)
{
	if (schema->special != SCHEMA_MESSAGE)
		return add_special(b, schema, msg);
	if (json_build_open(b, true) < 0 || add_members(b, schema, msg) < 0)
		return -1;
	json_build_close(b);
	return 0;
}

static int add_root(struct json_builder *b, const struct schema *schema, const ProtobufCMessage *msg)
{
	if (!schema->kind)
		return add_message(b, schema, msg);
	const char *version = schema->version;

	if (schema->group[0])
		version = arena_printf(b->arena, "%s/%s", schema->group, schema->version);
	if (json_build_open(b, true) < 0 || json_build_key(b, "kind", 4) < 0 ||
	    add_text(b, schema->kind) < 0 || json_build_key(b, "apiVersion", 10) < 0 ||
	    add_text(b, version) < 0 || add_members(b, schema, msg) < 0)
		return -1;
	json_build_close(b);
	return 0;
}

struct json *codec_to_json(struct arena *arena, const struct schema *schema, const ProtobufCMessage *msg)
{
	struct json_limits limits = {.size_max = SIZE_MAX, .depth_max = 4 * MESSAGE_DEPTH_MAX};
	struct json_builder b;
	struct json *tree = NULL;

	if (json_build_init(&b, arena, &limits, 0, NULL) == 0 && add_root(&b, schema, msg) == 0)
		tree = b.root;
	json_build_done(&b);
	return tree ? tree : json_new_object(arena);
}
