/* Roles: rules taken apart to one resource each, verbs joined again, and sorted as stock does: by their text.
 */
#include <stdlib.h>
#include <string.h>

#include "kubectl/describe/describe.h"

struct row {
	const char *resource, *url, *name; /* name "": all */
	struct json *verbs;
	const char *key;
};
struct rows {
	struct describe *d;
	struct row *items;
	size_t len, cap;
};

static bool has_item(const struct json *list, const struct json *item)
{
	for (size_t i = 0; i < list->len; i++)
		if (json_equal(list->items[i], item))
			return true;
	return false;
}

static void add(
    struct rows *rows, const char *resource, const char *url, const char *name, const struct json *verbs)
{
	struct arena *arena = rows->d->arena;
	struct row *row = NULL;
	for (size_t i = 0; i < rows->len && !row && !*url; i++)
		if (str_eq(rows->items[i].resource, resource) && str_eq(rows->items[i].url, url) &&
		    str_eq(rows->items[i].name, name))
			row = &rows->items[i];
	if (!row) {
		if (rows->len == rows->cap) {
			size_t cap = rows->cap ? rows->cap * 2 : 64;
			rows->items =
			    arena_grow(arena, rows->items, rows->cap * sizeof(*row), cap * sizeof(*row));
			rows->cap = cap;
		}
		row = &rows->items[rows->len++];
		*row = (struct row){resource, url, name, json_new_array(arena), NULL};
	}
	tree_for_each(verbs, verb) if (!has_item(row->verbs, verb)) json_push(arena, row->verbs, verb);
}

static void add_rule(struct rows *rows, const struct json *rule)
{
	struct arena *arena = rows->d->arena;
	const struct json *names = json_get(rule, "resourceNames"), *verbs = json_get(rule, "verbs");
	tree_for_each(json_get(rule, "nonResourceURLs"), url) add(rows, "", tree_show(arena, url), "", verbs);
	tree_for_each(json_get(rule, "apiGroups"), group) tree_for_each(json_get(rule, "resources"), resource)
	{
		const char *g = tree_show(arena, group);
		const char *full =
		    arena_printf(arena, "%s%s%s", tree_show(arena, resource), *g ? "." : "", g);
		tree_for_each(names, name) add(rows, full, "", tree_show(arena, name), verbs);
		if (!tree_len(names))
			add(rows, full, "", "", verbs);
	}
}

static const char *words(struct arena *arena, const struct json *list)
{
	struct buf out = BUF_INIT;
	tree_for_each(list, item) buf_printf(&out, "%s%s", item_i ? " " : "", tree_show(arena, item));
	const char *text = arena_strdup(arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

void put_rules(struct describe *d, int level, const struct json *rules)
{
	struct rows rows = {.d = d};
	tree_for_each(rules, rule) add_rule(&rows, rule);
	for (size_t i = 0; i < rows.len; i++) {
		struct row *row = &rows.items[i];
		const char *dot = strchr(row->resource, '.');
		row->key = arena_printf(d->arena,
		    "Verbs:[%s],APIGroups:[%s],Resources:[%.*s],ResourceNames:[%s],URLs:[%s]",
		    words(d->arena, row->verbs), dot ? dot + 1 : "", (int)strcspn(row->resource, "."),
		    row->resource, row->name, row->url);
	}
	if (rows.len > 1)
		qsort(rows.items, rows.len, sizeof(*rows.items), compare);
	for (size_t i = 0; i < rows.len; i++)
		put(d, level, "%s\t[%s]\t[%s]\t[%s]\n", rows.items[i].resource, rows.items[i].url,
		    rows.items[i].name, words(d->arena, rows.items[i].verbs));
}

void describe_role(struct describe *d)
{
	put(d, 0, "Name:\t%s\n", tree_name(d->object));
	put_labels(d, 0, "Labels", tree_at(d->object, "metadata.labels"));
	put_annotations(d, 0, "Annotations", tree_at(d->object, "metadata.annotations"));
	put(d, 0, "PolicyRule:\n");
	put(d, 1, "Resources\tNon-Resource URLs\tResource Names\tVerbs\n");
	put(d, 1, "---------\t-----------------\t--------------\t-----\n");
	put_rules(d, 1, json_get(d->object, "rules"));
}
