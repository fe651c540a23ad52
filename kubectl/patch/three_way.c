#include "kubectl/patch/three_way.h"

#include "kubectl/patch/two_way.h"
#include "kubectl/tree.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static void merge_patches(
    struct arena *arena, const struct schema *schema, struct json *into, const struct json *from);

static void merge_lists(
    struct arena *arena, const struct patch_meta *meta, struct json *into, const struct json *from)
{
	size_t at = 0;
	tree_for_each(from, item)
	{
		struct json *same = NULL;
		const struct json *key = json_get(item, meta->merge_key);
		tree_for_each(into, candidate) if (key && json_get(candidate, meta->merge_key) &&
						   json_equal(json_get(candidate, meta->merge_key), key))
		    same = candidate;
		if (same)
			merge_patches(arena, meta->schema, same, item);
		else
			json_insert(
			    arena, into, at++, json_clone(arena, item)); /* deletions stay at the end */
	}
}

/* Both are patches: directives of the later one win, they say the same anyway. */
static void merge_patches(
    struct arena *arena, const struct schema *schema, struct json *into, const struct json *from)
{
	for (size_t i = 0; i < tree_size(from); i++) {
		const char *key = from->members[i].key;
		struct json *value = from->members[i].value, *before = json_get(into, key);
		struct patch_meta meta = patch_meta_of(schema, key);
		bool mergeable = before && before->type == value->type && key[0] != '$' && !meta.replaces;
		if (mergeable && value->type == JSON_OBJECT)
			merge_patches(arena, meta.is_map ? NULL : meta.schema, before, value);
		else if (mergeable && value->type == JSON_ARRAY && meta.merges && *meta.merge_key)
			merge_lists(arena, &meta, before, value);
		else
			json_set(arena, into, key, json_clone(arena, value));
	}
}

struct json *three_way_strategic(struct arena *arena, const struct schema *schema,
    const struct json *original, const struct json *modified, const struct json *current)
{
	const struct diff_options changes = {.arena = arena, .ignore_deletions = true};
	const struct diff_options deletions = {.arena = arena, .ignore_changes = true};
	struct json *delta = diff_maps(&changes, schema, current, modified, false);
	if (!original)
		return delta;
	struct json *patch = diff_maps(&deletions, schema, original, modified, false);
	merge_patches(arena, schema, patch, delta);
	return patch;
}

struct json *two_way_strategic(struct arena *arena, const struct schema *schema, const struct json *original,
    const struct json *modified)
{
	return diff_maps(&(struct diff_options){.arena = arena}, schema, original, modified, false);
}

struct json *two_way_merge(struct arena *arena, const struct json *original, const struct json *modified)
{
	struct json *patch = json_new_object(arena);
	for (size_t i = 0; i < tree_size(modified); i++) {
		const char *key = modified->members[i].key;
		const struct json *value = modified->members[i].value, *before = json_get(original, key);
		if (before && before->type == JSON_OBJECT && value->type == JSON_OBJECT) {
			struct json *sub = two_way_merge(arena, before, value);
			if (sub->len)
				json_set(arena, patch, key, sub);
		} else if (!before || !json_equal(before, value)) {
			json_set(arena, patch, key, json_clone(arena, value));
		}
	}
	for (size_t i = 0; i < tree_size(original); i++)
		if (!json_get(modified, original->members[i].key))
			json_set(arena, patch, original->members[i].key, json_new_null(arena));
	return patch;
}

/* Keeps nulls only, or drops them; objects that become empty go too. */
static struct json *keep_nulls(struct arena *arena, const struct json *patch, bool nulls)
{
	struct json *out = json_new_object(arena);
	for (size_t i = 0; i < tree_size(patch); i++) {
		struct json *value = patch->members[i].value;
		if (value->type == JSON_OBJECT) {
			struct json *sub = keep_nulls(arena, value, nulls);
			if (sub->len || (!nulls && !value->len))
				json_set(arena, out, patch->members[i].key, sub);
		} else if ((value->type == JSON_NULL) == nulls) {
			json_set(arena, out, patch->members[i].key, value);
		}
	}
	return out;
}

struct json *three_way_merge(
    struct arena *arena, const struct json *original, const struct json *modified, const struct json *current)
{
	struct json *delta = keep_nulls(arena, two_way_merge(arena, current, modified), false);
	struct json *patch = json_new_object(arena);
	if (original)
		patch = keep_nulls(arena, two_way_merge(arena, original, modified), true);
	merge_patches(arena, NULL, patch, delta);
	return patch;
}
