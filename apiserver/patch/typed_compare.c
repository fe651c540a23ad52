/* How two trees differ, and one merged into the other: walks over both at once. */
#include <stdlib.h>
#include <string.h>

#include "apiserver/patch/typed.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"

struct item {
	const char *element;
	const struct json *value;
	size_t order;
};
struct items {
	struct item *sorted; /* by element, first of equal ones only */
	size_t len;
};

/* Which walk fits: null and absent take the form of the other side. */
enum form { FORM_LEAF, FORM_MAP, FORM_LIST };

static bool is_nothing(const struct json *v)
{
	return !v || v->type == JSON_NULL || ((v->type == JSON_OBJECT || v->type == JSON_ARRAY) && !v->len);
}

static bool fits(const struct json *v, enum json_type type)
{
	return !v || v->type == JSON_NULL || v->type == type;
}

/* Two empty containers are a leaf, so that empty and null stay apart. */
static enum form form_of(struct typed type, const struct json *a, const struct json *b)
{
	if (type.kind == TYPED_LEAF || (is_nothing(a) && is_nothing(b)))
		return FORM_LEAF;
	if (type.kind == TYPED_SET || type.kind == TYPED_LIST)
		return fits(a, JSON_ARRAY) && fits(b, JSON_ARRAY) ? FORM_LIST : FORM_LEAF;
	return fits(a, JSON_OBJECT) && fits(b, JSON_OBJECT) ? FORM_MAP : FORM_LEAF;
}

static size_t length(const struct json *v)
{
	return v && (v->type == JSON_OBJECT || v->type == JSON_ARRAY) ? v->len : 0;
}

static int by_element(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = strcmp(x->element, y->element);
	return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return (x->order > y->order) - (x->order < y->order);
}

static struct items index_items(struct arena *arena, struct typed type, const struct json *list)
{
	struct items out = {ARENA_ARRAY(arena, struct item, length(list) + 1), 0};
	size_t kept = 0;
	for (size_t i = 0; i < length(list); i++) {
		const char *element = typed_item_element(arena, type, list->items[i]);
		if (element)
			out.sorted[out.len++] = (struct item){element, list->items[i], i};
	}
	qsort(out.sorted, out.len, sizeof *out.sorted, by_element);
	for (size_t i = 0; i < out.len; i++)
		if (!kept || strcmp(out.sorted[kept - 1].element, out.sorted[i].element) != 0)
			out.sorted[kept++] = out.sorted[i];
	out.len = kept;
	return out;
}

static const struct json *find_item(const struct items *items, const char *element)
{
	struct item key = {.element = element};
	size_t low = 0, high = items->len;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(items->sorted[middle].element, key.element);
		if (!order)
			return items->sorted[middle].value;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct comparison {
	struct arena *arena;
	struct typed type;
	const struct json *a, *b;
	struct typed_difference at; /* the nodes of this path */
};

static void compare(struct comparison *c);

static void compare_child(
    struct comparison *c, struct typed type, const char *element, const struct json *a, const struct json *b)
{
	struct comparison child = {c->arena, type, a, b,
	    {fieldset_new(c->arena, element), fieldset_new(c->arena, element),
		fieldset_new(c->arena, element)}};
	compare(&child);
	fieldset_attach(c->arena, c->at.added, child.at.added);
	fieldset_attach(c->arena, c->at.removed, child.at.removed);
	fieldset_attach(c->arena, c->at.modified, child.at.modified);
}

static void compare_maps(struct comparison *c)
{
	for (size_t i = 0, j = 0; i < length(c->a) || j < length(c->b);) {
		int order = i == length(c->a)   ? 1
			    : j == length(c->b) ? -1
						: strcmp(c->a->members[i].key, c->b->members[j].key);
		const struct json_member *x = order <= 0 ? &c->a->members[i++] : NULL;
		const struct json_member *y = order >= 0 ? &c->b->members[j++] : NULL;
		const char *key = x ? x->key : y->key;
		compare_child(c, typed_member(c->type, key), typed_key_element(c->arena, key),
		    x ? x->value : NULL, y ? y->value : NULL);
	}
}

static void compare_lists(struct comparison *c)
{
	struct items a = index_items(c->arena, c->type, c->a), b = index_items(c->arena, c->type, c->b);
	for (size_t i = 0, j = 0; i < a.len || j < b.len;) {
		int order = i == a.len   ? 1
			    : j == b.len ? -1
					 : strcmp(a.sorted[i].element, b.sorted[j].element);
		const struct item *x = order <= 0 ? &a.sorted[i++] : NULL;
		const struct item *y = order >= 0 ? &b.sorted[j++] : NULL;
		compare_child(c, typed_item(c->type), x ? x->element : y->element, x ? x->value : NULL,
		    y ? y->value : NULL);
	}
}

static void compare(struct comparison *c)
{
	enum form form = form_of(c->type, c->a, c->b);
	if (form == FORM_MAP)
		compare_maps(c);
	else if (form == FORM_LIST)
		compare_lists(c);
	else if (c->a && c->b)
		c->at.modified->is_member = !json_equal(c->a, c->b);
	if (!c->a)
		c->at.added->is_member = true;
	else if (!c->b)
		c->at.removed->is_member = true;
	fieldset_seal(c->arena, c->at.added);
	fieldset_seal(c->arena, c->at.removed);
	fieldset_seal(c->arena, c->at.modified);
}

struct typed_difference typed_compare(
    struct arena *arena, struct typed type, const struct json *a, const struct json *b)
{
	struct comparison c = {
	    arena, type, a, b, {fieldset_new(arena, ""), fieldset_new(arena, ""), fieldset_new(arena, "")}};
	compare(&c);
	c.at.added->is_member = c.at.removed->is_member = c.at.modified->is_member = false;
	return c.at;
}

static struct json *merge_maps(
    struct arena *arena, struct typed type, const struct json *a, const struct json *b)
{
	struct json *out = typed_new_map(arena, length(a) + length(b));
	for (size_t i = 0, j = 0; i < length(a) || j < length(b);) {
		int order = i == length(a)   ? 1
			    : j == length(b) ? -1
					     : strcmp(a->members[i].key, b->members[j].key);
		const struct json_member *x = order <= 0 ? &a->members[i++] : NULL;
		const struct json_member *y = order >= 0 ? &b->members[j++] : NULL;
		const char *key = x ? x->key : y->key;
		struct json *merged =
		    typed_merge(arena, typed_member(type, key), x ? x->value : NULL, y ? y->value : NULL);
		out->members[out->len++] = (struct json_member){key, merged};
	}
	return out;
}

/*
 * The order of a merged list: items of b in b's order, items that only a has where they stood relative to
 * those that both have. `shared` counts through what both have, in b's order.
 */
static struct json *merge_lists(
    struct arena *arena, struct typed type, const struct json *a, const struct json *b)
{
	struct items in_a = index_items(arena, type, a), in_b = index_items(arena, type, b);
	struct item *order_a = arena_memdup(arena, in_a.sorted, (in_a.len + 1) * sizeof *order_a);
	struct item *order_b = arena_memdup(arena, in_b.sorted, (in_b.len + 1) * sizeof *order_b);
	const char **shared = ARENA_ARRAY(arena, const char *, in_b.len + 1);
	struct json *out = json_new_array(arena);
	size_t next = 0, i = 0, j = 0, shared_len = 0;
	qsort(order_a, in_a.len, sizeof *order_a, by_order);
	qsort(order_b, in_b.len, sizeof *order_b, by_order);
	for (size_t k = 0; k < in_b.len; k++)
		if (find_item(&in_a, order_b[k].element))
			shared[shared_len++] = order_b[k].element;
	while (i < in_a.len || j < in_b.len) {
		const char *ea = i < in_a.len ? order_a[i].element : NULL;
		const char *eb = j < in_b.len ? order_b[j].element : NULL;
		bool a_is_shared = ea && find_item(&in_b, ea);
		if (ea && eb && !strcmp(ea, eb)) {
			json_push(arena, out,
			    typed_merge(arena, typed_item(type), order_a[i++].value, order_b[j++].value));
			next++;
			continue;
		}
		if (ea && a_is_shared && (!eb || (next < shared_len && strcmp(shared[next], ea) != 0))) {
			i++; /* comes, or came, in b's turn */
			continue;
		}
		if (ea && !a_is_shared) {
			json_push(arena, out, typed_merge(arena, typed_item(type), order_a[i++].value, NULL));
			continue;
		}
		if (!eb) {
			i++;
			continue;
		}
		json_push(arena, out,
		    typed_merge(arena, typed_item(type), find_item(&in_a, eb), order_b[j++].value));
		if (next < shared_len && !strcmp(shared[next], eb))
			next++;
	}
	return out;
}

struct json *typed_merge(struct arena *arena, struct typed type, const struct json *a, const struct json *b)
{
	switch (form_of(type, a, b)) {
	case FORM_MAP:
		return merge_maps(arena, type, a, b);
	case FORM_LIST:
		return merge_lists(arena, type, a, b);
	default:
		return json_clone(arena, b ? b : a);
	}
}
