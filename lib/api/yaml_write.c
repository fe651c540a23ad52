/*
 * Trees to YAML as `kubectl -o yaml` prints them. go-yaml's emitter is a port of libyaml's, so libyaml
 * decides about line breaks and quotes; here are go-yaml's order of keys and its choice of style.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/api/json.h"
#include "lib/api/yaml.h"
#include "lib/api/yaml_resolve.h"
#include "lib/base/buf.h"

static int append(void *out, unsigned char *data, size_t size);
static void emit(yaml_emitter_t *yaml, yaml_event_t *event);
static void emit_value(yaml_emitter_t *yaml, const struct json *v);
static void emit_object(yaml_emitter_t *yaml, const struct json *v);
static void emit_plain(yaml_emitter_t *yaml, const char *text, size_t len);
static void emit_string(yaml_emitter_t *yaml, const char *text, size_t len);
static void emit_scalar(yaml_emitter_t *yaml, const char *text, size_t len, yaml_scalar_style_t style);
static int compare_keys(const void *a, const void *b);
static bool natural_less(const unsigned char *a, const unsigned char *b);
static bool is_letter(unsigned char c);
static bool is_digit(unsigned char c);

void yaml_write(struct buf *out, const struct json *v)
{
	static const char open_end[] = "\n...\n";
	yaml_emitter_t yaml;
	yaml_event_t event;

	if (!yaml_emitter_initialize(&yaml))
		abort();
	yaml_emitter_set_output(&yaml, append, out);
	yaml_emitter_set_unicode(&yaml, 1);
	yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	emit(&yaml, &event);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
	emit(&yaml, &event);
	emit_value(&yaml, v);
	yaml_document_end_event_initialize(&event, 1);
	emit(&yaml, &event);
	yaml_stream_end_event_initialize(&event);
	emit(&yaml, &event);
	yaml_emitter_delete(&yaml);
	/* libyaml closes a document whose last block keeps its line breaks; go-yaml does not. */
	if (out->size >= sizeof(open_end) - 1 &&
	    memcmp(out->data + out->size + 1 - sizeof(open_end), open_end, sizeof(open_end) - 1) == 0) {
		out->size -= sizeof(open_end) - 2;
		out->data[out->size] = '\0';
	}
}

static int append(void *out, unsigned char *data, size_t size)
{
	buf_append(out, data, size);
	return 1;
}

static void emit(yaml_emitter_t *yaml, yaml_event_t *event)
{
	if (!yaml_emitter_emit(yaml, event))
		abort(); /* out of memory, or events in an order that cannot be */
}

static void emit_value(yaml_emitter_t *yaml, const struct json *v)
{
	yaml_event_t event;

	switch (v->type) {
	case JSON_NULL:
		emit_plain(yaml, "null", 4);
		break;
	case JSON_BOOL:
		emit_plain(yaml, v->boolean ? "true" : "false", v->boolean ? 4 : 5);
		break;
	case JSON_NUMBER:
		emit_plain(yaml, v->text, v->len);
		break;
	case JSON_STRING:
		emit_string(yaml, v->text, v->len);
		break;
	case JSON_ARRAY:
		yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE);
		emit(yaml, &event);
		for (size_t i = 0; i < v->len; i++)
			emit_value(yaml, v->items[i]);
		yaml_sequence_end_event_initialize(&event);
		emit(yaml, &event);
		break;
	case JSON_OBJECT:
		emit_object(yaml, v);
		break;
	}
}

static void emit_object(yaml_emitter_t *yaml, const struct json *v)
{
	const struct json_member **sorted = malloc((v->len + 1) * sizeof(*sorted));
	yaml_event_t event;

	if (!sorted)
		abort();
	for (size_t i = 0; i < v->len; i++)
		sorted[i] = &v->members[i];
	qsort(sorted, v->len, sizeof(*sorted), compare_keys);
	yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE);
	emit(yaml, &event);
	for (size_t i = 0; i < v->len; i++) {
		emit_string(yaml, sorted[i]->key, strlen(sorted[i]->key));
		emit_value(yaml, sorted[i]->value);
	}
	yaml_mapping_end_event_initialize(&event);
	emit(yaml, &event);
	free(sorted);
}

static void emit_plain(yaml_emitter_t *yaml, const char *text, size_t len)
{
	emit_scalar(yaml, text, len, YAML_PLAIN_SCALAR_STYLE);
}

static void emit_string(yaml_emitter_t *yaml, const char *text, size_t len)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;

	if (memchr(text, '\n', len))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (yaml_needs_quotes(text, len))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	emit_scalar(yaml, text, len, style);
}

static void emit_scalar(yaml_emitter_t *yaml, const char *text, size_t len, yaml_scalar_style_t style)
{
	yaml_event_t event;

	/* Fails only for text that is not UTF-8: such bytes show as question marks. */
	if (!yaml_scalar_event_initialize(
		&event, NULL, NULL, (const unsigned char *)text, (int)len, 1, 1, style) &&
	    !yaml_scalar_event_initialize(&event, NULL, NULL, (const unsigned char *)"?", 1, 1, 1, style))
		abort();
	emit(yaml, &event);
}

static int compare_keys(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)(*(const struct json_member *const *)a)->key;
	const unsigned char *y = (const unsigned char *)(*(const struct json_member *const *)b)->key;

	return natural_less(x, y) ? -1 : natural_less(y, x);
}

/* go-yaml's order: letters by code, everything else before letters, numbers within keys by value. */
static bool natural_less(const unsigned char *a, const unsigned char *b)
{
	bool digits = false;
	size_t i;

	for (i = 0; a[i] && b[i]; i++) {
		size_t a_end = i, b_end = i;
		uint64_t x = 0, y = 0;

		if (a[i] == b[i]) {
			digits = is_digit(a[i]);
			continue;
		}
		if (is_letter(a[i]) && is_letter(b[i]))
			return a[i] < b[i];
		if (is_letter(a[i]) || is_letter(b[i]))
			return digits ? is_letter(a[i]) : is_letter(b[i]);
		if (a[i] == '0' || b[i] == '0') {
			for (size_t j = i; j-- > 0 && is_digit(a[j]);) {
				if (a[j] != '0') {
					x = y = 1;
					break;
				}
			}
		}
		for (; is_digit(a[a_end]); a_end++)
			x = x * 10 + (a[a_end] - '0');
		for (; is_digit(b[b_end]); b_end++)
			y = y * 10 + (b[b_end] - '0');
		return x != y ? x < y : a_end != b_end ? a_end < b_end : a[i] < b[i];
	}
	return !a[i] && b[i];
}

static bool is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}
