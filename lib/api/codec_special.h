/* codec_special: the messages with a JSON form of their own (enum schema_kind behind SCHEMA_MESSAGE). */
#ifndef CUBE_API_CODEC_SPECIAL_H
#define CUBE_API_CODEC_SPECIAL_H

#include "lib/api/codec.h"
#include "lib/api/field_errors.h"
#include "lib/api/schema.h"

struct json;

/* The layout that the messages of raw JSON share: RawExtension, FieldsV1, JSON. */
struct codec_raw {
	ProtobufCMessage base;
	protobuf_c_boolean has_raw;
	ProtobufCBinaryData raw;
};

/* One decode of a tree. */
struct codec_reader {
	struct arena *arena;
	struct codec_warnings *unknown; /* NULL: unknown fields are dropped silently */
	struct error *err;
};

/* Reads an ordinary message; path is NULL at the root. Depth counts down and refuses at 0. */
int codec_read_message(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret);
/* Reads a value of a special kind; never called for JSON null. */
int codec_read_special(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret);
/* The error "path: expected WHAT, found ...". Returns -1. */
int codec_type_error(
    struct codec_reader *r, const struct field_path *path, const char *expected, const struct json *found);

/* Appends the JSON of an ordinary message, without apiVersion and kind. */
void codec_write_message(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg);
/* Appends a special value; msg may be NULL, which prints as Go prints the zero value. */
void codec_write_special(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg);

/* What an encoder leaves out of an object, prints as null, and always prints as a list (codec_json_write.c).
 */
bool codec_is_left_out(const struct schema_field *f, const void *msg);
bool codec_is_nil(const struct schema_field *f, const void *msg);
bool codec_is_list_items(const struct schema *schema, const struct schema_field *f);

#endif
