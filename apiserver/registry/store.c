/* The stages `store` and `encode`: one function a verb. */
#include <string.h>

#include "apiserver/registry/internal.h"
#include "lib/base/buf.h"

int registry_store(struct api_request *req, struct error *err)
{
	bool has_own_kind = registry_has_own_kind(req) && strcmp(req->info.subresource, "scale") != 0;
	if (has_own_kind || (req->type->flags & RESOURCE_VIRTUAL))
		return registry_subresource(req, err);
	switch (req->info.verb) {
	case API_GET:
		return registry_get(req, err);
	case API_LIST:
		return registry_list(req, err);
	case API_WATCH:
		return registry_watch(req, err);
	case API_CREATE:
	case API_UPDATE:
	case API_PATCH:
		return registry_write(req, err);
	case API_DELETE:
		return registry_delete_object(req, err);
	case API_DELETECOLLECTION:
		return registry_delete_collection(req, err);
	default:
		return error_set(err, ERR_METHOD_NOT_ALLOWED,
		    "the server does not allow this method on the requested resource");
	}
}

static int answer_scale(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	struct object *obj = NULL;
	if (api_to_version(req, state->item ? state->item->object : req->object, &obj, err))
		return API_FAIL;
	struct object *scale = scale_of(req->type, obj, err);
	object_unref(obj);
	if (!scale)
		return API_FAIL;
	object_unref(req->object);
	req->object = scale;
	api_respond_object(req, state->status ? state->status : 200, scale);
	return API_DONE;
}

int registry_encode(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	int status = state->status ? state->status : 200;
	if (registry_take_result(req) && state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	if (state->item && registry_must_convert(req->type, state->item->object))
		return registry_convert(req, req->type, &state->item->object, 1);
	if (req->info.verb == API_LIST || req->info.verb == API_DELETECOLLECTION) {
		registry_list_respond(req);
		return API_DONE;
	}
	if (req->info.verb == API_DELETE)
		return registry_answer_delete(req);
	if (!strcmp(req->info.subresource, "scale") && req->info.verb != API_GET)
		return answer_scale(req, err);
	if (state->item)
		api_respond_item(req, status, state->item);
	else
		api_respond_object(req, status, req->object);
	return API_DONE;
}

void registry_release(struct api_request *req)
{
	struct registry_state *state = req->registry_state;
	if (!state)
		return;
	services_rollback(req); /* what was committed is no longer among the claims */
	cache_item_unref(state->item);
	object_unref(state->decoded);
	registry_list_done(state->list);
	req->registry_state = NULL;
}
