#include "lib/api/codec_special.h"

#include <string.h>

#include "lib/api/access.h"
#include "lib/api/json.h"
#include "lib/api/json_text.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "proto/apiextensions_v1.pb-c.h"
#include "proto/runtime.pb-c.h"

/* Messages that wrap a list of strings share a layout. */
struct strings_message {
	ProtobufCMessage base;
	size_t n_items;
	char **items;
};

static int read_time(struct codec_reader *r, const struct json *tree, const struct field_path *path,
    bool micro, ProtobufCMessage **ret);
static int read_duration(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret);
static int read_quantity(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret);
static int read_int_or_string(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret);
static int read_raw(
    struct codec_reader *r, const struct schema *schema, const struct json *tree, ProtobufCMessage **ret);
static int read_strings(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, ProtobufCMessage **ret);
static int read_props_or(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret);
static int read_props_list(struct codec_reader *r, const struct json *tree, const struct field_path *path,
    unsigned depth, ApiextensionsV1__JSONSchemaPropsOrArray *ret);
static void write_quoted(struct buf *out, const char *text);
static void write_raw(struct buf *out, const struct codec_raw *m);
static void write_envelope_as_json(struct buf *out, const ProtobufCBinaryData *raw);
static void write_strings(struct buf *out, const struct strings_message *m);
static void write_props(struct buf *out, const ApiextensionsV1__JSONSchemaProps *props);
static void write_props_or_array(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrArray *m);
static void write_props_or_strings(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrStringArray *m);
static void write_props_or_bool(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrBool *m);
static void write_int_or_string(struct buf *out, const Intstr__IntOrString *m);
static void write_time(struct buf *out, const MetaV1__Time *m);
static void write_micro_time(struct buf *out, const MetaV1__MicroTime *m);

int codec_read_special(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret)
{
	switch (schema->special) {
	case SCHEMA_TIME:
		return read_time(r, tree, path, false, ret);
	case SCHEMA_MICRO_TIME:
		return read_time(r, tree, path, true, ret);
	case SCHEMA_DURATION:
		return read_duration(r, tree, path, ret);
	case SCHEMA_QUANTITY:
		return read_quantity(r, tree, path, ret);
	case SCHEMA_INT_OR_STRING:
		return read_int_or_string(r, tree, path, ret);
	case SCHEMA_STRINGS:
		return read_strings(r, schema, tree, path, ret);
	case SCHEMA_RAW_EXTENSION:
	case SCHEMA_FIELDS_V1:
		if (tree->type != JSON_OBJECT)
			return codec_type_error(r, path, "an object", tree);
		return read_raw(r, schema, tree, ret);
	case SCHEMA_JSON:
		return read_raw(r, schema, tree, ret);
	default:
		return read_props_or(r, schema, tree, path, depth, ret);
	}
}

void codec_write_special(struct buf *out, const struct schema *schema, const ProtobufCMessage *msg)
{
	char number[QUANTITY_TEXT_MAX];
	struct quantity q;

	switch (schema->special) {
	case SCHEMA_TIME:
		write_time(out, (const MetaV1__Time *)msg);
		break;
	case SCHEMA_MICRO_TIME:
		write_micro_time(out, (const MetaV1__MicroTime *)msg);
		break;
	case SCHEMA_DURATION:
		write_quoted(
		    out, duration_format(msg ? ((const MetaV1__Duration *)msg)->duration : 0, number));
		break;
	case SCHEMA_QUANTITY:
		q = quantity_of((const Resource__Quantity *)msg);
		write_quoted(out, quantity_format(&q, number));
		break;
	case SCHEMA_INT_OR_STRING:
		write_int_or_string(out, (const Intstr__IntOrString *)msg);
		break;
	case SCHEMA_STRINGS:
		write_strings(out, (const struct strings_message *)msg);
		break;
	case SCHEMA_JSON_OR_BOOL:
		write_props_or_bool(out, (const ApiextensionsV1__JSONSchemaPropsOrBool *)msg);
		break;
	case SCHEMA_JSON_OR_ARRAY:
		write_props_or_array(out, (const ApiextensionsV1__JSONSchemaPropsOrArray *)msg);
		break;
	case SCHEMA_JSON_OR_STRINGS:
		write_props_or_strings(out, (const ApiextensionsV1__JSONSchemaPropsOrStringArray *)msg);
		break;
	default:
		write_raw(out, (const struct codec_raw *)msg);
		break;
	}
}

static int read_time(struct codec_reader *r, const struct json *tree, const struct field_path *path,
    bool micro, ProtobufCMessage **ret)
{
	int64_t seconds;
	int32_t nanos;

	if (tree->type != JSON_STRING || !time_parse(tree->text, &seconds, &nanos))
		return codec_type_error(r, path, "a time such as \"2006-01-02T15:04:05Z\"", tree);
	*ret = NULL;
	if (seconds == TIME_ZERO_SECONDS && nanos == 0)
		return 0;
	if (micro) {
		MetaV1__MicroTime *t = API_NEW(r->arena, meta_v1__micro_time);

		t->seconds = seconds;
		t->nanos = nanos / 1000 * 1000;
		*ret = &t->base;
	} else {
		*ret = (ProtobufCMessage *)time_new(r->arena, seconds);
	}
	return 0;
}

static int read_duration(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret)
{
	MetaV1__Duration *d;
	int64_t ns;

	if (tree->type != JSON_STRING || !duration_parse(tree->text, &ns))
		return codec_type_error(r, path, "a duration such as \"1m30s\"", tree);
	d = API_NEW(r->arena, meta_v1__duration);
	d->duration = ns;
	*ret = &d->base;
	return 0;
}

static int read_quantity(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret)
{
	struct error err = ERROR_INIT;
	struct quantity q;

	if (tree->type != JSON_STRING && tree->type != JSON_NUMBER)
		return codec_type_error(r, path, "a quantity", tree);
	if (quantity_parse(tree->text, &q, &err) < 0)
		return error_set(r->err, ERR_BAD_REQUEST, "%s: %s",
		    path ? field_path_text(r->arena, path) : "", err.message);
	*ret = (ProtobufCMessage *)quantity_new(r->arena, &q);
	return 0;
}

static int read_int_or_string(
    struct codec_reader *r, const struct json *tree, const struct field_path *path, ProtobufCMessage **ret)
{
	int64_t n;

	if (tree->type == JSON_STRING) {
		*ret = (ProtobufCMessage *)intstr_new_string(r->arena, tree->text);
		return 0;
	}
	if (!json_is_int(tree, &n) || n < INT32_MIN || n > INT32_MAX)
		return codec_type_error(r, path, "an integer of 32 bits or a string", tree);
	*ret = (ProtobufCMessage *)intstr_new_int(r->arena, (int32_t)n);
	return 0;
}

static int read_raw(
    struct codec_reader *r, const struct schema *schema, const struct json *tree, ProtobufCMessage **ret)
{
	struct codec_raw *m = api_new_schema(r->arena, schema);
	struct buf text = BUF_INIT;

	json_write(&text, tree, 0);
	m->raw.len = text.size;
	m->raw.data = arena_memdup(r->arena, text.data, text.size);
	buf_done(&text);
	*ret = &m->base;
	return 0;
}

static int read_strings(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, ProtobufCMessage **ret)
{
	struct strings_message *m = api_new_schema(r->arena, schema);

	if (tree->type != JSON_ARRAY)
		return codec_type_error(r, path, "an array of strings", tree);
	m->items = ARENA_ARRAY(r->arena, char *, tree->len > 0 ? tree->len : 1);
	m->n_items = tree->len;
	for (size_t i = 0; i < tree->len; i++) {
		if (tree->items[i]->type != JSON_STRING)
			return codec_type_error(r, PATH_INDEX(path, i), "a string", tree->items[i]);
		m->items[i] = arena_strdup(r->arena, tree->items[i]->text);
	}
	*ret = &m->base;
	return 0;
}

/* A schema, or instead of it: a bool, a list of schemas, a list of strings. */
static int read_props_or(struct codec_reader *r, const struct schema *schema, const struct json *tree,
    const struct field_path *path, unsigned depth, ProtobufCMessage **ret)
{
	static const char *const expected[] = {[SCHEMA_JSON_OR_BOOL] = "a schema, true or false",
	    [SCHEMA_JSON_OR_ARRAY] = "a schema or an array of schemas",
	    [SCHEMA_JSON_OR_STRINGS] = "a schema or an array of strings"};
	const struct schema *props = schema_of(&apiextensions_v1__jsonschema_props__descriptor);
	ProtobufCMessage *msg = api_new_schema(r->arena, schema);
	ApiextensionsV1__JSONSchemaPropsOrStringArray *or_strings = (void *)msg;
	ApiextensionsV1__JSONSchemaPropsOrBool *or_bool = (void *)msg;
	ApiextensionsV1__JSONSchemaPropsOrArray *or_array = (void *)msg;
	ProtobufCMessage *inner = NULL;

	*ret = msg;
	if (depth == 0)
		return error_set(r->err, ERR_BAD_REQUEST, "nested deeper than %d levels", MESSAGE_DEPTH_MAX);
	if (tree->type == JSON_OBJECT && codec_read_message(r, props, tree, path, depth - 1, &inner) < 0)
		return -1;
	if (schema->special == SCHEMA_JSON_OR_BOOL && (inner || tree->type == JSON_BOOL)) {
		or_bool->allows = inner || tree->boolean;
		or_bool->schema = (void *)inner;
		return 0;
	}
	if (schema->special == SCHEMA_JSON_OR_ARRAY && (inner || tree->type == JSON_ARRAY)) {
		or_array->schema = (void *)inner;
		return inner ? 0 : read_props_list(r, tree, path, depth, or_array);
	}
	/* As upstream's decoder: anything else is as good as nothing, and validation asks for what is
	 * missing.
	 */
	if (schema->special != SCHEMA_JSON_OR_BOOL && tree->type != JSON_ARRAY && !inner)
		return 0;
	if (schema->special == SCHEMA_JSON_OR_STRINGS && inner) {
		or_strings->schema = (void *)inner;
		return 0;
	}
	if (schema->special == SCHEMA_JSON_OR_STRINGS && tree->type == JSON_ARRAY) {
		const struct schema *strings = schema_of(&meta_v1__verbs__descriptor);
		MetaV1__Verbs *list = NULL;

		if (read_strings(r, strings, tree, path, (ProtobufCMessage **)&list) < 0)
			return -1;
		or_strings->property = list->items;
		or_strings->n_property = list->n_items;
		return 0;
	}
	return codec_type_error(r, path, expected[schema->special], tree);
}

static int read_props_list(struct codec_reader *r, const struct json *tree, const struct field_path *path,
    unsigned depth, ApiextensionsV1__JSONSchemaPropsOrArray *ret)
{
	const struct schema *props = schema_of(&apiextensions_v1__jsonschema_props__descriptor);

	ret->json_schemas =
	    ARENA_ARRAY(r->arena, ApiextensionsV1__JSONSchemaProps *, tree->len > 0 ? tree->len : 1);
	ret->n_json_schemas = tree->len;
	for (size_t i = 0; i < tree->len; i++) {
		if (codec_read_message(r, props, tree->items[i], PATH_INDEX(path, i), depth - 1,
			(ProtobufCMessage **)&ret->json_schemas[i]) < 0)
			return -1;
	}
	return 0;
}

static void write_quoted(struct buf *out, const char *text)
{
	buf_putc(out, '"');
	buf_puts(out, text);
	buf_putc(out, '"');
}

/* Whatever made the bytes, what goes out is valid: text that is not clean is read and printed anew, or
 * becomes null. */
static void write_raw(struct buf *out, const struct codec_raw *m)
{
	struct json_limits limits = {.size_max = SIZE_MAX};
	struct json *tree;
	struct arena *arena;

	if (!m || m->raw.len == 0) {
		buf_puts(out, "null");
	} else if (json_text_is_clean(m->raw.data, m->raw.len, MESSAGE_DEPTH_MAX)) {
		buf_append(out, m->raw.data, m->raw.len);
	} else if (codec_is_envelope(m->raw.data, m->raw.len)) {
		write_envelope_as_json(out, &m->raw);
	} else {
		arena = arena_new();
		if (json_parse(arena, (const char *)m->raw.data, m->raw.len, &limits, &tree, NULL) == 0)
			json_write(out, tree, 0);
		else
			buf_puts(out, "null");
		arena_free(arena);
	}
}

/* An object that came in a protobuf List or WatchEvent. Envelopes inside envelopes are nobody's format: null.
 */
static void write_envelope_as_json(struct buf *out, const ProtobufCBinaryData *raw)
{
	static _Thread_local bool inside;
	struct arena *arena = arena_new();
	const struct schema *schema = NULL;
	struct codec_envelope envelope;
	ProtobufCMessage *msg;
	const char *slash;

	if (!inside && codec_open_envelope(arena, raw->data, raw->len, &envelope, NULL) == 0) {
		slash = strchr(envelope.api_version, '/');
		schema = schema_by_gvk(
		    slash ? arena_strndup(arena, envelope.api_version, (size_t)(slash - envelope.api_version))
			  : "",
		    slash ? slash + 1 : envelope.api_version, envelope.kind);
	}
	if (schema && codec_from_proto(arena, schema, envelope.raw, envelope.raw_size, &msg, NULL) == 0) {
		inside = true;
		codec_to_json_text(out, schema, msg);
		inside = false;
	} else {
		buf_puts(out, "null");
	}
	arena_free(arena);
}

static void write_strings(struct buf *out, const struct strings_message *m)
{
	if (!m || (m->n_items == 0 && !m->items)) {
		buf_puts(out, "null");
		return;
	}
	buf_putc(out, '[');
	for (size_t i = 0; i < m->n_items; i++) {
		if (i > 0)
			buf_putc(out, ',');
		json_write_string(out, m->items[i], strlen(m->items[i]));
	}
	buf_putc(out, ']');
}

static void write_props(struct buf *out, const ApiextensionsV1__JSONSchemaProps *props)
{
	if (props)
		codec_write_message(out, schema_of(props->base.descriptor), &props->base);
	else
		buf_puts(out, "null");
}

static void write_props_or_array(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrArray *m)
{
	if (!m || m->n_json_schemas == 0) {
		write_props(out, m ? m->schema : NULL);
		return;
	}
	buf_putc(out, '[');
	for (size_t i = 0; i < m->n_json_schemas; i++) {
		if (i > 0)
			buf_putc(out, ',');
		write_props(out, m->json_schemas[i]);
	}
	buf_putc(out, ']');
}

static void write_props_or_strings(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrStringArray *m)
{
	struct strings_message strings = {.n_items = m ? m->n_property : 0, .items = m ? m->property : NULL};

	if (strings.n_items > 0)
		write_strings(out, &strings);
	else
		write_props(out, m ? m->schema : NULL);
}

static void write_props_or_bool(struct buf *out, const ApiextensionsV1__JSONSchemaPropsOrBool *m)
{
	if (m && m->schema)
		write_props(out, m->schema);
	else
		buf_puts(out, m && m->allows ? "true" : "false");
}

static void write_int_or_string(struct buf *out, const Intstr__IntOrString *m)
{
	if (m && intstr_is_string(m))
		json_write_string(out, m->str_val, strlen(m->str_val));
	else
		buf_printf(out, "%d", m ? (int)m->int_val : 0);
}

static void write_time(struct buf *out, const MetaV1__Time *m)
{
	char text[TIME_TEXT_MAX];

	if (m)
		write_quoted(out, time_format(m->seconds, text));
	else
		buf_puts(out, "null");
}

static void write_micro_time(struct buf *out, const MetaV1__MicroTime *m)
{
	char text[TIME_TEXT_MAX];

	if (m)
		write_quoted(out, time_format_micro(m->seconds, m->nanos, text));
	else
		buf_puts(out, "null");
}
