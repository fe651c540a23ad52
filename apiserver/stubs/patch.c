/* Until patch/ is there: merge patches of objects only, and no managedFields. */
#include "apiserver/patch/patch.h"

#include <string.h>

#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/base/arena.h"

static struct json *merge(struct arena *arena, struct json *target, const struct json *patch)
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
			json_set(arena, target, m->key, merge(arena, json_get(target, m->key), m->value));
	}
	return target;
}

int patch_apply(struct api_request *req, enum patch_type type, const struct object *current, struct json *patch,
    struct object **ret, struct error *err)
{
	if (type != PATCH_MERGE && type != PATCH_STRATEGIC)
		return error_set(err, ERR_NOT_IMPLEMENTED, "this kind of patch is not implemented");
	struct arena *arena = arena_new();
	struct json *tree = merge(arena, object_to_json(arena, current), patch);
	ProtobufCMessage *msg = NULL;
	if (!current->schema) {
		*ret = object_wrap_tree(arena, tree, err);
		return *ret ? 0 : -1;
	}
	if (codec_from_json(arena, current->schema, tree, NULL, &msg, err)) {
		arena_free(arena);
		return -1;
	}
	*ret = object_wrap(arena, current->schema, msg);
	return 0;
}

int patch_track(struct api_request *req, const struct object *old, struct object *obj, struct error *err)
{
	return 0;
}
