/* The stage `load`: what is stored under the name of an update, patch, delete or subresource. */
#include <string.h>

#include "apiserver/registry/internal.h"

static bool may_create(const struct api_request *req)
{
	if (*req->info.subresource)
		return false;
	if (req->info.verb == API_PATCH)
		return req->patch_type == PATCH_APPLY;
	/* Who names a version has seen an object that is gone now. */
	return req->info.verb == API_UPDATE && (req->type->flags & RESOURCE_CREATE_ON_UPDATE) &&
	       !*req->object->meta->resource_version;
}

static void forget_attempt(struct api_request *req)
{
	object_unref(req->old);
	cache_item_unref(req->old_item);
	req->old = NULL;
	req->old_item = NULL;
	if (req->attempt > 0 && req->info.verb != API_CREATE) {
		struct object *decoded = registry_state(req)->decoded;
		object_unref(req->object);
		req->object = decoded ? object_clone(decoded) : NULL;
	}
}

static bool has_object(const struct api_request *req)
{
	if (req->info.verb == API_DELETECOLLECTION || (req->type->flags & RESOURCE_VIRTUAL))
		return false;
	return req->info.verb != API_CREATE || *req->info.subresource;
}

bool registry_doubt(struct api_request *req)
{
	struct registry_state *state = registry_state(req);
	if ((req->info.verb != API_UPDATE && req->info.verb != API_PATCH) || !req->old_item ||
	    state->is_fenced)
		return false;
	state->is_fenced = state->is_doubted = true;
	state->doubt = req->error;
	req->error = ERROR_INIT;
	return true;
}

/* What is stored in the version of the request, which may take a webhook. */
static int take_old(struct api_request *req, struct error *err)
{
	const struct object *stored = req->old_item->object;
	struct object *old = NULL;
	if (registry_must_convert(req->type, stored)) {
		registry_state(req)->is_converting = true;
		return registry_convert(req, req->type, &stored, 1);
	}
	if (api_to_version(req, stored, &old, err))
		return API_FAIL;
	req->old = old;
	return API_NEXT;
}

int registry_load(struct api_request *req, struct error *err)
{
	struct registry_state *state = registry_state(req);
	if (!has_object(req)) {
		req->is_creating = req->info.verb == API_CREATE;
		return API_NEXT;
	}
	bool was_fenced = registry_take_result(req);
	bool was_converting = state->is_converting;
	state->is_converting = false;
	if (was_fenced && state->error.code) {
		*err = state->error;
		return API_FAIL;
	}
	if (was_converting)
		return take_old(req, err);
	if (state->is_doubted && !was_fenced)
		return registry_fence(req);
	struct cache_item *item = watchcache_item(req->server, req->type, registry_ns(req), req->info.name);
	if (state->is_doubted && item && item->revision == req->old_item->revision) {
		*err = state->doubt;
		return API_FAIL;
	}
	state->is_doubted = false;
	state->is_fenced = state->is_fenced || was_fenced;
	forget_attempt(req);
	if ((!item || !watchcache_is_settled(req->server)) && !was_fenced)
		return registry_fence(req); /* another server may have written it a moment ago */
	if (!item && req->info.verb == API_DELETE && req->options.ignore_store_read_error &&
	    registry_is_unreadable(req))
		return registry_load_unreadable(req, err);
	req->is_creating = !item;
	if (!item)
		return may_create(req) && !registry_is_unreadable(req) ? API_NEXT
								       : registry_not_found(req, err);
	req->old_item = cache_item_ref(item);
	return take_old(req, err);
}
