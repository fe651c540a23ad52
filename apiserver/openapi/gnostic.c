/*
 * A v2 document as protobuf. The messages of the gnostic project are described by tables; one walk over the
 * JSON tree writes them. Whatever starts with "x-" is a vendor extension: a name and YAML text, for which
 * JSON is good enough.
 */
#include <string.h>

#include "apiserver/openapi/internal.h"
#include "lib/api/json.h"
#include "lib/base/buf.h"
#include "lib/base/str.h"

enum how {
	TEXT,    /* string */
	FLAG,    /* bool */
	TEXTS,   /* repeated string */
	VALUE,   /* Any: YAML text */
	VALUES,  /* repeated Any */
	MESSAGE, /* a message of the same members */
	NAMED,   /* a message of repeated {name, value}: JSON object with free keys; number of the entries in
		    `inner` */
	BOXED,   /* a oneof or list around the message: wrapped in field `inner` */
	TYPE,    /* TypeItem: a string or strings in field 1 */
	PARAMETER, /* one of body, query, path */
};

struct message;
struct field {
	const char *json;
	unsigned number;
	enum how how;
	const struct message *message;
	unsigned inner;
};
struct message {
	const struct field *fields;
	unsigned extension; /* number of the vendor extensions; 0: none */
};

static const struct message schema_message, body_parameter, query_parameter, path_parameter;

static const struct message info_message = {
    (const struct field[]){{"title", 1, TEXT}, {"version", 2, TEXT}, {0}}, 7};
static const struct message response_message = {
    (const struct field[]){{"description", 1, TEXT}, {"schema", 2, BOXED, &schema_message, 1}, {0}}, 5};
/* ResponseValue */
static const struct message response_value = {
    (const struct field[]){{"", 1, MESSAGE, &response_message}, {0}}, 0};
static const struct message operation_message = {
    (const struct field[]){{"tags", 1, TEXTS}, {"description", 3, TEXT}, {"operationId", 5, TEXT},
	{"produces", 6, TEXTS}, {"consumes", 7, TEXTS}, {"parameters", 8, PARAMETER},
	{"responses", 9, NAMED, &response_value, 1}, {"schemes", 10, TEXTS}, {"deprecated", 11, FLAG}, {0}},
    13};
static const struct message path_item = {
    (const struct field[]){{"get", 2, MESSAGE, &operation_message}, {"put", 3, MESSAGE, &operation_message},
	{"post", 4, MESSAGE, &operation_message}, {"delete", 5, MESSAGE, &operation_message},
	{"patch", 8, MESSAGE, &operation_message}, {"parameters", 9, PARAMETER}, {0}},
    10};
static const struct message schema_message = {
    (const struct field[]){{"$ref", 1, TEXT}, {"format", 2, TEXT}, {"title", 3, TEXT},
	{"description", 4, TEXT}, {"default", 5, VALUE}, {"pattern", 13, TEXT}, {"uniqueItems", 16, FLAG},
	{"required", 19, TEXTS}, {"enum", 20, VALUES},
	{"additionalProperties", 21, BOXED, &schema_message, 1}, {"type", 22, TYPE},
	{"items", 23, BOXED, &schema_message, 1}, {"properties", 25, NAMED, &schema_message, 1}, {0}},
    31};
static const struct message body_parameter = {
    (const struct field[]){{"description", 1, TEXT}, {"name", 2, TEXT}, {"in", 3, TEXT},
	{"required", 4, FLAG}, {"schema", 5, MESSAGE, &schema_message}, {0}},
    6};
static const struct message query_parameter = {
    (const struct field[]){{"required", 1, FLAG}, {"in", 2, TEXT}, {"description", 3, TEXT},
	{"name", 4, TEXT}, {"type", 6, TEXT}, {"format", 7, TEXT}, {"uniqueItems", 20, FLAG}, {0}},
    23};
static const struct message path_parameter = {
    (const struct field[]){{"required", 1, FLAG}, {"in", 2, TEXT}, {"description", 3, TEXT},
	{"name", 4, TEXT}, {"type", 5, TEXT}, {"format", 6, TEXT}, {"uniqueItems", 19, FLAG}, {0}},
    22};
static const struct message document_message = {
    (const struct field[]){{"swagger", 1, TEXT}, {"info", 2, MESSAGE, &info_message},
	{"paths", 8, NAMED, &path_item, 2}, {"definitions", 9, NAMED, &schema_message, 1}, {0}},
    16};

static void write_message(struct buf *out, const struct message *message, const struct json *v);

static void write_varint(struct buf *out, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		buf_putc(out, (char)(n | 0x80));
	buf_putc(out, (char)n);
}

static void write_bytes(struct buf *out, unsigned number, const void *data, size_t size)
{
	write_varint(out, (uint64_t)number << 3 | 2);
	write_varint(out, size);
	buf_append(out, data, size);
}

static void write_text(struct buf *out, unsigned number, const char *text)
{
	write_bytes(out, number, text, strlen(text));
}

/* Takes the content, which is empty after. */
static void write_nested(struct buf *out, unsigned number, struct buf *take_content)
{
	write_bytes(out, number, buf_str(take_content), take_content->size);
	buf_done(take_content);
}

static void write_any(struct buf *out, unsigned number, const struct json *v)
{
	struct buf any = BUF_INIT, yaml = BUF_INIT;
	json_write(&yaml, v, 0);
	buf_putc(&yaml, '\n');
	write_nested(&any, 2, &yaml);
	write_nested(out, number, &any);
}

static void write_extension(struct buf *out, unsigned number, const char *name, const struct json *v)
{
	struct buf named = BUF_INIT;
	write_text(&named, 1, name);
	write_any(&named, 2, v);
	write_nested(out, number, &named);
}

/* ParametersItem > Parameter > BodyParameter, or NonBodyParameter > Query- or PathParameterSubSchema. */
static void write_parameter(struct buf *out, unsigned number, const struct json *v)
{
	struct buf body = BUF_INIT, kind = BUF_INIT, parameter = BUF_INIT, item = BUF_INIT;
	const char *in = json_get_string(v, "in", "");
	if (!strcmp(in, "body")) {
		write_message(&body, &body_parameter, v);
		write_nested(&parameter, 1, &body);
	} else {
		bool is_path = !strcmp(in, "path");
		write_message(&body, is_path ? &path_parameter : &query_parameter, v);
		write_nested(&kind, is_path ? 4 : 3, &body);
		write_nested(&parameter, 2, &kind);
	}
	write_nested(&item, 1, &parameter);
	write_nested(out, number, &item);
}

static void write_named(struct buf *out, const struct field *f, const struct json *v)
{
	struct buf all = BUF_INIT;
	for (size_t i = 0; i < v->len; i++) {
		struct buf named = BUF_INIT, value = BUF_INIT;
		write_text(&named, 1, v->members[i].key);
		write_message(&value, f->message, v->members[i].value);
		write_nested(&named, 2, &value);
		write_nested(&all, f->inner, &named);
	}
	write_nested(out, f->number, &all);
}

static void write_type(struct buf *out, unsigned number, const struct json *v)
{
	struct buf type = BUF_INIT;
	if (v->type == JSON_STRING)
		write_text(&type, 1, v->text);
	write_nested(out, number, &type);
}

static void write_field(struct buf *out, const struct field *f, const struct json *v)
{
	struct buf content = BUF_INIT, box = BUF_INIT;
	switch (f->how) {
	case TEXT:
		if (v->type == JSON_STRING)
			write_text(out, f->number, v->text);
		return;
	case FLAG:
		if (v->boolean) {
			write_varint(out, (uint64_t)f->number << 3);
			write_varint(out, 1);
		}
		return;
	case TEXTS:
		for (size_t i = 0; v->type == JSON_ARRAY && i < v->len; i++)
			if (v->items[i]->type == JSON_STRING)
				write_text(out, f->number, v->items[i]->text);
		return;
	case VALUE:
		write_any(out, f->number, v);
		return;
	case VALUES:
		for (size_t i = 0; v->type == JSON_ARRAY && i < v->len; i++)
			write_any(out, f->number, v->items[i]);
		return;
	case NAMED:
		if (v->type == JSON_OBJECT)
			write_named(out, f, v);
		return;
	case TYPE:
		write_type(out, f->number, v);
		return;
	case PARAMETER:
		for (size_t i = 0; v->type == JSON_ARRAY && i < v->len; i++)
			write_parameter(out, f->number, v->items[i]);
		return;
	case BOXED:
		if (v->type == JSON_BOOL) { /* additionalProperties: true */
			write_varint(&box, 2 << 3);
			write_varint(&box, v->boolean);
		} else {
			write_message(&content, f->message, v);
			write_nested(&box, f->inner, &content);
		}
		write_nested(out, f->number, &box);
		return;
	default:
		write_message(&content, f->message, v);
		write_nested(out, f->number, &content);
		return;
	}
}

/* A field without name stands for the whole value: a message around the message. */
static void write_message(struct buf *out, const struct message *message, const struct json *v)
{
	for (const struct field *f = message->fields; f->json; f++) {
		const struct json *member = *f->json ? json_get(v, f->json) : v;
		if (member)
			write_field(out, f, member);
	}
	for (size_t i = 0; message->extension && v->type == JSON_OBJECT && i < v->len; i++)
		if (str_has_prefix(v->members[i].key, "x-"))
			write_extension(out, message->extension, v->members[i].key, v->members[i].value);
}

void openapi_write_gnostic(struct buf *out, const struct json *document)
{
	write_message(out, &document_message, document);
}
