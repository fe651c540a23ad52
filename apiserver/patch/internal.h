/* internal: what the files of patch/ share. */
#ifndef CUBE_APISERVER_PATCH_INTERNAL_H
#define CUBE_APISERVER_PATCH_INTERNAL_H

#include "apiserver/patch/ownership.h"
#include "apiserver/patch/patch.h"

/* 422 with the one cause `patch`. */
int patch_blame(struct api_request *req, const char *detail, struct error *err);
/* An object of the kind and version of `like`, made of `tree`, which lives in take_arena. */
int patch_to_object(struct api_request *req, const struct object *like, struct arena *take_arena,
    struct json *tree, struct object **ret, struct error *err);

/* A change of an object by a request, with what ownership.h needs to judge it. Filled in place: it points to
 * itself. */
struct patch_change {
	struct api_request *req;
	const struct object *before, *after;
	struct ownership ownership;
	struct ownership_view others[4]; /* the same in other versions, made on demand */
	size_t others_len;
};
void patch_change_init(struct patch_change *c, struct api_request *req, struct arena *arena,
    const struct object *before, const struct object *after, struct json *tree_before,
    struct json *tree_after);

/* The object as a sorted tree without managedFields. */
struct json *patch_tree(struct arena *arena, const struct object *obj);
/* The type of the request's kind. */
struct typed patch_type_of(struct api_request *req);
/* As it is before it is created: nothing set. */
struct object *patch_empty_object(const struct resource_type *type);
/* reset_fields.c: fields that writes to this endpoint do not change; NULL: none. */
const struct fieldset *patch_reset_fields(
    struct api_request *req, struct arena *arena, const struct json *tree);
/* Brings sets up to date with what is atomic now, and drops managers of versions that are not served any
 * more. */
void patch_reconcile(struct api_request *req, struct managers *managers);
struct manager patch_self(struct api_request *req, bool is_apply);

/* Server-side apply; current is NULL to create. */
int apply_patch(struct api_request *req, const struct object *current, struct json *patch,
    struct object **ret, struct error *err);

/* last_applied.c: fields that client-side apply owns, by its annotation, and that are still as it set them.
 * None when the annotation is of another version, or no object of the kind. */
struct fieldset *last_applied_fields(
    struct arena *arena, struct typed type, const struct object *live, const struct json *live_tree);
/* Brings the annotation up to date when `kubectl` applies to an object that has one. */
void last_applied_refresh(struct arena *arena, struct json *tree, const struct json *config);

#endif
