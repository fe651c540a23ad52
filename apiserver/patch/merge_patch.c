#include "apiserver/patch/merge_patch.h"

#include "apiserver/patch/members.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"

struct json *merge_patch_apply(struct arena *arena, struct json *target, const struct json *patch)
{
	struct members members;
	if (patch->type != JSON_OBJECT)
		return json_clone(arena, patch);
	if (!target || target->type != JSON_OBJECT)
		target = json_new_object(arena);
	members_open(&members, arena, target, patch->len);
	for (size_t i = 0; i < patch->len; i++) {
		const struct json_member *m = &patch->members[i];
		if (m->value->type == JSON_NULL)
			members_remove(&members, m->key);
		else
			members_set(&members, m->key,
			    merge_patch_apply(arena, members_get(&members, m->key), m->value));
	}
	members_close(&members);
	return target;
}
