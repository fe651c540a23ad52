#include "kubectl/printers/custom_columns.h"

#include <stdio.h>
#include <string.h>

#include "kubectl/printers/jsonpath.h"
#include "kubectl/printers/tabwriter.h"
#include "kubectl/tree.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct custom_columns {
	size_t len;
	const char *headers[TABWRITER_COLUMNS_MAX];
	struct jsonpath *paths[TABWRITER_COLUMNS_MAX];
};

static int add_column(
    struct arena *arena, struct custom_columns *c, const char *header, const char *path, struct error *err)
{
	if (c->len == TABWRITER_COLUMNS_MAX)
		return error_set(err, ERR_PARSE, "more than %d custom columns", TABWRITER_COLUMNS_MAX);
	const char *relaxed = jsonpath_relaxed(arena, path, err);
	if (!relaxed || jsonpath_parse(arena, relaxed, &c->paths[c->len], err))
		return -1;
	c->headers[c->len++] = header;
	return 0;
}

static int parse_file(struct arena *arena, const char *text, struct custom_columns *c, struct error *err)
{
	size_t lines_len;
	char **lines = str_split(arena, text, '\n', &lines_len);
	if (lines_len < 2)
		return error_set(err, ERR_PARSE, "expected a line of headers and a line of paths");
	char *headers_at, *paths_at;
	char *header = strtok_r(lines[0], " \t\r", &headers_at),
	     *path = strtok_r(lines[1], " \t\r", &paths_at);
	for (; header && path;
	     header = strtok_r(NULL, " \t\r", &headers_at), path = strtok_r(NULL, " \t\r", &paths_at))
		if (add_column(arena, c, header, path, err))
			return -1;
	if (header || path)
		return error_set(err, ERR_PARSE, "number of headers and paths differ");
	return 0;
}

int custom_columns_parse(
    struct arena *arena, const char *text, bool is_file, struct custom_columns **ret, struct error *err)
{
	struct custom_columns *c = *ret = ARENA_NEW(arena, struct custom_columns);
	if (!*text)
		return error_set(
		    err, ERR_PARSE, "custom-columns format specified but no custom columns given");
	if (is_file)
		return parse_file(arena, text, c, err);
	for (const char *p = text; *p;) {
		/* Commas within brackets belong to the path. */
		size_t len = 0;
		for (int depth = 0; p[len] && (p[len] != ',' || depth > 0); len++)
			depth += p[len] == '[' ? 1 : p[len] == ']' ? -1 : 0;
		const char *spec = arena_strndup(arena, p, len), *colon = strchr(spec, ':');
		if (!colon)
			return error_set(err, ERR_PARSE,
			    "unexpected custom-columns spec: %s, expected <header>:<json-path-expr>", spec);
		if (add_column(arena, c, arena_strndup(arena, spec, (size_t)(colon - spec)), colon + 1, err))
			return -1;
		p += len + (p[len] == ',');
	}
	return 0;
}

static int print_row(struct arena *arena, const struct custom_columns *c, const struct json *object,
    struct buf *text, struct error *err)
{
	for (size_t i = 0; i < c->len; i++) {
		struct jsonpath_values values;
		if (jsonpath_select(arena, c->paths[i], object, &values, err)) {
			error_clear(err); /* an index out of bounds is an absent value */
			values.len = 0;
		}
		buf_puts(text, i ? "\t" : "");
		if (!values.len)
			buf_puts(text, "<none>");
		for (size_t j = 0; j < values.len; j++) {
			bool is_null = values.items[j]->type == JSON_NULL;
			buf_printf(text, "%s%s", j ? "," : "",
			    is_null ? "<none>" : tree_show(arena, values.items[j]));
		}
	}
	buf_putc(text, '\n');
	return 0;
}

int custom_columns_print(struct arena *arena, const struct custom_columns *c, const struct json *object,
    bool no_headers, struct error *err)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	const struct json *items = json_get(object, "items");
	bool is_list = items && str_has_suffix(json_get_string(object, "kind", ""), "List");
	for (size_t i = 0; i < c->len && !no_headers; i++)
		buf_printf(&text, "%s%s%s", i ? "\t" : "", c->headers[i], i + 1 == c->len ? "\n" : "");
	int result = is_list ? 0 : print_row(arena, c, object, &text, err);
	tree_for_each(is_list ? items : NULL, item) result =
	    result ? result : print_row(arena, c, item, &text, err);
	if (!result) {
		tabwriter_format(&out, buf_str(&text), 6, 3, NULL);
		fputs(buf_str(&out), stdout);
	}
	buf_done(&text);
	buf_done(&out);
	return result;
}
