#include "kubelet/pods/status.h"
#include "kubelet/pods/status_conditions.h"

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static struct json *find_by_type(const struct json *list, const char *type)
{
	for (size_t i = 0; list && i < list->len; i++)
		if (str_eq(json_get_string(list->items[i], "type", ""), type))
			return list->items[i];
	return NULL;
}

/* An object of a merged list: members that are gone must be named to go away. */
static struct json *with_nulls(struct arena *arena, const struct json *old, const struct json *new_)
{
	struct json *out = json_clone(arena, new_);
	for (size_t i = 0; old && i < old->len; i++)
		if (!json_get(new_, old->members[i].key))
			json_set(arena, out, old->members[i].key, json_new_null(arena));
	return out;
}

/* Conditions merge by type: only ours, and only those that changed; the order puts ours first. */
static void patch_conditions(
    struct arena *arena, struct json *out, const struct json *old, const struct json *new_)
{
	struct json *changed = json_new_array(arena), *order = json_new_array(arena);
	for (size_t i = 0; new_ && i < new_->len; i++) {
		const char *type = json_get_string(new_->items[i], "type", "");
		const struct json *before = find_by_type(old, type);
		struct json *entry = json_new_object(arena);
		json_set(arena, entry, "type", json_new_string(arena, type));
		json_push(arena, order, entry);
		if (!before || !json_equal(before, new_->items[i]))
			json_push(arena, changed, with_nulls(arena, before, new_->items[i]));
	}
	if (!changed->len)
		return;
	for (size_t i = 0; old && i < old->len; i++) {
		const char *type = json_get_string(old->items[i], "type", "");
		if (find_by_type(new_, type))
			continue;
		struct json *entry = json_new_object(arena);
		json_set(arena, entry, "type", json_new_string(arena, type));
		json_push(arena, order, entry);
	}
	json_set(arena, out, "$setElementOrder/conditions", order);
	json_set(arena, out, "conditions", changed);
}

/* Lists that would be merged by ip are replaced as a whole. */
static struct json *replaced_list(struct arena *arena, const struct json *list)
{
	struct json *out = json_clone(arena, list), *mark = json_new_object(arena);
	json_set(arena, mark, "$patch", json_new_string(arena, "replace"));
	json_push(arena, out, mark);
	return out;
}

struct json *status_patch(struct arena *arena, const char *uid, const CoreV1__PodStatus *old_status,
    const CoreV1__PodStatus *new_status)
{
	/* What others keep in the status is not ours to write. */
	static const char *const foreign[] = {
	    "nominatedNodeName", "resize", "resourceClaimStatuses", "conditions", NULL};
	const struct schema *schema = schema_of(&core_v1__pod_status__descriptor);
	struct json *old = codec_to_json(arena, schema, &old_status->base);
	struct json *new_ = codec_to_json(arena, schema, &new_status->base);
	struct json *out = json_new_object(arena);
	for (size_t i = 0; i < new_->len; i++) {
		const char *key = new_->members[i].key;
		struct json *value = new_->members[i].value;
		const struct json *before = json_get(old, key);
		if (str_in(key, foreign) || (before && json_equal(before, value)))
			continue;
		bool merged = str_eq(key, "podIPs") || str_eq(key, "hostIPs");
		json_set(arena, out, key, merged ? replaced_list(arena, value) : value);
	}
	for (size_t i = 0; i < old->len; i++)
		if (!json_get(new_, old->members[i].key) && !str_in(old->members[i].key, foreign))
			json_set(arena, out, old->members[i].key, json_new_null(arena));
	patch_conditions(arena, out, json_get(old, "conditions"), json_get(new_, "conditions"));
	if (!out->len)
		return NULL;
	struct json *patch = json_new_object(arena), *meta = json_new_object(arena);
	json_set(arena, meta, "uid", json_new_string(arena, uid));
	json_set(arena, patch, "metadata", meta);
	json_set(arena, patch, "status", out);
	return patch;
}
