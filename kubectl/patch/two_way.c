#include "kubectl/patch/two_way.h"

#include <stdlib.h>
#include <string.h>

#include "kubectl/tree.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

struct patch_meta patch_meta_of(const struct schema *schema, const char *name)
{
	const struct schema_field *f = schema ? schema_find(schema, name) : NULL;
	if (!f)
		return (struct patch_meta){0};
	return (struct patch_meta){
	    .schema = f->kind == SCHEMA_MESSAGE ? f->message : NULL,
	    .merge_key = str_or(f->patch_merge_key, ""),
	    .is_map = f->shape == SCHEMA_MAP,
	    .merges = (f->flags & SCHEMA_PATCH_MERGE) != 0,
	    .retains_keys = (f->flags & SCHEMA_PATCH_RETAIN_KEYS) != 0,
	    .replaces = (f->flags & SCHEMA_PATCH_REPLACE) != 0,
	};
}

static void replace_if_different(const struct diff_options *o, struct json *patch, const char *key,
    const struct json *original, const struct json *modified)
{
	if (!o->ignore_changes && !json_equal(original, modified))
		json_set(o->arena, patch, key, json_clone(o->arena, modified));
}

static bool contains(const struct json *list, const struct json *value)
{
	tree_for_each(list, item) if (json_equal(item, value)) return true;
	return false;
}

/* The item of a list of objects with the same merge key as `like`. */
static struct json *same_key(const struct json *list, const char *merge_key, const struct json *like)
{
	const struct json *key = json_get(like, merge_key);
	tree_for_each(list, item) if (key && json_get(item, merge_key) &&
				      json_equal(json_get(item, merge_key), key)) return item;
	return NULL;
}

/* The items that both have come in the same order, and none is new. */
static bool same_order(const struct json *original, const struct json *modified, const char *merge_key)
{
	size_t at = 0;
	tree_for_each(modified, item)
	{
		bool found = false;
		for (; at < tree_len(original) && !found; at++)
			found = *merge_key ? same_key(original, merge_key, item) == original->items[at]
					   : json_equal(original->items[at], item);
		if (!found)
			return false;
	}
	return true;
}

static struct json *key_only(struct arena *arena, const struct json *item, const char *merge_key)
{
	struct json *out = json_new_object(arena);
	if (json_get(item, merge_key))
		json_set(arena, out, merge_key, json_clone(arena, json_get(item, merge_key)));
	return out;
}

/* Lists of objects: changed and new items in the new order, then the deleted ones. */
static struct json *diff_objects(const struct diff_options *o, const struct patch_meta *meta,
    const struct json *original, const struct json *modified)
{
	struct json *list = json_new_array(o->arena);
	tree_for_each(modified, item)
	{
		const struct json *before = same_key(original, meta->merge_key, item);
		if (!before) {
			if (!o->ignore_changes)
				json_push(o->arena, list, json_clone(o->arena, item));
			continue;
		}
		struct json *patch = diff_maps(o, meta->schema, before, item, meta->retains_keys);
		if (!patch->len)
			continue;
		json_set(
		    o->arena, patch, meta->merge_key, json_clone(o->arena, json_get(item, meta->merge_key)));
		json_push(o->arena, list, patch);
	}
	tree_for_each(o->ignore_deletions ? NULL : original, gone)
	{
		if (same_key(modified, meta->merge_key, gone))
			continue;
		struct json *deletion = key_only(o->arena, gone, meta->merge_key);
		json_set(o->arena, deletion, "$patch", json_new_string(o->arena, "delete"));
		json_push(o->arena, list, deletion);
	}
	return list;
}

static void set_order(const struct diff_options *o, struct json *patch, const char *key,
    const char *merge_key, const struct json *modified)
{
	struct json *order = json_new_array(o->arena);
	tree_for_each(modified, item) json_push(
	    o->arena, order, *merge_key ? key_only(o->arena, item, merge_key) : json_clone(o->arena, item));
	if (order->len)
		json_set(o->arena, patch, arena_printf(o->arena, "$setElementOrder/%s", key), order);
}

static void diff_list(const struct diff_options *o, const struct patch_meta *meta, struct json *patch,
    const char *key, const struct json *original, const struct json *modified)
{
	struct json *added, *deleted = json_new_array(o->arena);
	if (!tree_len(original)) {
		if (tree_len(modified) && !o->ignore_changes)
			json_set(o->arena, patch, key, json_clone(o->arena, modified));
		return;
	}
	if (*meta->merge_key) {
		added = diff_objects(o, meta, original, modified);
	} else {
		added = json_new_array(o->arena);
		tree_for_each(o->ignore_changes ? NULL : modified,
		    item) if (!contains(original, item) && !contains(added, item))
		    json_push(o->arena, added, json_clone(o->arena, item));
		tree_for_each(o->ignore_deletions ? NULL : original,
		    gone) if (!contains(modified, gone) && !contains(deleted, gone))
		    json_push(o->arena, deleted, json_clone(o->arena, gone));
	}
	bool ordered = same_order(original, modified, meta->merge_key);
	bool any = added->len || deleted->len;
	if ((!o->ignore_changes && (any || !ordered)) || (!o->ignore_deletions && any))
		set_order(o, patch, key, meta->merge_key, modified);
	if (deleted->len)
		json_set(
		    o->arena, patch, arena_printf(o->arena, "$deleteFromPrimitiveList/%s", key), deleted);
	if (added->len)
		json_set(o->arena, patch, key, added);
}

static void diff_member(const struct diff_options *o, const struct schema *schema, struct json *patch,
    const char *key, const struct json *original, const struct json *modified)
{
	struct patch_meta meta = patch_meta_of(schema, key);
	if (modified->type == JSON_OBJECT && !meta.replaces) {
		struct json *sub;
		if (meta.is_map && meta.schema) {
			/* Every value has the same schema, whatever its key: there are few such maps, and
			 * none merges lists. */
			sub = diff_maps(o, NULL, original, modified, false);
		} else {
			sub = diff_maps(o, meta.schema, original, modified, meta.retains_keys);
		}
		if (sub->len)
			json_set(o->arena, patch, key, sub);
	} else if (modified->type == JSON_ARRAY && meta.merges) {
		diff_list(o, &meta, patch, key, original, modified);
	} else {
		replace_if_different(o, patch, key, original, modified);
	}
}

static int compare_text(const void *a, const void *b)
{
	return strcmp((*(struct json *const *)a)->text, (*(struct json *const *)b)->text);
}

static bool lost_a_member(const struct json *original, const struct json *modified)
{
	for (size_t i = 0; i < tree_size(original); i++)
		if (original->members[i].value->type != JSON_NULL &&
		    !json_get(modified, original->members[i].key))
			return true;
	return false;
}

static void set_retained_keys(const struct diff_options *o, struct json *patch, const struct json *original,
    const struct json *modified)
{
	struct json *keys = json_new_array(o->arena);
	for (size_t i = 0; i < modified->len; i++)
		if (modified->members[i].value->type != JSON_NULL)
			json_push(o->arena, keys, json_new_string(o->arena, modified->members[i].key));
	if (!keys->len || (!patch->len && !lost_a_member(original, modified)))
		return;
	qsort(keys->items, keys->len, sizeof(*keys->items), compare_text);
	json_set(o->arena, patch, "$retainKeys", keys);
}

struct json *diff_maps(const struct diff_options *o, const struct schema *schema, const struct json *original,
    const struct json *modified, bool retain_keys)
{
	struct json *patch = json_new_object(o->arena);
	for (size_t i = 0; i < tree_size(modified); i++) {
		const char *key = modified->members[i].key;
		const struct json *value = modified->members[i].value, *before = json_get(original, key);
		if (before && before->type == value->type)
			diff_member(o, schema, patch, key, before, value);
		else if (!o->ignore_changes)
			json_set(o->arena, patch, key, json_clone(o->arena, value));
	}
	for (size_t i = 0; i < tree_size(original) && !o->ignore_deletions; i++)
		if (!json_get(modified, original->members[i].key))
			json_set(o->arena, patch, original->members[i].key, json_new_null(o->arena));
	if (retain_keys)
		set_retained_keys(o, patch, original, modified);
	return patch;
}
