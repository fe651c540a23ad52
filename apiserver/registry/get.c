/* GET of one object: from the cache, when it is as fresh as was asked for. */
#include <string.h>

#include "apiserver/registry/internal.h"

static int answer(struct api_request *req, struct error *err)
{
	struct cache_item *item = watchcache_item(req->server, req->type, registry_ns(req), req->info.name);
	if (!item)
		return registry_not_found(req, err);
	if (!strcmp(req->info.subresource, "scale")) {
		req->object = scale_of(req->type, item->object, err);
		return req->object ? API_NEXT : API_FAIL;
	}
	registry_state(req)->item = cache_item_ref(item);
	return API_NEXT;
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
	if (revision > watchcache_revision(req->server))
		return registry_wait(req, revision, REGISTRY_CACHE_WAIT_MS);
	return answer(req, err);
}
