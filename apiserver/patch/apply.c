/* Server-side apply. */
#include "apiserver/patch/internal.h"

int apply_patch(struct api_request *req, const struct object *current, struct json *patch, struct object **ret,
    struct error *err)
{
	return error_set(err, ERR_NOT_IMPLEMENTED, "server-side apply is not implemented");
}

int patch_track(struct api_request *req, const struct object *old, struct object *obj, struct error *err)
{
	return 0;
}
