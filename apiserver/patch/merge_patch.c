#include "apiserver/patch/merge_patch.h"

#include "lib/api/json.h"
#include "lib/base/arena.h"

struct json *merge_patch_apply(struct arena *arena, struct json *target, const struct json *patch)
{
	if (patch->type != JSON_OBJECT)
		return json_clone(arena, patch);
	if (!target || target->type != JSON_OBJECT)
		target = json_new_object(arena);
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		if (m->value->type == JSON_NULL)
			json_remove(target, m->key);
		else
			json_set(arena, target, m->key,
			    merge_patch_apply(arena, json_get(target, m->key), m->value));
	}
	return target;
}
