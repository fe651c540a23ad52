#include "lib/resources/amounts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

struct amount_entry { /* what every ResourceList entry looks like */
	ProtobufCMessage base;
	char *key;
	Resource__Quantity *value;
};

struct amounts amounts_of(struct arena *arena, size_t len, void *entries)
{
	struct amounts list = {.arena = arena};
	struct amount_entry **e = entries;

	for (size_t i = 0; i < len; i++) {
		struct quantity q = quantity_of(e[i]->value);
		amounts_set(&list, e[i]->key, &q);
	}
	return list;
}

static struct amount *find(const struct amounts *list, const char *name)
{
	for (size_t i = 0; i < list->len; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

const struct quantity *amounts_get(const struct amounts *list, const char *name)
{
	const struct amount *a = find(list, name);
	return a ? &a->q : NULL;
}

void amounts_set(struct amounts *list, const char *name, const struct quantity *q)
{
	struct amount *a = find(list, name);

	if (!a) {
		if (list->len == list->capacity) {
			size_t capacity = list->capacity ? list->capacity * 2 : 8;
			list->items = arena_grow(
			    list->arena, list->items, list->capacity * sizeof(*a), capacity * sizeof(*a));
			list->capacity = capacity;
		}
		a = &list->items[list->len++];
		a->name = arena_strdup(list->arena, name);
	}
	a->q = *q;
}

void amounts_add_one(struct amounts *list, const char *name, const struct quantity *q)
{
	struct amount *a = find(list, name);

	if (a)
		quantity_add(&a->q, q);
	else
		amounts_set(list, name, q);
}

void amounts_add(struct amounts *list, const struct amounts *more)
{
	for (size_t i = 0; i < more->len; i++)
		amounts_add_one(list, more->items[i].name, &more->items[i].q);
}

void amounts_max(struct amounts *list, const struct amounts *other)
{
	for (size_t i = 0; i < other->len; i++) {
		const struct quantity *q = amounts_get(list, other->items[i].name);
		if (!q || quantity_compare(q, &other->items[i].q) < 0)
			amounts_set(list, other->items[i].name, &other->items[i].q);
	}
}

void amounts_count(struct amounts *list, const char *name, int64_t n)
{
	struct quantity q = {.nano = (__int128)n * 1000000000, .format = QUANTITY_DECIMAL_SI};
	amounts_add_one(list, name, &q);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct amount *)a)->name, ((const struct amount *)b)->name);
}

static struct amount *sorted(struct arena *arena, const struct amounts *list)
{
	struct amount *copy = arena_memdup(arena, list->items, list->len * sizeof(*copy));

	if (list->len > 1)
		qsort(copy, list->len, sizeof(*copy), by_name);
	return copy;
}

const char *amounts_text(struct arena *arena, const struct amounts *list)
{
	const struct amount *items = sorted(arena, list);
	struct buf out = BUF_INIT;
	char text[QUANTITY_TEXT_MAX];

	for (size_t i = 0; i < list->len; i++)
		buf_printf(&out, "%s%s=%s", i ? "," : "", items[i].name, quantity_format(&items[i].q, text));
	const char *result = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return result;
}

void amounts_write(struct arena *arena, const struct amounts *list, const ProtobufCMessageDescriptor *entry,
    size_t *ret_len, void ***ret_entries)
{
	const struct amount *items = sorted(arena, list);
	void **entries = ARENA_ARRAY(arena, void *, list->len + 1);

	for (size_t i = 0; i < list->len; i++) {
		struct amount_entry *e = api_new_descriptor(arena, entry);
		e->key = arena_strdup(arena, items[i].name);
		e->value = quantity_new(arena, &items[i].q);
		entries[i] = e;
	}
	*ret_len = list->len;
	*ret_entries = entries;
}
