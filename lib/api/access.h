/* access: reading and writing struct members through the schema table; for the files of lib/api that walk it.
 */
#ifndef CUBE_API_ACCESS_H
#define CUBE_API_ACCESS_H

#include "lib/api/schema.h"

/* The member as an lvalue of the given type. */
#define MEMBER(type, msg, field) (*(type *)((char *)(msg) + (field)->offset))
#define MEMBER_COUNT(msg, field) (*(size_t *)((char *)(msg) + (field)->quantifier_offset))
#define MEMBER_HAS(msg, field) (*(protobuf_c_boolean *)((char *)(msg) + (field)->quantifier_offset))

/* Map entries by their schema: the key is field 0, the value field 1. */
#define ENTRY_KEY(entry) (((const struct api_string_entry *)(entry))->key)

/* Decoders and clones count on it: deeper nesting than this cannot be decoded, so recursion over messages is
 * bounded. */
enum { MESSAGE_DEPTH_MAX = 256 };

static inline bool field_is_nullable(const struct schema_field *f)
{
	return (f->flags & SCHEMA_NULLABLE) != 0;
}

static inline bool field_is_special(const struct schema_field *f)
{
	return f->kind > SCHEMA_MESSAGE;
}

/* Size in memory of one element of a list of this kind. */
static inline size_t field_element_size(const struct schema_field *f)
{
	switch (f->kind) {
	case SCHEMA_BOOL:
		return sizeof(protobuf_c_boolean);
	case SCHEMA_INT32:
		return sizeof(int32_t);
	case SCHEMA_INT64:
		return sizeof(int64_t);
	case SCHEMA_DOUBLE:
		return sizeof(double);
	case SCHEMA_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return sizeof(void *);
	}
}

/* Sorts a map's entries by key and drops all but the last of equal keys; returns the new length. */
size_t message_sort_entries(size_t len, void **entries);

#endif
