/*
 * patch: the four kinds of patch and the bookkeeping of managedFields. Pure functions over a request's
 * objects, called by registry/ between load and admission. Errors: kubernetes-behaviour.md items 7 to 9
 * and 22.
 */
#ifndef CUBE_APISERVER_PATCH_PATCH_H
#define CUBE_APISERVER_PATCH_PATCH_H

#include "apiserver/server.h"

/*
 * Applies `patch` to `current` and returns the new object (one reference, of req->type's version, defaults
 * not yet applied). `current` is NULL only for PATCH_APPLY, which then creates. fieldValidation, fieldManager
 * and force are in req->options; strict-decoding findings go to errors or api_warn() as
 * req->options.field_validation says. PATCH_APPLY also sets managedFields.
 */
int patch_apply(struct api_request *req, enum patch_type type, const struct object *current,
    struct json *patch, struct object **ret, struct error *err);

/*
 * Called for every create, update and non-apply patch after mutating admission: sets obj's managedFields for
 * manager api_field_manager(req), operation Update and req->info.subresource, given what is stored (`old`,
 * NULL on create). Must leave obj's managedFields equal to old's when nothing but managedFields would change.
 */
int patch_track(struct api_request *req, const struct object *old, struct object *obj, struct error *err);

/* What strict decoding found in a patch or in what came out of it: nothing, warnings or a 422, as
 * fieldValidation says. */
struct codec_warnings;
int patch_report_strictness(struct api_request *req, const struct codec_warnings *found, struct error *err);

/* Turns an empty list of managers into [{}], which says the same and outlives the defaults. */
void patch_keep_reset(struct object *obj);

#endif
