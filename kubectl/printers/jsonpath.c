#include "kubectl/printers/jsonpath.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "kubectl/printers/jsonpath_private.h"
#include "kubectl/tree.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

static void push(struct arena *arena, struct jsonpath_values *list, const struct json *v)
{
	if (list->len == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		list->items = arena_grow(
		    arena, list->items, list->cap * sizeof(*list->items), cap * sizeof(*list->items));
		list->cap = cap;
	}
	list->items[list->len++] = v;
}

struct evaluation {
	struct arena *arena;
	const struct json *root;
	struct error *err;
};

static int run_steps(struct evaluation *e, const struct step *steps, size_t len, const struct json *at,
    struct jsonpath_values *out);

static void select_recursive(struct evaluation *e, const struct json *v, struct jsonpath_values *out)
{
	push(e->arena, out, v);
	for (size_t i = 0; i < tree_size(v); i++)
		select_recursive(e, v->members[i].value, out);
	tree_for_each(v, item) select_recursive(e, item, out);
}

static int select_slice(
    struct evaluation *e, const struct step *step, const struct json *v, struct jsonpath_values *out)
{
	int64_t len = (int64_t)tree_len(v);
	if (v->type != JSON_ARRAY)
		return v->type == JSON_NULL
			   ? 0
			   : error_set(e->err, ERR_PARSE, "%s is not array or slice", "value");
	int64_t from = step->has_from ? step->from : 0, to = step->has_to ? step->to : len;
	int64_t stride = step->has_stride ? step->stride : 1;
	if (!step->is_slice) {
		from = from < 0 ? from + len : from;
		if (from < 0 || from >= len)
			return error_set(e->err, ERR_PARSE,
			    "array index out of bounds: index %lld, length %lld", (long long)step->from,
			    (long long)len);
		push(e->arena, out, v->items[from]);
		return 0;
	}
	from = from < 0 ? from + len : from;
	to = to < 0 ? to + len : to;
	for (int64_t i = from < 0 ? 0 : from; i < to && i < len && stride > 0; i += stride)
		push(e->arena, out, v->items[i]);
	return 0;
}

static bool compare(const struct json *a, const struct json *b, enum filter_op op)
{
	double x, y;
	if (op == FILTER_EQ || op == FILTER_NE)
		return (json_equal(a, b)) == (op == FILTER_EQ);
	int order;
	if (json_number(a, &x) && json_number(b, &y))
		order = x < y ? -1 : x > y;
	else if (a->type == JSON_STRING && b->type == JSON_STRING)
		order = strcmp(a->text, b->text);
	else
		return false;
	return op == FILTER_LT   ? order < 0
	       : op == FILTER_LE ? order <= 0
	       : op == FILTER_GT ? order > 0
				 : order >= 0;
}

static int filter_matches(struct evaluation *e, const struct step *step, const struct json *item, bool *ret)
{
	struct jsonpath_values left = {0}, right = {0};
	if (run_steps(e, step->left, step->left_len, item, &left))
		return -1;
	if (step->op == FILTER_EXISTS) {
		*ret = left.len > 0;
		return 0;
	}
	if (run_steps(e, step->right, step->right_len, item, &right))
		return -1;
	*ret = left.len == 1 && right.len == 1 && compare(left.items[0], right.items[0], step->op);
	return 0;
}

static int select_filter(
    struct evaluation *e, const struct step *step, const struct json *v, struct jsonpath_values *out)
{
	tree_for_each(v, item)
	{
		bool match;
		if (filter_matches(e, step, item, &match))
			return -1;
		if (match)
			push(e->arena, out, item);
	}
	for (size_t i = 0; i < tree_size(v); i++) {
		bool match;
		if (filter_matches(e, step, v->members[i].value, &match))
			return -1;
		if (match)
			push(e->arena, out, v->members[i].value);
	}
	return 0;
}

static int run_step(
    struct evaluation *e, const struct step *step, const struct json *v, struct jsonpath_values *out)
{
	switch (step->type) {
	case STEP_ROOT:
		push(e->arena, out, e->root);
		return 0;
	case STEP_CURRENT:
		push(e->arena, out, v);
		return 0;
	case STEP_LITERAL:
		push(e->arena, out, step->literal);
		return 0;
	case STEP_FIELD:
		if (v->type == JSON_OBJECT && json_get(v, step->name))
			push(e->arena, out, json_get(v, step->name));
		return 0;
	case STEP_WILDCARD:
		for (size_t i = 0; i < tree_size(v); i++)
			push(e->arena, out, v->members[i].value);
		tree_for_each(v, item) push(e->arena, out, item);
		return 0;
	case STEP_RECURSIVE:
		select_recursive(e, v, out);
		return 0;
	case STEP_SLICE:
		return select_slice(e, step, v, out);
	case STEP_FILTER:
		return select_filter(e, step, v, out);
	case STEP_UNION:
		for (size_t i = 0; i < step->left_len; i++)
			if (run_step(e, &step->left[i], v, out))
				return -1;
		return 0;
	}
	return 0;
}

static int run_steps(struct evaluation *e, const struct step *steps, size_t len, const struct json *at,
    struct jsonpath_values *out)
{
	struct jsonpath_values now = {0};
	push(e->arena, &now, at);
	for (size_t i = 0; i < len; i++) {
		struct jsonpath_values next = {0};
		for (size_t j = 0; j < now.len; j++)
			if (run_step(e, &steps[i], now.items[j], &next))
				return -1;
		now = next;
	}
	*out = now;
	return 0;
}

static int print_parts(struct evaluation *e, const struct part *parts, size_t from, size_t to,
    const struct json *at, struct buf *out)
{
	for (size_t i = from; i < to; i++) {
		const struct part *part = &parts[i];
		struct jsonpath_values values = {0};
		if (part->type == PART_TEXT) {
			buf_puts(out, part->text);
			continue;
		}
		if (part->type == PART_END)
			continue;
		if (run_steps(e, part->steps, part->len, at, &values))
			return -1;
		if (part->type == PART_RANGE) {
			for (size_t j = 0; j < values.len; j++)
				if (print_parts(e, parts, i + 1, part->end, values.items[j], out))
					return -1;
			i = part->end;
			continue;
		}
		for (size_t j = 0; j < values.len; j++)
			buf_printf(out, "%s%s", j ? " " : "", tree_show(e->arena, values.items[j]));
	}
	return 0;
}

int jsonpath_print(struct arena *arena, const struct jsonpath *path, const struct json *data, struct buf *out,
    struct error *err)
{
	struct evaluation e = {arena, data, err};
	return print_parts(&e, path->parts, 0, path->len, data, out);
}

int jsonpath_select(struct arena *arena, const struct jsonpath *path, const struct json *data,
    struct jsonpath_values *ret, struct error *err)
{
	struct evaluation e = {arena, data, err};
	*ret = (struct jsonpath_values){0};
	for (size_t i = 0; i < path->len; i++)
		if (path->parts[i].type == PART_EXPRESSION)
			return run_steps(&e, path->parts[i].steps, path->parts[i].len, data, ret);
	return 0;
}

const char *jsonpath_relaxed(struct arena *arena, const char *text, struct error *err)
{
	size_t len = strlen(text);
	if (len >= 2 && text[0] == '{' && text[len - 1] == '}') {
		text = arena_strndup(arena, text + 1, len - 2);
		len -= 2;
	}
	if (strpbrk(text, "{}") || !len) {
		error_set(err, ERR_PARSE,
		    "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' "
		    "or "
		    "'{.name1.name2}'");
		return NULL;
	}
	return arena_printf(arena, "{%s%s}", text[0] == '.' || text[0] == '[' ? "" : ".", text);
}
