#include "lib/api/field_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/api/number.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

static const struct {
	const char *reason, *words;
} types[] = {
    [FIELD_INVALID] = {"FieldValueInvalid", "Invalid value"},
    [FIELD_REQUIRED] = {"FieldValueRequired", "Required value"},
    [FIELD_FORBIDDEN] = {"FieldValueForbidden", "Forbidden"},
    [FIELD_NOT_SUPPORTED] = {"FieldValueNotSupported", "Unsupported value"},
    [FIELD_DUPLICATE] = {"FieldValueDuplicate", "Duplicate value"},
    [FIELD_NOT_FOUND] = {"FieldValueNotFound", "Not found"},
    [FIELD_TOO_LONG] = {"FieldValueTooLong", "Too long"},
    [FIELD_TOO_MANY] = {"FieldValueTooMany", "Too many"},
    [FIELD_INTERNAL] = {"InternalError", "Internal error"},
    [FIELD_TYPE_INVALID] = {"FieldValueTypeInvalid", "Invalid value"},
    [FIELD_NAMESPACE_TERMINATING] = {"NamespaceTerminating", ""},
    [FIELD_RESOURCE_VERSION_TOO_LARGE] = {"ResourceVersionTooLarge", "Too large resource version"},
    [FIELD_DISRUPTION_BUDGET] = {"DisruptionBudget", ""},
    [FIELD_MANAGER_CONFLICT] = {"FieldManagerConflict", ""},
};

static void add(struct field_errors *list, enum field_error_type type, const char *path, const char *value,
    const char *detail);
static void write_value(struct buf *out, const char *value);
static void write_quoted(struct buf *out, const char *text);
static void write_path(struct buf *out, const struct field_path *path);

void field_errors_init(struct field_errors *list, struct arena *arena)
{
	*list = (struct field_errors){.arena = arena};
}

void field_errors_add(struct field_errors *list, enum field_error_type type, const char *path,
    const char *value, const char *detail_fmt, ...)
{
	va_list ap;

	if (list->len == FIELD_ERRORS_MAX)
		return;
	va_start(ap, detail_fmt);
	add(list, type, arena_strdup(list->arena, path), value, arena_vprintf(list->arena, detail_fmt, ap));
	va_end(ap);
}

void field_errors_not_supported(
    struct field_errors *list, const char *path, const char *value, const char *const *supported)
{
	struct buf detail = BUF_INIT;

	buf_puts(&detail, "supported values: ");
	for (size_t i = 0; supported[i]; i++)
		buf_printf(&detail, "%s\"%s\"", i > 0 ? ", " : "", supported[i]);
	field_errors_add(list, FIELD_NOT_SUPPORTED, path, value, "%s", buf_str(&detail));
	buf_done(&detail);
}

const char *field_error_reason(enum field_error_type type)
{
	return types[type].reason;
}

const char *field_error_message(struct arena *arena, const struct field_error *e)
{
	struct buf out = BUF_INIT;
	bool has_value = e->type != FIELD_REQUIRED && e->type != FIELD_FORBIDDEN &&
			 e->type != FIELD_TOO_LONG && e->type != FIELD_INTERNAL && e->type != FIELD_TOO_MANY;
	const char *text;

	if (e->field[0])
		buf_printf(&out, "%s: ", e->field);
	buf_puts(&out, types[e->type].words);
	if (!types[e->type].words[0]) {
		buf_puts(&out, e->detail); /* these speak for themselves */
	} else {
		if (has_value)
			write_value(&out, e->value);
		if (e->detail[0])
			buf_printf(&out, ": %s", e->detail);
	}
	text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

int field_errors_to_error(
    const struct field_errors *list, const char *group, const char *kind, const char *name, struct error *err)
{
	struct buf out = BUF_INIT;

	if (!err)
		return -1;
	if (list->len > 1)
		buf_putc(&out, '[');
	for (size_t i = 0; i < list->len; i++)
		buf_printf(
		    &out, "%s%s", i > 0 ? ", " : "", field_error_message(list->arena, &list->items[i]));
	if (list->len > 1)
		buf_putc(&out, ']');
	error_set(err, ERR_INVALID, "%s%s%s \"%s\" is invalid: %s", kind, group[0] ? "." : "", group, name,
	    buf_str(&out));
	error_about(err, group, kind, name);
	/* The list itself may stand on the stack of who collected it; its items are in the arena. */
	err->causes = arena_memdup(list->arena, list, sizeof *list);
	buf_done(&out);
	return -1;
}

const char *field_path_text(struct arena *arena, const struct field_path *path)
{
	struct buf out = BUF_INIT;
	const char *text;

	write_path(&out, path);
	text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

void field_errors_at(struct field_errors *list, enum field_error_type type, const struct field_path *path,
    const char *value, const char *detail_fmt, ...)
{
	va_list ap;

	if (list->len == FIELD_ERRORS_MAX)
		return;
	va_start(ap, detail_fmt);
	add(list, type, field_path_text(list->arena, path), value,
	    arena_vprintf(list->arena, detail_fmt, ap));
	va_end(ap);
}

static void add(struct field_errors *list, enum field_error_type type, const char *path, const char *value,
    const char *detail)
{
	if (list->len == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;

		list->items = arena_grow(list->arena, list->items, list->len * sizeof(*list->items),
		    capacity * sizeof(*list->items));
		list->capacity = capacity;
	}
	list->items[list->len++] = (struct field_error){.type = type,
	    .field = path,
	    .value = value ? arena_strdup(list->arena, value) : "",
	    .detail = detail};
}

/* As Go prints it: strings quoted, numbers, bools and what is JSON already as they are. */
static void write_value(struct buf *out, const char *value)
{
	size_t len = strlen(value);
	double number;

	buf_puts(out, ": ");
	if (number_parse_double(value, &number) || strcmp(value, "true") == 0 ||
	    strcmp(value, "false") == 0 || strcmp(value, "null") == 0 || value[0] == '{' || value[0] == '[')
		buf_append(out, value, len);
	else
		write_quoted(out, value);
}

static void write_quoted(struct buf *out, const char *text)
{
	static const char escaped[] = "\"\\\n\r\t", letters[] = "\"\\nrt";

	buf_putc(out, '"');
	for (; *text; text++) {
		const char *at = strchr(escaped, *text);

		if (at)
			buf_printf(out, "\\%c", letters[at - escaped]);
		else
			buf_putc(out, *text);
	}
	buf_putc(out, '"');
}

/* Paths are as deep as the objects they walk, which decoding bounds. */
static void write_path(struct buf *out, const struct field_path *path)
{
	if (!path)
		return;
	write_path(out, path->parent);
	if (path->name)
		buf_printf(out, "%s%s", out->size > 0 ? "." : "", path->name);
	else if (path->key)
		buf_printf(out, "[%s]", path->key);
	else
		buf_printf(out, "[%d]", path->index);
}
