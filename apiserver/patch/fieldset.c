#include "apiserver/patch/fieldset.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/json.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/error.h"

enum { FIELDSET_DEPTH_MAX = 250 };

enum operation { UNION, INTERSECTION, DIFFERENCE, WITHOUT };

struct fieldset *fieldset_new(struct arena *arena, const char *element)
{
	struct fieldset *set = ARENA_NEW(arena, struct fieldset);
	set->element = element;
	return set;
}

void fieldset_attach(struct arena *arena, struct fieldset *parent, struct fieldset *child)
{
	if (!child->is_member && !child->len)
		return;
	if (parent->len == parent->capacity) {
		size_t capacity = parent->capacity ? parent->capacity * 2 : 4;
		parent->children = arena_grow(arena, parent->children, parent->len * sizeof *parent->children,
		    capacity * sizeof *parent->children);
		parent->capacity = capacity;
	}
	parent->children[parent->len++] = child;
}

static int by_element(const void *a, const void *b)
{
	return strcmp((*(struct fieldset *const *)a)->element, (*(struct fieldset *const *)b)->element);
}

void fieldset_seal(struct arena *arena, struct fieldset *parent)
{
	bool is_sorted = true;
	size_t kept = 0;
	for (size_t i = 1; i < parent->len && is_sorted; i++)
		is_sorted = strcmp(parent->children[i - 1]->element, parent->children[i]->element) < 0;
	if (is_sorted)
		return;
	qsort(parent->children, parent->len, sizeof *parent->children, by_element);
	for (size_t i = 0; i < parent->len; i++) {
		struct fieldset *child = parent->children[i];
		if (kept && !strcmp(parent->children[kept - 1]->element, child->element))
			parent->children[kept - 1] = fieldset_union(arena, parent->children[kept - 1], child);
		else
			parent->children[kept++] = child;
	}
	parent->len = kept;
}

bool fieldset_is_empty(const struct fieldset *set)
{
	return !set || (!set->is_member && !set->len);
}

const struct fieldset *fieldset_child(const struct fieldset *set, const char *element)
{
	size_t low = 0, high = set ? set->len : 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(set->children[middle]->element, element);
		if (!order)
			return set->children[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool fieldset_equal(const struct fieldset *a, const struct fieldset *b)
{
	if (fieldset_is_empty(a) || fieldset_is_empty(b))
		return fieldset_is_empty(a) && fieldset_is_empty(b);
	if (a->is_member != b->is_member || a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->children[i]->element, b->children[i]->element) != 0 ||
		    !fieldset_equal(a->children[i], b->children[i]))
			return false;
	return true;
}

static bool combine_members(enum operation op, bool a, bool b)
{
	switch (op) {
	case UNION:
		return a || b;
	case INTERSECTION:
		return a && b;
	default:
		return a && !b;
	}
}

/* Both may be NULL, which is the empty set. */
static struct fieldset *combine(
    struct arena *arena, enum operation op, const struct fieldset *a, const struct fieldset *b)
{
	static const struct fieldset empty;
	struct fieldset *out = fieldset_new(arena, a ? a->element : b ? b->element : "");
	if (op == WITHOUT && b && b->is_member)
		return out;
	a = a ? a : &empty;
	b = b ? b : &empty;
	out->is_member = combine_members(op, a->is_member, b->is_member);
	for (size_t i = 0, j = 0; i < a->len || j < b->len;) {
		int order = i == a->len   ? 1
			    : j == b->len ? -1
					  : strcmp(a->children[i]->element, b->children[j]->element);
		const struct fieldset *x = order <= 0 ? a->children[i++] : NULL;
		const struct fieldset *y = order >= 0 ? b->children[j++] : NULL;
		if (!x && op != UNION)
			continue;
		if (!y && op == INTERSECTION)
			continue;
		fieldset_attach(arena, out, combine(arena, op, x, y));
	}
	return out;
}

struct fieldset *fieldset_union(struct arena *arena, const struct fieldset *a, const struct fieldset *b)
{
	return combine(arena, UNION, a, b);
}

struct fieldset *fieldset_intersection(
    struct arena *arena, const struct fieldset *a, const struct fieldset *b)
{
	return combine(arena, INTERSECTION, a, b);
}

struct fieldset *fieldset_difference(struct arena *arena, const struct fieldset *a, const struct fieldset *b)
{
	return combine(arena, DIFFERENCE, a, b);
}

struct fieldset *fieldset_without(struct arena *arena, const struct fieldset *a, const struct fieldset *b)
{
	return combine(arena, WITHOUT, a, b);
}

static bool is_element(const char *text)
{
	return strchr("fkvi", text[0]) && text[0] && text[1] == ':';
}

static int read_node(struct arena *arena, struct fieldset *node, const struct json *v, struct error *err)
{
	if (v->type != JSON_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "a field set is made of objects");
	/* An object without members is a leaf; one with members is in the set itself only when it says so. */
	node->is_member = !v->len && *node->element;
	for (size_t i = 0; i < v->len; i++) {
		const char *key = v->members[i].key;
		if (!strcmp(key, ".")) {
			node->is_member = true;
			continue;
		}
		if (!is_element(key))
			return error_set(err, ERR_BAD_REQUEST, "not an element of a field set: \"%s\"", key);
		struct fieldset *child = fieldset_new(arena, key);
		if (read_node(arena, child, v->members[i].value, err))
			return -1;
		fieldset_attach(arena, node, child);
	}
	fieldset_seal(arena, node);
	return 0;
}

int fieldset_parse(
    struct arena *arena, const void *text, size_t size, struct fieldset **ret, struct error *err)
{
	struct json *tree = NULL;
	struct json_limits limits = {.depth_max = FIELDSET_DEPTH_MAX};
	struct fieldset *root = fieldset_new(arena, "");
	if (json_parse(arena, text, size, &limits, &tree, err) || read_node(arena, root, tree, err))
		return -1;
	root->is_member = false; /* "." says nothing there: no path leads to it */
	*ret = root;
	return 0;
}

void fieldset_write(struct buf *out, const struct fieldset *set)
{
	bool is_first = true;
	buf_putc(out, '{');
	if (set->is_member && set->len) {
		buf_puts(out, "\".\":{}");
		is_first = false;
	}
	for (size_t i = 0; i < set->len; i++) {
		const char *element = set->children[i]->element;
		if (!is_first)
			buf_putc(out, ',');
		is_first = false;
		json_write_string(out, element, strlen(element));
		buf_putc(out, ':');
		fieldset_write(out, set->children[i]);
	}
	buf_putc(out, '}');
}

static void write_keys(struct buf *out, const char *text)
{
	struct arena *arena = arena_new();
	struct json *keys = NULL;
	if (json_parse(arena, text, strlen(text), NULL, &keys, NULL) || keys->type != JSON_OBJECT) {
		buf_puts(out, text);
	} else {
		for (size_t i = 0; i < keys->len; i++) {
			buf_printf(out, "%s%s=", i ? "," : "", keys->members[i].key);
			json_write(out, keys->members[i].value, 0);
		}
	}
	arena_free(arena);
}

static void write_element(struct buf *out, const char *element)
{
	switch (element[0]) {
	case 'f':
		buf_printf(out, ".%s", element + 2);
		break;
	case 'k':
		buf_putc(out, '[');
		write_keys(out, element + 2);
		buf_putc(out, ']');
		break;
	case 'v':
		buf_printf(out, "[=%s]", element + 2);
		break;
	default:
		buf_printf(out, "[%s]", element + 2);
		break;
	}
}

static void cut(struct buf *path, size_t size)
{
	path->size = size;
	if (path->data)
		path->data[size] = '\0';
}

/* Members come before what lies below any of them, as upstream lists them. */
static void visit(
    const struct fieldset *set, struct buf *path, void (*fn)(void *arg, const char *path), void *arg)
{
	size_t size = path->size;
	for (size_t i = 0; i < set->len; i++) {
		if (!set->children[i]->is_member)
			continue;
		write_element(path, set->children[i]->element);
		fn(arg, buf_str(path));
		cut(path, size);
	}
	for (size_t i = 0; i < set->len; i++) {
		if (!set->children[i]->len)
			continue;
		write_element(path, set->children[i]->element);
		visit(set->children[i], path, fn, arg);
		cut(path, size);
	}
}

void fieldset_for_each(const struct fieldset *set, void (*fn)(void *arg, const char *path), void *arg)
{
	struct buf path = BUF_INIT;
	visit(set, &path, fn, arg);
	buf_done(&path);
}
