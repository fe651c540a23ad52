/* The kinds of patch other than apply: the object as a tree, the patch applied to it, and back into an
 * object. */
#include "apiserver/patch/patch.h"

#include <string.h>

#include "apiserver/patch/internal.h"
#include "apiserver/patch/json_patch.h"
#include "apiserver/patch/merge_patch.h"
#include "apiserver/patch/strategic.h"
#include "lib/api/codec.h"
#include "lib/api/json.h"
#include "lib/api/schema.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

/* Upstream blames the whole patch, without saying for which object. */
int patch_blame(struct api_request *req, const char *detail, struct error *err)
{
	struct field_errors *causes = ARENA_NEW(req->arena, struct field_errors);
	field_errors_init(causes, req->arena);
	field_errors_add(causes, FIELD_INVALID, "patch", "", "%s", detail);
	return field_errors_to_error(causes, "", "", "", err);
}

int patch_report_strictness(struct api_request *req, const struct codec_warnings *found, struct error *err)
{
	if (!found->len || req->options.field_validation == FIELD_VALIDATION_IGNORE)
		return 0;
	if (req->options.field_validation == FIELD_VALIDATION_STRICT)
		return patch_blame(req,
		    arena_printf(req->arena, "strict decoding error: %s",
			str_join(req->arena, (const char *const *)found->items, found->len, ", ")),
		    err);
	for (size_t i = 0; i < found->len; i++)
		api_warn(req, "%s", found->items[i]);
	return 0;
}

int patch_to_object(struct api_request *req, const struct object *like, struct arena *take_arena,
    struct json *tree, struct object **ret, struct error *err)
{
	struct codec_warnings found = {.arena = req->arena};
	struct error why = ERROR_INIT;
	ProtobufCMessage *msg = NULL;
	struct object *obj = NULL;
	const char *kind = json_get_string(tree, "kind", ""),
		   *version = json_get_string(tree, "apiVersion", "");
	if (req->type->dynamic && !like->schema && tree->type == JSON_OBJECT) {
		if (req->type->dynamic->decode(req->type, tree, &found, err)) {
			arena_free(take_arena);
			return -1;
		}
	} else if (tree->type != JSON_OBJECT || strcmp(kind, like->kind) != 0 ||
		   strcmp(version, like->api_version) != 0)
		error_set(&why, ERR_INVALID, "the patch turns the object into another kind");
	if (why.code == ERR_NONE && json_is_deeper(tree, JSON_PATCH_DEPTH_MAX))
		error_set(&why, ERR_INVALID, "the patch makes the object nest too deeply");
	if (why.code == ERR_NONE && !like->schema) {
		obj = object_wrap_tree(take_arena, tree, &why);
		if (!obj)
			return patch_blame(req, why.message, err); /* the arena is gone */
	} else if (why.code == ERR_NONE &&
		   !codec_from_json(take_arena, like->schema, tree, &found, &msg, &why)) {
		obj = object_wrap(take_arena, like->schema, msg);
	}
	if (!obj) {
		arena_free(take_arena);
		return patch_blame(req, why.message, err);
	}
	*ret = obj;
	return patch_report_strictness(req, &found, err);
}

/* A strategic merge patch changes an object of a kind: what it says about the kind itself is not looked at,
 * and null is a patch without members. */
static int apply_strategic(struct arena *arena, const struct object *current, struct json *tree,
    const struct json *patch, struct json **ret, struct error *err)
{
	if (patch->type == JSON_NULL)
		patch = json_new_object(arena);
	if (strategic_apply(arena, current->schema, tree, patch, ret, err))
		return -1;
	json_set(arena, *ret, "kind", json_new_string(arena, current->kind));
	json_set(arena, *ret, "apiVersion", json_new_string(arena, current->api_version));
	return 0;
}

static int apply_tree(enum patch_type type, const struct object *current, struct arena *arena,
    struct json *patch, struct json **ret, struct error *err)
{
	struct json *tree = object_to_json(arena, current);
	switch (type) {
	case PATCH_JSON:
		return json_patch_apply(arena, tree, patch, ret, err);
	case PATCH_MERGE:
		if (patch->type != JSON_OBJECT)
			return error_set(
			    err, ERR_BAD_REQUEST, "error decoding patch: a merge patch is an object");
		*ret = merge_patch_apply(arena, tree, patch);
		return 0;
	case PATCH_STRATEGIC:
		if (!current->schema)
			return error_set(err, ERR_UNSUPPORTED_MEDIA,
			    "the body of the request was in an unknown format - accepted media types "
			    "include: "
			    "application/json-patch+json, application/merge-patch+json, "
			    "application/apply-patch+yaml");
		return apply_strategic(arena, current, tree, patch, ret, err);
	default:
		return error_set(err, ERR_UNSUPPORTED_MEDIA, "unknown kind of patch");
	}
}

int patch_apply(struct api_request *req, enum patch_type type, const struct object *current,
    struct json *patch, struct object **ret, struct error *err)
{
	struct json *tree = NULL;
	if (type == PATCH_APPLY)
		return apply_patch(req, current, patch, ret, err);
	struct arena *arena = arena_new();
	if (apply_tree(type, current, arena, patch, &tree, err)) {
		arena_free(arena);
		return -1;
	}
	return patch_to_object(req, current, arena, tree, ret, err);
}
