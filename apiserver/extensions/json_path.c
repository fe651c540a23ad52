#include "apiserver/extensions/json_path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"

enum { NAME_MAX_SIZE = 512 };

/* A name up to the next . or [ with its escapes undone; returns behind it, NULL when it is too long. */
static const char *read_name(const char *p, char out[NAME_MAX_SIZE])
{
	size_t len = 0;
	while (*p && *p != '.' && *p != '[') {
		if (*p == '\\' && p[1])
			p++;
		if (len + 1 == NAME_MAX_SIZE)
			return NULL;
		out[len++] = *p++;
	}
	out[len] = '\0';
	return p;
}

/* 'text' or "text"; returns behind the closing quote. */
static const char *read_quoted(const char *p, char out[NAME_MAX_SIZE])
{
	char quote = *p++;
	size_t len = 0;
	while (*p && *p != quote) {
		if (*p == '\\' && p[1])
			p++;
		if (len + 1 == NAME_MAX_SIZE)
			return NULL;
		out[len++] = *p++;
	}
	out[len] = '\0';
	return *p ? p + 1 : NULL;
}

static const struct json *each(const struct json *v, const char *rest)
{
	const struct json *found = NULL;
	for (size_t i = 0; !found && (v->type == JSON_ARRAY || v->type == JSON_OBJECT) && i < v->len; i++)
		found = json_path_first(v->type == JSON_ARRAY ? v->items[i] : v->members[i].value, rest);
	return found;
}

/* What stands behind the operator of a filter, compared with what stands before it. */
static bool compare(const struct json *left, const char *op, size_t op_size, const char *right)
{
	char text[NAME_MAX_SIZE];
	double a = 0, b = 0;
	int order;
	while (*right == ' ')
		right++;
	if (*right == '\'' || *right == '"') {
		if (!read_quoted(right, text) || left->type != JSON_STRING)
			return op_size && *op == '!';
		order = strcmp(left->text, text);
	} else if (!strncmp(right, "true", 4) || !strncmp(right, "false", 5)) {
		if (left->type != JSON_BOOL)
			return *op == '!';
		order = (int)left->boolean - (*right == 't');
	} else {
		b = strtod(right, NULL);
		if (!json_number(left, &a))
			return *op == '!';
		order = a < b ? -1 : a > b;
	}
	switch (*op) {
	case '=':
		return order == 0;
	case '!':
		return order != 0;
	case '<':
		return order < 0 || (op_size == 2 && order == 0);
	default:
		return order > 0 || (op_size == 2 && order == 0);
	}
}

/* @.name OP literal, or @.name alone: is it there? */
static bool passes(const struct json *item, const char *filter)
{
	char path[NAME_MAX_SIZE];
	size_t size = strcspn(filter, "=!<> ");
	if (*filter != '@' || size >= sizeof path)
		return false;
	memcpy(path, filter + 1, size - 1);
	path[size - 1] = '\0';
	const struct json *left = *path ? json_path_first(item, path) : item;
	const char *op = filter + size + strspn(filter + size, " ");
	size_t op_size = strspn(op, "=!<>");
	if (!left)
		return false;
	return !op_size || compare(left, op, op_size, op + op_size);
}

static const struct json *filtered(const struct json *v, const char *filter, const char *rest)
{
	const struct json *found = NULL;
	for (size_t i = 0; !found && v->type == JSON_ARRAY && i < v->len; i++)
		if (passes(v->items[i], filter))
			found = json_path_first(v->items[i], rest);
	return found;
}

static const struct json *at_index(const struct json *v, const char *p, const char *rest)
{
	char *end;
	long i = strtol(p, &end, 10);
	if (v->type != JSON_ARRAY || end == p)
		return NULL;
	if (i < 0)
		i += (long)v->len;
	return i >= 0 && (size_t)i < v->len ? json_path_first(v->items[i], rest) : NULL;
}

static const struct json *bracket(const struct json *v, const char *p)
{
	char name[NAME_MAX_SIZE];
	if (*p == '\'' || *p == '"') {
		const char *end = read_quoted(p, name);
		const struct json *member = end && *end == ']' ? json_get(v, name) : NULL;
		return member ? json_path_first(member, end + 1) : NULL;
	}
	if (p[0] == '?' && p[1] == '(') {
		const char *end = strstr(p, ")]");
		return end ? filtered(v, p + 2, end + 2) : NULL;
	}
	const char *end = strchr(p, ']');
	if (!end)
		return NULL;
	return *p == '*' ? each(v, end + 1) : at_index(v, p, end + 1);
}

const struct json *json_path_first(const struct json *v, const char *path)
{
	char name[NAME_MAX_SIZE];
	if (!*path)
		return v;
	if (*path == '[')
		return bracket(v, path + 1);
	if (*path == '.')
		path++;
	if (*path == '[')
		return bracket(v, path + 1);
	const char *rest = read_name(path, name);
	if (!rest)
		return NULL;
	if (!strcmp(name, "*"))
		return each(v, rest);
	const struct json *member = *name ? json_get(v, name) : NULL;
	return member ? json_path_first(member, rest) : NULL;
}
