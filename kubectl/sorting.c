#include "kubectl/sorting.h"

#include <stdlib.h>
#include <string.h>

#include "kubectl/printers/jsonpath.h"
#include "kubectl/tree.h"
#include "lib/api/values.h"
#include "lib/base/arena.h"
#include "lib/base/error.h"

struct sortable {
	struct json *item;
	const struct json *key; /* NULL sorts first */
	size_t index;
};

static int compare_keys(const struct json *a, const struct json *b)
{
	double x, y;
	if (!a || !b)
		return a ? 1 : b ? -1 : 0;
	if (json_number(a, &x) && json_number(b, &y))
		return x < y ? -1 : x > y;
	if (a->type != JSON_STRING || b->type != JSON_STRING)
		return (int)a->type - (int)b->type;
	struct quantity p, q;
	struct error ignored = ERROR_INIT;
	if (!quantity_parse(a->text, &p, &ignored) && !quantity_parse(b->text, &q, &ignored))
		return quantity_compare(&p, &q);
	return strverscmp(a->text, b->text);
}

static int compare(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	int order = compare_keys(x->key, y->key);
	return order ? order : x->index < y->index ? -1 : 1;
}

void sort_objects(struct arena *arena, struct json *items, const char *member, const struct jsonpath *path)
{
	size_t len = tree_len(items);
	struct sortable *list = ARENA_ARRAY(arena, struct sortable, len + 1);
	for (size_t i = 0; i < len; i++) {
		struct jsonpath_values values;
		const struct json *object = member ? json_get(items->items[i], member) : items->items[i];
		list[i] = (struct sortable){items->items[i], NULL, i};
		if (object && !jsonpath_select(arena, path, object, &values, NULL) && values.len)
			list[i].key = values.items[0];
	}
	if (len > 1)
		qsort(list, len, sizeof(*list), compare);
	for (size_t i = 0; i < len; i++)
		items->items[i] = list[i].item;
}
