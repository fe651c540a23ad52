/* JSON trees to messages. */
#include <stdarg.h>
#include <string.h>

#include "lib/api/access.h"
#include "lib/api/codec.h"
#include "lib/api/codec_special.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static int read_field(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg);
static int read_single(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg);
static int read_list(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg);
static int read_map(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg);
static int read_value(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *ret);
static int read_scalar(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, void *ret);
static void read_bytes(struct arena *arena, const struct json *v, ProtobufCBinaryData *ret);
static const struct schema_field *find_field(const struct schema *schema, const char *name, void **msg);
static void warn_unknown(
    struct codec_reader *r, const struct schema *schema, const struct field_path *path, const char *name);
static size_t collect_names(const struct schema *schema, const char **names, size_t len, size_t max);
static void warn_duplicate(void *arg, const char *path);

bool codec_warnings_full(const struct codec_warnings *warnings)
{
	return warnings->len == CODEC_WARNINGS_MAX;
}

void codec_warnings_add(struct codec_warnings *warnings, const char *fmt, ...)
{
	va_list ap;

	if (codec_warnings_full(warnings))
		return;
	if (warnings->len == warnings->capacity) {
		size_t capacity = warnings->capacity ? warnings->capacity * 2 : 8;

		warnings->items = arena_grow(warnings->arena, warnings->items, warnings->len * sizeof(char *),
		    capacity * sizeof(char *));
		warnings->capacity = capacity;
	}
	va_start(ap, fmt);
	warnings->items[warnings->len++] = arena_vprintf(warnings->arena, fmt, ap);
	va_end(ap);
}

int codec_from_json(struct arena *arena, const struct schema *schema, const struct json *tree,
    struct codec_warnings *unknown, ProtobufCMessage **ret, struct error *err)
{
	struct codec_reader r = {.arena = arena, .unknown = unknown, .err = err};

	return codec_read_message(&r, schema, tree, NULL, MESSAGE_DEPTH_MAX, ret);
}

int codec_from_json_text(struct arena *arena, const struct schema *schema, const char *text, size_t size,
    struct codec_warnings *strict, ProtobufCMessage **ret, struct error *err)
{
	struct json_limits limits = {.on_duplicate = strict ? warn_duplicate : NULL, .arg = strict};
	struct json *tree;

	if (json_parse(arena, text, size, &limits, &tree, err) < 0)
		return -1;
	return codec_from_json(arena, schema, tree, strict, ret, err);
}

int codec_read_message(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret)
{
	ProtobufCMessage *msg;

	if (schema->special != SCHEMA_MESSAGE)
		return codec_read_special(r, schema, tree, path, depth, ret);
	if (tree->type != JSON_OBJECT)
		return codec_type_error(r, path, "an object", tree);
	if (depth == 0)
		return error_set(r->err, ERR_BAD_REQUEST, "nested deeper than %d levels", MESSAGE_DEPTH_MAX);
	msg = api_new_schema(r->arena, schema);
	for (size_t i = 0; i < tree->len; i++) {
		const struct json_member *m = &tree->members[i];
		struct field_path here = {.parent = path, .name = m->key, .index = -1};
		void *owner = msg;
		const struct schema_field *f = find_field(schema, m->key, &owner);

		if (f) {
			if (read_field(r, f, m->value, &here, depth, owner) < 0)
				return -1;
		} else if (!schema->kind ||
			   (strcmp(m->key, "kind") != 0 && strcmp(m->key, "apiVersion") != 0)) {
			warn_unknown(r, schema, &here, m->key);
		}
	}
	*ret = msg;
	return 0;
}

int codec_type_error(
    struct codec_reader *r, const struct field_path *path, const char *expected, const struct json *found)
{
	static const char *const names[] = {
	    [JSON_NULL] = "null", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object"};
	const char *where = path ? field_path_text(r->arena, path) : "";
	const char *colon = path ? ": " : "";

	switch (found->type) {
	case JSON_STRING:
		return error_set(r->err, ERR_BAD_REQUEST, "%s%sexpected %s, found the string \"%.60s\"",
		    where, colon, expected, found->text);
	case JSON_NUMBER:
		return error_set(r->err, ERR_BAD_REQUEST, "%s%sexpected %s, found the number %.60s", where,
		    colon, expected, found->text);
	case JSON_BOOL:
		return error_set(r->err, ERR_BAD_REQUEST, "%s%sexpected %s, found %s", where, colon, expected,
		    found->boolean ? "true" : "false");
	default:
		return error_set(r->err, ERR_BAD_REQUEST, "%s%sexpected %s, found %s", where, colon, expected,
		    names[found->type]);
	}
}

static int read_field(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg)
{
	if (v->type == JSON_NULL)
		return 0; /* as in Go: null leaves the zero value */
	switch (f->shape) {
	case SCHEMA_LIST:
		return read_list(r, f, v, path, depth, msg);
	case SCHEMA_MAP:
		return read_map(r, f, v, path, depth, msg);
	default:
		return read_single(r, f, v, path, depth, msg);
	}
}

static int read_single(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg)
{
	if (read_value(r, f, v, path, depth, &MEMBER(char, msg, f)) < 0)
		return -1;
	if (f->quantifier_offset)
		MEMBER_HAS(msg, f) = 1;
	return 0;
}

static int read_list(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg)
{
	size_t size = field_element_size(f);
	char *items;

	if (v->type != JSON_ARRAY)
		return codec_type_error(r, path, "an array", v);
	items = arena_calloc(r->arena, v->len > 0 ? v->len : 1, size);
	for (size_t i = 0; i < v->len; i++) {
		if (read_value(r, f, v->items[i], PATH_INDEX(path, i), depth, items + i * size) < 0)
			return -1;
	}
	MEMBER(void *, msg, f) = items;
	MEMBER_COUNT(msg, f) = v->len;
	return 0;
}

static int read_map(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *msg)
{
	const struct schema_field *value_field = &f->entry->fields[1];
	void **entries;

	if (v->type != JSON_OBJECT)
		return codec_type_error(r, path, "an object", v);
	entries = ARENA_ARRAY(r->arena, void *, v->len > 0 ? v->len : 1);
	for (size_t i = 0; i < v->len; i++) {
		struct api_string_entry *entry = arena_alloc(r->arena, f->entry->descriptor->sizeof_message);

		entry->base.descriptor = f->entry->descriptor;
		entry->key = arena_strdup(r->arena, v->members[i].key);
		entries[i] = entry;
		if (read_value(r, value_field, v->members[i].value, PATH_CHILD(path, v->members[i].key),
			depth, &MEMBER(char, entry, value_field)) < 0)
			return -1;
	}
	MEMBER(void *, msg, f) = entries;
	MEMBER_COUNT(msg, f) = message_sort_entries(v->len, entries);
	return 0;
}

/* A value that must end up there: in lists and maps null means the zero value. */
static int read_value(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, unsigned depth, void *ret)
{
	if (f->kind < SCHEMA_MESSAGE)
		return read_scalar(r, f, v, path, ret);
	if (v->type == JSON_NULL) {
		*(void **)ret = api_new_schema(r->arena, f->message);
		return 0;
	}
	return codec_read_message(r, f->message, v, path, depth - 1, ret);
}

static int read_scalar(struct codec_reader *r, const struct schema_field *f, const struct json *v,
    const struct field_path *path, void *ret)
{
	ProtobufCBinaryData *bytes = ret;
	int64_t n = 0;

	if (v->type == JSON_NULL) {
		if (f->kind == SCHEMA_STRING)
			*(const char **)ret = "";
		return 0;
	}
	switch (f->kind) {
	case SCHEMA_STRING:
		if (v->type != JSON_STRING)
			return codec_type_error(r, path, "a string", v);
		*(const char **)ret = v->len == 0 ? "" : arena_strndup(r->arena, v->text, v->len);
		return 0;
	case SCHEMA_BOOL:
		if (v->type != JSON_BOOL)
			return codec_type_error(r, path, "true or false", v);
		*(protobuf_c_boolean *)ret = v->boolean;
		return 0;
	case SCHEMA_INT32:
		if (!json_is_int(v, &n) || n < INT32_MIN || n > INT32_MAX)
			return codec_type_error(r, path, "an integer of 32 bits", v);
		*(int32_t *)ret = (int32_t)n;
		return 0;
	case SCHEMA_INT64:
		if (!json_is_int(v, &n))
			return codec_type_error(r, path, "an integer", v);
		*(int64_t *)ret = n;
		return 0;
	case SCHEMA_DOUBLE:
		return json_number(v, ret) ? 0 : codec_type_error(r, path, "a number", v);
	default:
		if (v->type == JSON_STRING)
			read_bytes(r->arena, v, bytes);
		return bytes->data ? 0 : codec_type_error(r, path, "a string of base64", v);
	}
}

/* Line breaks do not count, as in Go: YAML blocks end with one. */
static void read_bytes(struct arena *arena, const struct json *v, ProtobufCBinaryData *ret)
{
	char *text = (char *)v->text;
	size_t len = v->len;

	if (memchr(text, '\n', len) || memchr(text, '\r', len)) {
		text = arena_alloc(arena, v->len + 1);
		len = 0;
		for (size_t i = 0; i < v->len; i++) {
			if (v->text[i] != '\n' && v->text[i] != '\r')
				text[len++] = v->text[i];
		}
	}
	ret->data = str_unbase64(arena, text, len, &ret->len);
}

/* Finds a field by name in the message or in what is inlined into it; *msg moves to the message that has it.
 */
static const struct schema_field *find_field(const struct schema *schema, const char *name, void **msg)
{
	const struct schema_field *f = NULL;
	size_t low = 0, high = schema->by_name_len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order;

		f = &schema->fields[schema->by_name[middle]];
		order = strcmp(name, f->json);
		if (order == 0)
			return f->flags & SCHEMA_NOT_IN_JSON ? NULL : f;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (size_t i = 0; schema->by_name_len < schema->fields_len && i < schema->fields_len; i++) {
		if (schema->fields[i].flags & SCHEMA_INLINE) {
			void *inner = MEMBER(void *, *msg, &schema->fields[i]);

			f = find_field(schema->fields[i].message, name, &inner);
			if (f) {
				*msg = inner;
				return f;
			}
		}
	}
	return NULL;
}

static void warn_unknown(
    struct codec_reader *r, const struct schema *schema, const struct field_path *path, const char *name)
{
	const char *names[256], *near;
	size_t len;

	if (!r->unknown || codec_warnings_full(r->unknown))
		return;
	len = collect_names(schema, names, 0, sizeof(names) / sizeof(names[0]) - 1);
	names[len] = NULL;
	near = str_nearest(name, names);
	if (near)
		codec_warnings_add(r->unknown, "unknown field \"%s\", did you mean \"%s\"?",
		    field_path_text(r->arena, path), near);
	else
		codec_warnings_add(r->unknown, "unknown field \"%s\"", field_path_text(r->arena, path));
}

static size_t collect_names(const struct schema *schema, const char **names, size_t len, size_t max)
{
	for (size_t i = 0; i < schema->fields_len && len < max; i++) {
		const struct schema_field *f = &schema->fields[i];

		if (f->flags & SCHEMA_INLINE)
			len = collect_names(f->message, names, len, max);
		else
			names[len++] = f->json;
	}
	return len;
}

static void warn_duplicate(void *arg, const char *path)
{
	struct codec_warnings *warnings = arg;

	codec_warnings_add(warnings, "duplicate field \"%s\"", path);
}
