/*
 * jsonpath: kubectl's JSONPath templates: text outside braces is copied,
 * {.a.b[0]['c'][*]..d[?(@.x=="y")][0:2]}, {range .items[*]}...{end}, {"text"}. Fields that are absent select
 * nothing.
 */
#ifndef CUBE_KUBECTL_PRINTERS_JSONPATH_H
#define CUBE_KUBECTL_PRINTERS_JSONPATH_H

#include <stddef.h>

struct arena;
struct buf;
struct error;
struct json;
struct jsonpath;

struct jsonpath_values {
	const struct json **items;
	size_t len, cap;
};

int jsonpath_parse(struct arena *arena, const char *text, struct jsonpath **ret, struct error *err);
/* The template's output. */
int jsonpath_print(struct arena *arena, const struct jsonpath *path, const struct json *data, struct buf *out,
    struct error *err);
/* Values of the first expression of a template, for --sort-by, custom columns and wait. */
int jsonpath_select(struct arena *arena, const struct jsonpath *path, const struct json *data,
    struct jsonpath_values *ret, struct error *err);
/* ".a.b", "a.b", "{.a.b}" and "{a.b}" all as "{.a.b}"; NULL with err when it is none of these. */
const char *jsonpath_relaxed(struct arena *arena, const char *text, struct error *err);

#endif
