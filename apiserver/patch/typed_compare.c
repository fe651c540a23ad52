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
	struct item *sorted; /* by element, equal ones by order */
	size_t len;
};
/* The items of one element; more than one where a list has an item twice, which only updates may bring. */
struct group {
	const char *element;
	const struct item *items;
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
	for (size_t i = 0; i < length(list); i++) {
		const char *element = typed_item_element(arena, type, list->items[i]);
		if (element)
			out.sorted[out.len++] = (struct item){element, list->items[i], i};
	}
	qsort(out.sorted, out.len, sizeof *out.sorted, by_element);
	return out;
}

/* The group that begins at `at`. */
static struct group group_at(const struct items *items, size_t at)
{
	struct group out = {items->sorted[at].element, &items->sorted[at], 1};
	while (at + out.len < items->len && !strcmp(items->sorted[at + out.len].element, out.element))
		out.len++;
	return out;
}

/* len is 0 when there is none. */
static struct group find_group(const struct items *items, const char *element)
{
	size_t low = 0, high = items->len;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (strcmp(items->sorted[middle].element, element) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == items->len || strcmp(items->sorted[low].element, element) != 0)
		return (struct group){.element = element};
	return group_at(items, low);
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

static bool is_same_group(const struct group *a, const struct group *b)
{
	for (size_t i = 0; i < a->len && a->len == b->len; i++)
		if (!json_equal(a->items[i].value, b->items[i].value))
			return false;
	return a->len == b->len;
}

static void mark(struct comparison *c, struct fieldset *node, const char *element)
{
	struct fieldset *child = fieldset_new(c->arena, element);
	child->is_member = true;
	fieldset_attach(c->arena, node, child);
}

/* An item that is there twice counts as a whole. */
static void compare_groups(struct comparison *c, const struct group *a, const struct group *b)
{
	const struct json *x = a->len == 1 ? a->items[0].value : NULL,
			  *y = b->len == 1 ? b->items[0].value : NULL;
	if (a->len > 1 && b->len > 1) {
		if (!is_same_group(a, b))
			mark(c, c->at.modified, a->element);
		return;
	}
	if (x || y)
		compare_child(c, typed_item(c->type), a->element, x, y);
	if (a->len > 1)
		mark(c, c->at.removed, a->element);
	if (b->len > 1)
		mark(c, c->at.added, a->element);
}

static void compare_lists(struct comparison *c)
{
	struct items a = index_items(c->arena, c->type, c->a), b = index_items(c->arena, c->type, c->b);
	for (size_t i = 0, j = 0; i < a.len || j < b.len;) {
		int order = i == a.len   ? 1
			    : j == b.len ? -1
					 : strcmp(a.sorted[i].element, b.sorted[j].element);
		const char *element = order <= 0 ? a.sorted[i].element : b.sorted[j].element;
		struct group x = {.element = element}, y = {.element = element};
		if (order <= 0)
			x = group_at(&a, i);
		if (order >= 0)
			y = group_at(&b, j);
		compare_groups(c, &x, &y);
		i += x.len;
		j += y.len;
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

/* One merge of two lists under way. */
struct merging {
	struct arena *arena;
	struct typed type;
	struct items in_a, in_b;        /* by element */
	struct item *order_a, *order_b; /* in their own order */
	const char **shared;            /* what both have, in b's order */
	size_t shared_len, next;        /* next: which of them comes next */
	struct json *out;
};

static bool has(const struct items *items, const char *element)
{
	return element && find_group(items, element).len > 0;
}

/* The item that b names; what a has twice is replaced, not merged. */
static void push_b(struct merging *m, const struct item *item)
{
	struct group known = find_group(&m->in_a, item->element);
	json_push(m->arena, m->out,
	    typed_merge(
		m->arena, typed_item(m->type), known.len == 1 ? known.items[0].value : NULL, item->value));
	if (m->next < m->shared_len && !strcmp(m->shared[m->next], item->element))
		m->next++;
}

static struct item *in_order(struct arena *arena, const struct items *items)
{
	struct item *out = arena_memdup(arena, items->sorted, (items->len + 1) * sizeof *out);
	qsort(out, items->len, sizeof *out, by_order);
	return out;
}

/*
 * The order of a merged list: items of b in b's order, items that only a has where they stood relative to
 * those that both have.
 */
static struct json *merge_lists(
    struct arena *arena, struct typed type, const struct json *a, const struct json *b)
{
	struct merging m = {.arena = arena,
	    .type = type,
	    .in_a = index_items(arena, type, a),
	    .in_b = index_items(arena, type, b),
	    .out = json_new_array(arena)};
	m.order_a = in_order(arena, &m.in_a);
	m.order_b = in_order(arena, &m.in_b);
	m.shared = ARENA_ARRAY(arena, const char *, m.in_b.len + 1);
	for (size_t k = 0; k < m.in_b.len; k++)
		if (has(&m.in_a, m.order_b[k].element))
			m.shared[m.shared_len++] = m.order_b[k].element;
	for (size_t i = 0, j = 0; i < m.in_a.len || j < m.in_b.len;) {
		const struct item *x = i < m.in_a.len ? &m.order_a[i] : NULL,
				  *y = j < m.in_b.len ? &m.order_b[j] : NULL;
		bool is_shared = x && has(&m.in_b, x->element);
		if (x && !is_shared) {
			json_push(arena, m.out, typed_merge(arena, typed_item(type), x->value, NULL));
			i++;
		} else if (x &&
			   (!y || (m.next < m.shared_len && strcmp(m.shared[m.next], x->element) != 0))) {
			i++; /* comes, or came, in b's turn */
		} else {
			i += x && (!strcmp(x->element, y->element) || m.next == m.shared_len);
			push_b(&m, y);
			j++;
		}
	}
	return m.out;
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
