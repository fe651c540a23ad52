/* GET of one object: from the cache, when it is as fresh as was asked for. */
#include <string.h>

#include "apiserver/registry/internal.h"

static int take_scale(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	struct object *obj = NULL;
	if (api_to_version(req, state->item->object, &obj, err))
		return API_FAIL;
	req->object = scale_of(req->type, obj, err);
	object_unref(obj);
	cache_item_unref(state->item);
	state->item = NULL;
	return req->object ? API_NEXT : API_FAIL;
}

static int answer(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!state->item)
		state->item =
		    cache_item_ref(watchcache_item(req->server, req->type, registry_ns(req), req->info.name));
	if (!state->item)
		return registry_not_found(req, err);
	if (registry_must_convert(req->type, state->item->object))
		return registry_convert(req, req->type, &state->item->object, 1);
	return strcmp(req->info.subresource, "scale") ? API_NEXT : take_scale(req, err);
}

int registry_get(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	int64_t revision = 0;
	if (registry_take_result(req)) {
		if (!state->error.code)
			return answer(req, err);
		if (req->options.has_resource_version && state->error.code == ERR_TIMEOUT &&
		    !registry_parse_revision(req->options.resource_version, &revision, NULL))
			return registry_too_new(req, revision, err);
		*err = state->error;
		return API_FAIL;
	}
	if (!req->options.has_resource_version)
		return registry_fence(req);
	if (registry_parse_revision(req->options.resource_version, &revision, err))
		return API_FAIL;
	if (revision > watchcache_revision(req->server) || !watchcache_is_settled(req->server))
		return registry_wait(req, revision, REGISTRY_CACHE_WAIT_MS);
	return answer(req, err);
}
