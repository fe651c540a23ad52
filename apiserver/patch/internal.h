/* internal: what the files of patch/ share. */
#ifndef CUBE_APISERVER_PATCH_INTERNAL_H
#define CUBE_APISERVER_PATCH_INTERNAL_H

#include "apiserver/patch/patch.h"

struct codec_warnings;

/* 422 with the one cause `patch`. */
int patch_blame(struct api_request *req, const char *detail, struct error *err);
/* Unknown fields: nothing, warnings or a 422, as the request's fieldValidation says. */
int patch_report_strictness(struct api_request *req, const struct codec_warnings *found, struct error *err);
/* An object of the kind and version of `like`, made of `tree`, which lives in take_arena. */
int patch_to_object(struct api_request *req, const struct object *like, struct arena *take_arena, struct json *tree,
    struct object **ret, struct error *err);
/* Server-side apply; current is NULL to create. */
int apply_patch(struct api_request *req, const struct object *current, struct json *patch, struct object **ret,
    struct error *err);

#endif
