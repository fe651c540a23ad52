/*
 * json: a JSON value as a tree in an arena; yajl does the parsing. Numbers keep their text, so 64-bit
 * integers are exact. Object members keep their order. Strings hold no NUL byte: text that has \u0000 is
 * refused. Used for patches, custom resources, schemas, and on the way to and from structs.
 */
#ifndef CUBE_API_JSON_H
#define CUBE_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct error;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	bool boolean;
	size_t len;      /* bytes of text, elements of array, or members of object */
	size_t capacity; /* private */
	union {
		const char *text;            /* string (UTF-8, NUL-terminated) or number as written */
		struct json **items;         /* array */
		struct json_member *members; /* object, in order */
	};
};

struct json_member {
	const char *key;
	struct json *value;
};

/* Limits of a decode: what does not fit is refused with ERR_BAD_REQUEST (depth) or ERR_TOO_LARGE (size). */
struct json_limits {
	size_t size_max;  /* bytes of text; 0: 3 MiB */
	size_t depth_max; /* 0: 256... deeper input is refused, never recursed into */
	/* NULL, or receives duplicate keys: path such as spec.containers[0].name; called once each */
	void (*on_duplicate)(void *arg, const char *path);
	void *arg;
};

/* Whole text must be one value. Error message carries the line and the column. */
int json_parse(struct arena *arena, const char *text, size_t size, const struct json_limits *limits,
    struct json **ret, struct error *err);

struct json *json_new_object(struct arena *arena);
struct json *json_new_array(struct arena *arena);
struct json *json_new_string(struct arena *arena, const char *s); /* copied */
struct json *json_new_int(struct arena *arena, int64_t n);
struct json *json_new_number(struct arena *arena, const char *text);
struct json *json_new_bool(struct arena *arena, bool b);
struct json *json_new_null(struct arena *arena);

struct json *json_get(const struct json *object, const char *key); /* NULL when absent or no object */
struct json *json_get_path(
    const struct json *v, const char *dotted); /* "metadata.name"; keys without dots only */
const char *json_get_string(const struct json *object, const char *key, const char *fallback);
int64_t json_get_int(const struct json *object, const char *key, int64_t fallback);
bool json_get_bool(const struct json *object, const char *key, bool fallback);
void json_set(
    struct arena *arena, struct json *object, const char *key, struct json *value); /* replaces or appends */
void json_remove(struct json *object, const char *key);
void json_push(struct arena *arena, struct json *array, struct json *item);
void json_array_remove(struct json *array, size_t index);
void json_insert(struct arena *arena, struct json *array, size_t index, struct json *item);
struct json *json_clone(struct arena *arena, const struct json *v);
bool json_equal(const struct json *a, const struct json *b); /* object order ignored, numbers by value */
bool json_is_int(const struct json *v, int64_t *ret);
bool json_number(const struct json *v, double *ret);
/*
 * True when containers nest deeper than `depth`. Parsers bound the depth of what they read; code that can
 * nest trees into each other (a patch that copies a parent into its child) asks this before the result goes
 * on: the functions here and the codecs recurse once per level.
 */
bool json_is_deeper(const struct json *v, size_t depth);

/* Compact text, object members in order; indent > 0 pretty-prints with that many spaces as Go's MarshalIndent
 * does. */
void json_write(struct buf *out, const struct json *v, int indent);
void json_write_string(
    struct buf *out, const char *s, size_t len); /* quoted and escaped as Go does (<, >, & as \u003c) */
/* Object members sorted by key at every level: Go's output of a map. */
void json_sort(struct json *v);

#endif
