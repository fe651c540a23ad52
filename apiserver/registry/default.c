/* The stage `default`: patches applied, defaults filled in, system fields of a new object taken away. */
#include <string.h>

#include "apiserver/patch/patch.h"
#include "apiserver/registry/internal.h"
#include "lib/base/arena.h"
#include "lib/base/str.h"

static void wipe_system_fields(MetaV1__ObjectMeta *meta)
{
	meta->creation_timestamp = NULL;
	meta->deletion_timestamp = NULL;
	meta->has_deletion_grace_period_seconds = false;
	meta->uid = "";
	meta->self_link = "";
}

static int apply_patch(struct api_request *req, struct error *err)
{
	struct object *scale = NULL, *obj = NULL;
	const struct object *current = req->old;
	bool is_scale = !strcmp(req->info.subresource, "scale") && req->patch_type != PATCH_APPLY;
	if (is_scale) {
		scale = scale_of(req->type, req->old, err);
		if (!scale)
			return -1;
		current = scale;
	}
	int rc = patch_apply(req, req->patch_type, current, req->patch, &obj, err);
	object_unref(scale);
	req->object = obj;
	if (rc)
		return -1;
	if (is_scale)
		return 0;
	if (!*obj->meta->namespace_)
		obj->meta->namespace_ = arena_strdup(obj->arena, registry_ns(req));
	if (strcmp(obj->meta->namespace_, registry_ns(req)) != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "the namespace of the provided object does not match the namespace sent on the request");
	if (!*obj->meta->name && req->is_creating)
		obj->meta->name = arena_strdup(obj->arena, req->info.name);
	if (strcmp(obj->meta->name, req->info.name) != 0)
		return error_set(err, ERR_BAD_REQUEST,
		    "the name of the object (%s) does not match the name on the URL (%s)", obj->meta->name,
		    req->info.name);
	return 0;
}

/* A Scale becomes a change of the object that it scales. */
static int unfold_scale(struct api_request *req, struct error *err)
{
	struct object *scale = req->object, *obj = object_clone(req->old);
	int rc = scale_apply(req->type, obj, scale, err);
	req->object = obj;
	object_unref(scale);
	return rc;
}

bool registry_tracks_whole(const struct api_request *req)
{
	static const char *const names[] = {"", "status", "scale", NULL};
	return str_in(req->info.subresource, names);
}

/* Before admission: what plugins and the server add belongs to nobody. */
static int track(struct api_request *req, struct error *err)
{
	if (req->patch_type == PATCH_APPLY || !registry_tracks_whole(req) ||
	    (req->type->flags & RESOURCE_VIRTUAL))
		return API_NEXT;
	return patch_track(req, req->old, req->object, err) ? API_FAIL : API_NEXT;
}

int registry_default(struct api_request *req, struct error *err)
{
	if (req->info.verb == API_DELETE || req->info.verb == API_DELETECOLLECTION)
		return API_NEXT;
	if (req->info.verb == API_PATCH && apply_patch(req, err))
		return API_FAIL;
	if (!strcmp(req->info.subresource, "scale") && req->patch_type != PATCH_APPLY)
		return unfold_scale(req, err) ? API_FAIL : track(req, err);
	if (registry_has_own_kind(req))
		return API_NEXT;
	struct resource_context ctx = registry_context(req);
	if (req->is_creating && !req->is_internal)
		wipe_system_fields(req->object->meta);
	patch_keep_reset(req->object);
	resource_apply_defaults(req->type, req->object, &ctx);
	return track(req, err);
}
